"""A delivered clip and its perceptual fingerprints."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Workspace
from generation.models.jobs import Generation

if TYPE_CHECKING:
    from accounts.models import User


class VideoQuerySet(models.QuerySet["Video"]):
    def visible_to(self, user: User) -> VideoQuerySet:
        """Own workspaces' videos and every shared one; never what is in quarantine."""
        mine = Q(workspace__in=Workspace.objects.visible_to(user))
        return self.filter(Q(shared_at__isnull=False) | mine, quarantined_at=None)

    def shared(self) -> VideoQuerySet:
        """What the public may see. Matches the feed's partial index."""
        return self.filter(shared_at__isnull=False, quarantined_at=None)


class Video(models.Model):
    """A delivered clip: signed, marked, fingerprinted. Files are reachable through signed links only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="videos")
    creator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="videos")
    generation = models.OneToOneField(Generation, models.PROTECT, related_name="video")
    parents = models.ManyToManyField("self", symmetrical=False, related_name="children")
    remixable = models.BooleanField(default=True, db_default=True)  # by others, once shared
    media_key = models.CharField(max_length=200)
    poster_key = models.CharField(max_length=200)
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    frames = models.PositiveIntegerField()
    fps = models.PositiveSmallIntegerField()
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64, db_index=True)
    manifest = models.BinaryField()  # the C2PA manifest, to find it again when a copy lost it
    credentials = models.JSONField(default=dict)  # what a reader of the signed file reports
    created_at = models.DateTimeField(default=timezone.now)
    shared_at = models.DateTimeField(null=True)
    trashed_at = models.DateTimeField(null=True)  # in the owner's trash; restorable until emptied
    quarantined_at = models.DateTimeField(null=True)

    objects = VideoQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["-shared_at", "-id"],
                name="video_recent",
                condition=Q(shared_at__isnull=False, quarantined_at=None),
            ),
            models.Index(
                fields=["creator", "-shared_at", "-id"],
                name="video_profile",
                condition=Q(shared_at__isnull=False, quarantined_at=None),
            ),
            models.Index(fields=["workspace", "-created_at", "-id"], name="video_library"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(frames__gt=0, bytes__gt=0), name="video_not_empty"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def seconds(self) -> float:
        return self.frames / self.fps

    @property
    def download_name(self) -> str:
        return f"clip-{str(self.id)[:8]}.mp4"


class Fingerprint(models.Model):
    """One perceptual frame hash (PDQ, 256 bits) of a delivered clip, and its 16 index bands."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    video = models.ForeignKey(Video, models.CASCADE, related_name="fingerprints")
    at_ms = models.PositiveIntegerField()  # where in the clip
    variant = models.PositiveSmallIntegerField()  # whole frame or a centre crop, see provenance
    hash = models.BinaryField(max_length=32)
    bands = ArrayField(models.IntegerField(), size=16)

    class Meta:
        indexes = [GinIndex(fields=["bands"], name="fingerprint_bands")]
        constraints = [
            models.UniqueConstraint(fields=["video", "at_ms", "variant"], name="fingerprint_once")
        ]

    def __str__(self) -> str:
        return f"{self.video_id}@{self.at_ms}"
