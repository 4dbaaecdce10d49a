"""What people do with a clip of others: like it, keep it, put it into a collection."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User, Workspace
from generation.models import Video


@dataclass(frozen=True)
class LikeCount:
    """How many people like a clip, and whether the viewer is one of them."""

    likes: int
    liked: bool


class LikeQuerySet(models.QuerySet["Like"]):
    def count_of(self, video: Video, viewer: User | AnonymousUser) -> LikeCount:
        """The likes of one clip."""
        mine = viewer.is_authenticated and self.filter(video=video, user_id=viewer.pk).exists()
        return LikeCount(self.filter(video=video).count(), mine)


class Like(models.Model):
    """One person likes one clip. The workspace is the clip's, so a tenant's rows stay together."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    video = models.ForeignKey(Video, models.CASCADE, related_name="likes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="likes")
    created_at = models.DateTimeField(default=timezone.now)

    objects = LikeQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="like_made")]
        constraints = [models.UniqueConstraint(fields=["video", "user"], name="like_once")]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.video_id}"


class Save(models.Model):
    """One person keeps a clip to find it again. Nobody else sees that they did."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")  # the clip's
    video = models.ForeignKey(Video, models.CASCADE, related_name="saves")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saves")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], name="save_made"),
            models.Index(fields=["user", "-created_at", "-video"], name="save_shelf"),
        ]
        constraints = [models.UniqueConstraint(fields=["video", "user"], name="save_once")]

    def __str__(self) -> str:
        return f"{self.user_id} keeps {self.video_id}"


class CollectionQuerySet(models.QuerySet["Collection"]):
    def visible_to(self, viewer: User | AnonymousUser) -> CollectionQuerySet:
        """One's own, and the public ones of people in good standing who don't block the viewer."""
        public = Q(is_public=True, owner__is_active=True, owner__suspended_at=None)
        if not isinstance(viewer, User):
            return self.filter(public)
        from feeds.models.people import PersonFilter

        barred = PersonFilter.objects.filter(other=viewer, kind=PersonFilter.Kind.BLOCK)
        return self.filter(public & ~Q(owner__in=barred.values("user")) | Q(owner=viewer))


class Collection(models.Model):
    """A named list of clips somebody put together; private unless they say otherwise."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")  # the owner's own
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="collections")
    name = models.CharField(max_length=60)
    is_public = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = CollectionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="collection_name_once"),
            models.CheckConstraint(condition=~Q(name=""), name="collection_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class CollectionItem(models.Model):
    """One clip in a collection."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")  # the collection's
    collection = models.ForeignKey(Collection, models.CASCADE, related_name="items")
    video = models.ForeignKey(Video, models.CASCADE, related_name="collected")
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["collection", "-added_at", "-video"], name="collection_shelf")
        ]
        constraints = [
            models.UniqueConstraint(fields=["collection", "video"], name="collected_once")
        ]

    def __str__(self) -> str:
        return f"{self.video_id} in {self.collection_id}"
