"""What a decision may do. One class an action: `apply` does it, `reverse` undoes it.

Both run inside the transaction of services.decide and services.reverse. Everything an action changes is
a row with the decision's reference ("case:12") that is lifted again, or stands in `undo`; so two
decisions about one clip or person never undo each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Final

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts import audit, restrictions
from accounts.models import Restriction, User
from generation import hooks, takedown
from generation import services as generation
from generation.models import Fingerprint, Receipt, Upload, Video
from moderation import hash_banks, removals, strikes
from moderation.errors import (
    HoldNeedsDecision,
    InvalidAction,
    NothingToRelease,
    TakedownTooLarge,
)
from moderation.models import Case, ShareBar, VideoLabel
from moderation.policies import Policy
from moderation.screening.hash_formats import Row

Kind = Receipt.Kind
Feature = Restriction.Feature

ALL: Final = frozenset(Case.Subject.values)
CLIPS: Final = frozenset({"video"})
FILES: Final = frozenset({"video", "upload"})
REMOVED_HERE: Final = "removed-here"
"""Name of the bank that `block` adds to: what was removed on this site."""
MOST_DAYS: Final = 365


@dataclass
class Deed:
    """One decision while it is carried out. `undo` is stored; `hit` are the clips of other people too."""

    case: Case
    policy: Policy
    params: dict[str, Any]
    by: User
    reference: str
    undo: dict[str, Any] = field(default_factory=dict)
    hit: list[Video] = field(default_factory=list)
    until: str = ""  # in words, for the notice

    @property
    def video(self) -> Video:
        assert self.case.video is not None  # services check the subject first
        return self.case.video

    @property
    def upload(self) -> Upload:
        assert self.case.upload is not None
        return self.case.upload

    def days(self, default: int) -> int:
        """The chosen number of days. Raises InvalidAction."""
        value = self.params.get("days", default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_DAYS:
            raise InvalidAction(f"days is a number from 1 to {MOST_DAYS}.", param="params.days")
        return value


class Action:
    """`kind` is that of the receipt; "" gives none. `subjects`: what a case may be about. `upholds`:
    the reports were right. `params`: what may be chosen, name -> what it means."""

    code: ClassVar[str]
    label: ClassVar[str]  # on the button
    key: ClassVar[str]  # on the keyboard
    severity: ClassVar[int] = 1  # 0 nothing .. 4 gravest, for order and colour
    kind: ClassVar[str] = ""
    appealable: ClassVar[bool] = True
    upholds: ClassVar[bool] = True
    subjects: ClassVar[frozenset[str]] = ALL
    params: ClassVar[dict[str, str]] = {}
    notice: ClassVar[str] = ""  # the first sentence for the person; the rule's own follows

    def apply(self, deed: Deed) -> None:
        raise TypeError(f"{type(self).__name__} applies nothing")

    def reverse(self, deed: Deed) -> None:
        """Everything that has the decision's reference goes back; see the head of this file."""
        raise TypeError(f"{type(self).__name__} reverses nothing")

    def says(self, deed: Deed) -> str:
        """What the person reads, with the message of the rule."""
        return " ".join(part for part in (self.notice, deed.until, deed.policy.message) if part)


class Dismiss(Action):
    code, label, key, severity = "dismiss", "Leave it as it is", "l", 0
    appealable = upholds = False

    def apply(self, deed: Deed) -> None:
        if deed.case.video is not None and deed.case.video.held_at is not None:
            raise HoldNeedsDecision()

    def reverse(self, deed: Deed) -> None:
        """Nothing was changed."""


class Release(Action):
    """Lets a held clip go to its owner, or a guarded one be shared."""

    code, label, key, severity = "release", "Release the clip", "e", 0
    appealable = upholds = False
    subjects = CLIPS

    def apply(self, deed: Deed) -> None:
        video = deed.video
        if not may_release(video):
            raise NothingToRelease()
        if video.held_at is not None:
            deed.undo["held"] = True
            generation.end_hold(video, by=deed.by, release=True, reason=deed.reference)
        else:
            generation.release_video(video, by=deed.by, reason=deed.reference)

    def reverse(self, deed: Deed) -> None:
        """A guarded clip is guarded again, and private. A held one was delivered and paid: it is not
        taken back, a new case decides about it."""
        if deed.undo.get("held"):
            raise InvalidAction(
                "A delivered clip can't be held again.",
                remedy="Report it; a new case can remove it.",
            )
        video = Video.objects.select_for_update().get(pk=deed.video.pk)
        video.released_at = video.shared_at = None
        video.save(update_fields=["released_at", "shared_at"])
        generation.announce(video.generation)


class Label(Action):
    code, label, key, severity = "label", "Put a label on it", "a", 1
    kind = Kind.RESTRICTION
    subjects = CLIPS
    params: ClassVar = {"label": "altered, sensitive, flashing or context"}
    notice = "We put a label on your clip."

    def apply(self, deed: Deed) -> None:
        code = deed.params.get("label", VideoLabel.Code.ALTERED)
        if code not in VideoLabel.Code.values:
            raise InvalidAction(
                "There is no such label.",
                param="params.label",
                remedy=f"Choose {', '.join(VideoLabel.Code.values)}.",
            )
        label, made = VideoLabel.objects.get_or_create(
            video=deed.video,
            code=code,
            removed_at=None,
            defaults={"workspace_id": deed.video.workspace_id, "reference": deed.reference},
        )
        if made:
            audit.record(
                audit.MODERATION_LABELLED,
                workspace=deed.video.workspace,
                actor=deed.by,
                target=deed.video,
                label=label.code,
            )

    def reverse(self, deed: Deed) -> None:
        rows = VideoLabel.objects.filter(
            video=deed.video, reference=deed.reference, removed_at=None
        )
        if rows.update(removed_at=timezone.now()):
            audit.record(
                audit.MODERATION_LABEL_REMOVED,
                workspace=deed.video.workspace,
                actor=deed.by,
                target=deed.video,
            )


class Unlist(Action):
    """Out of every public list; the owner keeps it and can't share it while the decision stands."""

    code, label, key, severity = "unlist", "Take it out of public lists", "u", 2
    kind = Kind.RESTRICTION
    subjects = CLIPS
    notice = "We took your clip out of public lists. It stays in your library."

    def apply(self, deed: Deed) -> None:
        video = Video.objects.select_for_update(of=("self",)).get(pk=deed.video.pk)
        deed.undo["shared_at"] = video.shared_at.isoformat() if video.shared_at else None
        ShareBar.objects.create(
            workspace_id=video.workspace_id, video=video, reference=deed.reference
        )
        if video.shared_at is not None:
            video.shared_at = None
            video.save(update_fields=["shared_at"])
            _withdraw(video)
            generation.announce(video.generation)
        audit.record(
            audit.MODERATION_BARRED, workspace=video.workspace, actor=deed.by, target=video
        )

    def reverse(self, deed: Deed) -> None:
        video = Video.objects.select_for_update(of=("self",)).get(pk=deed.video.pk)
        ShareBar.objects.filter(video=video, reference=deed.reference).update(
            lifted_at=timezone.now()
        )
        audit.record(
            audit.MODERATION_BAR_LIFTED, workspace=video.workspace, actor=deed.by, target=video
        )
        was = deed.undo.get("shared_at")
        gone = video.trashed_at is not None or video.deleted_at is not None
        if was and not gone and video.shared_at is None and not is_barred(video):
            video.shared_at = parse_datetime(was)
            video.save(update_fields=["shared_at"])
            generation.announce(video.generation)


class Remove(Action):
    """The clip, and those uploads it was made from that are named, for nobody to reach."""

    code, label, key, severity = "remove", "Remove the clip", "r", 3
    kind = Kind.REMOVAL
    subjects = FILES
    params: ClassVar = {
        "uploads": "ids of uploads the clip was made from, to be removed with it",
        "strike": "true: the person also gets a strike",
    }
    notice = "We removed your clip."

    def reach(self, deed: Deed) -> takedown.Reach:
        if deed.case.video is None:
            return takedown.reach_of_upload(deed.upload, lineage=False)
        return takedown.reach_of(deed.video, lineage=False, copies=False)

    def apply(self, deed: Deed) -> None:
        video = deed.case.video
        if video is not None and video.held_at is not None:
            deed.undo["held"] = True
            generation.end_hold(video, by=deed.by, release=False, reason=deed.reference)
        try:
            found = self.reach(deed)
        except takedown.TooFarReaching as error:
            raise TakedownTooLarge() from error
        chosen = {str(each) for each in deed.params.get("uploads", ())}
        found.uploads |= {u.pk for u in sources_of(deed.case) if str(u.pk) in chosen}
        deed.hit = removals.remove(found, reference=deed.reference, by=deed.by)
        deed.undo["count"] = len(found.videos) + len(found.uploads)

    def reverse(self, deed: Deed) -> None:
        removals.give_back(reference=deed.reference, by=deed.by)
        if deed.undo.get("held"):  # delivered after all; what was released is not charged again
            generation.deliver_after_all(deed.video, by=deed.by)


class Takedown(Remove):
    code, label, key, severity = "takedown", "Remove it with all that was made from it", "t", 4
    notice = "We removed this with everything that was made from it."

    def reach(self, deed: Deed) -> takedown.Reach:
        if deed.case.video is None:
            return takedown.reach_of_upload(deed.upload)
        return takedown.reach_of(deed.video)


class Block(Remove):
    """Removes the clip and lists its pictures: what the engine draws like it is refused too."""

    code, label, key, severity = "block", "Remove it and block what looks like it", "b", 4
    subjects = CLIPS

    def apply(self, deed: Deed) -> None:
        super().apply(deed)
        rows = Fingerprint.objects.filter(video=deed.video).values_list("at_ms", "hash")
        listed = [
            Row(bytes(value), video=str(deed.video.pk), seconds=at / 1000, reference=deed.reference)
            for at, value in rows
        ]
        deed.undo["listed"] = hash_banks.list_removed(REMOVED_HERE, listed, by=deed.by)

    def reverse(self, deed: Deed) -> None:
        super().reverse(deed)
        hash_banks.unlist_removed(REMOVED_HERE, deed.reference, by=deed.by)


class Warn(Action):
    code, label, key, severity = "warn", "Warn the person", "w", 1
    kind = Kind.WARNING
    params: ClassVar = {}
    notice = "This is a warning. Nothing else happens now."

    def apply(self, deed: Deed) -> None:
        """The statement itself is the warning."""

    def reverse(self, deed: Deed) -> None:
        """The statement is taken back with the decision."""


class GiveStrike(Action):
    """A strike alone, for what is gone already or can't be removed. With a removal: its parameter."""

    code, label, key, severity = "strike", "Give a strike", "s", 3
    kind = Kind.STRIKE
    notice = "You got a strike."

    def apply(self, deed: Deed) -> None:
        strike(deed)

    def reverse(self, deed: Deed) -> None:
        restrictions.lift(deed.case.about, reference=deed.reference, by=deed.by)


class Restrict(Action):
    code, label, key, severity = "restrict", "Limit features for a time", "f", 3
    kind = Kind.LIMIT
    params: ClassVar = {
        "features": "list of share, generate, upload, remix, report",
        "days": "1 to 365",
    }
    notice = "Some things are closed to your account for a time."
    MAY: ClassVar = frozenset(Feature.values) - {Feature.ACCOUNT}

    def apply(self, deed: Deed) -> None:
        chosen = deed.params.get("features", [Feature.SHARE])
        if not isinstance(chosen, list) or not chosen or not set(chosen) <= self.MAY:
            raise InvalidAction(
                "Choose what is closed.",
                param="params.features",
                remedy=f"A list of {', '.join(sorted(self.MAY))}.",
            )
        days = deed.days(7)
        until = timezone.now() + timedelta(days=days)
        restrictions.add(deed.case.about, chosen, until=until, reference=deed.reference, by=deed.by)
        named = ", ".join(Feature(each).label for each in sorted(set(chosen)))
        deed.until = f"For {days} days you can't: {named}."

    def reverse(self, deed: Deed) -> None:
        restrictions.lift(deed.case.about, reference=deed.reference, by=deed.by)


class Suspend(Action):
    code, label, key, severity = "suspend", "Suspend the account for a time", "p", 4
    kind = Kind.SUSPENSION
    params: ClassVar = {"days": "1 to 365"}
    notice = "Your account is suspended."

    def apply(self, deed: Deed) -> None:
        days = deed.days(30)
        deed.until = f"It opens again in {days} days by itself."
        restrictions.add(
            deed.case.about,
            [Feature.ACCOUNT],
            until=timezone.now() + timedelta(days=days),
            reference=deed.reference,
            by=deed.by,
        )

    def reverse(self, deed: Deed) -> None:
        restrictions.lift(deed.case.about, reference=deed.reference, by=deed.by)


class Ban(Suspend):
    code, label, key, severity = "ban", "Close the account for good", "x", 4
    params: ClassVar = {}
    notice = "Your account is closed for good."

    def apply(self, deed: Deed) -> None:
        restrictions.add(
            deed.case.about, [Feature.ACCOUNT], until=None, reference=deed.reference, by=deed.by
        )


ACTIONS: Final[dict[str, Action]] = {
    action.code: action
    for action in (
        Dismiss(),
        Release(),
        Label(),
        Unlist(),
        Remove(),
        Block(),
        Takedown(),
        Warn(),
        GiveStrike(),
        Restrict(),
        Suspend(),
        Ban(),
    )
}


def actions_for(case: Case) -> list[Action]:
    """What may be decided about a case now, in the order of the buttons."""
    found = [a for a in ACTIONS.values() if case.subject_kind in a.subjects]
    video = case.video
    if video is None or not may_release(video):
        found = [a for a in found if a.code != "release"]
    if video is not None and video.held_at is not None:
        found = [a for a in found if a.code in ("release", "remove", "block", "takedown")]
    return found


def strike(deed: Deed) -> None:
    """What one more strike brings; the row itself is written with the decision."""
    rung = strikes.climb(deed.case.about, deed.policy.code, reference=deed.reference, by=deed.by)
    deed.undo["strike"] = True
    if rung is not None:
        deed.until = f"{deed.until} {rung.says}".strip()


def wants_strike(action: Action, params: dict[str, Any]) -> bool:
    return action.code == "strike" or bool("strike" in action.params and params.get("strike"))


def may_release(video: Video) -> bool:
    """Whether there is something a person may let go: a hold, or "private only"."""
    if video.held_at is not None:
        return True
    if video.shared_at is not None or video.released_at is not None:
        return False
    feed = video.generation.safety_checks.filter(stage="feed").order_by("-pk").first()
    return video.is_kept_private or (feed is not None and feed.action != "allow")


def sources_of(case: Case) -> list[Upload]:
    """The uploads the clip of a case was made from, those in quarantine left out."""
    if case.video is None:
        return []
    return list(
        Upload.objects.filter(used_by__generation=case.video.generation_id, quarantined_at=None)
        .distinct()
        .order_by("created_at")
    )


def is_barred(video: Video) -> bool:
    """Whether a decision keeps this clip out of public lists."""
    return ShareBar.objects.filter(video=video, lifted_at=None).exists()


def _withdraw(video: Video) -> None:
    for withdraw in hooks.withdrawals:
        withdraw(video)
