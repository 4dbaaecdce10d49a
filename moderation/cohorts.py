"""Flags and cohorts: what is on, for whom, in which steps, and what halts it by itself.

`is_on` is the one question other code asks. A flag without a row stands as FLAGS says. With a row:
off and halted are off for everybody; else people named on it are in, those of a named plan, and those
whose hash falls below the percentage of the moment. The hash keeps everybody's place while it grows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from accounts import audit
from accounts.models import User
from accounts.services import personal_workspace
from accounts.staff_roles import Role, require_role
from billing.plans import PLANS
from billing.services import plan_of
from generation.models import Generation
from moderation.errors import FlagInvalid, NotInProgramme
from moderation.models import Appeal, Flag, FlagMember, ProgrammeFeedback, Report

LIKENESS: Final = "likeness-pilot"
ARTISTS: Final = "artist-programme"
MOST_STEPS: Final = 6
MOST_MEMBERS: Final = 2000
GUARD_WINDOW: Final = timedelta(hours=24)
MOST_JOBS: Final = 5000
MAX_FEEDBACK: Final = 1000


@dataclass(frozen=True)
class Known:
    """A flag some code asks for. `stands`: what holds while nobody has set it."""

    name: str
    title: str
    says: str
    stands: bool


FLAGS: Final[dict[str, Known]] = {
    known.name: known
    for known in (
        Known(
            LIKENESS,
            "Likeness pilot",
            "Who of those with a signed place may bring pictures of people. Off, or halted: nobody.",
            stands=True,
        ),
        Known(
            ARTISTS,
            "Early artists",
            "Members say of each request whether the checks judged it rightly, before others come.",
            stands=False,
        ),
    )
}

GUARDS: Final[dict[str, str]] = {
    "refused": "Share of requests refused",
    "failed": "Share of requests that failed",
    "reported": "Share of clips reported",
    "overturned": "Share of refusals taken back",
}


def bucket_of(flag: str, person: int) -> int:
    """0 to 99, the same for a person and a flag every time."""
    digest = hashlib.sha256(f"{flag}:{person}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100


def percent_now(flag: Flag, *, at: datetime | None = None) -> int:
    """The percentage of the moment: the step the time since the start has reached, else the fixed one."""
    if not flag.steps or flag.starts_at is None:
        return flag.percent
    hours = ((at or timezone.now()) - flag.starts_at).total_seconds() / 3600
    return max((percent for after, percent in flag.steps if hours >= after), default=0)


def runs(flag: Flag, *, at: datetime | None = None) -> bool:
    """Whether it is on for anybody at all."""
    now = at or timezone.now()
    begun = flag.starts_at is None or flag.starts_at <= now
    ended = flag.ends_at is not None and flag.ends_at <= now
    return flag.on and flag.halted_at is None and begun and not ended


def is_on(name: str, person: User) -> bool:
    """Whether this is on for somebody now. Raises KeyError for a flag no code of ours knows."""
    known = FLAGS[name]
    flag = Flag.objects.filter(name=name).first()
    return known.stands if flag is None else is_in(flag, person)


def is_in(flag: Flag, person: User) -> bool:
    """Whether a set flag counts for somebody."""
    if not runs(flag):
        return False
    if bucket_of(flag.name, person.pk) < percent_now(flag):
        return True
    if flag.members.filter(user=person, ended_at=None).exists():
        return True
    return bool(flag.plans) and plan_of(personal_workspace(person)).code in flag.plans


def set_flag(
    name: str,
    *,
    by: User,
    on: bool,
    percent: int = 0,
    steps: Sequence[Sequence[int]] = (),
    plans: Sequence[str] = (),
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    guard: str = "",
    guard_limit: float = 0.0,
    guard_least: int = 20,
) -> Flag:
    """Set a flag whole; setting it anew also lifts a halt. Raises FlagInvalid, naming the field."""
    if name not in FLAGS:
        raise FlagInvalid("There is no such flag.", param="name")
    if not 0 <= percent <= 100:
        raise FlagInvalid(param="percent", remedy="Give 0 to 100.")
    rising = [list(step) for step in steps]
    hours, percents = [step[0] for step in rising], [step[1] for step in rising]
    if len(rising) > MOST_STEPS or any(not 0 <= value <= 100 for value in percents):
        raise FlagInvalid(param="steps", remedy=f"Give at most {MOST_STEPS} steps of 0 to 100 %.")
    if hours != sorted(set(hours)) or percents != sorted(percents) or any(h < 0 for h in hours):
        raise FlagInvalid(param="steps", remedy="Steps rise, in hours and in percent.")
    if unknown := sorted(set(plans) - set(PLANS)):
        raise FlagInvalid(f"There is no plan {unknown[0]}.", param="plans")
    if starts_at and ends_at and ends_at <= starts_at:
        raise FlagInvalid(param="ends_at", remedy="It ends after it starts.")
    if guard and guard not in GUARDS:
        raise FlagInvalid(param="guard", remedy=f"Use {', '.join(GUARDS)} or none.")
    if guard and not 0.0 < guard_limit <= 1.0:
        raise FlagInvalid(param="guard_limit", remedy="Give a share above 0 and up to 1.")
    with transaction.atomic():
        require_role(by, Role.ADMIN)
        flag, _ = Flag.objects.update_or_create(
            name=name,
            defaults={
                "on": on,
                "percent": percent,
                "steps": rising,
                "plans": sorted(set(plans)),
                "starts_at": starts_at or (timezone.now() if rising else None),
                "ends_at": ends_at,
                "guard": guard,
                "guard_limit": guard_limit,
                "guard_least": max(1, min(guard_least, MOST_JOBS)),
                "halted_at": None,
                "halted_why": "",
                "changed_by": by,
                "changed_at": timezone.now(),
            },
        )
        audit.record(
            audit.FLAG_CHANGED,
            actor=by,
            target=flag,
            name=name,
            on=on,
            percent=percent,
            guard=guard,
        )
    return flag


def add_member(
    name: str, person: User, *, by: User, cohort: str = "", country: str = ""
) -> FlagMember:
    """Name somebody on a flag. Raises FlagInvalid for a full list, a country that is no code."""
    country = country.strip().upper()
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise FlagInvalid(param="country", remedy="Give two letters, such as FR, or nothing.")
    if name not in FLAGS:
        raise FlagInvalid("There is no such flag.", param="name")
    with transaction.atomic():
        require_role(by, Role.ADMIN)
        flag, _ = Flag.objects.get_or_create(name=name, defaults={"changed_by": by})
        if flag.members.filter(ended_at=None).count() >= MOST_MEMBERS:
            raise FlagInvalid(f"A flag names at most {MOST_MEMBERS} people.")
        member, _ = FlagMember.objects.update_or_create(
            flag=flag,
            user=person,
            defaults={"cohort": cohort, "country": country, "added_by": by, "ended_at": None},
        )
        audit.record(audit.FLAG_MEMBER_CHANGED, actor=by, target=member, cohort=cohort, added=True)
    return member


def end_membership(member: FlagMember, *, by: User) -> bool:
    """Take somebody off a flag; the row stays. False: they were off already."""
    with transaction.atomic():
        require_role(by, Role.ADMIN)
        changed = FlagMember.objects.filter(pk=member.pk, ended_at=None).update(
            ended_at=timezone.now()
        )
        if changed:
            audit.record(
                audit.FLAG_MEMBER_CHANGED,
                actor=by,
                target=member,
                cohort=member.cohort,
                added=False,
            )
    return bool(changed)


# --- Guards --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """What a guard counts among those a flag is on for: events over all, in the last day."""

    events: int
    total: int

    @property
    def share(self) -> float:
        return self.events / self.total if self.total else 0.0


def reading_of(flag: Flag) -> Reading:
    """The guard's figure now, over the latest requests of the people who are in."""
    since = timezone.now() - GUARD_WINDOW
    jobs = Generation.objects.filter(created_at__gte=since).order_by("-created_at")[:MOST_JOBS]
    by_person: dict[int, list[Any]] = {}
    for pk, person, status in jobs.values_list("pk", "requested_by_id", "status"):
        by_person.setdefault(person, []).append((pk, status))
    people = [person for person in User.objects.filter(pk__in=by_person) if is_in(flag, person)]
    mine = [job for person in people for job in by_person[person.pk]]
    ids = [pk for pk, _ in mine]
    if flag.guard in ("refused", "failed"):
        return Reading(sum(status == flag.guard for _, status in mine), len(mine))
    if flag.guard == "reported":
        reported = (
            Report.objects.filter(video__generation__in=ids).values("video").distinct().count()
        )
        return Reading(reported, sum(status == "succeeded" for _, status in mine))
    taken_back = Appeal.objects.filter(
        status=Appeal.Status.OVERTURNED, appellant__in=people, decided_at__gte=since
    ).count()
    return Reading(taken_back, sum(status == "refused" for _, status in mine))


def check_guards() -> int:
    """Halt every flag whose guard has passed its limit. Every minute; how many were halted."""
    halted = 0
    for flag in Flag.objects.filter(on=True, halted_at=None).exclude(guard=""):
        found = reading_of(flag)
        if found.total < flag.guard_least or found.share <= flag.guard_limit:
            continue
        why = (
            f"{GUARDS[flag.guard]}: {found.share:.0%} of {found.total}, "
            f"the limit is {flag.guard_limit:.0%}."
        )
        with transaction.atomic():
            changed = Flag.objects.filter(pk=flag.pk, halted_at=None).update(
                halted_at=timezone.now(), halted_why=why
            )
            if changed:
                audit.record(audit.FLAG_HALTED, target=flag, name=flag.name, why=why)
                halted += 1
    return halted


# --- The artist programme ------------------------------------------------------------------------


def requests_of(person: User) -> list[dict[str, Any]]:
    """Somebody's latest requests with what they said of each."""
    jobs = list(
        Generation.objects.filter(requested_by=person)
        .select_related("video")
        .order_by("-created_at")[:30]
    )
    said = {
        row.generation_id: row
        for row in ProgrammeFeedback.objects.filter(person=person, generation__in=jobs)
    }
    return [{"job": job, "feedback": said.get(job.pk)} for job in jobs]


def give_feedback(
    person: User, generation: Generation, *, verdict: str, text: str = ""
) -> ProgrammeFeedback:
    """What a member says about one request of their own; said again, it replaces the first.

    Raises NotInProgramme for others and for other people's requests, FlagInvalid for no verdict.
    """
    if generation.requested_by_id != person.pk or not is_on(ARTISTS, person):
        raise NotInProgramme()
    if verdict not in ProgrammeFeedback.Verdict.values:
        raise FlagInvalid("Say how it was judged.", param="verdict")
    said, _ = ProgrammeFeedback.objects.update_or_create(
        generation=generation,
        person=person,
        defaults={
            "workspace_id": generation.workspace_id,
            "verdict": verdict,
            "text": text.replace("\0", "").strip()[:MAX_FEEDBACK],
            "created_at": timezone.now(),
        },
    )
    return said


def programme_figures() -> dict[str, Any]:
    """Members by country, requests, and what they said."""
    members = FlagMember.objects.filter(flag__name=ARTISTS, ended_at=None)
    people = members.values("user")
    said = dict(ProgrammeFeedback.objects.values_list("verdict").annotate(n=Count("pk")).order_by())
    return {
        "members": members.count(),
        "countries": members.exclude(country="").values("country").distinct().count(),
        "requests": Generation.objects.filter(requested_by__in=people).count(),
        "refused": Generation.objects.filter(
            Q(requested_by__in=people), status=Generation.Status.REFUSED
        ).count(),
        "verdicts": [
            {"label": verdict.label, "number": said.get(verdict.value, 0)}
            for verdict in ProgrammeFeedback.Verdict
        ],
        "by_country": list(
            members.exclude(country="")
            .values("country")
            .annotate(number=Count("pk"))
            .order_by("-number", "country")[:80]
        ),
    }
