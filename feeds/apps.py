"""Shows finished clips to people: the Recent feed, profiles, likes."""

from __future__ import annotations

from django.apps import AppConfig


class FeedsConfig(AppConfig):
    name = "feeds"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from feeds.services import ArchivedLikes
        from generation import hooks

        hooks.likes.append(ArchivedLikes())
