"""Read an EditPlan from JSON: every value has a type, a bound, and an error that names it."""

from __future__ import annotations

import math
from typing import Any, cast

from generation.editing.plan import (
    FITS,
    MAX_CARDS,
    MAX_SECONDS,
    SCHEMA,
    TOOLS,
    EditPlan,
    Fit,
    KeptSpan,
    MediaRef,
    Picture,
    PlanError,
    PromptCard,
    Redrawn,
    Rewriting,
)

MAX_TEXT = 4000
MAX_CURVE = 64
MAX_KEPT = 64
# The edits a person may take back. What takes a name out of a prompt is not one of them.
MAY_BE_KEPT = ("diversification", "vocabulary", "expansion")


def read_plan(data: Any) -> EditPlan:
    """Raises PlanError naming the first value that is wrong."""
    table = _table(data, "plan")
    schema = _integer(table, "schema", "plan", 1, 1_000, SCHEMA)
    if schema > SCHEMA:
        raise PlanError(
            "plan.schema",
            f"This plan has version {schema}; this site reads up to {SCHEMA}.",
            "Update the site, or make the edit here again.",
        )
    tool = _choice(table, "tool", "plan", TOOLS)
    upgraded = table.get("upgraded_from")
    return EditPlan(
        tool=tool,
        width=_integer(table, "width", "plan", 16, 8192),
        height=_integer(table, "height", "plan", 16, 8192),
        seconds=_number(table, "seconds", "plan", 0.04, MAX_SECONDS),
        fps=_integer(table, "fps", "plan", 1, 120),
        seed=_integer(table, "seed", "plan", 0, 2**31 - 1),
        steps=_integer(table, "steps", "plan", 1, 500),
        guidance=_number(table, "guidance", "plan", 1, 20),
        prompts=tuple(_prompt(row, name) for row, name in _rows(table, "prompts")),
        pictures=tuple(_picture(row, name) for row, name in _rows(table, "pictures")),
        keep=tuple(_kept(row, name) for row, name in _rows(table, "keep")),
        redraw=_redraw(table.get("redraw")),
        loop=_flag(table, "loop", "plan"),
        fit=cast(Fit, _choice(table, "fit", "plan", FITS, "crop")),
        negative_prompt=_text(table, "negative_prompt", "plan", ""),
        style=_text(table, "style", "plan", "", 60),
        camera=_text(table, "camera", "plan", "", 60),
        upgraded_from=MediaRef.parse(upgraded, "plan.upgraded_from") if upgraded else None,
        full=_full(table.get("full")),
        rewriting=read_rewriting(table.get("rewriting"), "plan.rewriting"),
    )


def read_rewriting(data: Any, name: str) -> Rewriting:
    """Raises PlanError naming the value that is wrong."""
    if data is None:
        return Rewriting()
    row = _table(data, name)
    keep = row.get("keep", [])
    if not isinstance(keep, list) or len(keep) > MAX_KEPT:
        raise PlanError(
            f"{name}.keep", f"This is a list of at most {MAX_KEPT} edits.", "Send fewer."
        )
    for key in keep:
        if not isinstance(key, str) or len(key) > 200:
            raise PlanError(
                f"{name}.keep", "An edit is named kind:word.", "Send the key of an edit."
            )
        if key.partition(":")[0] not in MAY_BE_KEPT:
            raise PlanError(
                f"{name}.keep",
                "Names of people, artists, brands and characters can't be put back.",
                f"Only edits of these kinds may be taken back: {', '.join(MAY_BE_KEPT)}.",
            )
    diversify = None if row.get("diversify") is None else _flag(row, "diversify", name)
    return Rewriting(diversify, _flag(row, "expand", name), tuple(dict.fromkeys(keep)))


def _full(data: Any) -> tuple[int, int, int] | None:
    if data is None:
        return None
    if not isinstance(data, list) or len(data) != 3:
        raise PlanError("plan.full", "full is [width, height, steps].", "Give three numbers.")
    row = dict(zip(("width", "height", "steps"), data, strict=True))
    return (
        _integer(row, "width", "plan.full", 16, 8192),
        _integer(row, "height", "plan.full", 16, 8192),
        _integer(row, "steps", "plan.full", 1, 500),
    )


def _prompt(row: dict[str, Any], name: str) -> PromptCard:
    return PromptCard(
        text=_text(row, "text", name), start=_number(row, "start", name, 0, MAX_SECONDS, 0.0)
    )


def _picture(row: dict[str, Any], name: str) -> Picture:
    return Picture(
        media=MediaRef.parse(row.get("media"), f"{name}.media"),
        at=_number(row, "at", name, 0, MAX_SECONDS, 0.0),
        moment=_number(row, "moment", name, 0, 36_000, 0.0),
        strength=_number(row, "strength", name, 0, 1, 1.0),
    )


def _kept(row: dict[str, Any], name: str) -> KeptSpan:
    return KeptSpan(
        media=MediaRef.parse(row.get("media"), f"{name}.media"),
        start=_number(row, "start", name, 0, 36_000, 0.0),
        end=_number(row, "end", name, 0, 36_000),
        at=_number(row, "at", name, 0, MAX_SECONDS, 0.0),
        fade=_number(row, "fade", name, 0, 10, 0.0),
    )


def _redraw(data: Any) -> Redrawn | None:
    if data is None:
        return None
    name = "plan.redraw"
    row = _table(data, name)
    second = row.get("second")
    curve = row.get("curve", [])
    if not isinstance(curve, list) or len(curve) > MAX_CURVE:
        raise PlanError(
            f"{name}.curve",
            f"The curve is a list of at most {MAX_CURVE} points.",
            "Draw it with fewer points.",
        )
    return Redrawn(
        first=MediaRef.parse(row.get("first"), f"{name}.first"),
        start=_number(row, "start", name, 0, 36_000, 0.0),
        end=_number(row, "end", name, 0, 36_000),
        second=MediaRef.parse(second, f"{name}.second") if second else None,
        second_start=_number(row, "second_start", name, 0, 36_000, 0.0),
        second_end=_number(row, "second_end", name, 0, 36_000, 0.0),
        strength=_number(row, "strength", name, 0, 1, 0.5),
        curve=tuple(_point(p, f"{name}.curve[{i}]") for i, p in enumerate(curve)),
    )


def _point(data: Any, name: str) -> tuple[float, float]:
    if not isinstance(data, list) or len(data) != 2:
        raise PlanError(name, "A point is [second, share].", "Give two numbers.")
    row = {"second": data[0], "share": data[1]}
    return _number(row, "second", name, 0, MAX_SECONDS), _number(row, "share", name, 0, 1)


# --- Values --------------------------------------------------------------------------------------


def _table(data: Any, name: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise PlanError(name, f"{name} is not an object.", "Send a JSON object.")
    return data


def _rows(table: dict[str, Any], key: str) -> list[tuple[dict[str, Any], str]]:
    rows = table.get(key, [])
    if not isinstance(rows, list):
        raise PlanError(f"plan.{key}", f"{key} is not a list.", "Send a list of cards.")
    if len(rows) > MAX_CARDS:
        raise PlanError(
            f"plan.{key}",
            f"A plan has at most {MAX_CARDS} {key}; this one has {len(rows)}.",
            "Make it in two parts and stitch them.",
        )
    return [(_table(row, f"plan.{key}[{i}]"), f"plan.{key}[{i}]") for i, row in enumerate(rows)]


def _number(
    row: dict[str, Any], key: str, name: str, low: float, high: float, default: float | None = None
) -> float:
    value = row.get(key, default)
    fine = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and fine and math.isfinite(value) and low <= value <= high:
        return float(value)
    raise PlanError(
        f"{name}.{key}",
        f"{key} is a number from {low:g} to {high:g}.",
        f"Give a {key} in that range.",
    )


def _integer(
    row: dict[str, Any], key: str, name: str, low: int, high: int, default: int | None = None
) -> int:
    value = _number(row, key, name, low, high, default)
    if value != int(value):
        raise PlanError(f"{name}.{key}", f"{key} is a whole number.", "Leave out the fraction.")
    return int(value)


def _flag(row: dict[str, Any], key: str, name: str) -> bool:
    value = row.get(key, False)
    if not isinstance(value, bool):
        raise PlanError(f"{name}.{key}", f"{key} is true or false.", "Send true or false.")
    return value


def _choice(
    row: dict[str, Any], key: str, name: str, allowed: tuple[str, ...], default: str | None = None
) -> str:
    value = row.get(key, default)
    if value not in allowed:
        raise PlanError(
            f"{name}.{key}", f"There is no {key} {str(value)[:40]!r}.", f"Use {', '.join(allowed)}."
        )
    return str(value)


def _text(
    row: dict[str, Any], key: str, name: str, default: str | None = None, longest: int = MAX_TEXT
) -> str:
    value = row.get(key, default)
    if not isinstance(value, str) or len(value) > longest:
        raise PlanError(
            f"{name}.{key}",
            f"{key} is a text of at most {longest} characters.",
            "Shorten it.",
        )
    return value
