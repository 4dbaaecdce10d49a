"""How well each layer works: what it caught, what only it caught, how often it erred, how long it took.

A layer is a check as decisions name it (the provider of a signal). It is counted where it alone would
have stopped something; caught only by it is what no other signal of the same job stopped.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Count
from django.utils import timezone

from generation.models import Receipt, StageTiming
from moderation.console_second import wilson
from moderation.models import Appeal, CanaryResult, LayerError

PERIODS: Final = (1, 7, 30)
MOST_JOBS: Final = 20_000
MOST_SIGNALS: Final = 400_000


@dataclass
class Layer:
    """`hits`: jobs it alone would have stopped; `unique`: those nothing else did."""

    name: str
    hits: int = 0
    unique: int = 0
    categories: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def unique_percent(self) -> int:
        return round(100 * self.unique / self.hits) if self.hits else 0

    @property
    def top(self) -> str:
        ranked = sorted(self.categories.items(), key=lambda item: (-item[1], item[0]))
        return ", ".join(name.replace("_", " ") for name, _ in ranked[:3])


def layers(since: datetime, until: datetime | None = None) -> list[Layer]:
    """By hits, the most first; up to now unless told otherwise.

    One query: signals that stop, by job and provider.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT checked.generation_id, signal ->> 'provider', signal ->> 'category'
              FROM (SELECT generation_id, verdict FROM generation_safetycheck
                     WHERE created_at >= %s AND created_at < %s AND action IN ('refuse', 'hold')
                     ORDER BY created_at DESC LIMIT %s) AS checked,
                   jsonb_array_elements(
                     CASE WHEN jsonb_typeof(verdict -> 'signals') = 'array'
                          THEN verdict -> 'signals' ELSE '[]'::jsonb END) AS signal
             WHERE signal ->> 'action' IN ('refuse', 'hold')
             LIMIT %s
            """,
            [since, until or timezone.now(), MOST_JOBS, MOST_SIGNALS],
        )
        rows = cursor.fetchall()
    by_job: dict[Any, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for job, provider, category in rows:
        by_job[job][provider or "unnamed"].add(category or "other")
    found: dict[str, Layer] = {}
    for providers in by_job.values():
        for name, categories in providers.items():
            layer = found.setdefault(name, Layer(name))
            layer.hits += 1
            layer.unique += len(providers) == 1
            for category in categories:
                layer.categories[category] += 1
    return sorted(found.values(), key=lambda layer: (-layer.hits, layer.name))


@dataclass(frozen=True)
class Errors:
    """Statements one stage gave, how many were disputed, how many taken back."""

    layer: str
    statements: int
    appeals: int
    overturned: int

    @property
    def rate(self) -> float | None:
        """Overturned of decided statements; None without any."""
        return self.overturned / self.statements if self.statements else None

    @property
    def high(self) -> float:
        """The upper bound of the rate with 95 % confidence."""
        return wilson(self.overturned, self.statements)[1]


def errors(since: datetime) -> list[Errors]:
    """By stage, as statements of reasons name it; those of people ("review") too."""
    given = dict(
        Receipt.objects.filter(created_at__gte=since)
        .exclude(kind=Receipt.Kind.REVERSAL)
        .values_list("layer")
        .annotate(number=Count("pk"))
        .order_by()
    )
    disputed = dict(
        Appeal.objects.filter(receipt__created_at__gte=since)
        .values_list("receipt__layer")
        .annotate(number=Count("pk"))
        .order_by()
    )
    wrong = dict(
        LayerError.objects.filter(receipt__created_at__gte=since)
        .values_list("layer")
        .annotate(number=Count("pk"))
        .order_by()
    )
    return [
        Errors(name, given.get(name, 0), disputed.get(name, 0), wrong.get(name, 0))
        for name in sorted({*given, *disputed, *wrong}, key=lambda n: (-given.get(n, 0), n))
    ]


def latencies(since: datetime) -> list[dict[str, Any]]:
    """Seconds each stage took: half were faster than `middle`, nineteen of twenty than `slow`."""
    table = connection.ops.quote_name(StageTiming._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT stage, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds),
                   percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds)
              FROM {table} WHERE created_at >= %s GROUP BY stage ORDER BY 4 DESC
            """,
            [since],
        )
        rows = cursor.fetchall()
    return [
        {"stage": stage, "runs": runs, "middle": round(middle, 3), "slow": round(slow, 3)}
        for stage, runs, middle, slow in rows
    ]


def canaries() -> dict[str, Any]:
    """The last round of probes, what drifted and nobody took note of, and a day of answers each."""
    latest = CanaryResult.objects.order_by("-at").first()
    if latest is None:
        return {"at": None, "probes": [], "drifted": 0}
    day = timezone.now() - timedelta(hours=24)
    rows: dict[str, list[CanaryResult]] = defaultdict(list)
    for row in CanaryResult.objects.filter(at__gte=day).order_by("at"):
        rows[row.probe].append(row)
    return {
        "at": latest.at,
        "drifted": CanaryResult.objects.filter(drifted=True, seen_at=None).count(),
        "probes": [
            {
                "name": name,
                "last": results[-1],
                "missed": sum(result.drifted for result in results),
                "asked": len(results),
            }
            for name, results in sorted(rows.items())
        ],
    }


def drifted() -> int:
    """How many probes got another answer than they must, with nobody having taken note."""
    return CanaryResult.objects.filter(drifted=True, seen_at=None).count()
