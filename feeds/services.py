"""Writes of the feeds: sharing, taking back, liking; likes of an archive."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from feeds.errors import NotShareable
from feeds.models import Like, LikeCount
from generation.models import SafetyCheck, Video
from generation.services import announce


def share_video(video: Video, *, by: User) -> Video:
    """Publish a clip to the Recent feed. Sharing a shared clip changes nothing.

    Raises NotShareable for a clip under review and for one whose checks said "private only".
    """
    with transaction.atomic():
        video = Video.objects.select_for_update().get(pk=video.pk)
        if video.quarantined_at is not None:
            raise NotShareable("This clip is under review.")
        if video.trashed_at is not None:
            raise NotShareable(
                "This clip is in the trash.", remedy="Take it out of the trash first."
            )
        if video.shared_at is not None:
            return video
        guarded = SafetyCheck.objects.filter(
            generation_id=video.generation_id, action="guard"
        ).exists()
        if guarded:
            raise NotShareable("Our checks keep this clip private.")
        video.shared_at = timezone.now()
        video.save(update_fields=["shared_at"])
        audit.record(audit.VIDEO_SHARED, workspace=video.workspace, actor=by, target=video)
        announce(video.generation)
    return video


def unshare_video(video: Video, *, by: User) -> Video:
    """Take a clip out of every public list in this transaction. It stays in the library."""
    with transaction.atomic():
        video = Video.objects.select_for_update().get(pk=video.pk)
        if video.shared_at is None:
            return video
        video.shared_at = None
        video.save(update_fields=["shared_at"])
        audit.record(audit.VIDEO_UNSHARED, workspace=video.workspace, actor=by, target=video)
        announce(video.generation)
    return video


def like_video(video: Video, *, by: User) -> LikeCount:
    """Like a clip. Liking twice counts once."""
    Like.objects.get_or_create(video=video, user=by, defaults={"workspace_id": video.workspace_id})
    return Like.objects.count_of(video, by)


def unlike_video(video: Video, *, by: User) -> LikeCount:
    """Take a like back; nothing happens when there is none."""
    Like.objects.filter(video=video, user=by).delete()
    return Like.objects.count_of(video, by)


class ArchivedLikes:
    """Likes as an archive of a workspace holds them; see generation.hooks."""

    def of(self, videos: Iterable[UUID]) -> dict[UUID, list[int]]:
        found: dict[UUID, list[int]] = {}
        rows = Like.objects.filter(video__in=list(videos)).order_by("user_id")
        for video, user in rows.values_list("video_id", "user_id"):
            found.setdefault(video, []).append(user)
        return found

    def put_back(self, video: Video, people: Iterable[int]) -> None:
        known = User.objects.filter(pk__in=list(people), is_active=True)
        Like.objects.bulk_create(
            (Like(video=video, user=user, workspace_id=video.workspace_id) for user in known),
            ignore_conflicts=True,
        )
