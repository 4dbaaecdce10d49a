from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from accounts.models import User


class GenerationConfig(AppConfig):
    name = "generation"

    def ready(self) -> None:
        from accounts import hooks

        hooks.leaving.append(_forget)


def _forget(user: User) -> None:
    """Imported when somebody leaves: most processes never need what it needs."""
    from generation import leaving

    leaving.forget(user)
