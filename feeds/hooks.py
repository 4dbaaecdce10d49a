"""What other apps add to the feeds, and what they may call.

`objections` is read when a clip enters Featured or Rising and every minute while it is there: each
gives a sentence for the curator why the clip may not be there now, or "".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from generation.models import Video

objections: list[Callable[[Video], str]] = []

# Each says why a clip may not be shown outside its workspace at all, or "" (a decision keeps it in).
bars: list[Callable[[Video], str]] = []


def bar_to(video: Video) -> str:
    """Why this clip may not leave its workspace; "" when nothing is against it."""
    return next((why for bar in bars if (why := bar(video))), "")


def objection_to(video: Video) -> str:
    """Why this clip may not be featured or rise now; "" when nothing is against it."""
    if video.shared_at is None or video.quarantined_at is not None:
        return "The clip isn't public."
    if not video.creator.is_active or video.creator.is_suspended:
        return "Its creator's account is closed."
    return next((why for object_to in objections if (why := object_to(video))), "")


def unfeature(video: Video, *, why: str = "It is no longer public.") -> None:
    """End a clip's open slot and take it out of Rising, in the caller's transaction.

    Coming back takes a new decision of a curator. Nothing happens to a clip that is in neither.
    """
    from feeds import featuring, rising

    featuring.end_of(video, why=why)
    rising.withdraw(video, why=why)


def placed(videos: Iterable[UUID]) -> set[UUID]:
    """Which of these clips have an open slot or rise: those `unfeature` has something to do for."""
    from feeds.models import FeaturedPick, Standing

    ids = list(videos)
    picked = FeaturedPick.objects.filter(video__in=ids).exclude(state=FeaturedPick.State.ENDED)
    rising = Standing.objects.filter(video__in=ids, review=Standing.Review.APPROVED)
    return {
        *picked.values_list("video_id", flat=True),
        *rising.values_list("video_id", flat=True),
    }
