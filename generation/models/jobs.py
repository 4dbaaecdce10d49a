"""A request for a video, and what each stage on the way found and took."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Workspace
from generation.errors import IllegalTransition

if TYPE_CHECKING:
    from accounts.models import User


WORD_TABLES = ("simple", "english")  # as written, and without English endings


def words_of(column: str) -> CombinedExpression:
    """The words of a text column as the index generation_words holds them."""
    exact, stemmed = (SearchVector(column, config=config) for config in WORD_TABLES)
    return exact + stemmed


class GenerationQuerySet(models.QuerySet["Generation"]):
    def visible_to(self, user: User) -> GenerationQuerySet:
        """The only way a view may look one up: rows of the user's own workspaces."""
        return self.filter(workspace__in=Workspace.objects.visible_to(user))

    def open(self) -> GenerationQuerySet:
        return self.filter(status__in=Generation.OPEN)

    def queued(self) -> GenerationQuerySet:
        return self.filter(status=Generation.Status.QUEUED)

    def abandoned(self) -> GenerationQuerySet:
        """Running rows whose worker stopped renewing its lease. The database's clock decides."""
        return self.filter(status=Generation.Status.RUNNING, lease_expires_at__lt=Now())


class Generation(models.Model):
    """One request for a video, from the prompt to the finished or refused result."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        REFUSED = "refused"  # a check fired; the file, if any, is in quarantine
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN = (Status.QUEUED, Status.RUNNING)
    # from -> to. A status that is no key here is final.
    NEXT = {
        Status.QUEUED: {Status.RUNNING, Status.CANCELLED, Status.FAILED},
        Status.RUNNING: {
            Status.SUCCEEDED,
            Status.REFUSED,
            Status.FAILED,
            Status.QUEUED,
            Status.CANCELLED,
        },
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="generations")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="generations"
    )
    request_key = models.CharField(max_length=255)  # the client's Idempotency-Key
    prompt = models.TextField()
    rewritten_prompt = models.TextField(blank=True)
    prompt_edits = models.JSONField(default=list)
    understood = models.JSONField(default=list, db_default=[])  # what the loaded model makes of it
    unknown_words = models.JSONField(default=list)  # what the loaded model has never seen
    seconds = models.PositiveSmallIntegerField()
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    seed = models.BigIntegerField()
    steps = models.PositiveSmallIntegerField()
    tool = models.CharField(max_length=12, default="text", db_default="text")  # editing.TOOLS
    plan = models.JSONField(default=dict, db_default={})  # the whole EditPlan, see editing.py
    batch = models.UUIDField(null=True)  # variations of one request share it
    variation = models.PositiveSmallIntegerField(default=0, db_default=0)
    share = models.BooleanField(default=False)  # publish to the feed when it succeeds
    profile = models.CharField(  # of the screening policy, as asked: "default" or "api"
        max_length=30, default="default", db_default="default"
    )
    cost_credits = models.PositiveIntegerField()
    drawing_seconds = models.FloatField(null=True)  # the engine's own figure; 0: nothing to draw
    engine = models.CharField(max_length=80, blank=True)  # name and version that made it

    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    reason_code = models.CharField(max_length=60, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    epoch = models.PositiveIntegerField(default=0)  # fencing token: rises with every claim
    lease_expires_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=120, blank=True)
    cancel_requested_at = models.DateTimeField(null=True)
    fair_tag = models.FloatField(default=0.0)  # start-time fair queueing: lowest goes first
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = GenerationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["fair_tag", "created_at"],
                name="generation_queue",
                condition=Q(status="queued"),
            ),
            models.Index(
                fields=["lease_expires_at"],
                name="generation_leases",
                condition=Q(status="running"),
            ),
            models.Index(fields=["workspace", "-created_at", "-id"], name="generation_history"),
            models.Index(fields=["batch", "variation"], name="generation_batch"),
            models.Index(
                fields=["-finished_at"],
                name="generation_finished",
                condition=Q(status="succeeded"),
            ),
            GinIndex(words_of("prompt"), name="generation_words"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "request_key"], name="generation_once"),
            models.CheckConstraint(condition=Q(seconds__range=(1, 60)), name="generation_seconds"),
            models.CheckConstraint(condition=~Q(request_key=""), name="generation_key_not_empty"),
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running"], finished_at=None)
                | Q(~Q(status__in=["queued", "running"]), finished_at__isnull=False),
                name="generation_finished_at_iff_final",
            ),
            models.CheckConstraint(
                condition=Q(status="running", lease_expires_at__isnull=False)
                | Q(~Q(status="running"), lease_expires_at=None),
                name="generation_lease_iff_running",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.status}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    def move_to(self, new: Status, **fields: Any) -> bool:
        """Change status in one conditional UPDATE. False: another process moved it first.

        The row must still have the status and the epoch this object was read with, so a worker
        whose lease was taken over changes nothing.
        """
        if new not in self.NEXT.get(self.Status(self.status), set()):
            raise IllegalTransition(f"{self.status} -> {new}")
        if new not in self.NEXT:
            fields["finished_at"] = Now()
        if new != self.Status.RUNNING:
            fields["lease_expires_at"] = None
        mine = Generation.objects.filter(pk=self.pk, status=self.status, epoch=self.epoch)
        won = mine.update(status=new, **fields) == 1
        self.refresh_from_db()
        return won


class SafetyCheck(models.Model):
    """One stored decision of one stage of one job. Rows are added, never changed.

    `verdict` is moderation.screening.decision.Decision.to_json, with every signal.
    """

    class Stage(models.TextChoices):
        GATE = "gate"  # in the web request: lists and rules
        PROMPT = "prompt"  # in the worker: the texts, with every classifier
        JOINT = "joint"  # prompt, uploads and frames together
        OUTPUT = "output"
        FEED = "feed"  # before it is shown to people who did not ask for it

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="safety_checks")
    generation = models.ForeignKey(Generation, models.CASCADE, related_name="safety_checks")
    stage = models.CharField(max_length=10, choices=Stage)
    attempt = models.PositiveSmallIntegerField(default=0)
    action = models.CharField(max_length=10)
    profile = models.CharField(max_length=30)
    policy_version = models.CharField(max_length=40)
    verdict = models.JSONField()
    final = models.BooleanField(default=True, db_default=True)  # False: tried once more
    receipt = models.OneToOneField(
        "generation.Receipt", models.PROTECT, null=True, related_name="check_row"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["generation", "stage"], name="safetycheck_by_job"),
            models.Index(fields=["-created_at", "-id"], name="safetycheck_latest"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(action="refuse") | Q(final=False) | Q(receipt__isnull=False),
                name="safetycheck_refusal_has_receipt",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage}: {self.action}"


class StageTiming(models.Model):
    """Wall seconds one stage of one attempt took; the base of estimates and of `timings`."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    generation = models.ForeignKey(Generation, models.CASCADE, related_name="timings")
    attempt = models.PositiveSmallIntegerField()
    stage = models.CharField(max_length=20)
    seconds = models.FloatField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["generation", "attempt", "stage"], name="stagetiming_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.stage} {self.seconds:.2f} s"
