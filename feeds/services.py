"""Writes of the feeds: who is shown a clip, its alt text, likes and saves; likes of an archive."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts import audit, restrictions
from accounts.models import User
from feeds import hooks
from feeds.errors import NotShareable
from feeds.models import Like, LikeCount, Save, ShareLink
from feeds.wording import public_text
from generation import receipts
from generation.models import SafetyCheck, Video
from generation.screening import review_for_feed
from generation.services import announce, record_check
from moderation.screening.decision import Decision

ALT_TEXT_CHARS = 500
UNDER_REVIEW = "This clip is under review."


# --- Who is shown a clip -----------------------------------------------------------------------------


def set_audience(video: Video, audience: str, *, by: User) -> Video:
    """Show a clip to nobody else (private), to whoever has its link, to its workspace, or to all.

    It leaves every list and link of the audience it had in this transaction. Raises NotShareable for
    a clip under review or in the trash, and where its checks said "private only".
    """
    if audience == Video.PUBLIC:
        return share_video(video, by=by)
    if audience not in Video.Circle.values:
        raise NotShareable(
            "There is no such audience.",
            param="audience",
            remedy="Choose private, link, workspace or public.",
        )
    if audience == Video.Circle.LINK:
        restrictions.check(by, "share")
        _check_for_strangers(video)
    with transaction.atomic():
        video = _locked(video, for_strangers=audience == Video.Circle.LINK)
        before = video.audience
        link = video.share_links.filter(revoked_at=None).exists()
        if before == audience and link == (audience == Video.Circle.LINK):
            return video
        if audience == Video.Circle.LINK and not link:
            _make_link(video, by=by)
        elif audience != Video.Circle.LINK:
            _revoke_links(video, by=by)
        was_public, video.shared_at, video.circle = video.shared_at is not None, None, audience
        video.save(update_fields=["shared_at", "circle"])
        if was_public:
            hooks.unfeature(video)
            audit.record(audit.VIDEO_UNSHARED, workspace=video.workspace, actor=by, target=video)
        audit.record(
            audit.VIDEO_AUDIENCE_CHANGED,
            workspace=video.workspace,
            actor=by,
            target=video,
            before=before,
            after=audience,
        )
        announce(video.generation)
    return video


def share_video(video: Video, *, by: User) -> Video:
    """Publish a clip to the Recent feed. Sharing a shared clip changes nothing.

    Raises NotShareable for a clip under review and for one whose checks said "private only".
    """
    restrictions.check(by, "share")
    if _check_for_strangers(video).shared_at is not None:
        return Video.objects.get(pk=video.pk)
    with transaction.atomic():
        # Somebody may have taken it down, or put it into the trash, while the checks were read.
        video = _locked(video, for_strangers=True)
        if video.shared_at is not None:
            return video
        video.shared_at = timezone.now()
        video.save(update_fields=["shared_at"])
        audit.record(audit.VIDEO_SHARED, workspace=video.workspace, actor=by, target=video)
        announce(video.generation)
    return video


def unshare_video(video: Video, *, by: User) -> Video:
    """Take a clip out of every public list in this transaction. It stays in the library."""
    if Video.objects.filter(pk=video.pk, shared_at=None).exists():
        return video
    return set_audience(video, Video.Circle.PRIVATE, by=by)


def replace_link(video: Video, *, by: User) -> ShareLink:
    """A new share link; the old one leads nowhere from now on. Raises NotShareable."""
    restrictions.check(by, "share")
    _check_for_strangers(video)
    with transaction.atomic():
        video = _locked(video, for_strangers=True)
        _revoke_links(video, by=by)
        link = _make_link(video, by=by)
        if video.shared_at is None and video.circle != Video.Circle.LINK:
            video.circle = Video.Circle.LINK
            video.save(update_fields=["circle"])
    return link


def revoke_link(video: Video, *, by: User) -> Video:
    """End the share link. A clip that was shown by link only is private then."""
    with transaction.atomic():
        video = Video.objects.select_for_update().get(pk=video.pk)
        _revoke_links(video, by=by)
        if video.circle == Video.Circle.LINK:
            video.circle = Video.Circle.PRIVATE
            video.save(update_fields=["circle"])
    return video


def _locked(video: Video, *, for_strangers: bool = False) -> Video:
    """The row, locked, when it may be shown at all, or to strangers. Raises NotShareable."""
    video = Video.objects.select_for_update().get(pk=video.pk)
    if video.quarantined_at is not None:
        raise NotShareable(UNDER_REVIEW)
    if video.trashed_at is not None:
        raise NotShareable("This clip is in the trash.", remedy="Take it out of the trash first.")
    if for_strangers and video.shared_at is None and (why := hooks.bar_to(video)):
        raise NotShareable(why, remedy="You can appeal under /settings/decisions/.")
    return video


def _check_for_strangers(video: Video) -> Video:
    """Judge a clip for people who did not ask for it, and store what was decided.

    A clip that is public already passed. Raises NotShareable.
    """
    with transaction.atomic():
        video = _locked(video, for_strangers=True)
        if video.shared_at is not None:
            return video
        if video.is_kept_private:
            raise NotShareable(
                "Our checks keep this clip private.",
                remedy="Ask for a person to look at it on the clip's page.",
            )
        decision = decide_for_feed(video)
        check = record_check(video.generation, SafetyCheck.Stage.FEED, decision, final=False)
    # The decision stays stored when it says no, so the refusal comes after the transaction.
    if decision.action != "allow" and video.released_at is None:
        raise NotShareable(
            "Our checks for public pages keep this clip private.",
            remedy="It stays yours to watch and download. Ask for a person to look at it on the "
            "clip's page.",
            reasons=list(decision.reasons),
            **(receipts.links(check.receipt) if check.receipt is not None else {}),
        )
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


def _make_link(video: Video, *, by: User) -> ShareLink:
    link = ShareLink.objects.create(video=video, workspace=video.workspace, made_by=by)
    audit.record(
        audit.VIDEO_LINK_MADE, workspace=video.workspace, actor=by, target=video, link=link.pk
    )
    return link


def _revoke_links(video: Video, *, by: User) -> None:
    for link in video.share_links.filter(revoked_at=None):
        link.revoked_at = timezone.now()
        link.save(update_fields=["revoked_at"])
        audit.record(
            audit.VIDEO_LINK_REVOKED,
            workspace=video.workspace,
            actor=by,
            target=video,
            link=link.pk,
        )


def describe(video: Video, text: str, *, by: User) -> Video:
    """What a screen reader says instead of the clip; "" brings the prompt back.

    Raises TextRefused.
    """
    text = public_text(text, param="alt_text", most=ALT_TEXT_CHARS)
    with transaction.atomic():
        video = Video.objects.select_for_update().get(pk=video.pk)
        if video.alt_text == text:
            return video
        video.alt_text = text
        video.save(update_fields=["alt_text"])
        audit.record(
            audit.VIDEO_DESCRIBED,
            workspace=video.workspace,
            actor=by,
            target=video,
            chars=len(text),
        )
    return video


# --- Likes and saves ---------------------------------------------------------------------------------


def like_video(video: Video, *, by: User) -> LikeCount:
    """Like a clip. Liking twice counts once."""
    Like.objects.get_or_create(video=video, user=by, defaults={"workspace_id": video.workspace_id})
    return Like.objects.count_of(video, by)


def unlike_video(video: Video, *, by: User) -> LikeCount:
    """Take a like back; nothing happens when there is none."""
    Like.objects.filter(video=video, user=by).delete()
    return Like.objects.count_of(video, by)


def save_video(video: Video, *, by: User) -> None:
    """Keep a clip among one's own saves. Twice is once."""
    Save.objects.get_or_create(video=video, user=by, defaults={"workspace_id": video.workspace_id})


def unsave_video(video: Video, *, by: User) -> None:
    """Keep it no longer; nothing happens when it wasn't kept."""
    Save.objects.filter(video=video, user=by).delete()


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
