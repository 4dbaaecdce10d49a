"""Reports about clips, the case they form, and what was decided."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Count, Exists, Max, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Workspace
from generation.models import Video, VideoQuerySet
from moderation.reasons import MAX_DETAILS, REASONS

_RECEIPT_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that looks like another


def new_receipt() -> str:
    """A number a reporter can quote; tells nothing about the case."""
    return "R-" + "".join(secrets.choice(_RECEIPT_LETTERS) for _ in range(10))


class CaseQuerySet(models.QuerySet["Case"]):
    def queue(self) -> CaseQuerySet:
        """What waits for a decision, the gravest first, then the oldest."""
        return (
            self.filter(status=Case.Status.OPEN)
            .annotate(
                report_count=Count("reports"),
                # A case without a report weighs as the middle one: somebody waits for their clip.
                gravest=Coalesce(Max("reports__severity"), 2),
            )
            .select_related("video", "video__generation", "video__creator")
            .defer("video__manifest", "video__credentials")
            .order_by("-gravest", "opened_at", "pk")
        )


class Case(models.Model):
    """One clip somebody has to look at. Every report about it while it is open joins it."""

    class Status(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    class Origin(models.TextChoices):
        REPORT = "report", "Somebody reported it"
        HELD = "held", "A check holds it until a person has looked"
        GUARDED = "guarded", "Its owner disputes that it has to stay private"

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    video = models.ForeignKey(Video, models.PROTECT, related_name="cases")
    origin = models.CharField(
        max_length=10, choices=Origin, default=Origin.REPORT, db_default="report"
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    opened_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)

    objects = CaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["video"], condition=Q(status="open"), name="case_one_open_per_video"
            ),
            models.CheckConstraint(
                condition=Q(status="open", closed_at=None)
                | Q(status="closed", closed_at__isnull=False),
                name="case_closed_at_iff_closed",
            ),
        ]
        indexes = [
            models.Index(fields=["opened_at"], name="case_queue", condition=Q(status="open"))
        ]

    def __str__(self) -> str:
        return f"case {self.pk} about {self.video_id}: {self.status}"

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN


def without_open_case(videos: VideoQuerySet) -> VideoQuerySet:
    """Takes out what somebody still has to look at: its files are evidence."""
    waiting = Case.objects.filter(video=OuterRef("pk"), status=Case.Status.OPEN)
    return videos.exclude(Exists(waiting))


class Report(models.Model):
    """One person says that one clip breaks a rule. One report per person and case."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    case = models.ForeignKey(Case, models.PROTECT, related_name="reports")
    video = models.ForeignKey(Video, models.PROTECT, related_name="reports")
    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="reports"
    )
    reporter_key = models.CharField(max_length=64)  # keyed hash: one voice per account or address
    reason = models.CharField(max_length=40, choices=[(r.code, r.label) for r in REASONS.values()])
    severity = models.PositiveSmallIntegerField()
    details = models.CharField(max_length=MAX_DETAILS, blank=True)
    receipt = models.CharField(max_length=20, unique=True, default=new_receipt)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "reporter_key"], name="report_once_per_case"),
        ]

    def __str__(self) -> str:
        return f"{self.receipt}: {self.reason}"

    @property
    def label(self) -> str:
        """The reason in words."""
        return REASONS[self.reason].label if self.reason in REASONS else self.reason


class Decision(models.Model):
    """What a person decided about a case, and why. Never edited; a later one supersedes it."""

    class Action(models.TextChoices):
        REMOVE = "remove"
        DISMISS = "dismiss"
        RELEASE = "release"

    LABELS: ClassVar[dict[str, str]] = {
        "remove": "Removed the clip",
        "dismiss": "Left the clip as it is",
        "release": "Released the clip",
    }

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    case = models.ForeignKey(Case, models.PROTECT, related_name="decisions")
    action = models.CharField(max_length=10, choices=Action)
    note = models.TextField(max_length=2000)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="decisions"
    )
    supersedes = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="superseded_by"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(note=""), name="decision_has_a_note"),
            models.UniqueConstraint(
                fields=["case"], condition=Q(supersedes=None), name="decision_first_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} on case {self.case_id}"

    @property
    def label(self) -> str:
        return self.LABELS[self.action]


# Tables with a file of their own; Django looks for models here.
from moderation.childsafety_models import (  # noqa: E402, F401
    ChildSafetyCase,
    ChildSafetyDecision,
    CyberTip,
    SealedEvidence,
)
from moderation.evaluation_models import (  # noqa: E402, F401
    EvalCase,
    EvalRun,
    EvalSet,
    RedTeamRun,
)
from moderation.hash_models import (  # noqa: E402, F401
    HashBank,
    HashEntry,
    HashImport,
    HashMatch,
)
from moderation.likeness_models import (  # noqa: E402, F401
    LikenessClip,
    LikenessGrant,
    LikenessUpload,
)
from moderation.probing_models import (  # noqa: E402, F401
    Campaign,
    ProbingCase,
    RedTeamFinding,
)
