"""What people asked for and how it went, as the probing detector counts it; and what slowed them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Workspace

if TYPE_CHECKING:
    from accounts.models import User

MAX_TEXT = 8000


class RequestTrace(models.Model):
    """One request for a video, refused at once or queued. Deleted after generation.probing.TRACE_DAYS days.

    A refused prompt leaves no job, so its text stands here: without it nobody could tell somebody who
    is misread from somebody who searches for a gap.
    """

    class Outcome(models.TextChoices):
        ALLOWED = "allowed"
        GUARDED = "guarded"
        REFUSED = "refused"  # by the text, in the web request or by the worker
        BLOCKED = "blocked"  # the finished clip was held back

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="request_traces"
    )
    batch = models.UUIDField(null=True, unique=True)  # of its jobs; null: refused before there were
    text = models.TextField(max_length=MAX_TEXT)
    outcome = models.CharField(max_length=10, choices=Outcome)
    stage = models.CharField(max_length=10, default="gate")  # the last one that spoke
    categories = models.JSONField(default=list)
    seed = models.BigIntegerField(null=True)  # only one the person gave
    result_seed = models.BigIntegerField(null=True)  # of the job that was guarded or blocked
    uploads = models.JSONField(default=list)  # ids of what it builds on, through clips in between
    meaning = models.BinaryField(null=True)  # float16, made by a worker once there is a refusal
    campaign = models.CharField(
        max_length=60, blank=True
    )  # of a tester at work: never slows anybody
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="trace_by_user"),
            models.Index(fields=["created_at"], name="trace_by_age"),
            models.Index(
                fields=["created_at"],
                name="trace_to_embed",
                condition=Q(meaning=None, outcome__in=["refused", "blocked"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} {self.outcome}"


class FrictionQuerySet(models.QuerySet["Friction"]):
    def running(self, user: User, *, at: datetime | None = None) -> FrictionQuerySet:
        """What slows this person at a moment; now unless told otherwise."""
        at = at or timezone.now()
        return self.filter(user=user, created_at__lte=at, slower_until__gt=at, lifted_at=None)


class Friction(models.Model):
    """Something that slows one person for a while: a pause, a slower queue, a second look.

    Not a strike: it ends by itself, counts for nothing afterwards, and the person is told.
    """

    class Level(models.TextChoices):
        EXPLAIN = "explain"
        COOL_DOWN = "cool_down"
        SECOND_LOOK = "second_look"

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="frictions")
    level = models.CharField(max_length=12, choices=Level)
    rule = models.CharField(max_length=30)  # of moderation.screening.probing
    category = models.CharField(max_length=40, blank=True)
    traces = models.ManyToManyField(RequestTrace, related_name="+")  # what it rests on
    until = models.DateTimeField()  # end of the pause, or of the second look
    slower_until = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True)  # by somebody of the staff

    objects = FrictionQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["user", "-created_at"], name="friction_by_user")]
        constraints = [
            models.CheckConstraint(
                condition=Q(slower_until__gte=models.F("until")), name="friction_ends_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} until {self.until:%Y-%m-%d %H:%M}"
