"""Drafts: unfinished storyboards and sequences, saved while somebody works on them.

The link of one restores it.
"""

from __future__ import annotations

import json
import math
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import audit
from accounts.models import User, Workspace
from generation.editing.plan import MAX_CARDS, MAX_SECONDS, MediaRef, PlanError
from generation.errors import DraftChanged, InvalidEdit, TooManyDrafts
from generation.models import Draft

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
    with transaction.atomic():
        draft = Draft.objects.create(workspace=workspace, created_by=by, title=title, plan=plan)
        audit.record(audit.DRAFT_CREATED, workspace=workspace, actor=by, target=draft)
    return draft


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


def delete_draft(draft: Draft, *, by: User) -> None:
    with transaction.atomic():
        audit.record(audit.DRAFT_DELETED, workspace=draft.workspace, actor=by, target=draft)
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
    parts = plan.get("parts", [])
    if not isinstance(parts, list) or len(parts) > MAX_CARDS:
        raise InvalidEdit(
            f"A sequence has at most {MAX_CARDS} parts.",
            param="plan.parts",
            remedy="Stitch these first, then go on with the result.",
        )
    for index, part in enumerate(parts):
        _check_part(part, f"plan.parts[{index}]")
    return plan


def _check_part(part: Any, name: str) -> None:
    if not isinstance(part, dict):
        raise InvalidEdit("A part is an object.", param=name, remedy="Send {media, start, end}.")
    _check_media(part, name)
    for bound in ("start", "end"):
        value = part.get(bound, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise InvalidEdit(
                "A part begins and ends at seconds of its clip.",
                param=f"{name}.{bound}",
                remedy="Give a number from 0 on.",
            )


def _check_media(card: dict[str, Any], name: str) -> None:
    try:
        MediaRef.parse(card.get("media"), f"{name}.media")
    except PlanError as error:
        raise InvalidEdit(error.message, param=error.field, remedy=error.remedy) from error


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
    _check_media(card, name)


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
