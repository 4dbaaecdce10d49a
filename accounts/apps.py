"""App registration of accounts."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who: people, their age, their workspaces, and what they did."""

    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"
