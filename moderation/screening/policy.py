"""A policy: which points and rules decide. Immutable; whole versions, never edited in place.

The shipped one is `default_policy()`. A site makes others by `with_changes` from a stored document;
`Policy.problems` is what keeps such a document inside the bounds nobody may leave: child safety
and known content are never loosened, no budget is larger than the shipped ceilings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from moderation.screening import site_lists
from moderation.screening.protocol import POLICY_VERSION, Category, Scale
from moderation.screening.thresholds import (
    LOWEST,
    NEVER,
    PROBABILITIES,
    PROFILES,
    SENSITIVE,
    ZERO_TOLERANCE,
    Points,
    UnknownProfile,
    profile_name,
)

__all__ = [
    "FILTERS",
    "Points",
    "Policy",
    "PolicyProblem",
    "Rules",
    "UnknownProfile",
    "default_policy",
    "profile_name",
    "with_changes",
]

Table = Mapping[str, Mapping[Category, Points]]
SCALES: tuple[Scale, ...] = ("share", "probability")

FILTERS = ("joint", "frames")
"""Optional filters whose absence tightens: the LLM over everything together, a frame classifier."""

# What a policy can't have an opinion on: these refuse on any sign, in every profile.
FIXED = (Category.SEXUAL_MINORS, Category.KNOWN_CONTENT)

# No policy may refuse less than this: the largest point at which a zone has to begin.
LOOSEST: Mapping[Scale, Points] = {
    "share": Points(guard=0.97, refuse=0.995),
    "probability": Points(guard=0.7, refuse=0.9),
}
# Categories a person may be asked to decide instead: refuse may be switched off where hold is on.
HOLDABLE = frozenset(
    {
        Category.HARASSMENT,
        Category.DECEPTIVE,
        Category.LIKENESS,
        Category.PRIVACY,
        Category.INTELLECTUAL_PROPERTY,
        Category.LANGUAGE,
    }
)
MAX_FACTOR = 5.0
# (profile, the one it is never looser than, in which categories)
TIGHTENS: tuple[tuple[str, str, tuple[Category, ...]], ...] = (
    ("api", "default", SENSITIVE),
    ("minor_referenced", "default", SENSITIVE),
    ("feed", "default", tuple(Category)),
    ("people_upload", "upload", tuple(Category)),
)


class PolicyProblem(ValueError):
    """A policy document that breaks a bound. `problems` name the field and the remedy."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Rules:
    """What is decided besides points.

    strict_lists: profiles in which a list entry of the guard level refuses.
    monitored: profiles a person always looks at; nothing in them is plainly allowed.
    without: filter of FILTERS -> category -> factor. While that filter is not set up, the points
        of the category stop this many times as many ordinary prompts.
    second_try: a borderline output of a harmless prompt is made once more in guarded mode.
    """

    strict_lists: frozenset[str] = frozenset({"feed", "people_upload"})
    monitored: frozenset[str] = frozenset({"people_upload"})
    without: Mapping[str, Mapping[Category, float]] = field(
        default_factory=lambda: MappingProxyType(
            {
                "joint": MappingProxyType(
                    {Category.DECEPTIVE: 1.25, Category.LIKENESS: 1.25, Category.HARASSMENT: 1.25}
                ),
                "frames": MappingProxyType({Category.SEXUAL: 1.1, Category.VIOLENCE_GORE: 1.1}),
            }
        )
    )
    second_try: bool = True


@dataclass(frozen=True)
class Policy:
    """One whole version. `profiles` hold calibrated shares, `probabilities` providers' own scales."""

    version: str
    profiles: Table
    probabilities: Table
    rules: Rules = field(default_factory=Rules)
    lists: site_lists.Lists = ()  # entries the site adds to the shipped blocklists

    def points(self, profile: str, category: Category, *, scale: Scale = "share") -> Points:
        """The points of one category in one profile. Raises UnknownProfile."""
        if category in FIXED:
            return ZERO_TOLERANCE
        table = self.profiles if scale == "share" else self.probabilities
        return table[profile_name(profile)][category]

    def problems(self) -> list[str]:
        """What breaks a bound, each with the field and the remedy; empty for a usable policy."""
        return list(_problems(self))

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values; from_json reads it back."""
        lists = {"lists": site_lists.to_json(self.lists)} if self.lists else {}
        return {
            **lists,
            "version": self.version,
            "profiles": _table_json(self.profiles),
            "probabilities": _table_json(self.probabilities),
            "rules": {
                "strict_lists": sorted(self.rules.strict_lists),
                "monitored": sorted(self.rules.monitored),
                "without": {
                    name: {c.value: f for c, f in sorted(factors.items())}
                    for name, factors in sorted(self.rules.without.items())
                },
                "second_try": self.rules.second_try,
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Policy:
        """Read a stored document; what it leaves out is as shipped. Raises PolicyProblem."""
        return with_changes(default_policy(), data, version=str(data.get("version", "")))


@lru_cache(maxsize=1)
def default_policy() -> Policy:
    """The shipped policy, from thresholds.py."""
    return Policy(
        version=POLICY_VERSION,
        profiles=_frozen(PROFILES),
        probabilities=_frozen(PROBABILITIES),
    )


def with_changes(base: Policy, changes: Mapping[str, Any], *, version: str) -> Policy:
    """A new policy: `base` with what `changes` names, in the shape of Policy.to_json.

    Raises PolicyProblem for unknown names, numbers out of range and anything that loosens what
    may not be loosened.
    """
    problems: list[str] = []
    unknown = set(changes) - {"version", "profiles", "probabilities", "rules", "lists"}
    problems += [f"{name}: no such part of a policy." for name in sorted(unknown)]
    policy = replace(
        base,
        version=version,
        profiles=_changed(base.profiles, changes.get("profiles", {}), "profiles", problems),
        probabilities=_changed(
            base.probabilities, changes.get("probabilities", {}), "probabilities", problems
        ),
        rules=_changed_rules(base.rules, changes.get("rules", {}), problems),
        lists=site_lists.read(base.lists, changes.get("lists", {}), problems),
    )
    policy = _following(policy, changes)
    problems += policy.problems()
    if problems:
        raise PolicyProblem(problems)
    return policy


def _following(policy: Policy, changes: Mapping[str, Any]) -> Policy:
    """Profiles that tighten another one follow when it gets stricter, unless they are named too."""
    tables: dict[str, Table] = {}
    for part, table in (("profiles", policy.profiles), ("probabilities", policy.probabilities)):
        given = changes.get(part, {})
        named = given if isinstance(given, Mapping) else {}
        rows = {name: dict(row) for name, row in table.items()}
        for strict, loose, categories in TIGHTENS:
            for category in categories:
                mine, base = rows[strict][category], rows[loose][category]
                if category.value not in (named.get(strict) or {}) and not _as_strict(mine, base):
                    rows[strict][category] = mine.stricter(base)
        tables[part] = _frozen(rows)
    return replace(policy, profiles=tables["profiles"], probabilities=tables["probabilities"])


def diff(old: Policy, new: Policy) -> list[tuple[str, str, str]]:
    """(field, before, after) of everything that differs, in the order of the document."""
    before, after = dict(_leaves(old.to_json())), dict(_leaves(new.to_json()))
    return [
        (name, str(before.get(name, "–")), str(after.get(name, "–")))
        for name in dict.fromkeys((*before, *after))
        if name != "version" and before.get(name) != after.get(name)
    ]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value


def _frozen(table: Mapping[str, Mapping[Category, Points]]) -> Table:
    return MappingProxyType({name: MappingProxyType(dict(row)) for name, row in table.items()})


def _table_json(table: Table) -> dict[str, Any]:
    return {
        profile: {
            category.value: {
                name: value
                for name, value in (
                    ("guard", points.guard),
                    ("hold", points.hold),
                    ("refuse", points.refuse),
                )
                if value < NEVER
            }
            for category, points in row.items()
            if category not in FIXED
        }
        for profile, row in table.items()
    }


def _changed(table: Table, changes: Any, where: str, problems: list[str]) -> Table:
    if not isinstance(changes, Mapping):
        problems.append(f"{where}: must be an object of profiles.")
        return table
    result = {name: dict(row) for name, row in table.items()}
    for profile, row in changes.items():
        if profile not in result or not isinstance(row, Mapping):
            problems.append(f"{where}.{profile}: no such profile; use {', '.join(result)}.")
            continue
        for name, numbers in row.items():
            path = f"{where}.{profile}.{name}"
            if name not in Category._value2member_map_:
                problems.append(f"{path}: no such category.")
            elif Category(name) in FIXED:
                problems.append(f"{path}: this can't be changed; leave it out.")
            elif (points := _read_points(path, numbers, problems)) is not None:
                result[profile][Category(name)] = points
    return _frozen(result)


def _read_points(path: str, numbers: Any, problems: list[str]) -> Points | None:
    if not isinstance(numbers, Mapping) or set(numbers) - {"guard", "hold", "refuse"}:
        problems.append(f"{path}: give guard, refuse and perhaps hold.")
        return None
    read: dict[str, float] = {}
    for name, value in numbers.items():
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            problems.append(f"{path}.{name}: must be a number from 0 to 1.")
            return None
        if not 0.0 <= value <= 1.0:
            problems.append(f"{path}.{name}: must be a number from 0 to 1, not {value}.")
            return None
        read[name] = float(value)
    return Points(
        guard=read.get("guard", NEVER),
        refuse=read.get("refuse", NEVER),
        hold=read.get("hold", NEVER),
    )


def _changed_rules(rules: Rules, changes: Any, problems: list[str]) -> Rules:
    if not isinstance(changes, Mapping):
        problems.append("rules: must be an object.")
        return rules
    known = {"strict_lists", "monitored", "without", "second_try"}
    problems += [f"rules.{name}: no such rule." for name in sorted(set(changes) - known)]
    named: dict[str, Any] = {}
    for name in ("strict_lists", "monitored"):
        if name not in changes:
            continue
        value = changes[name]
        if not isinstance(value, list) or not set(map(str, value)) <= set(PROFILES):
            problems.append(f"rules.{name}: must be a list of profiles.")
        else:
            named[name] = frozenset(map(str, value))
    if "without" in changes:
        named["without"] = _changed_factors(rules.without, changes["without"], problems)
    if "second_try" in changes:
        if not isinstance(changes["second_try"], bool):
            problems.append("rules.second_try: must be true or false.")
        else:
            named["second_try"] = changes["second_try"]
    return replace(rules, **named)


def _changed_factors(
    base: Mapping[str, Mapping[Category, float]], changes: Any, problems: list[str]
) -> Mapping[str, Mapping[Category, float]]:
    if not isinstance(changes, Mapping):
        problems.append("rules.without: must be an object of filters.")
        return base
    result: dict[str, Mapping[Category, float]] = dict(base)
    for name, row in changes.items():
        path = f"rules.without.{name}"
        if name not in FILTERS or not isinstance(row, Mapping):
            problems.append(f"{path}: no such filter; use {', '.join(FILTERS)}.")
            continue
        factors: dict[Category, float] = {}
        for category, factor in row.items():
            if category not in Category._value2member_map_:
                problems.append(f"{path}.{category}: no such category.")
            elif (
                isinstance(factor, bool)
                or not isinstance(factor, int | float)
                or not 1.0 <= factor <= MAX_FACTOR
            ):
                problems.append(f"{path}.{category}: must be a number from 1 to {MAX_FACTOR:g}.")
            else:
                factors[Category(category)] = float(factor)
        result[name] = MappingProxyType(factors)
    return MappingProxyType(result)


def _problems(policy: Policy) -> Iterator[str]:
    if not policy.version or len(policy.version) > 40:
        yield "version: give a name of 1 to 40 characters."
    for scale in SCALES:
        where = "profiles" if scale == "share" else "probabilities"
        table = policy.profiles if scale == "share" else policy.probabilities
        if set(table) != set(PROFILES) or any(set(row) != set(Category) for row in table.values()):
            yield f"{where}: every profile needs every category."
            continue
        for profile, row in table.items():
            for category, points in row.items():
                if category not in FIXED:
                    yield from _point_problems(
                        f"{where}.{profile}.{category.value}", scale, category, points
                    )
        for strict, loose, categories in TIGHTENS:
            for category in categories:
                mine, base = table[strict][category], table[loose][category]
                if category not in FIXED and not _as_strict(mine, base):
                    yield (
                        f"{where}.{strict}.{category.value}: may not be looser than in {loose}; "
                        "lower its points."
                    )
    if "people_upload" not in policy.rules.monitored:
        yield "rules.monitored: people_upload must be in it."


def _as_strict(mine: Points, base: Points) -> bool:
    """Whether every zone of `mine` begins no later; what refuses need not be held."""
    return (
        mine.guard <= base.guard
        and mine.refuse <= base.refuse
        and min(mine.hold, mine.refuse) <= min(base.hold, base.refuse)
    )


def _point_problems(path: str, scale: Scale, category: Category, points: Points) -> Iterator[str]:
    loosest = LOOSEST[scale]
    if points.guard > min(points.refuse, points.hold):
        yield f"{path}.guard: must not lie above hold or refuse."
    if points.hold < NEVER and points.hold > points.refuse:
        yield f"{path}.hold: must not lie above refuse."
    stops = min(points.refuse, points.hold) if category in HOLDABLE else points.refuse
    if stops > loosest.refuse:
        yield f"{path}.refuse: must be {loosest.refuse:g} or lower."
    if points.guard < LOWEST[scale]:
        yield f"{path}.guard: must be {LOWEST[scale]:g} or higher; below, nothing is stored."
    if points.guard > loosest.guard:
        yield f"{path}.guard: must be {loosest.guard:g} or lower."
