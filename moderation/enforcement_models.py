"""What a case leads to: events, strikes, labels, bars, appeals, notices, holds; and who errs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Sum
from django.utils import timezone

from accounts.models import Workspace
from generation.models import Receipt, Upload, Video

if TYPE_CHECKING:
    from accounts.models import User

MAX_TEXT = 2000


class CaseEvent(models.Model):
    """One thing that happened to a case. Rows are only ever added: a trigger refuses every change.

    The status of the case follows from them (moderation.case_status).
    """

    class Kind(models.TextChoices):
        OPENED = "opened", "Opened"
        REPORTED = "reported", "Reported"
        FOUND = "found", "A check found something"
        HIDDEN = "hidden", "Hidden until it is decided"
        SHOWN = "shown", "Shown again"
        CLAIMED = "claimed", "Claimed"
        NOTED = "noted", "Noted"
        ESCALATED = "escalated", "Passed to a senior reviewer"
        DECIDED = "decided", "Decided"
        REVERSED = "reversed", "Decision taken back"
        APPEALED = "appealed", "Appealed"
        APPEAL_DECIDED = "appeal_decided", "Appeal decided"
        DELETED = "deleted", "The subject was deleted meanwhile"

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    case = models.ForeignKey("moderation.Case", models.PROTECT, related_name="events")
    kind = models.CharField(max_length=16, choices=Kind)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    data = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["case", "at", "id"], name="caseevent_in_order")]

    def __str__(self) -> str:
        return f"case {self.case_id}: {self.kind}"


class StrikeQuerySet(models.QuerySet["Strike"]):
    def live(self, user: User, *, at: datetime | None = None) -> StrikeQuerySet:
        """What counts against somebody now."""
        at = at or timezone.now()
        return self.filter(user=user, voided_at=None, expires_at__gt=at)

    def points(self, user: User) -> int:
        return self.live(user).aggregate(sum=Sum("points"))["sum"] or 0


class Strike(models.Model):
    """Points for one confirmed breach. They expire; a decision that is taken back voids them."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="strikes")
    decision = models.OneToOneField("moderation.Decision", models.PROTECT, related_name="strike")
    receipt = models.OneToOneField(Receipt, models.PROTECT, related_name="strike")
    policy = models.CharField(max_length=60)
    points = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    voided_at = models.DateTimeField(null=True)

    objects = StrikeQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["user", "expires_at"], name="strike_live", condition=Q(voided_at=None)
            )
        ]
        constraints = [
            models.CheckConstraint(condition=Q(points__range=(1, 100)), name="strike_has_points"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="strike_expires"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.points} points for {self.user_id}"


class VideoLabel(models.Model):
    """Words that stand on a clip for everybody who sees it."""

    class Code(models.TextChoices):
        ALTERED = "altered", "Shows something that never happened"
        SENSITIVE = "sensitive", "Some people may find this upsetting"
        FLASHING = "flashing", "Contains flashing light"
        CONTEXT = "context", "Needs context"

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    video = models.ForeignKey(Video, models.CASCADE, related_name="labels")
    code = models.CharField(max_length=10, choices=Code)
    reference = models.CharField(max_length=80)  # of the decision
    created_at = models.DateTimeField(default=timezone.now)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["video", "code"], condition=Q(removed_at=None), name="videolabel_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} on {self.video_id}"


class ShareBar(models.Model):
    """A decision keeps this clip out of public lists; its owner can't share it again meanwhile."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    video = models.ForeignKey(Video, models.CASCADE, related_name="share_bars")
    reference = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["video", "reference"], name="sharebar_once"),
        ]
        indexes = [
            models.Index(fields=["video"], name="sharebar_running", condition=Q(lifted_at=None))
        ]

    def __str__(self) -> str:
        return f"{self.video_id} stays out of public lists"


class RemovalQuerySet(models.QuerySet["Removal"]):
    def running(self) -> RemovalQuerySet:
        return self.filter(lifted_at=None)


class Removal(models.Model):
    """A decision keeps one clip or upload from everybody. It is restored when no row of it runs.

    Its files lie in quarantine until the time for an appeal is over; then they are deleted.
    """

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    video = models.ForeignKey(Video, models.PROTECT, null=True, related_name="removals")
    upload = models.ForeignKey(Upload, models.PROTECT, null=True, related_name="removals")
    reference = models.CharField(max_length=80)  # "case:12", or "hidden:12" until it is decided
    receipt = models.ForeignKey(Receipt, models.PROTECT, null=True, related_name="removals")
    created_at = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True)
    moved_at = models.DateTimeField(null=True)  # files in quarantine
    files_until = models.DateTimeField(null=True)  # null: hidden, not decided
    files_deleted_at = models.DateTimeField(null=True)

    objects = RemovalQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["reference"], name="removal_by_reference"),
            models.Index(
                fields=["created_at"],
                name="removal_to_move",
                condition=Q(moved_at=None, lifted_at=None, files_until__isnull=False),
            ),
            models.Index(
                fields=["files_until"],
                name="removal_files_end",
                condition=Q(lifted_at=None, files_deleted_at=None),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["video", "reference"],
                condition=Q(video__isnull=False),
                name="removal_of_video_once",
            ),
            models.UniqueConstraint(
                fields=["upload", "reference"],
                condition=Q(upload__isnull=False),
                name="removal_of_upload_once",
            ),
            models.CheckConstraint(
                condition=Q(video__isnull=False, upload=None) | Q(video=None, upload__isnull=False),
                name="removal_of_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.video_id or self.upload_id} by {self.reference}"


class Appeal(models.Model):
    """Somebody disputes one decision about them. One per decision; another reviewer decides."""

    class Status(models.TextChoices):
        OPEN = "open", "A person looks at it"
        UPHELD = "upheld", "The decision stands"
        OVERTURNED = "overturned", "The decision was taken back"

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    receipt = models.OneToOneField(Receipt, models.PROTECT, related_name="appeal")
    decision = models.ForeignKey(
        "moderation.Decision", models.PROTECT, null=True, related_name="appeals"
    )  # null: a check decided, nobody of the staff
    case = models.ForeignKey("moderation.Case", models.PROTECT, null=True, related_name="appeals")
    appellant = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="appeals")
    first_reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    text = models.TextField(max_length=MAX_TEXT)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    note = models.TextField(max_length=MAX_TEXT, blank=True)  # for the person: why
    outcome_receipt = models.OneToOneField(
        Receipt, models.PROTECT, null=True, related_name="outcome_of"
    )

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="appeal_queue", condition=Q(status="open")),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="appeal_says_why"),
            models.CheckConstraint(
                condition=Q(decided_by=None)
                | Q(first_reviewer=None)
                | ~Q(decided_by=F("first_reviewer")),
                name="appeal_by_another_reviewer",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("appellant")),
                name="appeal_not_by_oneself",
            ),
            models.CheckConstraint(
                condition=Q(
                    status="open", decided_at=None, decided_by=None, outcome_receipt=None, note=""
                )
                | (
                    Q(
                        status__in=["upheld", "overturned"],
                        decided_at__isnull=False,
                        decided_by__isnull=False,
                        outcome_receipt__isnull=False,
                    )
                    & ~Q(note="")
                ),
                name="appeal_decided_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"appeal against {self.receipt_id}: {self.status}"

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN

    @property
    def is_overdue(self) -> bool:
        return self.is_open and timezone.now() > self.due_at


class LayerError(models.Model):
    """A layer was wrong: its decision was overturned on appeal. Counted on the board of effectiveness."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    receipt = models.OneToOneField(Receipt, models.PROTECT, related_name="layer_error")
    layer = models.CharField(max_length=20)
    policy = models.CharField(max_length=60)
    automated = models.BooleanField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["layer", "at"], name="layererror_by_layer")]

    def __str__(self) -> str:
        return f"{self.layer} erred about {self.policy}"


class NoticeQuerySet(models.QuerySet["Notice"]):
    def mail_due(self) -> NoticeQuerySet:
        return self.filter(mail=True, mailed_at=None, mail_attempts__lt=Notice.MOST_ATTEMPTS)


class Notice(models.Model):
    """A message of the site to one person, on a page and, where it matters, by mail. Plain text."""

    MOST_ATTEMPTS = 8

    workspace = models.ForeignKey(Workspace, models.PROTECT, null=True, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="notices"
    )  # null: somebody without an account, by mail alone
    address = models.EmailField(max_length=254, blank=True)  # only for those without an account
    title = models.CharField(max_length=120)
    text = models.TextField(max_length=MAX_TEXT)
    url = models.CharField(max_length=300, blank=True)  # a path of this site
    receipt = models.ForeignKey(Receipt, models.PROTECT, null=True, related_name="notices")
    created_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True)
    mail = models.BooleanField(default=False)
    mailed_at = models.DateTimeField(null=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    mail_after = models.DateTimeField(default=timezone.now)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="notice_of_user"),
            models.Index(
                fields=["mail_after"],
                name="notice_mail_due",
                condition=Q(mail=True, mailed_at=None),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, address="") | (Q(user=None) & ~Q(address="")),
                name="notice_to_somebody",
            )
        ]

    def __str__(self) -> str:
        return self.title


class TrustedFlagger(models.Model):
    """Somebody whose reports are read first: an organisation that knows its field."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="trusted_flagger"
    )
    organisation = models.CharField(max_length=120)
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.organisation


class IntimateClaim(models.Model):
    """What the law asks of somebody who wants intimate imagery of a person taken down."""

    class Relation(models.TextChoices):
        SELF = "self", "It shows me"
        ACTING = "acting", "It shows somebody I may act for"

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    report = models.OneToOneField(
        "moderation.Report", models.PROTECT, related_name="intimate_claim"
    )
    relation = models.CharField(max_length=10, choices=Relation)
    signature = models.CharField(max_length=120)
    contact = models.EmailField(max_length=254)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(signature="") & ~Q(contact=""), name="intimateclaim_is_signed"
            )
        ]

    def __str__(self) -> str:
        return f"claim of report {self.report_id}"


class LegalHold(models.Model):
    """Keeps what was removed beyond its time: an authority asked, or a court case runs."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    video = models.ForeignKey(Video, models.PROTECT, related_name="legal_holds")
    reference = models.CharField(max_length=200)  # of whoever asked
    placed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    placed_at = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["video", "reference"],
                condition=Q(lifted_at=None),
                name="legalhold_once_per_reference",
            ),
            models.CheckConstraint(condition=~Q(reference=""), name="legalhold_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.video_id}"
