"""Cases about people who seem to feel for the edges of the checks: for a human to look at."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Count, Q
from django.utils import timezone

from accounts.models import Workspace
from generation.models import Friction


class ProbingCaseQuerySet(models.QuerySet["ProbingCase"]):
    def queue(self) -> ProbingCaseQuerySet:
        """What waits for somebody, the oldest first."""
        return (
            self.filter(status=ProbingCase.Status.OPEN)
            .select_related("about")
            .annotate(friction_count=Count("frictions"))
            .order_by("opened_at", "pk")
        )


class ProbingCase(models.Model):
    """One person whose requests look like probing. What slows them while it is open joins it.

    Closing it says whether we misread them. It gives no strike: that takes a breach that a human
    confirms in a case about a clip.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    class Outcome(models.TextChoices):
        MISREAD = "misread", "We misread them: end what slows them"
        PROBING = "probing", "They were probing: leave the second look to run out"

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    about = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="probing_cases"
    )
    frictions = models.ManyToManyField(Friction, related_name="cases")
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    note = models.TextField(max_length=2000, blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )

    objects = ProbingCaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["about"], condition=Q(status="open"), name="probingcase_one_open_each"
            ),
            models.CheckConstraint(
                condition=Q(status="open", closed_at=None, outcome="")
                | (Q(status="closed", closed_at__isnull=False) & ~Q(outcome="") & ~Q(note="")),
                name="probingcase_closed_with_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"probing case {self.pk} about {self.about_id}: {self.status}"

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN


class Campaign(models.Model):
    """A red-team round: invited testers try to get past the checks, and say what they found."""

    name = models.SlugField(max_length=60, unique=True)  # tags the testers' requests
    title = models.CharField(max_length=120)
    brief = models.TextField(max_length=4000)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    testers = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="campaigns")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("starts_at")), name="campaign_ends_after_its_start"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_running(self) -> bool:
        return self.starts_at <= timezone.now() < self.ends_at


class RedTeamFinding(models.Model):
    """Something a tester or a red-team run found: a gap, or a harmless prompt that is refused."""

    class Kind(models.TextChoices):
        GOT_THROUGH = "got_through", "It got through and should not have"
        OVER_REFUSED = "over_refused", "It was refused and is harmless"

    campaign = models.ForeignKey(
        Campaign, models.PROTECT, null=True, related_name="findings"
    )  # null: found by `manage.py redteam`
    tester = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    kind = models.CharField(max_length=12, choices=Kind)
    text = models.TextField(max_length=8000)
    category = models.CharField(max_length=40)  # it belongs to; for a harmless one, was refused for
    note = models.TextField(max_length=2000, blank=True)
    key = models.CharField(max_length=64)  # hash of kind and text: the same thing is found once
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "key"], name="redteamfinding_once", nulls_distinct=False
            )
        ]
        indexes = [models.Index(fields=["-created_at"], name="redteamfinding_newest")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.text[:40]}"
