"""How a clip is shown: behind a link, in Featured, in Rising and among the most remixed."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Workspace
from generation.models import Video


def new_token() -> str:
    """192 random bits, as text for an address."""
    return secrets.token_urlsafe(24)


class ShareLinkQuerySet(models.QuerySet["ShareLink"]):
    def live(self) -> ShareLinkQuerySet:
        """Links that lead somewhere: not revoked, and the clip is in nobody's quarantine or trash."""
        return self.filter(revoked_at=None, video__quarantined_at=None, video__trashed_at=None)


class ShareLink(models.Model):
    """An address nobody can guess; whoever has it sees the clip until it is revoked."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    video = models.ForeignKey(Video, models.CASCADE, related_name="share_links")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    token = models.CharField(max_length=40, unique=True, default=new_token)
    created_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True)

    objects = ShareLinkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["video"], condition=Q(revoked_at=None), name="share_link_one_live"
            )
        ]

    def __str__(self) -> str:
        return f"link to {self.video_id}"


class FeaturedPickQuerySet(models.QuerySet["FeaturedPick"]):
    def live(self) -> FeaturedPickQuerySet:
        """Slots that show their clip now."""
        return self.filter(state=FeaturedPick.State.LIVE, expires_at__gt=timezone.now())


class FeaturedPick(models.Model):
    """One slot of Featured: who chose the clip, why (public), from when until when."""

    class State(models.TextChoices):
        PROPOSED = "proposed"  # a second curator has to agree
        LIVE = "live"
        ENDED = "ended"

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    video = models.ForeignKey(Video, models.CASCADE, related_name="picks")
    state = models.CharField(max_length=10, choices=State)
    reason = models.CharField(max_length=200)
    days = models.PositiveSmallIntegerField()
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    live_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_why = models.CharField(max_length=200, blank=True)

    objects = FeaturedPickQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["-live_at", "-video"], name="pick_live", condition=Q(state="live"))
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["video"], condition=~Q(state="ended"), name="pick_one_open"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="pick_has_a_reason"),
            models.CheckConstraint(
                condition=~Q(state="live") | Q(live_at__isnull=False, expires_at__isnull=False),
                name="pick_live_expires",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.video_id}: {self.state}"


class Standing(models.Model):
    """What the minutely chore computed about one clip, and whether a person let it rise."""

    class Review(models.TextChoices):
        WAITING = "waiting"  # nobody has looked: it is in no list
        APPROVED = "approved"
        DECLINED = "declined"

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    video = models.OneToOneField(Video, models.CASCADE, related_name="standing")
    score = models.FloatField(default=0.0, db_default=0.0)
    people = models.PositiveIntegerField(default=0, db_default=0)  # who stand behind the score
    remixes = models.PositiveIntegerField(default=0, db_default=0)  # by distinct other people
    creator_rank = models.PositiveIntegerField(
        default=1, db_default=1
    )  # among the creator's risers
    review = models.CharField(
        max_length=8, choices=Review, default=Review.WAITING, db_default=Review.WAITING
    )
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=200, blank=True, default="", db_default="")
    computed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(
                fields=["-score", "-video"], name="standing_rising", condition=Q(score__gt=0)
            ),
            models.Index(
                fields=["-remixes", "-video"], name="standing_remixed", condition=Q(remixes__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.video_id}: {self.score:.2f}"
