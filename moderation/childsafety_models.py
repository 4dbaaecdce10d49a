"""Child safety: cases, sealed evidence, decisions, and reports to the CyberTipline."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Count, Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Workspace
from generation.models import Generation, Upload, Video

PERMISSION = "review_child_safety"


class ChildSafetyCaseQuerySet(models.QuerySet["ChildSafetyCase"]):
    def waiting(self) -> ChildSafetyCaseQuerySet:
        return self.exclude(status=ChildSafetyCase.Status.CLOSED)

    def queue(self) -> ChildSafetyCaseQuerySet:
        """What waits for a decision: escalated first, then the gravest, then the oldest."""
        return (
            self.waiting()
            .select_related("person", "tip")
            .annotate(pieces=Count("evidence"))
            .order_by("-escalated", "-priority", "opened_at", "pk")
        )


class ChildSafetyCase(models.Model):
    """Something that may show or ask for the abuse of a child. Only people with the permission
    moderation.review_child_safety see one."""

    class Status(models.TextChoices):
        OPEN = "open"
        ESCALATED = "escalated"  # somebody else decides
        CLOSED = "closed"

    class Kind(models.TextChoices):
        KNOWN = "known", "Known material"  # matches a list of confirmed material
        SUSPECTED = "suspected", "Suspected by a classifier"
        TEXT = "text", "Sexual text about a minor"
        REPORTED = "reported", "Reported by a person"

    class Stage(models.TextChoices):
        GATE = "gate", "Prompt, before the queue"
        PROMPT = "prompt", "Prompt, in the worker"
        UPLOAD = "upload", "Upload"
        OUTPUT = "output", "Finished clip"
        REPORT = "report", "Published clip"

    PRIORITY: ClassVar[dict[str, int]] = {"known": 3, "reported": 2, "suspected": 2, "text": 1}
    WAITING: ClassVar[tuple[str, ...]] = ("open", "escalated")

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="child_safety_cases"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    stage = models.CharField(max_length=10, choices=Stage)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    priority = models.PositiveSmallIntegerField()
    escalated = models.BooleanField(default=False)
    generation = models.ForeignKey(
        Generation, models.SET_NULL, null=True, related_name="child_safety_cases"
    )
    upload = models.ForeignKey(
        Upload, models.SET_NULL, null=True, related_name="child_safety_cases"
    )
    video = models.ForeignKey(Video, models.SET_NULL, null=True, related_name="child_safety_cases")
    signals = models.JSONField(default=list)  # category, source, value; never a word of a prompt
    policy_version = models.CharField(max_length=40, blank=True)
    account_held = models.BooleanField(default=False)  # this case suspended the person
    opened_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)

    objects = ChildSafetyCaseQuerySet.as_manager()

    class Meta:
        permissions = [(PERMISSION, "Open the child-safety queue and its sealed evidence")]
        indexes = [
            models.Index(
                fields=["opened_at"], name="childsafety_queue", condition=~Q(status="closed")
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="closed", closed_at__isnull=False)
                | Q(~Q(status="closed"), closed_at=None),
                name="childsafety_closed_at_iff_closed",
            ),
            models.UniqueConstraint(
                fields=["person"],
                condition=Q(kind="text") & ~Q(status="closed"),
                name="childsafety_one_text_case_each",
            ),
            models.UniqueConstraint(
                fields=["upload"],
                condition=Q(upload__isnull=False) & ~Q(status="closed"),
                name="childsafety_one_case_per_upload",
            ),
            models.UniqueConstraint(
                fields=["video"],
                condition=Q(video__isnull=False) & ~Q(status="closed"),
                name="childsafety_one_case_per_video",
            ),
        ]

    def __str__(self) -> str:
        return f"child-safety case {self.pk}: {self.kind}, {self.status}"

    @property
    def is_open(self) -> bool:
        return self.status != self.Status.CLOSED


class SealedEvidenceQuerySet(models.QuerySet["SealedEvidence"]):
    def over(self) -> SealedEvidenceQuerySet:
        """What may be destroyed: its preservation ended and nobody has it to decide or to file yet."""
        busy = ("draft", "waiting", "filing", "failed")
        return (
            self.filter(cleared_at=None, hold_until__lt=Now(), case__status="closed")
            .exclude(case__tip__status__in=busy)
            .order_by("hold_until", "pk")
        )


class SealedEvidence(models.Model):
    """One piece in the sealed store. The row says what it is, never what it shows."""

    class Kind(models.TextChoices):
        FILE = "file"  # exactly what came, or what was made
        STILL = "still"  # a small picture of it in our own encoding, for the reviewer
        RECORD = "record"  # JSON: who, when, from where, which words

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    case = models.ForeignKey(ChildSafetyCase, models.PROTECT, related_name="evidence")
    kind = models.CharField(max_length=8, choices=Kind)
    label = models.CharField(max_length=80)
    media_type = models.CharField(max_length=80)
    seconds = models.FloatField(null=True)
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    md5 = models.CharField(max_length=32)
    key = models.CharField(max_length=200, unique=True)  # in the sealed area
    key_id = models.CharField(max_length=16)  # which master key wraps the piece's own
    wrapped_key = models.BinaryField()
    sealed_at = models.DateTimeField(default=timezone.now)
    hold_until = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True)

    objects = SealedEvidenceQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["hold_until"], name="sealed_until", condition=Q(cleared_at__isnull=True)
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(cleared_at=None) & ~Q(wrapped_key=b"")
                | Q(cleared_at__isnull=False, wrapped_key=b""),
                name="sealed_key_until_cleared",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ChildSafetyDecision(models.Model):
    """What a person decided about a case, and why. Rows are added, never changed."""

    class Action(models.TextChoices):
        REPORT = "report"
        NOT_CHILD = "not_child"
        ESCALATE = "escalate"

    LABELS: ClassVar[dict[str, str]] = {
        "report": "Report it",
        "not_child": "No child-safety concern",
        "escalate": "Passed on to somebody else",
    }

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    case = models.ForeignKey(ChildSafetyCase, models.PROTECT, related_name="decisions")
    action = models.CharField(max_length=10, choices=Action)
    note = models.TextField(max_length=2000)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(note=""), name="childsafety_decision_has_a_note"),
            models.UniqueConstraint(
                fields=["case"],
                condition=Q(action__in=["report", "not_child"]),
                name="childsafety_decided_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} on child-safety case {self.case_id}"

    @property
    def label(self) -> str:
        return self.LABELS[self.action]


class CyberTipQuerySet(models.QuerySet["CyberTip"]):
    def due(self) -> CyberTipQuerySet:
        """What a worker may file: its time has come, or the one that had it went silent."""
        return self.filter(
            Q(status=CyberTip.Status.WAITING, next_attempt_at__lte=Now())
            | Q(status=CyberTip.Status.FILING, lease_expires_at__lt=Now())
        ).order_by("next_attempt_at", "pk")


class CyberTip(models.Model):
    """One report to the CyberTipline, from its draft to the moment it was finished there."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        WAITING = "waiting"  # somebody decided to report; a worker files it
        FILING = "filing"
        FILED = "filed"
        FAILED = "failed"  # final for the machine; a person has to act
        WITHDRAWN = "withdrawn"

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    case = models.OneToOneField(ChildSafetyCase, models.PROTECT, related_name="tip")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    answers = models.JSONField(default=dict)  # what the reviewer filled in, see cybertip_report
    report_id = models.CharField(max_length=40, blank=True)  # open or finished there
    files = models.JSONField(default=list)  # of that report: evidence, file_id
    is_test = models.BooleanField(null=True)  # which of its two services took it; null: none yet
    host = models.CharField(max_length=255, blank=True)  # where report_id means something
    epoch = models.PositiveIntegerField(default=0)  # fencing token, as on Generation
    attempts = models.PositiveIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    first_tried_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    filed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = CyberTipQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="cybertip_queue",
                condition=Q(status__in=["waiting", "filing"]),
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="filed", filed_at__isnull=False)
                & ~Q(report_id="")
                & Q(is_test__isnull=False)
                | ~Q(status="filed") & Q(filed_at=None),
                name="cybertip_filed_has_an_id",
            ),
            models.CheckConstraint(
                condition=Q(status="filing", lease_expires_at__isnull=False)
                | ~Q(status="filing") & Q(lease_expires_at=None),
                name="cybertip_lease_iff_filing",
            ),
        ]

    def __str__(self) -> str:
        return f"report of case {self.case_id}: {self.status}"
