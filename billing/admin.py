"""The Django admin of billing: to look, not to touch. `grant_credits` changes balances."""

from __future__ import annotations

from django.contrib import admin

from accounts.admin import ReadOnlyAdmin
from billing.models import Account, LedgerEntry


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ("workspace", "plan_code", "available", "held")


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "workspace", "kind", "amount", "held_change", "reference")
    list_filter = ("kind",)
