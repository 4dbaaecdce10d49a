"""The credit ledger: one account for each workspace, and the entries it is the sum of."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import User, Workspace
from billing.plans import FREE, PLANS, Plan


class Account(models.Model):
    """The balance of one workspace. The database writes it from the entries; nothing else can.

    Triggers (migration 0002) add every new entry to `available` and `held`, and refuse any other
    change of the two, so the balance is the sum of the entries at every moment.
    """

    workspace = models.OneToOneField(Workspace, models.PROTECT, related_name="credit_account")
    plan_code = models.CharField(
        max_length=20,
        choices=[(plan.code, plan.title) for plan in PLANS.values()],
        default=FREE.code,
    )
    available = models.BigIntegerField(default=0, editable=False)
    held = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(available__gte=0), name="account_available_gte_0"),
            models.CheckConstraint(condition=Q(held__gte=0), name="account_held_gte_0"),
        ]

    def __str__(self) -> str:
        return f"{self.workspace_id}: {self.available} free, {self.held} held"

    @property
    def plan(self) -> Plan:
        """The plan this workspace is on."""
        return PLANS[self.plan_code]


class LedgerEntry(models.Model):
    """One movement of credits. Rows are only ever added: the database refuses the rest."""

    class Kind(models.TextChoices):
        GRANT = "grant", "Given"  # given: at the start, by staff, with a plan
        PURCHASE = "purchase", "Bought"  # bought
        ADJUST = "adjust", "Corrected"  # corrected by staff, either way
        HOLD = "hold", "Set aside"  # set aside for a video that was asked for
        CAPTURE = "capture", "Spent"  # the video came: the held credits are spent
        RELEASE = "release", "Given back"  # it did not: the held credits are free again

    ENDS_A_HOLD: ClassVar[tuple[str, ...]] = ("capture", "release")

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="ledger_entries")
    kind = models.CharField(max_length=10, choices=Kind)
    amount = models.BigIntegerField()  # change of the free credits, signed; 0 for a capture
    held_change = models.BigIntegerField(default=0)  # change of the held credits, signed
    reference = models.CharField(max_length=120)  # what it is for; once for each kind
    note = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="ledger_entries"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "ledger entries"
        indexes = [models.Index(fields=["workspace", "-id"], name="ledger_by_workspace")]
        constraints = [
            models.UniqueConstraint(fields=["kind", "reference"], name="ledger_once"),
            models.UniqueConstraint(
                fields=["reference"],
                condition=Q(kind__in=["capture", "release"]),
                name="ledger_hold_ends_once",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["grant", "purchase"], amount__gt=0, held_change=0)
                | (Q(kind="adjust", held_change=0) & ~Q(amount=0))
                | Q(kind="hold", amount__lt=0, held_change=-F("amount"))
                | Q(kind="capture", amount=0, held_change__lt=0)
                | Q(kind="release", amount__gt=0, held_change=-F("amount")),
                name="ledger_kind_moves_as_it_says",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.credits} ({self.reference})"

    @property
    def credits(self) -> int:
        """How many credits moved, without sign."""
        return abs(self.amount or self.held_change)
