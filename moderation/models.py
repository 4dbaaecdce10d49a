"""Reports, the case they form, and what was decided. What a decision leads to: enforcement_models."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils import timezone

from accounts.models import Workspace
from generation.models import Generation, Receipt, Upload, Video, VideoQuerySet
from moderation.reasons import MAX_DETAILS, REASONS

if TYPE_CHECKING:
    from accounts.models import User

_RECEIPT_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # none that looks like another


def new_receipt() -> str:
    """A number a reporter can quote; tells nothing about the case."""
    return "R-" + "".join(secrets.choice(_RECEIPT_LETTERS) for _ in range(10))


class CaseQuerySet(models.QuerySet["Case"]):
    def waiting(self) -> CaseQuerySet:
        """Everything that waits for a decision, whatever it is about: the gravest first, then the oldest."""
        return (
            self.filter(status=Case.Status.OPEN)
            .annotate(report_count=Count("reports"), gravest=F("severity"))
            .select_related("video", "video__generation", "video__creator", "person", "upload")
            .defer("video__manifest", "video__credentials")
            .order_by("-severity", "opened_at", "pk")
        )

    def queue(self) -> CaseQuerySet:
        """The same, of clips alone."""
        return self.waiting().filter(subject_kind=Case.Subject.VIDEO)


class Case(models.Model):
    """One thing somebody has to look at. Every report and every finding about it joins it while it is
    open. What happened to it are its events; `status` is a copy of what case_status makes of them.
    """

    class Subject(models.TextChoices):
        VIDEO = "video", "Clip"
        USER = "user", "Person"
        UPLOAD = "upload", "Upload"
        GENERATION = "generation", "Request"

    class Status(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"
        APPEALED = "appealed"

    class Origin(models.TextChoices):
        REPORT = "report", "Somebody reported it"
        HELD = "held", "A check holds it until a person has looked"
        GUARDED = "guarded", "Its owner disputes that it has to stay private"
        FOUND = "found", "A check found something"

    class Lane(models.TextChoices):
        ORDINARY = "ordinary", "Ordinary"
        INTIMATE = "intimate", "Intimate imagery and likeness"
        TRUSTED = "trusted", "Trusted flaggers"

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    subject_kind = models.CharField(
        max_length=10, choices=Subject, default=Subject.VIDEO, db_default="video"
    )
    video = models.ForeignKey(Video, models.PROTECT, null=True, related_name="cases")
    upload = models.ForeignKey(Upload, models.PROTECT, null=True, related_name="cases")
    generation = models.ForeignKey(Generation, models.PROTECT, null=True, related_name="cases")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="cases"
    )  # whom it is about, whatever the subject; null in rows of old workers
    origin = models.CharField(
        max_length=10, choices=Origin, default=Origin.REPORT, db_default="report"
    )
    lane = models.CharField(
        max_length=10, choices=Lane, default=Lane.ORDINARY, db_default="ordinary"
    )
    severity = models.PositiveSmallIntegerField(default=2, db_default=2)  # 1 can wait .. 4 now
    language = models.CharField(max_length=8, blank=True, default="", db_default="")  # ISO 639-1
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    opened_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(null=True)
    hidden_at = models.DateTimeField(null=True)  # out of reach until it is decided
    closed_at = models.DateTimeField(null=True)

    objects = CaseQuerySet.as_manager()

    class Meta:
        constraints = [
            *(
                models.UniqueConstraint(
                    fields=[field],
                    condition=Q(status="open", subject_kind=kind),
                    name=f"case_one_open_per_{kind}",
                )
                for kind, field in (
                    ("video", "video"),
                    ("upload", "upload"),
                    ("generation", "generation"),
                    ("user", "person"),
                )
            ),
            models.CheckConstraint(
                condition=Q(subject_kind="video", video__isnull=False)
                | Q(subject_kind="upload", upload__isnull=False)
                | Q(subject_kind="generation", generation__isnull=False)
                | Q(subject_kind="user", person__isnull=False),
                name="case_has_its_subject",
            ),
            models.CheckConstraint(
                condition=Q(status="open", closed_at=None)
                | Q(status__in=["closed", "appealed"], closed_at__isnull=False),
                name="case_closed_at_iff_closed",
            ),
        ]
        indexes = [
            models.Index(
                fields=["-severity", "opened_at"], name="case_queue", condition=Q(status="open")
            ),
            models.Index(fields=["due_at"], name="case_clock", condition=Q(status="open")),
            models.Index(fields=["person", "-opened_at"], name="case_by_person"),
        ]

    def __str__(self) -> str:
        return f"case {self.pk} about {self.subject_kind} {self.subject_id}: {self.status}"

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN

    @property
    def subject_id(self) -> str:
        """The id of what it is about, as receipts and events name it."""
        found = {
            self.Subject.VIDEO: self.video_id,
            self.Subject.UPLOAD: self.upload_id,
            self.Subject.GENERATION: self.generation_id,
            self.Subject.USER: self.person_id,
        }[self.Subject(self.subject_kind)]
        return str(found)

    @property
    def is_overdue(self) -> bool:
        return self.is_open and self.due_at is not None and timezone.now() > self.due_at

    @property
    def about(self) -> User:
        """Whom a decision hits: the creator, whoever uploaded or asked, the person themselves."""
        if self.person is not None:
            return self.person
        if self.video is not None:
            return self.video.creator
        if self.upload is not None:
            return self.upload.uploaded_by
        assert self.generation is not None  # case_has_its_subject
        return self.generation.requested_by


def without_open_case(videos: VideoQuerySet) -> VideoQuerySet:
    """Takes out what somebody still has to look at, or whose owner appealed: its files are evidence."""
    waiting = Case.objects.filter(video=OuterRef("pk")).exclude(status=Case.Status.CLOSED)
    return videos.exclude(Exists(waiting))


class Report(models.Model):
    """One person says that something breaks a rule. One report per person and case."""

    class Outcome(models.TextChoices):
        WAITING = "", "Not decided yet"
        UPHELD = "upheld", "We acted on it"
        DISMISSED = "dismissed", "We left it as it is"

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    case = models.ForeignKey(Case, models.PROTECT, related_name="reports")
    video = models.ForeignKey(Video, models.PROTECT, null=True, related_name="reports")
    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="reports"
    )
    reporter_key = models.CharField(max_length=64)  # keyed hash: one voice per account or address
    reason = models.CharField(max_length=40, choices=[(r.code, r.label) for r in REASONS.values()])
    kind = models.CharField(max_length=40, blank=True, default="", db_default="")  # finer reason
    severity = models.PositiveSmallIntegerField()
    weight = models.FloatField(default=0.5, db_default=0.5)  # of the reporter, when it came
    flood = models.BooleanField(default=False, db_default=False)  # one of many from new accounts
    details = models.CharField(max_length=MAX_DETAILS, blank=True)
    receipt = models.CharField(max_length=20, unique=True, default=new_receipt)
    outcome = models.CharField(
        max_length=10, choices=Outcome, blank=True, default="", db_default=""
    )
    outcome_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "reporter_key"], name="report_once_per_case"),
            models.CheckConstraint(
                condition=Q(weight__gte=0, weight__lte=1), name="report_weight_is_a_share"
            ),
        ]
        indexes = [models.Index(fields=["reporter_key", "-created_at"], name="report_by_reporter")]

    def __str__(self) -> str:
        return f"{self.receipt}: {self.reason}"

    @property
    def label(self) -> str:
        """The reason in words."""
        reason = REASONS.get(self.reason)
        if reason is None:
            return self.reason
        finer = reason.kinds.get(self.kind)
        return f"{reason.label}: {finer}" if finer else reason.label


class Decision(models.Model):
    """What a person decided about a case, and why. Never edited; a later one supersedes it.

    A decision that takes an earlier one back has the action "reverse" and supersedes it.
    """

    class Action(models.TextChoices):
        DISMISS = "dismiss"
        RELEASE = "release"
        LABEL = "label"
        UNLIST = "unlist"
        REMOVE = "remove"
        BLOCK = "block"
        TAKEDOWN = "takedown"
        WARN = "warn"
        STRIKE = "strike"
        RESTRICT = "restrict"
        SUSPEND = "suspend"
        BAN = "ban"
        REVERSE = "reverse"

    LABELS: ClassVar[dict[str, str]] = {
        "dismiss": "Left it as it is",
        "release": "Released the clip",
        "label": "Labelled the clip",
        "unlist": "Took the clip out of public lists",
        "remove": "Removed the clip",
        "block": "Removed the clip and blocks what looks like it",
        "takedown": "Removed the clip with everything made from it",
        "warn": "Warned the person",
        "strike": "Gave a strike",
        "restrict": "Limited features",
        "suspend": "Suspended the account",
        "ban": "Closed the account",
        "reverse": "Took the decision back",
    }

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    case = models.ForeignKey(Case, models.PROTECT, related_name="decisions")
    action = models.CharField(max_length=10, choices=Action)
    policy = models.CharField(max_length=60, default="other", db_default="other")
    policy_version = models.CharField(max_length=40, default="", db_default="")
    severity = models.CharField(max_length=10, default="none", db_default="none")
    params = models.JSONField(default=dict, db_default={})  # as chosen
    undo = models.JSONField(default=dict, db_default={})  # what it changed, to change it back
    note = models.TextField(max_length=2000)  # for staff
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="decisions"
    )
    receipt = models.OneToOneField(
        Receipt, models.PROTECT, null=True, related_name="decision"
    )  # null where nothing happens to anybody
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
            models.CheckConstraint(
                condition=Q(receipt__isnull=False) | Q(action__in=["dismiss", "release"]),
                name="decision_has_a_receipt",
            ),
            models.CheckConstraint(
                condition=Q(action="reverse", supersedes__isnull=False)
                | (~Q(action="reverse") & Q(supersedes=None)),
                name="decision_reverse_iff_supersedes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} on case {self.case_id}"

    @property
    def label(self) -> str:
        return self.LABELS[self.action]

    @property
    def reference(self) -> str:
        """How other tables name it."""
        return f"decision:{self.pk}"

    @property
    def is_reversed(self) -> bool:
        return Decision.objects.filter(supersedes=self).exists()


# Tables with a file of their own; Django looks for models here.
from moderation.childsafety_models import (  # noqa: E402
    ChildSafetyCase,
    ChildSafetyDecision,
    CyberTip,
    SealedEvidence,
)
from moderation.console_models import (  # noqa: E402
    CanaryResult,
    CaseLook,
    Claim,
    Flag,
    FlagMember,
    PeriodReport,
    PolicyDraft,
    ProgrammeFeedback,
    ReviewerSettings,
    SavedFilter,
    SecondLook,
)
from moderation.enforcement_models import (  # noqa: E402
    Appeal,
    CaseEvent,
    IntimateClaim,
    LayerError,
    LegalHold,
    Notice,
    Removal,
    ShareBar,
    Strike,
    TrustedFlagger,
    VideoLabel,
)
from moderation.evaluation_models import (  # noqa: E402
    EvalCase,
    EvalRun,
    EvalSet,
    RedTeamRun,
)
from moderation.hash_models import (  # noqa: E402
    HashBank,
    HashEntry,
    HashImport,
    HashMatch,
)
from moderation.likeness_models import (  # noqa: E402
    LikenessClip,
    LikenessGrant,
    LikenessUpload,
)
from moderation.probing_models import (  # noqa: E402
    Campaign,
    ProbingCase,
    RedTeamFinding,
)

__all__ = [
    "Appeal",
    "Campaign",
    "CanaryResult",
    "Case",
    "CaseEvent",
    "CaseLook",
    "CaseQuerySet",
    "ChildSafetyCase",
    "ChildSafetyDecision",
    "Claim",
    "CyberTip",
    "Decision",
    "EvalCase",
    "EvalRun",
    "EvalSet",
    "Flag",
    "FlagMember",
    "HashBank",
    "HashEntry",
    "HashImport",
    "HashMatch",
    "IntimateClaim",
    "LayerError",
    "LegalHold",
    "LikenessClip",
    "LikenessGrant",
    "LikenessUpload",
    "Notice",
    "PeriodReport",
    "PolicyDraft",
    "ProbingCase",
    "ProgrammeFeedback",
    "RedTeamFinding",
    "RedTeamRun",
    "Removal",
    "Report",
    "ReviewerSettings",
    "SavedFilter",
    "SealedEvidence",
    "SecondLook",
    "ShareBar",
    "Strike",
    "TrustedFlagger",
    "VideoLabel",
    "new_receipt",
    "without_open_case",
]
