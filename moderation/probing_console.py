"""Staff pages about probing and the red team, and the page of invited testers."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.permissions import adult_required, signed_in, staff_required
from generation.models import RequestTrace
from moderation import evaluation, probing
from moderation.errors import CaseClosed
from moderation.models import Campaign, ProbingCase, RedTeamFinding, RedTeamRun
from moderation.policies import POLICIES
from moderation.probing_forms import CampaignForm, CloseForm, FindingForm
from moderation.screening import redteam as machine
from moderation.screening.protocol import Category
from sora_site.lib.errors import SoraError

PAGE = 50
RULES = {
    "one_kind": "3 of the last 10 refused, in one category",
    "refusals": "4 of the last 10 refused",
    "zero_tolerance": "2 refusals for child safety",
    "hurry": "6 rewordings within a minute",
    "many_refusals": "6 of the last 20 refused",
    "rephrasing": "5 refused wordings of one wish",
    "around_the_block": "a refused wish that passed reworded and was blocked",
    "upload_chain": "4 of the last 10 edits of one upload refused",
    "borderline_seed": "seeds of borderline clips asked for again",
}


@require_safe
@never_cache
@staff_required
def cases(request: HttpRequest) -> HttpResponse:
    """GET /console/probing/: people whose requests look like probing, the longest waiting first."""
    page = Paginator(ProbingCase.objects.queue(), PAGE).get_page(request.GET.get("page"))
    closed = ProbingCase.objects.filter(status=ProbingCase.Status.CLOSED).select_related("about")
    context = {"page": page, "closed": closed.order_by("-closed_at")[:10]}
    return render(request, "moderation/probing.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required
def case(request: HttpRequest, case_id: int) -> HttpResponse:
    """GET, POST /console/probing/<id>/: the cluster of attempts, and closing the case."""
    found = get_object_or_404(ProbingCase.objects.select_related("about", "closed_by"), pk=case_id)
    form = CloseForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                probing.close_case(found, by=signed_in(request), **form.cleaned_data)
            except CaseClosed as error:
                messages.warning(request, error.message)
            except SoraError as error:
                form.add_error("note", error.message)
                return _case(request, found, form, status)
            return redirect("moderation:probing")
    return _case(request, found, form, status)


def _case(request: HttpRequest, found: ProbingCase, form: CloseForm, status: int) -> HttpResponse:
    attempts = probing.attempts_of(found)
    last = RequestTrace.objects.filter(user=found.about).order_by("-created_at")
    counts = {
        outcome: last.filter(outcome=outcome).count() for outcome in RequestTrace.Outcome.values
    }
    context = {
        "case": found,
        "form": form,
        "attempts": attempts,
        "frictions": [
            {"row": row, "rule": RULES.get(row.rule, row.rule), "category": _title(row.category)}
            for row in found.frictions.order_by("created_at")
        ],
        "counts": counts,
        "categories": _categories(),
        "outcomes": ProbingCase.Outcome.choices,
    }
    return render(request, "moderation/probing_case.html", context, status=status)


@require_POST
@never_cache
@staff_required
def keep_attempt(request: HttpRequest, case_id: int, trace_id: int) -> HttpResponse:
    """POST /console/probing/<id>/attempts/<id>/keep/: one click, and it is measured from now on."""
    found = get_object_or_404(ProbingCase, pk=case_id)
    traces = RequestTrace.objects.filter(pk__in=found.frictions.values("traces"))
    trace = get_object_or_404(traces, pk=trace_id)
    try:
        evaluation.promote_trace(
            trace,
            label=request.POST.get("label", ""),
            category=request.POST.get("category", ""),
            by=signed_in(request),
        )
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
    else:
        messages.success(request, "Kept as an evaluation case. It holds the words, not the person.")
    return redirect("moderation:probing-case", case_id)


# --- Red team --------------------------------------------------------------------------------------


@require_safe
@never_cache
@staff_required
def red_team(request: HttpRequest) -> HttpResponse:
    """GET /console/redteam/: runs, campaigns and what was found."""
    runs = [
        {"run": run, "success": _success(run)}
        for run in RedTeamRun.objects.order_by("-created_at").defer("passed")[:20]
    ]
    findings = RedTeamFinding.objects.select_related("campaign", "tester").prefetch_related(
        "eval_cases"
    )
    page = Paginator(findings.order_by("-created_at", "-pk"), PAGE).get_page(
        request.GET.get("page")
    )
    context = {"runs": runs, "campaigns": Campaign.objects.order_by("-ends_at")[:50], "page": page}
    return render(request, "moderation/redteam.html", context)


def _success(run: RedTeamRun) -> list[machine.Cell]:
    """Attack success at each stage."""
    return list(machine.totals(machine.from_json(run.table), "stage").values())


@require_safe
@never_cache
@staff_required
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """GET /console/redteam/runs/<id>/: the table, what moved, and every answer that was wrong."""
    found = get_object_or_404(RedTeamRun, pk=run_id)
    cells = machine.from_json(found.table)
    before = RedTeamRun.objects.filter(seeds=found.seeds, pk__lt=found.pk).order_by("-pk").first()
    changes = machine.compare(machine.from_json(before.table), cells) if before else []
    context = {
        "run": found,
        "before": before,
        "changes": sorted(changes, key=lambda change: -change.worse_by),
        "limit": machine.REGRESSION_POINTS,
        "transforms": _rows(cells, "transform"),
        "categories": _rows(cells, "category"),
        "wrong": list(enumerate(found.passed)),
    }
    return render(request, "moderation/redteam_run.html", context)


def _rows(cells: list[machine.Cell], by: str) -> list[dict[str, Any]]:
    """One row a transform or category: its last stage with anything in it."""
    rows: dict[str, machine.Cell] = {}
    for cell in machine.totals(cells, by, "stage").values():
        if cell.stage in ("prompt", "rewritten"):
            rows[getattr(cell, by)] = cell
    return [{"name": name, "cell": cell} for name, cell in rows.items()]


@require_POST
@never_cache
@staff_required
def keep_wrong(request: HttpRequest, run_id: int, index: int) -> HttpResponse:
    """POST /console/redteam/runs/<id>/wrong/<n>/keep/: a wrong answer becomes an eval case."""
    found = get_object_or_404(RedTeamRun, pk=run_id)
    try:
        finding = probing.finding_of(found, index)
    except IndexError:
        raise Http404 from None
    evaluation.promote_finding(finding, by=signed_in(request))
    messages.success(request, "Kept as an evaluation case.")
    return redirect("moderation:redteam-run", run_id)


@require_POST
@never_cache
@staff_required
def keep_finding(request: HttpRequest, finding_id: int) -> HttpResponse:
    """POST /console/redteam/findings/<id>/keep/: a tester's finding becomes an eval case."""
    finding = get_object_or_404(RedTeamFinding, pk=finding_id)
    evaluation.promote_finding(finding, by=signed_in(request))
    messages.success(request, "Kept as an evaluation case.")
    return redirect("moderation:redteam")


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required
def campaign(request: HttpRequest, campaign_id: int | None = None) -> HttpResponse:
    """GET, POST /console/redteam/campaigns/[<id>/]: make or change a campaign."""
    found = get_object_or_404(Campaign, pk=campaign_id) if campaign_id is not None else None
    form = CampaignForm(request.POST or None, initial=CampaignForm.values_of(found))
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                saved = probing.save_campaign(found, by=signed_in(request), **form.cleaned_data)
            except SoraError as error:
                form.add_error(error.param, f"{error.message} {error.remedy or ''}".strip())
            else:
                messages.success(request, f"Saved: {saved.title}.")
                return redirect("moderation:redteam")
    context = {"campaign": found, "form": form}
    return render(request, "moderation/campaign.html", context, status=status)


# --- Testers ---------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@never_cache
@adult_required
def testing(request: HttpRequest) -> HttpResponse:
    """GET, POST /testing/: the campaigns somebody tests for, and reporting what they found.

    404 for everybody who is invited to none.
    """
    person = signed_in(request)
    now = timezone.now()
    running = list(
        Campaign.objects.filter(testers=person, starts_at__lte=now, ends_at__gt=now).order_by(
            "ends_at"
        )
    )
    if not running:
        raise Http404
    form = FindingForm(request.POST or None, campaigns=running)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                _report(person, form)
            except SoraError as error:
                form.add_error(error.param, f"{error.message} {error.remedy or ''}".strip())
            else:
                messages.success(request, "Thank you. The team looks at every finding.")
                return redirect("moderation:testing")
    mine = RedTeamFinding.objects.filter(tester=person).select_related("campaign")
    context = {"campaigns": running, "form": form, "mine": mine.order_by("-created_at")[:50]}
    return render(request, "moderation/testing.html", context, status=status)


def _report(person: User, form: FindingForm) -> None:
    data = dict(form.cleaned_data)
    chosen = get_object_or_404(Campaign, name=data.pop("campaign"))
    probing.report_finding(chosen, by=person, **data)


def _categories() -> list[tuple[str, str]]:
    """Categories a text can belong to, in words; never the one that is under seal."""
    return [
        (c.value, _title(c.value))
        for c in Category
        if c.value in POLICIES and c != Category.SEXUAL_MINORS
    ]


def _title(category: str) -> str:
    return POLICIES[category].title if category in POLICIES else category
