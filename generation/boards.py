"""Reads of drafts: what a storyboard page shows of one, and the clips and pictures on its cards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from accounts.models import User
from generation.cards import card_of
from generation.editing.plan import MediaRef, PlanError
from generation.edits import find_sources
from generation.models import Draft, Upload, Video
from generation.uploads.api import present as present_upload


def board_of(plan: dict[str, Any]) -> dict[str, Any]:
    """A draft as the storyboard page holds it; one of another tool becomes its cards."""
    if "cards" in plan or "source" not in plan:
        return plan
    text = {"type": "text", "text": str(plan.get("prompt", "")), "at": 0}
    return {"cards": [text, {"type": "clip", "media": str(plan["source"]), "at": 0}]}


def kind_of(draft: Draft) -> str:
    """ "storyboard", or "sequence" for what the page of stitching keeps."""
    return "sequence" if draft.plan.get("kind") == "sequence" else "storyboard"


def things_of(plan: dict[str, Any]) -> list[Any]:
    """The cards of a storyboard, the parts of a sequence."""
    found = plan.get("parts", []) if plan.get("kind") == "sequence" else board_of(plan).get("cards")
    return found if isinstance(found, list) else []


def title_of(draft: Draft) -> str:
    """Its title, else its first words."""
    return draft.title or next(_texts(draft.plan), "") or f"Untitled {kind_of(draft)}"


def _texts(plan: dict[str, Any]) -> Iterator[str]:
    for card in things_of(plan):
        if isinstance(card, dict) and str(card.get("text", "")).strip():
            yield str(card["text"]).strip()[:80]


def media_of(user: User, plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What its cards refer to, as far as `user` may use it now. Links are signed here."""
    refs = []
    for card in things_of(plan):
        try:
            refs.append(MediaRef.parse(card.get("media"), "media"))
        except (PlanError, AttributeError):
            continue  # a text, or something an import brought along
    found = find_sources(user, list(dict.fromkeys(refs)))
    shown = {str(ref): show_video(video) for ref, video in found.videos.items()}
    return shown | {str(ref): show_upload(upload) for ref, upload in found.uploads.items()}


def show_video(video: Video) -> dict[str, Any]:
    card = card_of(video)
    return {
        "ref": f"video:{video.pk}",
        "kind": "video",
        "name": card["prompt"],
        "poster_url": card["poster_url"],
        "media_url": card["media_url"],
        "seconds": video.seconds,
    }


def show_upload(upload: Upload) -> dict[str, Any]:
    shown = present_upload(upload)
    return {
        "ref": shown["ref"],
        "kind": shown["kind"],
        "name": shown["name"],
        "poster_url": shown["poster_url"],
        "media_url": shown["media_url"],
        "seconds": shown["seconds"] if shown["kind"] == "video" else 0,
    }
