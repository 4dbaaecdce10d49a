"""What the checks are measured with, and what came of it: sets, cases, runs, red-team runs."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from moderation.probing_models import RedTeamFinding

MAX_CASES = 20_000  # of one set


class EvalSet(models.Model):
    """A named collection of prompts with the answer each should get."""

    class Origin(models.TextChoices):
        USAGE = "usage", "Early use"
        RED_TEAM = "red_team", "Red team"
        SYNTHETIC = "synthetic", "Synthetic"

    name = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    origin = models.CharField(max_length=10, choices=Origin)
    licence = models.CharField(max_length=100, blank=True)
    note = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.title


class EvalCase(models.Model):
    """One prompt of a set. `label`: what should happen, in the words of the JSONL format."""

    class Label(models.TextChoices):
        ALLOW = "allow"
        BLOCK = "block"
        REWRITE = "rewrite"

    set = models.ForeignKey(EvalSet, models.CASCADE, related_name="cases")
    key = models.CharField(max_length=120)  # the row's `id`
    text = models.TextField(max_length=8000)
    category = models.CharField(max_length=40)
    label = models.CharField(max_length=10, choices=Label)
    extra = models.JSONField(default=dict)  # the row's other fields, such as `contrast`
    finding = models.ForeignKey(
        RedTeamFinding, models.SET_NULL, null=True, related_name="eval_cases"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["set", "key"], name="evalcase_once")]

    def __str__(self) -> str:
        return f"{self.key}: {self.label}"


class EvalRunQuerySet(models.QuerySet["EvalRun"]):
    def due(self) -> EvalRunQuerySet:
        """What a worker may take: waiting, or left behind by one that died."""
        return self.filter(
            Q(status=EvalRun.Status.WAITING)
            | Q(status=EvalRun.Status.RUNNING, lease_expires_at__lt=Now())
        ).order_by("created_at", "pk")


class EvalRun(models.Model):
    """One measurement of a set with one profile and policy. `answers`: case key -> action."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    set = models.ForeignKey(EvalSet, models.PROTECT, related_name="runs")
    profile = models.CharField(max_length=30, default="default")
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    policy_version = models.CharField(max_length=40, blank=True)
    classifiers = models.JSONField(default=list)
    figures = models.JSONField(default=dict)
    answers = models.JSONField(default=dict)
    problem = models.CharField(max_length=500, blank=True)
    cases = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    epoch = models.PositiveIntegerField(default=0)  # fencing token
    lease_expires_at = models.DateTimeField(null=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    objects = EvalRunQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["set", "-created_at"], name="evalrun_by_set"),
            models.Index(
                fields=["created_at"],
                name="evalrun_due",
                condition=Q(status__in=["waiting", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return f"run {self.pk} of {self.set_id}: {self.status}"


class RedTeamRun(models.Model):
    """One `manage.py redteam`: what got past, by transform, category and stage."""

    seeds = models.CharField(max_length=200)  # name and SHA-256 of the seed file
    policy_version = models.CharField(max_length=40)
    classifiers = models.JSONField(default=list)
    table = models.JSONField(default=list)  # rows of moderation.screening.redteam.Cell
    passed = models.JSONField(
        default=list
    )  # the attacks that got through, and harmless ones stopped
    attacks = models.PositiveIntegerField()
    seconds = models.FloatField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["-created_at"], name="redteamrun_newest")]

    def __str__(self) -> str:
        return f"red-team run {self.pk} of {self.created_at:%Y-%m-%d}"
