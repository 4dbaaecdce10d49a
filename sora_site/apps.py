"""The first installed app: connects Dramatiq's broker before any actor module is imported."""

from __future__ import annotations

from django.apps import AppConfig


class SoraSiteConfig(AppConfig):
    name = "sora_site"
    label = "sora_site"

    def ready(self) -> None:
        from sora_site import broker, checks, schema  # noqa: F401  (both register themselves)

        broker.configure()
