"""Versions of the screening policy: whole documents, added and switched, never changed."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

PERMISSION = "change_screening_policy"


class PolicyVersion(models.Model):
    """One whole policy (moderation.screening.policy.Policy) staff made. `number` counts from 1."""

    number = models.PositiveIntegerField(unique=True)
    version = models.CharField(max_length=40, unique=True)  # as stored with every decision
    based_on = models.CharField(max_length=40)  # the version its author started from
    document = models.JSONField()  # Policy.to_json
    note = models.CharField(max_length=500)  # why, in a person's words
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(note=""), name="policy_version_has_a_note"),
        ]
        permissions = [(PERMISSION, "Make, activate and roll back screening policies")]

    def __str__(self) -> str:
        return self.version


class PolicyActivation(models.Model):
    """From when on which version decides. The latest row counts; no row means the shipped policy."""

    version = models.ForeignKey(
        PolicyVersion, models.PROTECT, null=True, related_name="activations"
    )  # null: the shipped policy
    rolled_back = models.BooleanField(default=False)  # the one before it was switched on again
    note = models.CharField(max_length=500)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(note=""), name="policy_activation_has_a_note"),
        ]

    def __str__(self) -> str:
        return f"{self.version or 'shipped'} from {self.created_at:%Y-%m-%d %H:%M}"
