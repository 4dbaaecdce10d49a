"""The likeness pilot: who may use whose likeness, by which words of consent, and what came of it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Workspace
from generation.models import Generation, Upload


class LikenessGrantQuerySet(models.QuerySet["LikenessGrant"]):
    def active(self) -> LikenessGrantQuerySet:
        """Consented to, neither revoked nor expired."""
        return self.filter(
            consented_at__isnull=False, revoked_at=None, expires_at__gt=timezone.now()
        )


class LikenessGrant(models.Model):
    """One place in the pilot: one account, one adult whose likeness it may use, one workspace.

    Staff offers it; the words of consent make it work; either side ends it at any time.
    """

    class Subject(models.TextChoices):
        SELF = "self", "The account's own person"
        OTHER = "other", "Another adult, who agreed in writing"

    class Scope(models.TextChoices):
        PHOTO = "photo", "Animate photographs of this person"
        FOOTAGE = "footage", "Change filmed material that shows this person"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="likeness_grants")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="likeness_grants"
    )
    cohort = models.SlugField(max_length=40)
    subject = models.CharField(max_length=5, choices=Subject, default=Subject.SELF)
    subject_name = models.CharField(max_length=120, blank=True)  # as signed, with the consent
    scope = ArrayField(models.CharField(max_length=10, choices=Scope))
    reviewed_first = models.PositiveSmallIntegerField()  # clips a person looks at before delivery
    statement_version = models.CharField(max_length=20, blank=True)
    statement_sha256 = models.CharField(max_length=64, blank=True)  # of exactly what was shown
    offered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    offered_at = models.DateTimeField(default=timezone.now)
    consented_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )

    objects = LikenessGrantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "person", "cohort"],
                condition=Q(revoked_at=None),
                name="likeness_one_place_each",
            ),
            models.CheckConstraint(
                condition=Q(consented_at=None, statement_sha256="")
                | Q(consented_at__isnull=False) & ~Q(statement_sha256="") & ~Q(subject_name=""),
                name="likeness_consent_names_its_words",
            ),
            models.CheckConstraint(
                condition=Q(scope__len__gt=0) & Q(reviewed_first__gt=0),
                name="likeness_has_scope_and_review",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.cohort}: {self.person_id} in {self.workspace_id}, {self.state}"

    @property
    def state(self) -> str:
        """offered, active, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at <= timezone.now():
            return "expired"
        return "active" if self.consented_at is not None else "offered"

    @property
    def is_active(self) -> bool:
        return self.state == "active"


class LikenessUpload(models.Model):
    """A picture or clip that was taken under a grant because it shows that person."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    grant = models.ForeignKey(LikenessGrant, models.PROTECT, related_name="uploads")
    upload = models.OneToOneField(Upload, models.CASCADE, related_name="likeness")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.upload_id} under {self.grant_id}"


class LikenessClip(models.Model):
    """A job that uses such an upload, in the order of its grant. What a person decides about a held one
    stands with its case in the moderation queue."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    grant = models.ForeignKey(LikenessGrant, models.PROTECT, related_name="clips")
    generation = models.OneToOneField(Generation, models.PROTECT, related_name="likeness")
    number = models.PositiveIntegerField()  # of its grant, from 1
    held = models.BooleanField()  # one of the first, which a person looks at before delivery
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["grant", "number"], name="likeness_clip_numbered_once"),
        ]

    def __str__(self) -> str:
        return f"clip {self.number} of {self.grant_id}"
