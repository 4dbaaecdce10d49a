"""Decides about what people made: reports, cases, decisions."""

from __future__ import annotations

from django.apps import AppConfig


class ModerationConfig(AppConfig):
    name = "moderation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from generation import hooks
        from moderation.models import without_open_case

        hooks.holds.append(without_open_case)
