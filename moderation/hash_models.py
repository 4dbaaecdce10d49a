"""Banks of perceptual hashes: what must not appear, what is mistaken for it, and what has matched."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Count, Q
from django.utils import timezone

from accounts.models import Workspace


class HashBankQuerySet(models.QuerySet["HashBank"]):
    def with_counts(self) -> HashBankQuerySet:
        """How many entries of each state, for the console."""
        return self.annotate(
            active_count=Count("entries", filter=Q(entries__status="active")),
            quarantined_count=Count("entries", filter=Q(entries__status="quarantined")),
            disabled_count=Count("entries", filter=Q(entries__status="disabled")),
        ).order_by("name")


class HashBank(models.Model):
    """One list, from one source, about one kind of harm. Banks are switched off, never deleted."""

    class Kind(models.TextChoices):
        BLOCK = "block", "must not appear"
        NEGATIVE = "negative", "exceptions: harmless, but like something listed"

    class Harm(models.TextChoices):
        CHILD_ABUSE = "child_abuse", "abuse of children, confirmed"
        INTIMATE_IMAGES = "intimate_images", "intimate pictures shared without consent"
        TERRORISM = "terrorism", "terrorism and violent extremism"
        OTHER = "other", "other"

    name = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    source = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.BLOCK)
    harm = models.CharField(max_length=20, choices=Harm, default=Harm.OTHER)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)  # of the bank or any entry

    objects = HashBankQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class HashEntry(models.Model):
    """One PDQ hash: of a picture, or of one frame of a video (vPDQ)."""

    class Status(models.TextChoices):
        ACTIVE = "active", "in use"
        QUARANTINED = "quarantined", "matches too much: a person decides"
        DISABLED = "disabled", "off"

    LABELS: ClassVar[dict[str, str]] = {
        "active": "In use",
        "quarantined": "Quarantined",
        "disabled": "Off",
    }

    bank = models.ForeignKey(HashBank, models.PROTECT, related_name="entries")
    value = models.BinaryField(max_length=32)
    video = models.CharField(max_length=200, blank=True)  # the source's id of the video, or ""
    at_ms = models.PositiveIntegerField(default=0)
    reference = models.CharField(max_length=200, blank=True)  # the source's id
    status = models.CharField(max_length=12, choices=Status, default=Status.ACTIVE)
    confirmed_at = models.DateTimeField(null=True)  # staff looked: no flood quarantines it again
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "video", "value"], name="hashentry_once"),
        ]
        indexes = [
            models.Index(fields=["bank", "reference"], name="hashentry_by_reference"),
            models.Index(
                fields=["bank"], name="hashentry_quarantined", condition=Q(status="quarantined")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bank_id}: {bytes(self.value).hex()[:16]}…"

    @property
    def label(self) -> str:
        return self.LABELS[self.status]


class HashImport(models.Model):
    """What one reading of a list did. Rows are added, never changed."""

    bank = models.ForeignKey(HashBank, models.PROTECT, related_name="imports")
    file_name = models.CharField(max_length=200)
    form = models.CharField(max_length=20)
    sha256 = models.CharField(max_length=64)
    read = models.PositiveIntegerField()
    added = models.PositiveIntegerField()
    known = models.PositiveIntegerField()  # were in the bank already
    removed = models.PositiveIntegerField()  # taken back by the source
    quarantined = models.PositiveIntegerField()  # match several clips made here
    bad = models.PositiveIntegerField()
    bad_rows = models.JSONField()  # the first of them: [[where, why], …]
    seconds = models.FloatField()
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.file_name}: {self.added} added, {self.bad} bad"


class HashMatch(models.Model):
    """One entry that matched one job or upload of a workspace."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    entry = models.ForeignKey(HashEntry, models.CASCADE, related_name="matches")
    subject = models.CharField(max_length=60)  # "generation:<id>", "upload:<id>"
    distance = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "subject"], name="hashmatch_once"),
        ]
        indexes = [models.Index(fields=["entry", "created_at"], name="hashmatch_recent")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.distance} bits"
