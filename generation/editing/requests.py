"""From the small form of a tool to an EditPlan: what the API and the pages send.

    {"tool": "remix", "edit": {"clip": "video:…", "strength": "mild"}, "prompt": "…"}

`media_in` says what a form refers to, so that the caller can look those things up (and who may see
them) before `compile_edit` does the rest. Every error names the value, as `edit.clip`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from generation.editing import tools
from generation.editing.checks import SLACK, Facts, MediaFacts
from generation.editing.plan import (
    MAX_CARDS,
    MAX_SECONDS,
    EditPlan,
    KeptSpan,
    MediaRef,
    Picture,
    PlanError,
    PromptCard,
)
from generation.editing.tools import Canvas, Span

_REFERENCES = ("clip", "second", "image", "media")
_WHOLE = 36_000.0


def media_in(edit: dict[str, Any]) -> list[tuple[str, MediaRef]]:
    """(field, reference) of everything the form refers to. Raises PlanError."""
    return list(_walk(edit, "edit", 0))


def _walk(value: Any, name: str, depth: int) -> Iterator[tuple[str, MediaRef]]:
    if depth > 3:
        raise PlanError(name, "This is nested too deeply.", "Send the form of the tool.")
    if isinstance(value, dict):
        for key, inner in value.items():
            here = f"{name}.{str(key)[:40]}"
            if key in _REFERENCES and isinstance(inner, str):
                yield here, MediaRef.parse(inner, here)
            elif isinstance(inner, dict | list):
                yield from _walk(inner, here, depth + 1)
    elif isinstance(value, list):
        if len(value) > 3 * MAX_CARDS:
            raise PlanError(name, "There are too many cards.", f"Send at most {MAX_CARDS}.")
        for index, inner in enumerate(value):
            yield from _walk(inner, f"{name}[{index}]", depth + 1)


def compile_edit(
    tool: str,
    edit: dict[str, Any],
    *,
    canvas: Canvas,
    prompt: str,
    seconds: float,
    facts: Facts,
) -> EditPlan:
    """The plan of one tool. `prompt` and `seconds` count where the tool leaves them open.

    Raises PlanError; the plan still has to pass `check_plan`.
    """
    form = Form(edit, facts)
    match tool:
        case "text":
            return tools.text(canvas, prompt, seconds)
        case "image":
            return tools.image(canvas, prompt, seconds, form.reference("image"))
        case "keyframes":
            cards = [(row.reference("media"), row.number("at")) for row in form.rows("pictures")]
            if not cards:
                raise PlanError("edit.pictures", "There is no picture.", "Add one or more.")
            return tools.keyframes(canvas, prompt, seconds, cards)
        case "remix":
            return tools.remix(canvas, prompt, form.span(), form.strength("mild"))
        case "extend":
            after = form.number("after", 0, MAX_SECONDS, 0.0)
            before = form.number("before", 0, MAX_SECONDS, 0.0)
            return tools.extend(canvas, prompt, form.span(), before=before, after=after)
        case "fill":
            return tools.fill(
                canvas, prompt, form.span(), start=form.number("from"), end=form.number("to")
            )
        case "recut":
            return tools.recut(
                canvas,
                prompt,
                form.span(),
                at=form.number("at", 0, MAX_SECONDS, 0.0),
                seconds=seconds,
            )
        case "blend":
            return tools.blend(
                canvas,
                prompt,
                form.span(),
                form.span("second", "second_start", "second_end"),
                curve=form.curve(),
                strength=form.strength("mild"),
            )
        case "loop":
            return tools.loop(canvas, prompt, form.span(), form.seam())
        case "storyboard":
            return _storyboard(canvas, form, prompt, seconds)
        case "stitch":
            parts = [row.span("media") for row in form.rows("parts")]
            return tools.stitch(canvas, parts, form.number("fade", 0, 5, 0.0), prompt)
    raise PlanError("tool", f"There is no tool {tool[:40]!r}.", "GET /api/v1/engine/ lists them.")


def _storyboard(canvas: Canvas, form: Form, prompt: str, seconds: float) -> EditPlan:
    prompts, pictures, keep = [], [], []
    for card in form.rows("cards"):
        at = card.number("at", 0, MAX_SECONDS, 0.0)
        kind = card.edit.get("type")
        if kind == "text":
            prompts.append(PromptCard(card.text("text"), at))
        elif kind == "image":
            strength = card.number("strength", 0, 1, 1.0)
            pictures.append(
                Picture(card.reference("media"), at, card.number("moment", default=0.0), strength)
            )
        elif kind == "clip":
            span = card.span("media")
            keep.append(
                KeptSpan(span.media, span.start, span.end, at, card.number("fade", 0, 10, 0.0))
            )
        else:
            raise PlanError(
                f"{card.name}.type", "A card is a text, an image or a clip.", "Set its type."
            )
    if not prompts and prompt:
        prompts.append(PromptCard(prompt))
    return tools.storyboard(canvas, seconds, prompts, pictures, keep)


class Form:
    """Reads the values of one form with names and bounds."""

    def __init__(self, edit: Any, facts: Facts, name: str = "edit") -> None:
        if not isinstance(edit, dict):
            raise PlanError(name, f"{name} is not an object.", "Send a JSON object.")
        self.edit: dict[str, Any] = edit
        self.facts, self.name = facts, name

    def rows(self, key: str) -> list[Form]:
        rows = self.edit.get(key)
        if not isinstance(rows, list) or len(rows) > MAX_CARDS:
            raise PlanError(
                f"{self.name}.{key}", f"{key} is a list of at most {MAX_CARDS}.", "Send a list."
            )
        return [Form(row, self.facts, f"{self.name}.{key}[{i}]") for i, row in enumerate(rows)]

    def reference(self, key: str) -> MediaRef:
        if self.edit.get(key) in (None, ""):
            raise PlanError(
                f"{self.name}.{key}", f"{key} is missing.", "Choose a picture or a clip."
            )
        found = MediaRef.parse(self.edit[key], f"{self.name}.{key}")
        if found not in self.facts:
            raise PlanError(
                f"{self.name}.{key}",
                "This picture or clip is not there (any more).",
                "Choose another one.",
            )
        return found

    def number(
        self, key: str, low: float = 0, high: float = _WHOLE, default: float | None = None
    ) -> float:
        value = self.edit.get(key)
        if value is None:
            value = default
        fine = isinstance(value, int | float) and not isinstance(value, bool)
        if value is None or not fine or not math.isfinite(value) or not low <= value <= high:
            raise PlanError(
                f"{self.name}.{key}",
                f"{key} is a number of seconds from {low:g} to {high:g}."
                if high > 1
                else f"{key} is a number from {low:g} to {high:g}.",
                f"Give a {key} in that range.",
            )
        return float(value)

    def text(self, key: str) -> str:
        value = self.edit.get(key)
        if not isinstance(value, str):
            raise PlanError(f"{self.name}.{key}", f"{key} is a text.", "Write what to show.")
        return value

    def span(self, key: str = "clip", start: str = "start", end: str = "end") -> Span:
        """A clip and the part of it that is used: all of it when nothing is said."""
        media = self.reference(key)
        found: MediaFacts = self.facts[media]
        if found.kind != "video":
            raise PlanError(
                f"{self.name}.{key}", "This is a picture, not a clip.", "Choose a clip."
            )
        span = Span(media, self.number(start, default=0.0), self.number(end, default=found.seconds))
        if span.end > found.seconds + SLACK:
            raise PlanError(
                f"{self.name}.{end}",
                f"The span ends at {span.end:g} s; the clip has {found.seconds:g} s.",
                "End it inside the clip.",
            )
        if span.seconds < 1 / 120:
            raise PlanError(
                f"{self.name}.{end}",
                f"The span from {span.start:g} to {span.end:g} s holds no frame.",
                "Let it end after its start.",
            )
        return span

    def strength(self, default: str) -> float:
        value = self.edit.get("strength", default)
        if isinstance(value, str):
            if value not in tools.STRENGTHS:
                raise PlanError(
                    f"{self.name}.strength",
                    f"There is no strength {value[:20]!r}.",
                    f"Use {', '.join(tools.STRENGTHS)}, or a number from 0 to 1.",
                )
            return tools.STRENGTHS[value]
        return self.number("strength", 0, 1)

    def seam(self) -> float:
        value = self.edit.get("seam", "normal")
        if isinstance(value, str):
            if value not in tools.SEAMS:
                raise PlanError(
                    f"{self.name}.seam",
                    f"There is no seam {value[:20]!r}.",
                    f"Use {', '.join(tools.SEAMS)}, or seconds.",
                )
            return tools.SEAMS[value]
        return self.number("seam", 0.25, 10)

    def curve(self) -> tuple[tuple[float, float], ...]:
        """Influence of the second clip at shares of the time: drawn, or that of a named blend."""
        drawn = self.edit.get("curve")
        if drawn is None:
            mode = self.edit.get("mode", "transition")
            if not isinstance(mode, str) or mode not in tools.BLENDS:
                raise PlanError(
                    f"{self.name}.mode",
                    f"There is no blend {str(mode)[:20]!r}.",
                    f"Use {', '.join(tools.BLENDS)}, or draw a curve.",
                )
            return tools.BLENDS[mode]
        points = []
        if not isinstance(drawn, list) or not 2 <= len(drawn) <= 64:
            raise PlanError(
                f"{self.name}.curve", "A curve has 2 to 64 points.", "Draw it from left to right."
            )
        for index, point in enumerate(drawn):
            name = f"{self.name}.curve[{index}]"
            if not isinstance(point, list | tuple) or len(point) != 2:
                raise PlanError(name, "A point is [share of time, influence].", "Give two numbers.")
            pair = Form({"time": point[0], "share": point[1]}, self.facts, name)
            points.append((pair.number("time", 0, 1), pair.number("share", 0, 1)))
        return tuple(points)
