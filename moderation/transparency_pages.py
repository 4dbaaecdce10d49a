"""Pages of the reports of a period: making and publishing them, and reading what is public."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import check_staff, signed_in, staff_required
from generation import signing
from generation.provenance.c2pa import SigningError
from moderation import evidence_pack, transparency
from moderation.models import PeriodReport
from sora_site.lib.errors import SoraError

SHOWN = 60


class PeriodForm(forms.Form):
    """The days of a report."""

    begins = forms.DateField(label="First day", widget=forms.DateInput(attrs={"type": "date"}))
    ends = forms.DateField(label="Last day", widget=forms.DateInput(attrs={"type": "date"}))


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required(role="senior")
def periods(request: HttpRequest) -> HttpResponse:
    """GET, POST /console/reports/: every report; count another period."""
    yesterday = timezone.now().date() - timedelta(days=1)
    first = yesterday.replace(day=1)
    form = PeriodForm(request.POST or None, initial={"begins": first, "ends": yesterday})
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                report = transparency.make(by=signed_in(request), **form.cleaned_data)
                return redirect("moderation:period", report.pk)
            except SoraError as error:
                form.add_error(None, f"{error.message} {error.remedy or ''}".strip())
    context = {
        "form": form,
        "rows": PeriodReport.objects.select_related("made_by").order_by("-made_at")[:SHOWN],
    }
    return render(request, "moderation/periods.html", context, status=status)


@require_POST
@never_cache
@staff_required(role="senior")
def publish(request: HttpRequest, report_id: int) -> HttpResponse:
    """POST /console/reports/<id>/publish/: let everybody read it."""
    report = PeriodReport.objects.filter(pk=report_id).first()
    if report is None:
        raise Http404
    if transparency.publish(report, by=signed_in(request)):
        messages.success(request, "Everybody can read it now.")
    return redirect("moderation:period", report.pk)


@require_safe
def public(request: HttpRequest) -> HttpResponse:
    """GET /transparency/: every published report."""
    return render(
        request, "moderation/transparency.html", {"rows": transparency.published()[:SHOWN]}
    )


@require_safe
@never_cache
def period(request: HttpRequest, report_id: int) -> HttpResponse:
    """GET /transparency/<id>/: one report; unpublished ones for seniors alone."""
    report = _report(request, report_id)
    context = {
        "report": report,
        "parts": [
            {
                "title": title,
                "rows": [
                    (field.replace("_", " ").replace(".", ": "), value)
                    for _, field, value in transparency.rows_of({code: report.figures[code]})
                ],
            }
            for code, title in transparency.PARTS
            if code in report.figures
        ],
        "tiles": _tiles(report.figures),
        "may_publish": report.published_at is None,
    }
    return render(request, "moderation/period.html", context)


def _tiles(figures: dict[str, Any]) -> list[tuple[Any, str]]:
    automation = figures["automation"]
    share = automation["error_share"]
    return [
        (figures["notices"]["received"], "notices"),
        (figures["own_initiative"]["statements"], "statements of reasons"),
        (figures["decisions"]["taken"], "decisions by people"),
        (figures["complaints"]["received"], "complaints"),
        ("–" if share is None else f"{share:.1%}", "of automated statements taken back"),
        (
            "–"
            if figures["decisions"]["median_hours"] is None
            else f"{figures['decisions']['median_hours']:g} h",
            "median to a decision",
        ),
    ]


@require_safe
@never_cache
def as_csv(request: HttpRequest, report_id: int) -> HttpResponse:
    """GET /transparency/<id>/report.csv."""
    report = _report(request, report_id)
    answer = HttpResponse(
        transparency.as_csv(report.figures), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="{_name(report)}.csv"'
    return answer


@require_safe
@never_cache
def bundle(request: HttpRequest, report_id: int) -> HttpResponse:
    """GET /transparency/<id>/bundle.zip: the signed bundle."""
    report = _report(request, report_id)
    try:
        data = evidence_pack.build(report, signing.identity())
    except SigningError as error:
        return HttpResponse(
            f"The bundle can't be signed now: {error.code}.\n",
            status=503,
            content_type="text/plain; charset=utf-8",
        )
    answer = HttpResponse(data, content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="{_name(report)}.zip"'
    return answer


def _name(report: PeriodReport) -> str:
    return f"transparency-{report.begins}-{report.ends}"


def _report(request: HttpRequest, report_id: int) -> PeriodReport:
    """A report the asker may read. 404 for others: that there is one is no news before it is out."""
    report = PeriodReport.objects.select_related("made_by").filter(pk=report_id).first()
    if report is None:
        raise Http404
    if report.published_at is None:
        try:
            check_staff(request.user, "senior")
        except SoraError:
            raise Http404 from None
    return report
