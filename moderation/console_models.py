"""Tables of the console: who works on which case, who saw what, second looks, drafts of the policy,
probes, flags, the artist programme and reports of a period. Nothing here decides about a clip."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Workspace
from generation.models import Generation, PolicyVersion

if TYPE_CHECKING:
    from accounts.models import User

PERSON = settings.AUTH_USER_MODEL


class Claim(models.Model):
    """One reviewer works on one case until `until`; renewed while the page is open."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    case = models.OneToOneField("moderation.Case", models.CASCADE, related_name="claim")
    holder = models.ForeignKey(PERSON, models.CASCADE, related_name="claims")
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["holder", "until"], name="claim_by_holder")]

    def __str__(self) -> str:
        return f"case {self.case_id} held by {self.holder_id} until {self.until:%H:%M:%S}"

    @property
    def is_running(self) -> bool:
        return self.until > timezone.now()


class CaseLookQuerySet(models.QuerySet["CaseLook"]):
    def of(self, viewer: User) -> CaseLookQuerySet:
        return self.filter(viewer=viewer)


class CaseLook(models.Model):
    """Somebody of the staff saw something of a case. Written before it is shown; never changed."""

    class What(models.TextChoices):
        OPENED = "opened", "Opened the case"
        PLAYED = "played", "Played it covered"
        REVEALED = "revealed", "Uncovered the picture"
        SECOND = "second", "Opened it for a second look"
        EVIDENCE = "evidence", "Opened the prompt's history"

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    case = models.ForeignKey("moderation.Case", models.PROTECT, related_name="looks")
    viewer = models.ForeignKey(PERSON, models.PROTECT, related_name="case_looks")
    what = models.CharField(max_length=10, choices=What)
    points = models.FloatField()  # what it counts towards the viewer's exposure budget
    at = models.DateTimeField(default=timezone.now)

    objects = CaseLookQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["viewer", "-at"], name="case_look_by_viewer"),
            models.Index(fields=["case", "-at"], name="case_look_by_case"),
        ]

    def __str__(self) -> str:
        return f"{self.viewer_id} {self.what} case {self.case_id}"


class ReviewerSettings(models.Model):
    """How one reviewer wants to see media, and how much of it in a day."""

    user = models.OneToOneField(PERSON, models.CASCADE, related_name="reviewer_settings")
    blur = models.BooleanField(default=True)
    grey = models.BooleanField(default=True)
    mute = models.BooleanField(default=True)
    daily_points = models.PositiveSmallIntegerField(default=120)
    break_points = models.PositiveSmallIntegerField(default=40)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(daily_points__range=(10, 400), break_points__range=(5, 100)),
                name="reviewer_settings_in_bounds",
            ),
        ]

    def __str__(self) -> str:
        return f"settings of {self.user_id}"


class SavedFilter(models.Model):
    """A reviewer's own view of the queue, as the query of its address."""

    owner = models.ForeignKey(PERSON, models.CASCADE, related_name="saved_filters")
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=300)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="saved_filter_once"),
        ]

    def __str__(self) -> str:
        return self.name


class SecondLook(models.Model):
    """A decided case that another reviewer judges again without knowing what was decided."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    decision = models.OneToOneField(
        "moderation.Decision", models.PROTECT, related_name="second_look"
    )
    case = models.ForeignKey("moderation.Case", models.PROTECT, related_name="second_looks")
    holder = models.ForeignKey(PERSON, models.SET_NULL, null=True, related_name="+")
    held_until = models.DateTimeField(null=True)
    reviewer = models.ForeignKey(PERSON, models.PROTECT, null=True, related_name="second_looks")
    action = models.CharField(max_length=30, blank=True)
    note = models.TextField(max_length=2000, blank=True)
    agrees = models.BooleanField(null=True)
    settled_by = models.ForeignKey(PERSON, models.PROTECT, null=True, related_name="+")
    settled_note = models.TextField(max_length=2000, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["created_at"], name="second_look_waiting", condition=Q(done_at=None)
            )
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(done_at=None, agrees=None, reviewer=None)
                | Q(done_at__isnull=False, agrees__isnull=False, reviewer__isnull=False),
                name="second_look_done_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"second look at decision {self.decision_id}"


class PolicyDraft(models.Model):
    """A proposed policy on its way: written, replayed, released by a second person, rolled out.

    `stages` are [hours after the start, percent of workspaces] pairs, the last one at 100.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        ASKED = "asked", "Waits for a second person"
        RELEASED = "released", "Released, starts later"
        ROLLING = "rolling", "Rolling out"
        DONE = "done", "Decides everywhere"
        STOPPED = "stopped", "Stopped"

    name = models.CharField(max_length=60)
    changes = models.JSONField(default=dict)  # as moderation.screening.policy.with_changes takes it
    note = models.CharField(max_length=500)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    replay = models.JSONField(default=dict)  # what the last replay counted
    replayed_at = models.DateTimeField(null=True)
    made_by = models.ForeignKey(PERSON, models.PROTECT, related_name="policy_drafts")
    released_by = models.ForeignKey(PERSON, models.PROTECT, null=True, related_name="+")
    released_at = models.DateTimeField(null=True)
    starts_at = models.DateTimeField(null=True)
    stages = models.JSONField(default=list)
    version = models.ForeignKey(PolicyVersion, models.PROTECT, null=True, related_name="drafts")
    stopped_why = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="policy_draft_has_a_name"),
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="rolling"), name="policy_draft_one_rolling"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"


class CanaryResult(models.Model):
    """What the checks said about one known prompt at one time."""

    probe = models.CharField(max_length=60)
    expected = models.CharField(max_length=10)
    got = models.CharField(max_length=12)  # an action, or "unavailable"
    categories = models.JSONField(default=list)
    strongest = models.FloatField(default=0.0)
    policy_version = models.CharField(max_length=40)
    milliseconds = models.FloatField()
    drifted = models.BooleanField(default=False)
    at = models.DateTimeField(default=timezone.now)
    seen_by = models.ForeignKey(PERSON, models.SET_NULL, null=True, related_name="+")
    seen_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["-at"], name="canary_latest"),
            models.Index(
                fields=["-at"], name="canary_unseen", condition=Q(drifted=True, seen_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.probe}: {self.got}"


class Flag(models.Model):
    """Whether something is on, and for whom. Without a row a flag stands as moderation.flags says.

    A person is in when the flag is on, the time is right, and they are listed, of a named plan or
    workspace, or in the percentage by a hash that stays the same while the percentage grows.
    """

    name = models.SlugField(max_length=40, unique=True)
    on = models.BooleanField(default=True)
    percent = models.PositiveSmallIntegerField(default=0)
    steps = models.JSONField(default=list)  # [[hours after the start, percent]]
    plans = models.JSONField(default=list)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    guard = models.CharField(max_length=30, blank=True)
    guard_limit = models.FloatField(default=0.0)
    guard_least = models.PositiveIntegerField(default=20)  # events before the guard speaks
    halted_at = models.DateTimeField(null=True)
    halted_why = models.CharField(max_length=300, blank=True)
    changed_by = models.ForeignKey(PERSON, models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(percent__range=(0, 100)), name="flag_percent"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.percent} %"


class FlagMember(models.Model):
    """Somebody named on a flag, with the cohort they belong to."""

    flag = models.ForeignKey(Flag, models.CASCADE, related_name="members")
    user = models.ForeignKey(PERSON, models.CASCADE, related_name="flag_places")
    cohort = models.SlugField(max_length=40, blank=True)
    country = models.CharField(max_length=2, blank=True)  # as the person said, ISO 3166
    added_by = models.ForeignKey(PERSON, models.SET_NULL, null=True, related_name="+")
    added_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["flag", "user"], name="flag_member_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} on {self.flag_id}"


class ProgrammeFeedback(models.Model):
    """What a member of the artist programme says about one of their requests."""

    class Verdict(models.TextChoices):
        GOOD = "good", "As I meant it"
        QUALITY = "quality", "Allowed, but not what I asked for"
        OVER = "over_blocked", "Stopped, and it should not have been"
        UNDER = "under_blocked", "Allowed, and it should not have been"

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    generation = models.ForeignKey(Generation, models.CASCADE, related_name="programme_feedback")
    person = models.ForeignKey(PERSON, models.CASCADE, related_name="programme_feedback")
    verdict = models.CharField(max_length=14, choices=Verdict)
    text = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["generation", "person"], name="programme_feedback_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} about {self.generation_id}"


class PeriodReport(models.Model):
    """The figures of one period, counted once and then kept as they were."""

    MAX_DAYS: ClassVar[int] = 400

    begins = models.DateField()
    ends = models.DateField()  # the last day of it
    figures = models.JSONField()
    made_by = models.ForeignKey(PERSON, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=timezone.now)
    published_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(begins__lte=models.F("ends")), name="period_report_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.begins} to {self.ends}"
