"""Do the services that settings name answer? Asked before a start, so that the message names the setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.storage import storages
from django.db import connection

SECONDS = 5.0  # for each service


@dataclass(frozen=True)
class Silent:
    """A setting whose service does not answer, or not to us."""

    setting: str
    reason: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.reason}"


def silent_services(*, database: bool = True, redis: bool = True) -> Iterator[Silent]:
    """Ask every service in use; leave out the embedded ones, which aren't started yet.

    No message holds a password.
    """
    asked: list[tuple[str, Callable[[], None]]] = []
    if database:
        asked.append(("DATABASE_URL", _ask_database))
    seen: set[str] = set()
    for name in ("REDIS_URL", "CACHE_URL", "CHANNEL_LAYER_URL", "BROKER_URL"):
        url = getattr(settings, name)
        if url.startswith("amqp"):
            asked.append((name, lambda url=url: _ask_rabbitmq(url)))
        elif redis and (server := _server(url)) not in seen:
            seen.add(server)
            asked.append((name, lambda url=url: _ask_redis(url)))
    if settings.MEDIA_BACKEND == "s3":
        asked.append(("S3_BUCKET", _ask_object_store))
    for name, ask in asked:
        try:
            ask()
        except Exception as error:
            yield Silent(name, _in_one_line(error))


def _server(url: str) -> str:
    """The address without the database's number: one server may hold all three."""
    parts = urlsplit(url)
    return parts.netloc or parts.path


def _ask_database() -> None:
    """Past the pool, which retries in silence and then only says that it took too long."""
    parameters = connection.get_connection_params()
    with connection.Database.connect(**parameters | {"connect_timeout": int(SECONDS)}) as answered:
        answered.execute("SELECT 1")


def _ask_redis(url: str) -> None:
    from redis import Redis

    with Redis.from_url(url, socket_connect_timeout=SECONDS, socket_timeout=SECONDS) as server:
        server.ping()


def _ask_rabbitmq(url: str) -> None:
    import pika

    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.blocked_connection_timeout = SECONDS
    parameters.connection_attempts = 1
    pika.BlockingConnection(parameters).close()


def _ask_object_store() -> None:
    bucket = storages["private"].bucket
    bucket.meta.client.head_bucket(Bucket=bucket.name)


def _in_one_line(error: Exception) -> str:
    told: BaseException = error
    while not str(told).strip() and told.__cause__ is not None:
        told = told.__cause__
    text = " ".join(str(told).split()) or repr(told)
    return text[:300]
