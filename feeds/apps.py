"""Shows finished clips to people: the Recent feed, profiles, likes."""

from __future__ import annotations

from django.apps import AppConfig


class FeedsConfig(AppConfig):
    name = "feeds"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import hooks as accounts
        from feeds import featuring, leaving, rising
        from feeds.hooks import placed, unfeature
        from feeds.services import ArchivedLikes
        from generation import hooks

        accounts.leaving.append(leaving.forget)
        hooks.likes.append(ArchivedLikes())
        hooks.withdrawals.append(unfeature)
        hooks.placed.append(placed)
        hooks.clearings += [rising.compute, featuring.sweep]
