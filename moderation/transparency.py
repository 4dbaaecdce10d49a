"""The report of a period: what came in, what was done, by whom, how fast, how often it was wrong.

The parts follow the harmonised template of the European Commission for transparency reports (Regulation
(EU) 2024/2835): orders, notices, own-initiative actions, complaints, automated means, people. Figures
are counted once, when a report is made, and kept; making it again for the same days is another row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from accounts import audit
from accounts.models import User
from accounts.staff_roles import Role, holders, require_role
from generation.models import PolicyActivation, Receipt, SafetyCheck
from moderation import console_second, effectiveness
from moderation.errors import PeriodInvalid
from moderation.models import (
    Appeal,
    CanaryResult,
    Case,
    CaseLook,
    ChildSafetyCase,
    CyberTip,
    Decision,
    EvalRun,
    PeriodReport,
    RedTeamRun,
    Report,
    SecondLook,
)

FORMAT: Final = "transparency-report-1"
Kind = Receipt.Kind


def make(begins: date, ends: date, *, by: User) -> PeriodReport:
    """Count a period and keep the figures. Raises PeriodInvalid and what require_role raises."""
    if begins > ends or ends > timezone.now().date():
        raise PeriodInvalid()
    if (ends - begins).days >= PeriodReport.MAX_DAYS:
        raise PeriodInvalid(remedy=f"A report covers at most {PeriodReport.MAX_DAYS} days.")
    with transaction.atomic():
        require_role(by, Role.SENIOR)
        report = PeriodReport.objects.create(
            begins=begins, ends=ends, figures=count(begins, ends), made_by=by
        )
        audit.record(
            audit.PERIOD_REPORTED,
            actor=by,
            target=report,
            begins=begins.isoformat(),
            ends=ends.isoformat(),
        )
    return report


def publish(report: PeriodReport, *, by: User) -> bool:
    """Let everybody read it. False: it is public already."""
    with transaction.atomic():
        require_role(by, Role.SENIOR)
        changed = PeriodReport.objects.filter(pk=report.pk, published_at=None).update(
            published_at=timezone.now()
        )
        if changed:
            audit.record(
                audit.PERIOD_PUBLISHED,
                actor=by,
                target=report,
                begins=report.begins.isoformat(),
                ends=report.ends.isoformat(),
            )
    return bool(changed)


def count(begins: date, ends: date) -> dict[str, Any]:
    """The figures of all days from `begins` to `ends`, both included, in UTC."""
    start = datetime.combine(begins, time.min, UTC)
    end = datetime.combine(ends + timedelta(days=1), time.min, UTC)
    span = {"created_at__gte": start, "created_at__lt": end}
    return {
        "format": FORMAT,
        "service": settings.SITE_NAME,
        "begins": begins.isoformat(),
        "ends": ends.isoformat(),
        "notices": _notices(Report.objects.filter(**span)),
        "own_initiative": _own_initiative(Receipt.objects.filter(**span)),
        "decisions": _decisions(Decision.objects.filter(**span)),
        "complaints": _complaints(Appeal.objects.filter(**span)),
        "automation": _automation(start, end),
        "child_safety": _child_safety(start, end),
        "people": _people(start, end),
        "evidence": _evidence(start, end),
    }


def _by(rows: QuerySet[Any], field: str) -> dict[str, int]:
    return {
        str(key) or "none": number
        for key, number in rows.values_list(field).annotate(n=Count("pk")).order_by("-n", field)
    }


def _median_hours(rows: QuerySet[Any], begins: str, ends: str) -> float | None:
    """Median hours between two columns of the rows; None of none."""
    sql, params = rows.values_list(begins, ends).order_by().query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM t.b - t.a)) "
            f"FROM ({sql}) AS t(a, b)",
            params,
        )
        (seconds,) = cursor.fetchone()
    return None if seconds is None else round(seconds / 3600, 2)


def _notices(rows: QuerySet[Report]) -> dict[str, Any]:
    decided = rows.exclude(outcome="")
    return {
        "received": rows.count(),
        "by_reason": _by(rows, "reason"),
        "from_trusted_flaggers": rows.filter(case__lane=Case.Lane.TRUSTED).count(),
        "of_intimate_imagery": rows.filter(case__lane=Case.Lane.INTIMATE).count(),
        "upheld": rows.filter(outcome="upheld").count(),
        "dismissed": rows.filter(outcome="dismissed").count(),
        "median_hours": _median_hours(
            decided.filter(outcome_at__isnull=False), "created_at", "outcome_at"
        ),
    }


def _own_initiative(rows: QuerySet[Receipt]) -> dict[str, Any]:
    restrictive = rows.exclude(kind=Kind.REVERSAL)
    return {
        "statements": restrictive.count(),
        "by_kind": _by(restrictive, "kind"),
        "by_rule": _by(restrictive, "policy_code"),
        "by_layer": _by(restrictive, "layer"),
        "automated": restrictive.filter(automated=True).count(),
        "by_people": restrictive.filter(automated=False).count(),
    }


def _decisions(rows: QuerySet[Decision]) -> dict[str, Any]:
    first = rows.filter(supersedes=None)
    return {
        "taken": first.count(),
        "by_action": _by(first, "action"),
        "taken_back": rows.filter(action=Decision.Action.REVERSE).count(),
        "median_hours": _median_hours(first, "case__opened_at", "created_at"),
        "late": first.filter(case__due_at__isnull=False, created_at__gt=F("case__due_at")).count(),
    }


def _complaints(rows: QuerySet[Appeal]) -> dict[str, Any]:
    decided = rows.filter(decided_at__isnull=False)
    return {
        "received": rows.count(),
        "against_automated": rows.filter(receipt__automated=True).count(),
        "upheld": rows.filter(status=Appeal.Status.UPHELD).count(),
        "overturned": rows.filter(status=Appeal.Status.OVERTURNED).count(),
        "waiting": rows.filter(status=Appeal.Status.OPEN).count(),
        "median_hours": _median_hours(decided, "created_at", "decided_at"),
        "late": decided.filter(decided_at__gt=F("due_at")).count(),
    }


def _automation(start: datetime, end: datetime) -> dict[str, Any]:
    """How much checks decide, and how often that was found wrong."""
    checks = SafetyCheck.objects.filter(created_at__gte=start, created_at__lt=end)
    refused = Receipt.objects.filter(
        created_at__gte=start, created_at__lt=end, automated=True
    ).exclude(kind=Kind.REVERSAL)
    wrong = Appeal.objects.filter(
        receipt__in=refused.values("pk"), status=Appeal.Status.OVERTURNED
    ).count()
    total = refused.count()
    low, high = console_second.wilson(wrong, total)
    return {
        "checks": checks.count(),
        "by_action": _by(checks, "action"),
        "statements": total,
        "overturned": wrong,
        "error_share": round(wrong / total, 4) if total else None,
        "error_share_95": [round(low, 4), round(high, 4)] if total else None,
    }


def _child_safety(start: datetime, end: datetime) -> dict[str, Any]:
    """Numbers alone; nothing that could be led back to a case."""
    return {
        "cases": ChildSafetyCase.objects.filter(opened_at__gte=start, opened_at__lt=end).count(),
        "reports_sent": CyberTip.objects.filter(
            status=CyberTip.Status.FILED, created_at__gte=start, created_at__lt=end
        ).count(),
    }


def _people(start: datetime, end: datetime) -> dict[str, Any]:
    looked = SecondLook.objects.filter(done_at__gte=start, done_at__lt=end)
    agreement = console_second.agreement(looked)
    return {
        "reviewers": len(holders(Role.REVIEWER)),
        "decided_by": Decision.objects.filter(created_at__gte=start, created_at__lt=end)
        .values("decided_by")
        .distinct()
        .count(),
        "second_looks": agreement.looked,
        "agreed": agreement.agreed,
        "mean_exposure_a_day": round(_mean_exposure(start, end), 2),
    }


def _mean_exposure(start: datetime, end: datetime) -> float:
    """Exposure points of one reviewer on a day they worked."""
    days = (
        CaseLook.objects.filter(at__gte=start, at__lt=end)
        .annotate(day=TruncDate("at"))
        .values("viewer", "day")
        .annotate(points=Sum("points"))
        .values_list("points", flat=True)
    )
    found = list(days)
    return sum(found) / len(found) if found else 0.0


def _evidence(start: datetime, end: datetime) -> dict[str, Any]:
    """What the figures can be checked against: policies in force, measurements, the chain of statements."""
    last = Receipt.objects.filter(created_at__lt=end).order_by("-number").first()
    span = {"created_at__gte": start, "created_at__lt": end}
    return {
        "policy_steps": [
            {
                "at": step.created_at.isoformat(timespec="seconds"),
                "version": step.version.version if step.version else "shipped",
                "rolled_back": step.rolled_back,
            }
            for step in PolicyActivation.objects.filter(**span)
            .select_related("version")
            .order_by("pk")[:200]
        ],
        "policy_versions_used": sorted(
            SafetyCheck.objects.filter(**span).values_list("policy_version", flat=True).distinct()
        ),
        "evaluation_runs": [
            {"set": run.set.name, "policy": run.policy_version, "cases": run.cases}
            for run in EvalRun.objects.filter(status=EvalRun.Status.DONE, **span)
            .select_related("set")
            .order_by("pk")[:200]
        ],
        "red_team_runs": RedTeamRun.objects.filter(**span).count(),
        "canaries": CanaryResult.objects.filter(at__gte=start, at__lt=end).count(),
        "canaries_drifted": CanaryResult.objects.filter(
            at__gte=start, at__lt=end, drifted=True
        ).count(),
        "layers": [
            {"layer": layer.name, "stopped": layer.hits, "only_by_it": layer.unique}
            for layer in effectiveness.layers(start, end)
        ],
        "statements_chain": {"number": last.number, "hash": last.hash} if last else None,
    }


def rows_of(figures: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(part, field, value) of every figure, flat, in the order of the document."""
    for part, values in figures.items():
        if isinstance(values, dict):
            for field, value in values.items():
                yield from _flat(part, field, value)
        else:
            yield part, "", str(values)


def _flat(part: str, field: str, value: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(part, f"{field}.{key}", inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value, start=1):
            yield from _flat(part, f"{field}.{number}", inner)
    else:
        yield part, field, "" if value is None else str(value)


def as_csv(figures: dict[str, Any]) -> str:
    """The figures as a table with the columns part, field and value."""
    out = io.StringIO()
    sheet = csv.writer(out)
    sheet.writerow(["part", "field", "value"])
    sheet.writerows(rows_of(figures))
    return out.getvalue()


PARTS: Final = (
    ("notices", "Notices"),
    ("own_initiative", "Statements of reasons"),
    ("decisions", "Decisions by people"),
    ("complaints", "Complaints"),
    ("automation", "Automated means"),
    ("child_safety", "Child safety"),
    ("people", "People who decide"),
    ("evidence", "Evidence"),
)


def published() -> QuerySet[PeriodReport]:
    """What everybody may read, the latest period first."""
    return PeriodReport.objects.filter(~Q(published_at=None)).order_by("-ends", "-pk")
