"""App registration of billing."""

from __future__ import annotations

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """What it may cost: plans, prices and the credit ledger."""

    name = "billing"
    default_auto_field = "django.db.models.BigAutoField"
