"""The queue as a reviewer asks for it: filters, order, the counts beside them, saved views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from django.db.models import Case as When_
from django.db.models import Count, F, Q, When
from django.utils import timezone

from accounts.models import User
from moderation.errors import FilterInvalid
from moderation.models import Case, CaseQuerySet, SavedFilter

SEVERITIES: Final = ("4", "3", "2", "1")
CLOCKS: Final = ("late", "soon", "later")
ORDERS: Final = ("severity", "clock", "oldest", "newest")
HOLDERS: Final = ("free", "mine")
SOON: Final = timedelta(hours=24)
MOST_SAVED: Final = 20


@dataclass(frozen=True)
class QueueFilter:
    """What of the queue somebody wants to see. Empty fields filter nothing."""

    severity: str = ""
    clock: str = ""
    language: str = ""
    lane: str = ""
    origin: str = ""
    subject: str = ""
    holder: str = ""
    order: str = "severity"

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> QueueFilter:
        """From a page's address. What isn't known filters nothing: addresses are typed and old."""
        known = {
            "severity": SEVERITIES,
            "clock": CLOCKS,
            "lane": tuple(Case.Lane.values),
            "origin": tuple(Case.Origin.values),
            "subject": tuple(Case.Subject.values),
            "holder": HOLDERS,
            "order": ORDERS,
        }
        found = {
            name: value
            for name, allowed in known.items()
            if (value := str(query.get(name, ""))) in allowed
        }
        language = str(query.get("language", ""))[:12].lower()
        if language.replace("-", "").isalnum() and language.isascii():
            found["language"] = language
        return cls(**found)

    @property
    def query(self) -> str:
        """As the query of an address: only what differs from the plain queue, always in one order."""
        plain = QueueFilter()
        return urlencode(
            {
                name: value
                for name, value in sorted(vars(self).items())
                if value and value != getattr(plain, name)
            }
        )

    def but(self, **changed: str) -> str:
        """The query with something else in it, for links beside the queue."""
        return replace(self, **changed).query


def cases(wanted: QueueFilter, *, viewer: User) -> CaseQuerySet:
    """Open cases as asked for. Child-safety matters are not among them: they have their own queue."""
    now = timezone.now()
    rows = Case.objects.waiting()
    if wanted.severity:
        rows = rows.filter(severity=int(wanted.severity))
    if wanted.clock == "late":
        rows = rows.filter(due_at__lte=now)
    elif wanted.clock == "soon":
        rows = rows.filter(due_at__gt=now, due_at__lte=now + SOON)
    elif wanted.clock == "later":
        rows = rows.filter(due_at__gt=now + SOON)
    if wanted.language:
        rows = rows.filter(language=wanted.language)
    if wanted.lane:
        rows = rows.filter(lane=wanted.lane)
    if wanted.origin:
        rows = rows.filter(origin=wanted.origin)
    if wanted.subject:
        rows = rows.filter(subject_kind=wanted.subject)
    if wanted.holder == "mine":
        rows = rows.filter(claim__holder=viewer, claim__until__gt=now)
    elif wanted.holder == "free":
        rows = rows.filter(Q(claim=None) | Q(claim__until__lte=now) | Q(claim__holder=viewer))
    return rows.select_related("claim", "claim__holder").order_by(*_order(wanted.order))


def _order(order: str) -> tuple[Any, ...]:
    if order == "clock":
        return F("due_at").asc(nulls_last=True), "-severity", "pk"
    if order == "oldest":
        return "opened_at", "pk"
    if order == "newest":
        return "-opened_at", "-pk"
    return _lane_first(), "-severity", F("due_at").asc(nulls_last=True), "opened_at", "pk"


def _lane_first() -> Any:
    """The lane with a legal clock stands before everything; a trusted flag before ordinary ones."""
    return When_(When(lane="intimate", then=0), When(lane="trusted", then=1), default=2).asc()


def next_case(wanted: QueueFilter, *, viewer: User, after: int | None = None) -> Case | None:
    """The next case nobody else works on; `after` is left out."""
    rows = cases(replace(wanted, holder="free"), viewer=viewer)
    return rows.exclude(pk=after).first() if after else rows.first()


def counts(*, viewer: User) -> dict[str, Any]:
    """What stands beside the queue: how many there are by severity, clock, lane and language."""
    now = timezone.now()
    waiting = Case.objects.filter(status=Case.Status.OPEN)
    summed = waiting.aggregate(
        all=Count("pk"),
        s4=Count("pk", filter=Q(severity=4)),
        s3=Count("pk", filter=Q(severity=3)),
        s2=Count("pk", filter=Q(severity=2)),
        s1=Count("pk", filter=Q(severity=1)),
        late=Count("pk", filter=Q(due_at__lte=now)),
        soon=Count("pk", filter=Q(due_at__gt=now, due_at__lte=now + SOON)),
        later=Count("pk", filter=Q(due_at__gt=now + SOON)),
        mine=Count("pk", filter=Q(claim__holder=viewer, claim__until__gt=now)),
        intimate=Count("pk", filter=Q(lane=Case.Lane.INTIMATE)),
        trusted=Count("pk", filter=Q(lane=Case.Lane.TRUSTED)),
    )
    subjects = dict(waiting.values_list("subject_kind").annotate(number=Count("pk")).order_by())
    languages = (
        waiting.exclude(language="")
        .values_list("language")
        .annotate(number=Count("pk"))
        .order_by("-number", "language")[:12]
    )
    return {**summed, "languages": list(languages), "subjects": subjects}


def save_filter(user: User, *, name: str, query: str) -> SavedFilter:
    """Keep a view of the queue under a name; the same name is replaced.

    Raises FilterInvalid without a name, for one too long and for too many.
    """
    name = " ".join(name.replace("\0", "").split())
    if not name or len(name) > 40:
        raise FilterInvalid(param="name", remedy="Give it a name of 1 to 40 characters.")
    wanted = QueueFilter.read(dict(parse_qsl(query[:300])))
    mine = SavedFilter.objects.filter(owner=user)
    if not mine.filter(name=name).exists() and mine.count() >= MOST_SAVED:
        raise FilterInvalid(
            f"You have {MOST_SAVED} saved filters.", remedy="Delete one you don't use."
        )
    saved, _ = SavedFilter.objects.update_or_create(
        owner=user, name=name, defaults={"query": wanted.query}
    )
    return saved


def forget_filter(user: User, number: int) -> bool:
    """Delete one's own saved view. False: it isn't one's own."""
    return bool(SavedFilter.objects.filter(owner=user, pk=number).delete()[0])
