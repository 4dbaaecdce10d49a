"""Staff pages of the evaluation registry: sets, runs, comparing two runs, a new set from a file."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import signed_in, staff_required
from moderation import evaluation
from moderation.models import EvalRun, EvalSet
from moderation.probing_forms import EvalSetForm
from moderation.screening.thresholds import PROFILES
from sora_site.lib.errors import SoraError

PAGE = 100


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required
def sets(request: HttpRequest) -> HttpResponse:
    """GET, POST /console/evaluation/: all sets; a file makes a new one."""
    form = EvalSetForm(request.POST or None, request.FILES or None)
    status, refused = 200, None
    if request.method == "POST":
        status = 400
        if form.is_valid():
            data = dict(form.cleaned_data)
            file = data.pop("file")
            try:
                made = evaluation.create_set(
                    by=signed_in(request), data=file.read(evaluation.MAX_FILE + 1), **data
                )
            except SoraError as error:
                refused, status = error, error.http_status
            else:
                messages.success(request, f"{made.title}: {made.cases.count()} cases.")
                return redirect("moderation:evaluation-set", made.name)
    found = list(evaluation.listed())
    runs = EvalRun.objects.defer("answers").in_bulk([s.last_run for s in found if s.last_run])
    rows = [
        {"set": one, "run": runs.get(one.last_run), **_short(runs.get(one.last_run))}
        for one in found
    ]
    context = {"rows": rows, "form": form, "refused": refused}
    return render(request, "moderation/evaluation.html", context, status=status)


def _short(run: EvalRun | None) -> dict[str, Any]:
    """The three numbers of a list: unsafe refused, unsafe stopped, harmless refused; in percent."""
    if run is None:
        return {}
    groups = run.figures.get("groups", {})

    def total(label: str) -> dict[str, float] | None:
        counts = [c for name, c in groups.items() if name.startswith(f"{label}/")]
        if not counts:
            return None
        return evaluation.shares(
            {key: sum(c[key] for c in counts) for key in ("n", "refuse", "guard")}
        )

    return {"block": total("block"), "allow": total("allow")}


@require_safe
@never_cache
@staff_required
def one(request: HttpRequest, name: str) -> HttpResponse:
    """GET /console/evaluation/sets/<name>/: its cases and runs."""
    found = get_object_or_404(EvalSet, name=name)
    page = Paginator(found.cases.order_by("pk"), PAGE).get_page(request.GET.get("page"))
    runs = [
        {"run": run, **_short(run)}
        for run in found.runs.order_by("-created_at", "-pk").defer("answers")[:30]
    ]
    done = [row["run"] for row in runs if row["run"].status == EvalRun.Status.DONE]
    context = {
        "set": found,
        "page": page,
        "runs": runs,
        "comparable": done if len(done) > 1 else [],
        "profiles": list(PROFILES),
    }
    return render(request, "moderation/evaluation_set.html", context)


@require_safe
@never_cache
@staff_required
def download(request: HttpRequest, name: str) -> StreamingHttpResponse:
    """GET /console/evaluation/sets/<name>/jsonl/: the set in the format it comes in."""
    found = get_object_or_404(EvalSet, name=name)
    lines = evaluation.as_jsonl(found, found.cases.order_by("pk").iterator(chunk_size=1000))
    answer = StreamingHttpResponse(lines, content_type="application/x-ndjson")
    answer["Content-Disposition"] = f'attachment; filename="{found.name}.jsonl"'
    return answer


@require_POST
@never_cache
@staff_required
def start(request: HttpRequest, name: str) -> HttpResponse:
    """POST /console/evaluation/sets/<name>/runs/: ask a worker to measure it."""
    found = get_object_or_404(EvalSet, name=name)
    try:
        made = evaluation.request_run(
            found, profile=request.POST.get("profile", ""), by=signed_in(request)
        )
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
        return redirect("moderation:evaluation-set", name)
    messages.success(request, "A worker measures it now.")
    return redirect("moderation:evaluation-run", made.pk)


@require_safe
@never_cache
@staff_required
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """GET /console/evaluation/runs/<id>/: figures of one run, and the cases answered wrong."""
    found = get_object_or_404(EvalRun.objects.select_related("set"), pk=run_id)
    groups = [
        {"name": name, "counts": counts, **evaluation.shares(counts)}
        for name, counts in found.figures.get("groups", {}).items()
    ]
    context = {"run": found, "groups": groups, "wrong": _wrong(found)}
    return render(request, "moderation/evaluation_run.html", context)


def _wrong(found: EvalRun) -> list[dict[str, Any]]:
    """At most a hundred cases whose answer is not their label."""
    keys = found.answers
    shown = []
    for case in found.set.cases.filter(key__in=keys).order_by("category", "pk").iterator(500):
        action = keys[case.key]
        missed = case.label == "block" and action in ("allow", "rewrite")
        over = case.label != "block" and action == "refuse"
        if missed or over:
            shown.append({"case": case, "action": action})
        if len(shown) >= 100:
            break
    return shown


@require_safe
@never_cache
@staff_required
def compare(request: HttpRequest) -> HttpResponse:
    """GET /console/evaluation/compare/?before=&after=: what moved between two runs of a set."""
    before, after = (_run_of(request.GET.get(side, "")) for side in ("before", "after"))
    try:
        result = evaluation.compare(before, after)
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
        return redirect("moderation:evaluation-set", after.set.name)
    context = {"before": before, "after": after, "result": result, "set": after.set}
    return render(request, "moderation/evaluation_compare.html", context)


def _run_of(number: str) -> EvalRun:
    if not (number.isascii() and number.isdigit() and len(number) <= 15):
        raise Http404
    return get_object_or_404(EvalRun.objects.select_related("set"), pk=int(number))
