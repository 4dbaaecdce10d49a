"""What the pages let people choose from: sizes, lengths, styles, tools, each with the reason when not."""

from __future__ import annotations

from functools import cache
from math import gcd
from typing import Any

from django.urls import reverse

from accounts.models import Membership, User, Workspace
from accounts.services import personal_workspace
from billing import services as billing
from billing.models import Account
from billing.plans import UNMETERED, Plan
from generation import presets
from generation.capabilities import engine_capabilities
from generation.editing.offers import LONG, offers
from generation.editing.offers import lengths as lengths_of
from generation.editing.plan import MAX_SECONDS
from generation.editing.tools import SEAMS, STRENGTHS
from generation.engine.capabilities import Capabilities
from generation.errors import EngineUnavailable
from generation.models import Video

VARIATIONS = (1, 2, 4)
FITS = (
    ("crop", "Crop what sticks out"),
    ("pad", "Pad with bars"),
    ("strict", "Only the same shape"),
)
# Tools of the clip page, in the order of their tabs.
CLIP_TOOLS = ("remix", "extend", "recut", "fill", "blend", "loop", "upgrade")


def sizes(engine: Capabilities, plan: Plan, chosen: str = "") -> list[dict[str, Any]]:
    """The engine's sizes; those beyond the plan are shown, but closed, with the reason. `rows` is the
    usual name of a size among those of its shape: 480p."""
    return [
        {
            "value": f"{width}x{height}",
            "label": f"{width}×{height}",
            "rows": f"{min(width, height)}p",
            "ratio": ratio(width, height),
            "shape": "wide" if width > height else "tall" if height > width else "square",
            "allowed": plan.allows_size(width, height),
            "by_plan": not plan.allows_size(width, height),
            "why": "" if plan.allows_size(width, height) else f"not in the {plan.title} plan",
            "drawn": "" if engine.native_size(width, height) is None else "enlarged",
            "chosen": f"{width}x{height}" == chosen,
        }
        for width, height in engine.sizes
    ]


def missing_shapes(engine: Capabilities) -> list[str]:
    """The usual shapes of which the engine makes no size at all."""
    made = {ratio(width, height) for width, height in engine.sizes}
    return [shape for shape in ("16:9", "1:1", "9:16") if shape not in made]


def lengths(engine: Capabilities, plan: Plan, chosen: str = "") -> list[dict[str, Any]]:
    """What the engine makes in one pass and in several; beyond that, and beyond the plan, closed."""
    rows: list[dict[str, Any]] = [
        {
            "seconds": seconds,
            "how": "" if how == "natively" else "in several passes",
            "allowed": seconds <= plan.max_seconds,
            "by_plan": seconds > plan.max_seconds,
            "why": "" if seconds <= plan.max_seconds else f"not in the {plan.title} plan",
            "chosen": str(seconds) == chosen,
        }
        for seconds, how in lengths_of(engine)
    ]
    most = engine.most_seconds
    why = f"{engine.title} makes up to {most} s"
    closed: dict[str, Any] = {
        "how": "",
        "allowed": False,
        "by_plan": False,
        "why": why,
        "chosen": False,
    }
    return rows + [{"seconds": seconds, **closed} for seconds in LONG if seconds > most]


def styles(workspace: Workspace | None, chosen: str = "") -> list[dict[str, Any]]:
    """Built-in styles the model knows, then the workspace's own; "" stands first."""
    found = [(p.code, p.title) for p in presets.offered("styles") if p.text]
    if workspace is not None:
        found += [(f"own:{own.pk}", own.name) for own in workspace.style_presets.all()]
    return _options("No style", found, chosen)


def cameras(chosen: str = "") -> list[dict[str, Any]]:
    found = [(p.code, p.title) for p in presets.offered("cameras") if p.text]
    return _options("Still camera", found, chosen)


def _options(none: str, found: list[tuple[str, str]], chosen: str) -> list[dict[str, Any]]:
    rows = [("", none), *found]
    return [{"code": c, "title": t, "chosen": c == chosen} for c, t in rows]


def ratio(width: int, height: int) -> str:
    """The usual name of a shape when it is within 3 % of one: 512x288 is 16:9, and 832x480 too."""
    for across, down in ((16, 9), (9, 16), (4, 3), (3, 4), (3, 2), (2, 3), (1, 1), (21, 9)):
        if abs(width * down / (height * across) - 1) < 0.03:
            return f"{across}:{down}"
    common = gcd(width, height)
    return f"{width // common}:{height // common}"


def tools_for_script(engine: Capabilities) -> dict[str, dict[str, Any]]:
    """{tool: {title, able, reason}} as the scripts read it."""
    return {
        tool: {"title": offer.title, "able": offer.able, "reason": offer.reason}
        for tool, offer in offers(engine).items()
    }


# --- The bar at the bottom of every page ---------------------------------------------------------


def bar_of(
    user: Any, account: Account | None, team: Membership | None = None
) -> dict[str, Any] | None:
    """What the bar shows, without a query of its own; None for whoever can't create here.

    `account`: of the workspace the pages work in, as the page's header has read it already; None on
    somebody's very first page, then it is opened here. `team`: the membership in that workspace,
    unless it is the person's own.
    """
    if not isinstance(user, User):
        return None
    if user.date_of_birth is None or user.is_suspended:
        return None  # the pages of creating say what to do first
    if team is not None and not team.allows(Membership.Role.CREATOR):
        return None
    try:
        engine = engine_capabilities()
    except EngineUnavailable:
        return None
    if account is None:
        workspace = personal_workspace(user)
        billing.plan_of(workspace)
        account = Account.objects.get(workspace=workspace)
    plan = UNMETERED if billing.is_off() else account.plan
    width, height = engine.default_size
    return {
        "workspace": account.workspace_id,
        "available": account.available,
        "sizes": sizes(engine, plan, f"{width}x{height}"),
        "lengths": lengths(engine, plan, str(engine.default_seconds)),
        "variations": VARIATIONS,
        "styles": styles(None),
        "cameras": cameras(),
        "tools": tools_for_script(engine),
    }


def bar_reader(user: Any, account: Any, team: Any) -> Any:
    """A function for templates that builds the bar once, when a page shows it."""

    @cache
    def bar() -> dict[str, Any] | None:
        return bar_of(user, account(), team())

    return bar


# --- The tools of one clip -----------------------------------------------------------------------


def panel_of(video: Video, viewer: Any, plan: Plan, *, closed: str = "") -> dict[str, Any] | None:
    """The tools of a clip page; None where the engine is away. A closed tool says why."""
    try:
        engine = engine_capabilities()
    except EngineUnavailable:
        return None
    closed = closed or _closed(video, viewer)
    offered = offers(engine)
    full = _full_of(video)
    rows = []
    for tool in CLIP_TOOLS:
        reason = closed or offered[tool].reason
        if tool == "upgrade" and not reason:
            reason = _no_upgrade(video, engine)
        rows.append({"code": tool, "title": offered[tool].title, "reason": reason})
    open_rows = [row for row in rows if not row["reason"]]
    # A draft is there to be upgraded: then that tool stands open.
    wanted = [row for row in open_rows if full and row["code"] == "upgrade"]
    first = next(iter([*wanted, *open_rows]), rows[0])
    shape = ratio(video.width, video.height)
    same = [size for size in sizes(engine, plan) if size["ratio"] == shape]
    bigger = [size for size in same if _area(size["value"]) >= _area_of(video)]
    allowed = [size for size in bigger if size["allowed"]]
    return {
        "ref": f"video:{video.pk}",
        "tools": [{**row, "first": row is first} for row in rows],
        "closed": closed,
        "stitch_url": f"{reverse('generation:sequence')}?clip={video.pk}",
        "storyboard_url": f"{reverse('generation:storyboard-new')}?clip={video.pk}",
        "strengths": list(STRENGTHS),
        "seams": [{"code": code, "seconds": seconds} for code, seconds in SEAMS.items()],
        "sizes": bigger,
        "biggest": full["value"] if full else allowed[-1]["value"] if allowed else "",
        "full": full,
        "steps": engine.default_steps,
        "max_steps": engine.max_steps,
        "longest": min(MAX_SECONDS, plan.max_seconds),
        "fps": engine.fps,
    }


def _closed(video: Video, viewer: Any) -> str:
    """Why nothing may be made of this clip, "" when it may."""
    if not isinstance(viewer, User):
        return "Sign in to make something of this clip."
    if video.trashed_at is not None:
        return "This clip is in the trash. Take it back first."
    mine = viewer.memberships.filter(workspace_id=video.workspace_id).exists()
    if not video.remixable and not mine:
        return "Its owner doesn't let others remix this clip."
    return ""


def _full_of(video: Video) -> dict[str, Any] | None:
    """What a draft is to become, None for every other clip."""
    full = (video.generation.plan or {}).get("full")
    if not full:
        return None
    width, height, steps = full
    return {"value": f"{width}x{height}", "label": f"{width}×{height}", "steps": steps}


def _no_upgrade(video: Video, engine: Capabilities) -> str:
    if not video.generation.plan:
        return "It was made before plans were kept, so it can't be made again at another size."
    shape = ratio(video.width, video.height)
    same = [size for size in engine.sizes if ratio(*size) == shape]
    if not same:
        return f"{engine.title} makes no clips of this shape, {shape}."
    if not any(width * height > _area_of(video) for width, height in same):
        more = video.generation.steps < engine.default_steps
        return "" if more else "It has the full size and all steps already."
    return ""


def _area(size: str) -> int:
    width, _, height = size.partition("x")
    return int(width) * int(height)


def _area_of(video: Video) -> int:
    return video.width * video.height
