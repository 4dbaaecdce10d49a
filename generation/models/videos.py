"""A delivered clip and its perceptual fingerprints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.contrib.postgres.search import SearchQuery
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Workspace
from generation.models.jobs import WORD_TABLES, Generation, words_of
from sora_site.lib.ids import time_ordered_uuid

if TYPE_CHECKING:
    from accounts.models import User


class VideoQuerySet(models.QuerySet["Video"]):
    def visible_to(self, user: User) -> VideoQuerySet:
        """Own workspaces' videos and every shared one; never what is in quarantine or deleted."""
        mine = Q(workspace__in=Workspace.objects.visible_to(user))
        shared = Q(shared_at__isnull=False)
        return self.filter(shared | mine, quarantined_at=None, deleted_at=None)

    def shared(self) -> VideoQuerySet:
        """What the public may see. Matches the feed's partial index."""
        return self.filter(shared_at__isnull=False, quarantined_at=None)

    def for_team(self, workspace: Workspace) -> VideoQuerySet:
        """What members showed to their workspace or to everybody. Matches the index video_team."""
        shown = Q(circle=Video.Circle.WORKSPACE) | Q(shared_at__isnull=False)
        return self.filter(shown, workspace=workspace, quarantined_at=None, trashed_at=None)

    def in_library(self) -> VideoQuerySet:
        """What its workspace works with."""
        return self.filter(trashed_at=None, quarantined_at=None, deleted_at=None)

    def in_trash(self) -> VideoQuerySet:
        """What its workspace threw away and may still take back."""
        return self.filter(trashed_at__isnull=False, quarantined_at=None, deleted_at=None)

    def with_words(self, text: str) -> VideoQuerySet:
        """Clips whose prompt has every word of `text`, or a word that begins with it.

        English words are also found in another form ("balloons"). Uses the index generation_words.
        """
        query = word_query(text)
        if query is None:
            return self
        return self.alias(prompt_words=words_of("generation__prompt")).filter(prompt_words=query)


def word_query(text: str) -> SearchQuery | None:
    """All words of `text`, each as it is and without its English ending; None when it has none."""
    query = None
    for word in re.findall(r"[^\W_]+", text)[:12]:
        exact, stemmed = (
            SearchQuery(f"{word}:*", search_type="raw", config=config) for config in WORD_TABLES
        )
        query = exact | stemmed if query is None else query & (exact | stemmed)
    return query


class Video(models.Model):
    """A delivered clip: signed, marked, fingerprinted. Files are reachable through signed links only."""

    class Circle(models.TextChoices):
        """Who is shown a clip that isn't public. Its workspace's library has it in any case."""

        PRIVATE = "private"
        LINK = "link"  # whoever has the share link (feeds.ShareLink)
        WORKSPACE = "workspace"  # the workspace's own feed

    PUBLIC = "public"
    CALM_AREA = 0.1  # of the picture may flash too often before a clip plays by itself no more

    id = models.UUIDField(primary_key=True, default=time_ordered_uuid, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="videos")
    creator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="videos")
    generation = models.OneToOneField(Generation, models.PROTECT, related_name="video")
    parents = models.ManyToManyField("self", symmetrical=False, related_name="children")
    remixable = models.BooleanField(default=True, db_default=True)  # by others, once shared
    media_key = models.CharField(max_length=200)
    poster_key = models.CharField(max_length=200)
    under_key = models.CharField(max_length=200, blank=True, default="", db_default="")  # clean.py
    mark_moves = models.JSONField(default=list, db_default=[])  # where the visible mark was
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    frames = models.PositiveIntegerField()
    fps = models.PositiveSmallIntegerField()
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64, db_index=True)
    manifest = models.BinaryField()  # the C2PA manifest, to find it again when a copy lost it
    credentials = models.JSONField(default=dict)  # what a reader of the signed file reports
    created_at = models.DateTimeField(default=timezone.now)
    shared_at = models.DateTimeField(null=True)  # public since then
    circle = models.CharField(  # counts while it isn't public, see `audience`
        max_length=10, choices=Circle, default=Circle.PRIVATE, db_default=Circle.PRIVATE
    )
    alt_text = models.CharField(max_length=500, blank=True, default="", db_default="")
    flash_area = models.FloatField(null=True)  # share of the picture that flashes; None: unknown
    trashed_at = models.DateTimeField(null=True)  # in the owner's trash; restorable until emptied
    deleted_at = models.DateTimeField(null=True)  # gone for everybody; the row keeps the lineage
    origin_id = models.UUIDField(null=True)  # its id before an import gave it another one
    quarantined_at = models.DateTimeField(null=True)
    held_at = models.DateTimeField(
        null=True
    )  # a check wants a person to look before anybody has it
    released_at = models.DateTimeField(null=True)  # a person let a guarded clip be shared

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
            models.Index(
                fields=["workspace", "-created_at", "-id"],
                name="video_team",
                condition=Q(Q(circle="workspace") | Q(shared_at__isnull=False))
                & Q(quarantined_at=None, trashed_at=None),
            ),
            BrinIndex(fields=["created_at"], name="video_made"),
            models.Index(
                fields=["trashed_at"], name="video_trash", condition=Q(trashed_at__isnull=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(frames__gt=0, bytes__gt=0), name="video_not_empty"),
            models.CheckConstraint(
                condition=Q(trashed_at=None) | Q(shared_at=None), name="video_trash_is_private"
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None) | Q(trashed_at__isnull=False),
                name="video_deleted_from_trash",
            ),
            models.UniqueConstraint(
                fields=["workspace", "origin_id"],
                condition=Q(origin_id__isnull=False, deleted_at=None),
                name="video_imported_once",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def seconds(self) -> float:
        return self.frames / self.fps

    @property
    def audience(self) -> str:
        """private, link, workspace or public."""
        return self.PUBLIC if self.shared_at is not None else self.circle

    @property
    def plays_by_itself(self) -> bool:
        """Whether lists may play it unasked. Not when it flashes, nor when nobody measured that."""
        return self.flash_area is not None and self.flash_area < self.CALM_AREA

    @property
    def is_kept_private(self) -> bool:
        """A check said "private only", and no person has let it go since."""
        if self.released_at is not None:
            return False
        return (
            self.generation.safety_checks.filter(action__in=["guard", "hold"])
            .exclude(stage="feed")
            .exists()
        )

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
