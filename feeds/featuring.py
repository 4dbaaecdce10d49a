"""Featured: curators choose, the strictest checks are asked once more, slots end by themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from accounts.staff_roles import require_role
from feeds.errors import AnotherCurator, NotFeaturable
from feeds.hooks import objection_to
from feeds.listings import MOST_PER_CREATOR
from feeds.models import FeaturedPick
from feeds.services import decide_for_feed
from feeds.wording import public_text
from generation.models import SafetyCheck, Video
from generation.services import record_check

State = FeaturedPick.State
CURATOR = "curator"
MOST_OPEN = 48
MOST_DAYS = 30
REASON_CHARS = 200


def propose(video: Video, *, by: User, reason: str, days: int) -> FeaturedPick:
    """Put a clip into Featured, or before a second curator where the site asks for two.

    Raises StaffRoleMissing, TextRefused, or NotFeaturable with what is against it.
    """
    reason = public_text(reason, param="reason", most=REASON_CHARS, required=True)
    if not 1 <= days <= MOST_DAYS:
        raise NotFeaturable(f"A slot lasts 1 to {MOST_DAYS} days.", param="days")
    judge(video)
    with transaction.atomic():
        require_role(by, CURATOR)
        video = enterable(video)
        if video.picks.exclude(state=State.ENDED).exists():
            raise NotFeaturable("This clip has a slot already.")
        pick = FeaturedPick.objects.create(
            video=video,
            workspace=video.workspace,
            state=State.PROPOSED,
            reason=reason,
            days=days,
            proposed_by=by,
        )
        audit.record(
            audit.FEED_PROPOSED, workspace=video.workspace, actor=by, target=video, days=days
        )
        if settings.SORA_FEATURED_APPROVALS < 2:
            _open(pick, by=by)
    return pick


def approve(pick: FeaturedPick, *, by: User) -> FeaturedPick:
    """The second yes. What is against the clip is asked again: days may have passed.

    Raises StaffRoleMissing, AnotherCurator or NotFeaturable.
    """
    judge(pick.video)
    with transaction.atomic():
        require_role(by, CURATOR)
        enterable(pick.video)  # first the clip's row, then the slot's, as a takedown takes them
        pick = FeaturedPick.objects.select_for_update().get(pk=pick.pk)
        if pick.state != State.PROPOSED:
            raise NotFeaturable("This slot is decided already.")
        if pick.proposed_by_id == by.pk:
            raise AnotherCurator()
        _open(pick, by=by)
    return pick


def end(pick: FeaturedPick, *, by: User, why: str) -> FeaturedPick:
    """Close a slot, or decline a proposal. Nothing happens to one that ended before."""
    why = public_text(why, param="why", most=REASON_CHARS) or "A curator ended it."
    with transaction.atomic():
        require_role(by, CURATOR)
        pick = FeaturedPick.objects.select_for_update().get(pk=pick.pk)
        _close([pick], why=why, by=by)
    return pick


def end_of(video: Video, *, why: str) -> None:
    """Close the open slot of a clip, if there is one, in the caller's transaction."""
    _close(video.picks.select_for_update().exclude(state=State.ENDED), why=why)


def sweep() -> int:
    """Every minute: close what expired, and what something now speaks against. Returns how many."""
    with transaction.atomic():
        over = FeaturedPick.objects.select_for_update(skip_locked=True).filter(
            state=State.LIVE, expires_at__lte=timezone.now()
        )
        ended = _close(over, why="Its time was over.")
    for pick in FeaturedPick.objects.exclude(state=State.ENDED).select_related("video__creator"):
        why = objection_to(pick.video)
        if why:
            with transaction.atomic():
                end_of(pick.video, why=why)
            ended += 1
    return ended


def judge(video: Video) -> None:
    """Read everything the checks ever saw in this clip with the profile for public pages.

    Stricter than sharing is: what a person released after a doubt may be public, not featured. The
    decision stays stored when it says no. Raises NotFeaturable.
    """
    decision = decide_for_feed(video)
    record_check(video.generation, SafetyCheck.Stage.FEED, decision, final=False)
    if decision.action != "allow" or video.released_at is not None:
        raise NotFeaturable("Our strictest checks are not sure about this clip.")


def enterable(video: Video) -> Video:
    """The clip, locked, when nothing is against it and its creator has a slot left."""
    video = Video.objects.select_for_update(of=("self",)).select_related("creator").get(pk=video.pk)
    if why := objection_to(video):
        raise NotFeaturable(why)
    return video


def _open(pick: FeaturedPick, *, by: User) -> None:
    """Raises NotFeaturable where no slot is free. Openings wait for each other to count right."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('feeds.featured'))")
    creators = list(FeaturedPick.objects.live().values_list("video__creator", flat=True))
    if len(creators) >= MOST_OPEN:
        raise NotFeaturable(f"All {MOST_OPEN} slots are taken.", remedy="End one first.")
    if creators.count(pick.video.creator_id) >= MOST_PER_CREATOR:
        raise NotFeaturable(
            f"{MOST_PER_CREATOR} clips of this creator are featured now.",
            remedy="Choose somebody else's clip, or end one of theirs.",
        )
    pick.state, pick.live_at, pick.approved_by = State.LIVE, timezone.now(), by
    pick.expires_at = pick.live_at + timedelta(days=pick.days)
    pick.save(update_fields=["state", "live_at", "approved_by", "expires_at"])
    audit.record(
        audit.FEED_FEATURED, workspace=pick.workspace, actor=by, target=pick.video, pick=pick.pk
    )


def _close(picks: Iterable[FeaturedPick], *, why: str, by: User | None = None) -> int:
    ended = 0
    for pick in picks:
        if pick.state == State.ENDED:
            continue
        pick.state, pick.ended_at, pick.ended_why = State.ENDED, timezone.now(), why
        pick.save(update_fields=["state", "ended_at", "ended_why"])
        audit.record(
            audit.FEED_FEATURE_ENDED,
            workspace=pick.workspace,
            actor=by,
            target=pick.video,
            pick=pick.pk,
        )
        ended += 1
    return ended


# --- What the desk shows -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Mix:
    """How varied the open slots are; for the curator's eye, it decides nothing."""

    slots: int
    creators: int
    newcomers: int  # creators who never had a slot before
    languages: list[tuple[str, int]]  # by the script of the prompt
    people: int  # clips whose prompt speaks of people
    themes: list[tuple[str, int]]  # what the model understood of the prompts, most frequent first


def mix_of(picks: Iterable[FeaturedPick]) -> Mix:
    """Counts over open slots, with their clips and jobs loaded."""
    chosen = list(picks)
    creators = {pick.video.creator_id for pick in chosen}
    before = FeaturedPick.objects.filter(state=State.ENDED, live_at__isnull=False)
    known = before.filter(video__creator__in=creators).values_list("video__creator", flat=True)
    prompts = [pick.video.generation.prompt for pick in chosen]
    themes: Counter[str] = Counter()
    for pick in chosen:
        themes.update({str(word) for word in pick.video.generation.understood or _words(pick)})
    return Mix(
        slots=len(chosen),
        creators=len(creators),
        newcomers=len(creators - set(known)),
        languages=Counter(map(script_of, prompts)).most_common(),
        people=sum(any(word in PEOPLE for word in _plain(prompt)) for prompt in prompts),
        themes=themes.most_common(8),
    )


PEOPLE = frozenset(
    {
        "person", "people", "man", "men", "woman", "women", "human", "humans", "crowd",
        "dancer", "dancers", "farmer", "doctor", "teacher", "worker", "workers", "couple",
        "family", "grandmother", "grandfather", "mother", "father", "lady", "gentleman", "chef",
        "nurse", "musician", "artist", "athlete", "runner", "swimmer",
    }
)  # fmt: skip

SCRIPTS = (
    ("Latin", 0x0041, 0x024F),
    ("Greek", 0x0370, 0x03FF),
    ("Cyrillic", 0x0400, 0x052F),
    ("Hebrew", 0x0590, 0x05FF),
    ("Arabic", 0x0600, 0x06FF),
    ("Indic", 0x0900, 0x0DFF),
    ("Thai", 0x0E00, 0x0E7F),
    ("Japanese", 0x3040, 0x30FF),
    ("Han", 0x4E00, 0x9FFF),
    ("Hangul", 0xAC00, 0xD7AF),
)


def script_of(text: str) -> str:
    """The writing most letters of a text belong to: as near to its language as counting needs."""
    seen: Counter[str] = Counter()
    for character in text:
        if character.isalpha():
            seen[next((n for n, a, z in SCRIPTS if a <= ord(character) <= z), "Other")] += 1
    if seen["Japanese"]:
        return "Japanese"
    return seen.most_common(1)[0][0] if seen else "Other"


def _plain(text: str) -> list[str]:
    return "".join(c if c.isalpha() else " " for c in text.lower()).split()


def _words(pick: Any) -> list[str]:
    return [word for word in _plain(pick.video.generation.prompt) if len(word) > 4]
