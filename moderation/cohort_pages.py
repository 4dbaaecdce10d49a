"""Pages of flags and cohorts for admins, and of the artist programme for its members."""

from __future__ import annotations

import csv
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.permissions import adult_required, signed_in, staff_required
from billing.plans import PLANS
from generation.models import Generation
from moderation import cohorts
from moderation.models import Flag, FlagMember, ProgrammeFeedback
from sora_site.lib.errors import SoraError
from sora_site.lib.sheets import safe_cell

SHOWN = 100


class FlagForm(forms.Form):
    """A flag as an admin sets it."""

    on = forms.BooleanField(label="On", required=False)
    percent = forms.IntegerField(label="Percent of people", min_value=0, max_value=100, initial=0)
    steps = forms.CharField(
        label="Steps instead",
        required=False,
        max_length=120,
        help_text="Hours after the start and percent, such as “0 h 5 %, 24 h 50 %, 72 h 100 %”.",
    )
    plans = forms.MultipleChoiceField(
        label="Everybody on",
        required=False,
        choices=[(code, plan.title) for code, plan in PLANS.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    starts_at = forms.DateTimeField(
        label="Starts",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    ends_at = forms.DateTimeField(
        label="Ends",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    guard = forms.ChoiceField(
        label="Halt by itself on",
        required=False,
        choices=[("", "nothing"), *cohorts.GUARDS.items()],
    )
    guard_limit = forms.FloatField(
        label="above (share)", required=False, min_value=0, max_value=1, initial=0.2
    )
    guard_least = forms.IntegerField(
        label="from how many requests", required=False, min_value=1, max_value=5000, initial=20
    )

    def clean_steps(self) -> list[list[int]]:
        """The typed steps as pairs of numbers."""
        text, steps = str(self.cleaned_data["steps"]).strip(), []
        for part in text.split(",") if text else ():
            words = part.replace("h", " ").replace("%", " ").split()
            if len(words) != 2 or not all(
                w.isascii() and w.isdigit() and len(w) < 6 for w in words
            ):
                raise forms.ValidationError("Write steps like “0 h 5 %, 24 h 100 %”.")
            steps.append([int(word) for word in words])
        return steps


@require_safe
@never_cache
@staff_required(role="admin")
def flags(request: HttpRequest) -> HttpResponse:
    """GET /console/flags/: every flag, how it stands, the artist programme's figures."""
    rows = {flag.name: flag for flag in Flag.objects.all()}
    context = {
        "flags": [
            {
                "known": known,
                "flag": rows.get(known.name),
                "percent": cohorts.percent_now(rows[known.name]) if known.name in rows else None,
                "runs": cohorts.runs(rows[known.name]) if known.name in rows else known.stands,
                "members": FlagMember.objects.filter(flag__name=known.name, ended_at=None).count(),
            }
            for known in cohorts.FLAGS.values()
        ],
        "programme": cohorts.programme_figures(),
    }
    return render(request, "moderation/flags.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required(role="admin")
def flag(request: HttpRequest, name: str) -> HttpResponse:
    """GET, POST /console/flags/<name>/: set it; who is named on it."""
    known = cohorts.FLAGS.get(name)
    if known is None:
        raise Http404
    stored = Flag.objects.filter(name=name).first()
    form = FlagForm(request.POST or None, initial=_initial(stored, known.stands))
    refused, status = None, 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            values = form.cleaned_data
            values["guard_limit"] = values["guard_limit"] or 0.0
            values["guard_least"] = values["guard_least"] or 20
            try:
                cohorts.set_flag(name, by=signed_in(request), **values)
                messages.success(request, f"“{known.title}” is set.")
                return redirect("moderation:flag", name)
            except SoraError as error:
                refused, status = error, error.http_status
    context: dict[str, Any] = {
        "known": known,
        "flag": stored,
        "form": form,
        "refused": refused,
        "reading": cohorts.reading_of(stored) if stored and stored.guard else None,
        "guard_label": cohorts.GUARDS.get(stored.guard, "") if stored else "",
        "percent": cohorts.percent_now(stored) if stored else None,
        "members": FlagMember.objects.filter(flag__name=name, ended_at=None)
        .select_related("user", "added_by")
        .order_by("-added_at")[:SHOWN],
    }
    return render(request, "moderation/flag.html", context, status=status)


def _initial(stored: Flag | None, stands: bool) -> dict[str, Any]:
    if stored is None:
        return {"on": stands, "percent": 100 if stands else 0}
    return {
        "on": stored.on,
        "percent": stored.percent,
        "steps": ", ".join(f"{hours} h {percent} %" for hours, percent in stored.steps),
        "plans": stored.plans,
        "starts_at": stored.starts_at,
        "ends_at": stored.ends_at,
        "guard": stored.guard,
        "guard_limit": stored.guard_limit,
        "guard_least": stored.guard_least,
    }


@require_POST
@never_cache
@staff_required(role="admin")
def members(request: HttpRequest, name: str) -> HttpResponse:
    """POST /console/flags/<name>/members/: `handle`, `cohort`, `country`; or `end` with a row's number."""
    if name not in cohorts.FLAGS:
        raise Http404
    by = signed_in(request)
    ended = request.POST.get("end", "")
    if ended:
        row = (
            FlagMember.objects.filter(pk=int(ended), flag__name=name).first()
            if ended.isascii() and ended.isdigit() and len(ended) < 18
            else None
        )
        if row is None:
            raise Http404
        cohorts.end_membership(row, by=by)
        return redirect("moderation:flag", name)
    handle = request.POST.get("handle", "").strip().lower().lstrip("@")[:30]
    person = User.objects.filter(handle=handle, is_active=True).first()
    if person is None:
        messages.error(request, "There is nobody with this handle.")
        return redirect("moderation:flag", name)
    cohort = request.POST.get("cohort", "").strip().lower()[:40]
    if cohort and not cohort.replace("-", "").isalnum():
        messages.error(request, "A cohort has letters, digits and hyphens.")
        return redirect("moderation:flag", name)
    try:
        cohorts.add_member(
            name, person, by=by, cohort=cohort, country=request.POST.get("country", "")
        )
        messages.success(request, f"{person.public_name} is on the list.")
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
    return redirect("moderation:flag", name)


@require_safe
@never_cache
@staff_required(role="admin")
def feedback_csv(request: HttpRequest) -> HttpResponse:
    """GET /console/flags/artist-programme/feedback.csv: what members said; no names."""
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="artist-programme.csv"'
    sheet = csv.writer(answer)
    sheet.writerow(["at", "country", "cohort", "status", "verdict", "text"])
    places = {row.user_id: row for row in FlagMember.objects.filter(flag__name=cohorts.ARTISTS)}
    rows = ProgrammeFeedback.objects.select_related("generation").order_by("created_at")
    for row in rows[:10_000]:
        place = places.get(row.person_id)
        sheet.writerow(
            [
                row.created_at.isoformat(timespec="seconds"),
                place.country if place else "",
                place.cohort if place else "",
                row.generation.status,
                row.verdict,
                safe_cell(row.text),
            ]
        )
    return answer


@require_safe
@never_cache
@adult_required
def programme(request: HttpRequest) -> HttpResponse:
    """GET /programme/: a member's own requests, with what they say of each."""
    user = signed_in(request)
    if not cohorts.is_on(cohorts.ARTISTS, user):
        raise Http404
    context = {"rows": cohorts.requests_of(user), "verdicts": ProgrammeFeedback.Verdict.choices}
    return render(request, "moderation/programme.html", context)


@require_POST
@never_cache
@adult_required
def give_feedback(request: HttpRequest, generation_id: str) -> HttpResponse:
    """POST /programme/<job>/: `verdict` and `text` about one's own request."""
    user = signed_in(request)
    job = Generation.objects.filter(pk=generation_id, requested_by=user).first()
    if job is None:
        raise Http404
    try:
        cohorts.give_feedback(
            user, job, verdict=request.POST.get("verdict", ""), text=request.POST.get("text", "")
        )
        messages.success(request, "Thank you. It is kept.")
    except SoraError as error:
        if error.http_status == 404:
            raise Http404 from error
        messages.error(request, error.message)
    return redirect("moderation:programme")
