"""Staff pages of policy drafts: write, replay, ask, release as a second person, watch, stop."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.permissions import signed_in, staff_required
from moderation import policy_drafts, policy_lab, policy_versions
from moderation.models import PolicyDraft
from moderation.policy_console import EXAMPLE
from moderation.screening.policy import diff
from sora_site.lib.errors import SoraError

SHOWN = 50


class DraftForm(forms.Form):
    """A draft as it is written."""

    name = forms.CharField(label="Name", max_length=policy_drafts.MAX_NAME)
    document = forms.CharField(
        label="What changes",
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "class": "mono"}),
        help_text="JSON: only what differs from the active policy. Thresholds stand under "
        "profiles and probabilities, list entries under lists.",
    )
    note = forms.CharField(label="Why", max_length=policy_versions.MAX_NOTE)


class ReleaseForm(forms.Form):
    """When a released draft starts, and in which steps."""

    starts_at = forms.DateTimeField(
        label="Starts",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="Empty: at once. Server time.",
    )
    stages = forms.CharField(
        label="Steps",
        max_length=120,
        initial=", ".join(f"{h} h {p} %" for h, p in policy_drafts.DEFAULT_STAGES),
        help_text="Hours after the start and the percent of workspaces from then on, "
        "rising to 100 %.",
    )

    def clean_stages(self) -> list[list[int]]:
        """ "0 h 10 %, 24 h 100 %" as pairs of numbers."""
        steps = []
        for part in str(self.cleaned_data["stages"]).split(","):
            words = part.replace("h", " ").replace("%", " ").split()
            if len(words) != 2 or not all(
                w.isascii() and w.isdigit() and len(w) < 6 for w in words
            ):
                raise forms.ValidationError("Write steps like “0 h 10 %, 24 h 100 %”.")
            steps.append([int(word) for word in words])
        return steps


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required
def drafts(request: HttpRequest) -> HttpResponse:
    """GET, POST /console/policy/drafts/: all of them; a new one."""
    user = signed_in(request)
    form = DraftForm(request.POST or None, initial={"document": EXAMPLE})
    refused, status = None, 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                draft = policy_drafts.create(by=user, **form.cleaned_data)
                return redirect("moderation:policy-draft", draft.pk)
            except SoraError as error:
                refused, status = error, error.http_status
    context = {
        "rows": PolicyDraft.objects.select_related("made_by", "released_by", "version").order_by(
            "-changed_at"
        )[:SHOWN],
        "form": form,
        "refused": refused,
        "may_change": policy_versions.may_change(user),
    }
    return render(request, "moderation/policy_drafts.html", context, status=status)


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required
def draft(request: HttpRequest, draft_id: int) -> HttpResponse:
    """GET, POST /console/policy/drafts/<id>/: what it changes; POST writes it anew or replays it."""
    found, user = _draft(draft_id), signed_in(request)
    initial = {
        "name": found.name,
        "document": json.dumps(found.changes, indent=2, ensure_ascii=False),
        "note": found.note,
    }
    writing = request.method == "POST" and "write" in request.POST
    form = DraftForm(request.POST if writing else None, initial=initial)
    context: dict[str, Any] = {"form": form, "lengths": policy_lab.LENGTHS}
    status = 200
    try:
        if writing:
            status = 400
            if form.is_valid():
                policy_drafts.change(found, by=user, **form.cleaned_data)
                return redirect("moderation:policy-draft", found.pk)
        elif request.method == "POST":
            last = request.POST.get("last", "")
            wanted = int(last) if last in {str(n) for n in policy_lab.LENGTHS} else 500
            result = policy_drafts.replay(found, last=wanted)
            context |= {"result": result, "rows": policy_lab.totals(result.decisions.by_category)}
            found.refresh_from_db()
    except SoraError as error:
        context["refused"], status = error, error.http_status
    context |= _about(found, user)
    return render(request, "moderation/policy_draft.html", context, status=status)


def _about(found: PolicyDraft, user: Any) -> dict[str, Any]:
    changes, problem = [], ""
    try:
        if found.state in (PolicyDraft.State.DRAFT, PolicyDraft.State.ASKED):
            proposal = policy_versions.read_document(json.dumps(found.changes))
        else:
            proposal = (
                policy_versions.policy_named(found.version.version) if found.version else None
            )
        base = found.version.based_on if found.version else policy_versions.active_policy().version
        against = policy_versions.policy_named(base)
        changes = diff(against, proposal) if against and proposal else []
    except SoraError as error:
        problem = f"{error.message} {error.remedy or ''}"
    alone = not policy_versions.others_who_may(user).exists()
    return {
        "draft": found,
        "changes": changes,
        "problem": problem,
        "percent": policy_drafts.percent_now(found),
        "steps": [
            {"hours": hours, "percent": percent, "at": found.starts_at and _after(found, hours)}
            for hours, percent in found.stages
        ],
        "release": ReleaseForm(),
        "may_change": policy_versions.may_change(user),
        "may_release": policy_versions.may_change(user) and (found.made_by_id != user.pk or alone),
        "alone": alone,
        "is_open": found.state in policy_drafts.OPEN,
        "is_fresh": found.replayed_at is not None and found.replayed_at >= found.changed_at,
    }


def _after(found: PolicyDraft, hours: int) -> datetime:
    assert found.starts_at is not None
    return found.starts_at + timedelta(hours=hours)


@require_POST
@never_cache
@staff_required
def step(request: HttpRequest, draft_id: int) -> HttpResponse:
    """POST /console/policy/drafts/<id>/step/: `do` is ask, release or stop."""
    found, user = _draft(draft_id), signed_in(request)
    do = request.POST.get("do", "")
    try:
        if do == "ask":
            policy_drafts.ask(found, by=user)
            messages.success(request, "A second person can release it now.")
        elif do == "release":
            form = ReleaseForm(request.POST)
            if not form.is_valid():
                messages.error(request, " ".join(e for es in form.errors.values() for e in es))
            else:
                policy_drafts.release(
                    found,
                    by=user,
                    starts_at=form.cleaned_data["starts_at"],
                    stages=form.cleaned_data["stages"],
                )
                messages.success(request, "Released. A worker starts it when it is due.")
        elif do == "stop":
            policy_drafts.stop(found, why=request.POST.get("why", ""), by=user)
            messages.success(request, "Stopped. What decided before decides everywhere.")
        else:
            raise Http404
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
    return redirect("moderation:policy-draft", found.pk)


def _draft(draft_id: int) -> PolicyDraft:
    found = (
        PolicyDraft.objects.select_related("made_by", "released_by", "version")
        .filter(pk=draft_id)
        .first()
    )
    if found is None:
        raise Http404
    return found
