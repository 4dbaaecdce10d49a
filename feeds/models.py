"""Likes, and which clips a public list holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Count, Q
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
    def counts_for(
        self, videos: Sequence[Video], viewer: User | AnonymousUser
    ) -> dict[UUID, LikeCount]:
        """Counts of a whole page in one query. A clip nobody likes has no entry."""
        mine = Q(user_id=viewer.pk) if viewer.is_authenticated else Q(pk__in=[])
        rows = (
            self.filter(video__in=[video.pk for video in videos])
            .values("video_id")
            .annotate(likes=Count("id"), mine=Count("id", filter=mine))
        )
        return {row["video_id"]: LikeCount(row["likes"], row["mine"] > 0) for row in rows}


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
