"""Likes, and which clips a public list holds."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Count, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User, Workspace
from generation.models import Video, VideoQuerySet


def recent_for(viewer: User | AnonymousUser) -> VideoQuerySet:
    """Every shared clip. The same for every viewer: nothing is ranked, nothing is personal."""
    return Video.objects.shared()


def of_creator(creator: User) -> VideoQuerySet:
    """What one person has shared."""
    return Video.objects.shared().filter(creator=creator)


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


def with_likes(videos: VideoQuerySet, viewer: User | AnonymousUser) -> VideoQuerySet:
    """Adds `like_count` and `liked_count` (the viewer's: 0 or 1) inside the page's own query.

    Counts, not EXISTS: the database would hash all likes of the viewer for an EXISTS, but counts
    the few of each clip through the index, and only for the clips of the page.
    """
    likes = Like.objects.filter(video=OuterRef("pk")).order_by().values("video")
    count = likes.annotate(n=Count("pk")).values("n")
    nobody = Value(0, output_field=models.IntegerField())
    mine = Coalesce(Subquery(count.filter(user_id=viewer.pk)), 0) if viewer.pk else nobody
    return videos.annotate(like_count=Coalesce(Subquery(count), 0), liked_count=mine)


class Like(models.Model):
    """One person likes one clip. The workspace is the clip's, so a tenant's rows stay together."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    video = models.ForeignKey(Video, models.CASCADE, related_name="likes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="likes")
    created_at = models.DateTimeField(default=timezone.now)

    objects = LikeQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["video", "user"], name="like_once")]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.video_id}"
