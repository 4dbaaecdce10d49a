"""Drafts: unfinished storyboards, saved while somebody works on them. Their link restores them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from django.db.models import F
from django.utils import timezone

from accounts.models import User, Workspace
from generation.cards import card_of
from generation.editing.plan import MAX_CARDS, MAX_SECONDS, MediaRef, PlanError
from generation.edits import find_sources
from generation.errors import DraftChanged, InvalidEdit, TooManyDrafts
from generation.models import Draft, Upload, Video
from generation.upload_api import present as present_upload

MOST_DRAFTS = 500
MOST_BYTES = 100_000
MOST_TITLE = 80
DEEPEST = 6
CARDS = ("text", "image", "clip")


def create_draft(workspace: Workspace, *, by: User, title: str, plan: Any) -> Draft:
    """Raises InvalidEdit naming the card, TooManyDrafts."""
    title, plan = clean_title(title), clean_plan(plan)
    if workspace.drafts.count() >= MOST_DRAFTS:
        raise TooManyDrafts(f"A workspace keeps at most {MOST_DRAFTS} drafts.")
    return Draft.objects.create(workspace=workspace, created_by=by, title=title, plan=plan)


def save_draft(draft: Draft, *, title: str, plan: Any, version: int) -> Draft:
    """Save over version `version`. Raises InvalidEdit, and DraftChanged when there is a later one.

    Saving the same again after a lost answer is no conflict.
    """
    title, plan = clean_title(title), clean_plan(plan)
    saved = Draft.objects.filter(pk=draft.pk, version=version).update(
        title=title, plan=plan, version=F("version") + 1, updated_at=timezone.now()
    )
    draft.refresh_from_db()
    if not saved and (draft.title, draft.plan) != (title, plan):
        raise DraftChanged(version=draft.version)
    return draft


def delete_draft(draft: Draft) -> None:
    draft.delete()


# --- What a draft may hold -----------------------------------------------------------------------


def clean_title(title: str) -> str:
    title = " ".join(title.replace("\0", "").split())
    if len(title) > MOST_TITLE:
        raise InvalidEdit(
            f"A title has at most {MOST_TITLE} characters.", param="title", remedy="Shorten it."
        )
    return title


def clean_plan(plan: Any) -> dict[str, Any]:
    """The editor's content within bounds. It need not be ready to be made: that is checked later."""
    if not isinstance(plan, dict):
        raise InvalidEdit("A draft is an object.", param="plan", remedy="Send {cards: […]}.")
    _check_values(plan, "plan", 0)
    size = len(json.dumps(plan, ensure_ascii=False).encode())
    if size > MOST_BYTES:
        raise InvalidEdit(
            f"The draft has {size // 1000} kB; it may have {MOST_BYTES // 1000}.",
            param="plan",
            remedy="Shorten texts or take cards away.",
        )
    cards = plan.get("cards", [])
    if not isinstance(cards, list) or len(cards) > MAX_CARDS:
        raise InvalidEdit(
            f"A storyboard has at most {MAX_CARDS} cards.",
            param="plan.cards",
            remedy="Make it in two parts and stitch them.",
        )
    for index, card in enumerate(cards):
        _check_card(card, f"plan.cards[{index}]")
    return plan


def _check_card(card: Any, name: str) -> None:
    kind = card.get("type") if isinstance(card, dict) else None
    if kind not in CARDS:
        raise InvalidEdit(
            "A card is a text, an image or a clip.", param=f"{name}.type", remedy="Set its type."
        )
    at = card.get("at", 0)
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at <= MAX_SECONDS:
        raise InvalidEdit(
            f"A card lies between 0 and {MAX_SECONDS:g} seconds.",
            param=f"{name}.at",
            remedy="Move it onto the timeline.",
        )
    if kind == "text":
        if not isinstance(card.get("text", ""), str):
            raise InvalidEdit("The text of a card is a text.", param=f"{name}.text", remedy="")
        return
    try:
        MediaRef.parse(card.get("media"), f"{name}.media")
    except PlanError as error:
        raise InvalidEdit(error.message, param=error.field, remedy=error.remedy) from error


def _check_values(value: Any, name: str, depth: int) -> None:
    """Texts and numbers that the database can hold, nothing nested without end."""
    if depth > DEEPEST:
        raise InvalidEdit("This is nested too deeply.", param=name, remedy="Send a storyboard.")
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_values(str(key), name, depth + 1)
            _check_values(inner, f"{name}.{str(key)[:40]}", depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_values(inner, f"{name}[{index}]", depth + 1)
    elif isinstance(value, str):
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise InvalidEdit(
                "This text holds characters that can't be stored.",
                param=name,
                remedy="Type it again.",
            )
    elif isinstance(value, float) and not math.isfinite(value):
        raise InvalidEdit("This is no number.", param=name, remedy="Give a finite number.")


# --- What a draft shows --------------------------------------------------------------------------


def board_of(plan: dict[str, Any]) -> dict[str, Any]:
    """A draft as the storyboard page holds it; one of another tool becomes its cards."""
    if "cards" in plan or "source" not in plan:
        return plan
    text = {"type": "text", "text": str(plan.get("prompt", "")), "at": 0}
    return {"cards": [text, {"type": "clip", "media": str(plan["source"]), "at": 0}]}


def title_of(draft: Draft) -> str:
    """Its title, else its first words."""
    return draft.title or next(_texts(draft.plan), "") or "Untitled storyboard"


def _texts(plan: dict[str, Any]) -> Iterator[str]:
    for card in board_of(plan).get("cards", []):
        if isinstance(card, dict) and str(card.get("text", "")).strip():
            yield str(card["text"]).strip()[:MOST_TITLE]


def media_of(user: User, plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What its cards refer to, as far as `user` may use it now. Links are signed here."""
    refs = []
    for card in board_of(plan).get("cards", []):
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
