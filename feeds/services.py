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
from generation.screening import review_for_feed
from generation.services import announce, record_check
from moderation.screening.decision import Decision


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
        if video.is_kept_private:
            raise NotShareable(
                "Our checks keep this clip private.",
                remedy="Ask for a person to look at it on the clip's page.",
            )
        decision = decide_for_feed(video)
        record_check(video.generation, SafetyCheck.Stage.FEED, decision, final=False)
    # The decision stays stored when it says no, so the refusal comes after the transaction.
    if decision.action != "allow" and video.released_at is None:
        raise NotShareable(
            "Our checks for public pages keep this clip private.",
            remedy="It stays yours to watch and download. Ask for a person to look at it on the "
            "clip's page.",
            reasons=list(decision.reasons),
        )
    with transaction.atomic():
        video = Video.objects.select_for_update().get(pk=video.pk)
        if video.shared_at is not None or video.quarantined_at is not None:
            return video
        video.shared_at = timezone.now()
        video.save(update_fields=["shared_at"])
        audit.record(audit.VIDEO_SHARED, workspace=video.workspace, actor=by, target=video)
        announce(video.generation)
    return video


def decide_for_feed(video: Video) -> Decision:
    """Everything the worker's checks saw in a clip, judged with the strictest profile.

    Raises NotShareable when a stored check can't be read.
    """
    rows = video.generation.safety_checks.exclude(stage="feed").values_list("verdict", flat=True)
    try:
        stored = [Decision.from_json(row) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise NotShareable("What our checks said about this clip can't be read.") from error
    return review_for_feed(
        (signal for decision in stored for signal in decision.signals),
        prompt=video.generation.prompt,
        minor_reference=any(d.details.get("minor_reference") for d in stored),
    )


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
