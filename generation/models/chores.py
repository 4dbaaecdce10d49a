"""Work that a worker does beside the making of clips: other formats, archives."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Workspace
from generation.models.videos import Video

if TYPE_CHECKING:
    from accounts.models import User


class ChoreQuerySet(models.QuerySet["Chore"]):
    def visible_to(self, user: User) -> ChoreQuerySet:
        """Chores of the own workspaces. Formats of shared clips are looked up through the clip."""
        return self.filter(workspace__in=Workspace.objects.visible_to(user))

    def open(self) -> ChoreQuerySet:
        return self.filter(status__in=Chore.OPEN)

    def due(self) -> ChoreQuerySet:
        """What a worker may take: waiting, or left behind by one that stopped renewing its lease."""
        left = Q(status=Chore.Status.RUNNING, lease_expires_at__lt=Now())
        return self.filter(Q(status=Chore.Status.WAITING) | left).order_by("created_at", "id")


class Chore(models.Model):
    """One piece of such work, and where its result lies. A format of a clip is made once and kept."""

    class Kind(models.TextChoices):
        GIF = "gif"
        WEBP = "webp"
        SPRITESHEET = "spritesheet"
        DOWNLOAD = "download"  # chosen clips as one zip
        EXPORT = "export"  # the workspace as one archive
        IMPORT = "import"

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    OPEN = (Status.WAITING, Status.RUNNING)
    FORMATS = (Kind.GIF, Kind.WEBP, Kind.SPRITESHEET)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="chores")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="chores"
    )
    kind = models.CharField(max_length=12, choices=Kind)
    video = models.ForeignKey(Video, models.CASCADE, null=True, related_name="renditions")
    request = models.JSONField(default=dict)  # which clips; where the archive to read lies
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    reason_code = models.CharField(max_length=60, blank=True)
    done = models.PositiveIntegerField(default=0)  # of `total` steps
    total = models.PositiveIntegerField(default=0)
    key = models.CharField(max_length=200, blank=True)  # the result, in the private area
    bytes = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    report = models.JSONField(default=dict)  # what a reader should know about the result
    epoch = models.PositiveIntegerField(default=0)  # fencing token, as on Generation
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    objects = ChoreQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["created_at"],
                name="chore_queue",
                condition=Q(status__in=["waiting", "running"]),
            ),
            models.Index(fields=["workspace", "-created_at", "-id"], name="chore_history"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["video", "kind"], condition=Q(video__isnull=False), name="chore_format_once"
            ),
            models.UniqueConstraint(
                fields=["workspace", "kind"],
                condition=Q(kind__in=["export", "import"], status__in=["waiting", "running"]),
                name="chore_one_archive_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["gif", "webp", "spritesheet"], video__isnull=False)
                | Q(kind__in=["download", "export", "import"], video=None),
                name="chore_formats_have_a_clip",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN
