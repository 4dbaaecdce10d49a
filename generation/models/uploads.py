"""Pictures and clips that people bring along, and the agreement they sign before the first one."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Workspace

if TYPE_CHECKING:
    from accounts.models import User


class UploadQuerySet(models.QuerySet["Upload"]):
    def visible_to(self, user: User) -> UploadQuerySet:
        """Uploads are never public: only the own workspaces' ones, and none in quarantine."""
        return self.filter(workspace__in=Workspace.objects.visible_to(user), quarantined_at=None)

    def usable(self) -> UploadQuerySet:
        """Checked and not removed: what a plan may refer to."""
        return self.filter(status=Upload.Status.READY, quarantined_at=None, trashed_at=None)

    def abandoned(self) -> UploadQuerySet:
        """Being checked by a worker that stopped renewing its lease."""
        return self.filter(status=Upload.Status.CHECKING, lease_expires_at__lt=Now())


class Upload(models.Model):
    """One file on its way from bytes of a stranger to media of our own form.

    Nobody, its owner included, can see or use it before it is READY; what is stored then is what
    we encoded ourselves, never the bytes that came.
    """

    class Status(models.TextChoices):
        RECEIVING = "receiving"  # bytes are still coming
        WAITING = "waiting"  # complete; a worker is to check it
        CHECKING = "checking"
        READY = "ready"
        REFUSED = "refused"  # a rule of ours, or a file we can't read

    class Kind(models.TextChoices):
        IMAGE = "image"
        VIDEO = "video"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="uploads")
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="uploads"
    )
    name = models.CharField(max_length=200)  # as the file was called
    kind = models.CharField(max_length=5, choices=Kind, blank=True)  # known once it was read
    status = models.CharField(max_length=10, choices=Status, default=Status.RECEIVING)
    reason_code = models.CharField(max_length=60, blank=True)
    size_bytes = models.PositiveBigIntegerField()  # announced
    received_bytes = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)  # of the bytes that came
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    frames = models.PositiveIntegerField(null=True)
    fps = models.FloatField(null=True)
    had_audio = models.BooleanField(default=False)  # dropped: clips are silent
    media_key = models.CharField(max_length=200, blank=True)  # in our form
    poster_key = models.CharField(max_length=200, blank=True)
    manifest = models.BinaryField(default=bytes)  # its own C2PA manifest, kept as an ingredient
    credentials = models.JSONField(default=dict)  # what a reader said about that manifest
    verdict = models.JSONField(default=dict)  # of the upload screening
    epoch = models.PositiveIntegerField(default=0)  # fencing token, as on Generation
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    checked_at = models.DateTimeField(null=True)
    trashed_at = models.DateTimeField(null=True)
    quarantined_at = models.DateTimeField(null=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="upload_library"),
            models.Index(
                fields=["created_at"],
                name="upload_queue",
                condition=Q(status__in=["waiting", "checking"]),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(received_bytes__lte=models.F("size_bytes")), name="upload_within_size"
            ),
            models.CheckConstraint(
                condition=~Q(status="ready") | ~Q(media_key=""), name="upload_ready_has_media"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.status}"

    @property
    def seconds(self) -> float | None:
        return self.frames / self.fps if self.frames and self.fps else None


class UploadFingerprint(models.Model):
    """One perceptual frame hash of an upload, as Fingerprint is of a clip."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    upload = models.ForeignKey(Upload, models.CASCADE, related_name="fingerprints")
    at_ms = models.PositiveIntegerField()
    variant = models.PositiveSmallIntegerField()
    hash = models.BinaryField(max_length=32)
    bands = ArrayField(models.IntegerField(), size=16)

    class Meta:
        indexes = [GinIndex(fields=["bands"], name="uploadfingerprint_bands")]
        constraints = [
            models.UniqueConstraint(
                fields=["upload", "at_ms", "variant"], name="uploadfingerprint_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.upload_id}@{self.at_ms}"


class UploadAgreement(models.Model):
    """What somebody agreed to before their first upload: rights, consent, no minors, nothing explicit."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="upload_agreements"
    )
    version = models.CharField(max_length=20)
    accepted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "version"], name="uploadagreement_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.version}"
