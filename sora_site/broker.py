"""Dramatiq's broker from BROKER_URL. Messages only wake workers; jobs and leases are in PostgreSQL."""

from __future__ import annotations

import dramatiq
from django.conf import settings
from dramatiq.broker import Broker
from dramatiq.middleware import AgeLimit, Callbacks, Retries, ShutdownNotifications, TimeLimit


def configure() -> Broker:
    """Build the broker for this process and make it Dramatiq's global one. Opens no connection."""
    middleware = [AgeLimit(), TimeLimit(), ShutdownNotifications(), Callbacks(), Retries()]
    broker: Broker
    if settings.BROKER_URL.startswith(("amqp://", "amqps://")):
        from dramatiq.brokers.rabbitmq import RabbitmqBroker

        broker = RabbitmqBroker(url=settings.BROKER_URL, middleware=middleware)
    else:
        from dramatiq.brokers.redis import RedisBroker

        # The database lease is the quick detector of a dead worker. The broker's own heartbeat stays
        # long (a process loading a model must not be declared dead) but its sweep runs every time.
        broker = RedisBroker(
            url=settings.BROKER_URL,
            middleware=middleware,
            heartbeat_timeout=60_000,
            maintenance_chance=1_000_000,
            namespace="sora",
        )
    dramatiq.set_broker(broker)
    return broker
