"""How a workspace keeps order: folders, favourites, own style presets, unfinished storyboards."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import Workspace
from generation.models.videos import Video

if TYPE_CHECKING:
    from accounts.models import User


class FolderQuerySet(models.QuerySet["Folder"]):
    def with_counts(self) -> FolderQuerySet:
        """Adds `clip_count`: what a look into the folder shows."""
        shown = Q(
            entries__video__trashed_at=None,
            entries__video__quarantined_at=None,
            entries__video__deleted_at=None,
        )
        found = self.annotate(clip_count=models.Count("entries", filter=shown))
        return found.order_by(Lower("name"), "id")  # grouping drops the model's own order


class Folder(models.Model):
    """A place in the library. A clip lies in one folder or in none."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="folders")
    name = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=timezone.now)
    clips = models.ManyToManyField(Video, through="FolderEntry", related_name="folders")

    objects = FolderQuerySet.as_manager()

    class Meta:
        ordering = [Lower("name"), "id"]
        constraints = [
            models.UniqueConstraint("workspace", Lower("name"), name="folder_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="folder_has_name"),
        ]

    def __str__(self) -> str:
        return self.name


class FolderEntry(models.Model):
    """That a clip lies in a folder."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="+")
    folder = models.ForeignKey(Folder, models.CASCADE, related_name="entries")
    video = models.OneToOneField(Video, models.CASCADE, related_name="folder_entry")

    def __str__(self) -> str:
        return f"{self.video_id} in {self.folder_id}"


class Favourite(models.Model):
    """Somebody's own mark on a clip of their library. Likes are public, this is not."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="favourites")
    video = models.ForeignKey(Video, models.CASCADE, related_name="favourites")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "video"], name="favourite_once")]

    def __str__(self) -> str:
        return f"{self.user_id} keeps {self.video_id}"


class StylePreset(models.Model):
    """A prompt fragment of the workspace's own, offered beside the built-in styles."""

    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="style_presets")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    name = models.CharField(max_length=40)
    text = models.CharField(max_length=300)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = [Lower("name"), "id"]
        constraints = [
            models.UniqueConstraint("workspace", Lower("name"), name="stylepreset_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class DraftQuerySet(models.QuerySet["Draft"]):
    def visible_to(self, user: User) -> DraftQuerySet:
        return self.filter(workspace__in=Workspace.objects.visible_to(user))


class Draft(models.Model):
    """An unfinished edit, saved while somebody works on it; its link restores it.

    `plan` is what the editor holds, not yet checked. `version` rises with every save, so that two
    open windows notice each other.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, models.PROTECT, related_name="drafts")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="drafts")
    title = models.CharField(max_length=80, blank=True)
    plan = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = DraftQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-updated_at", "-id"], name="draft_recent")]

    def __str__(self) -> str:
        return self.title or str(self.id)
