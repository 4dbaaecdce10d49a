"""Whether an action can be undone to an equal state: applied, appealed by whom it hit, overturned.

Used by the benchmark `receipts` and by the property test; what "equal" means stands in `state_of` alone.
"""

from __future__ import annotations

import itertools
from typing import Any

from accounts.models import Restriction, User
from generation.models import Upload, Video
from moderation import appeals, removals, reports, services
from moderation.actions import Action
from moderation.models import HashEntry, Removal, ShareBar, Strike, VideoLabel
from sora_site.lib import storage

CHOICES: dict[str, list[Any]] = {
    "strike": [False, True],
    "label": ["altered", "sensitive", "flashing", "context"],
    "features": [["share"], ["generate", "upload", "remix", "report"]],
    "days": [1, 365],
}


def params_of(action: Action) -> list[dict[str, Any]]:
    """Every combination of what may be chosen with an action."""
    names = [name for name in action.params if name in CHOICES]
    return [
        dict(zip(names, values, strict=True))
        for values in itertools.product(*(CHOICES[name] for name in names))
    ]


def state_of(video: Video) -> dict[str, Any]:
    """Everything a decision may change about a clip, what hangs on it, its files and its owner."""
    owner = User.objects.get(pk=video.creator_id)
    below = Video.objects.filter(pk=video.pk) | Video.objects.filter(parents=video)
    clips = {}
    for clip in below.distinct():
        clips[str(clip.pk)] = {
            "shared_at": clip.shared_at,
            "quarantined_at": clip.quarantined_at,
            "held_at": clip.held_at,
            "released_at": clip.released_at,
            "audience": clip.audience,
            "seen": Video.objects.shared().filter(pk=clip.pk).exists(),
            "files": [_lies(key) for key in (clip.media_key, clip.poster_key) if key],
            "reason": clip.generation.reason_code,
        }
    return {
        "clips": clips,
        "uploads": dict(
            Upload.objects.filter(used_by__generation=video.generation_id).values_list(
                "pk", "quarantined_at"
            )
        ),
        "labels": list(
            VideoLabel.objects.filter(video=video, removed_at=None).values_list("code", flat=True)
        ),
        "bars": ShareBar.objects.filter(video=video, lifted_at=None).count(),
        "removals": Removal.objects.running().filter(video=video).count(),
        "blocked": HashEntry.objects.filter(video=str(video.pk)).exclude(status="disabled").count(),
        "points": Strike.objects.points(owner),
        "restricted": sorted(Restriction.objects.running(owner).values_list("feature", flat=True)),
        "suspended_at": owner.suspended_at,
    }


def _lies(key: str) -> str:
    """The area a file lies in, on this disk."""
    for area in ("private", "quarantine"):
        path = storage.local_path(key, area)
        if path is not None and path.is_file():
            return area
    return ""


def holds(video: Video, *, action: str, params: dict[str, Any], first: User, second: User) -> bool:
    """Apply, appeal, overturn: whether the state is what it was, and differed in between."""
    before = state_of(video)
    report = reports.file(video, reason="violence_gore", address=f"round trip {video.pk}")
    decision = services.decide(
        report.case, action=action, note="Round trip.", by=first, params=params
    )
    removals.move_waiting()
    between = state_of(video)
    assert decision.receipt is not None  # decision_has_a_receipt
    appeal = appeals.file(decision.receipt, by=video.creator, text="It was wrong.")
    appeals.decide(appeal, overturn=True, note="It was.", by=second)
    silent = action == "warn"  # changes nothing but what was said
    return state_of(video) == before and (silent or between != before)
