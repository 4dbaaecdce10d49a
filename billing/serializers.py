"""What the API answers about credits."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.serializers import UserOut, WorkspaceOut
from billing.models import LedgerEntry


class BalanceOut(serializers.Serializer[Any]):
    """Credits of one workspace."""

    available = serializers.IntegerField()
    held = serializers.IntegerField()


class LedgerEntryOut(serializers.ModelSerializer[LedgerEntry]):
    """One movement. `amount` changes the free credits, `held_change` the held ones."""

    class Meta:
        model = LedgerEntry
        fields = ["id", "kind", "amount", "held_change", "reference", "note", "created_at"]


class LedgerPageOut(serializers.Serializer[Any]):
    """One page of the ledger, newest first."""

    next_cursor = serializers.CharField(allow_null=True)
    balance = BalanceOut()
    results = LedgerEntryOut(many=True)


class MyWorkspaceOut(WorkspaceOut):
    """A workspace with its plan and balance."""

    plan = serializers.CharField()
    balance = BalanceOut()

    class Meta(WorkspaceOut.Meta):
        fields = [*WorkspaceOut.Meta.fields, "plan", "balance"]


class MeOut(serializers.Serializer[Any]):
    """The signed-in person, their workspaces, and the balance of the first one."""

    user = UserOut()
    workspaces = MyWorkspaceOut(many=True)
    balance = BalanceOut()
