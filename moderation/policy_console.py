"""Staff pages of the screening policy: its versions, one version with what it changes, the lab."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import signed_in, staff_required
from generation.models import PolicyActivation, PolicyVersion
from generation.policies import active_policy
from generation.screening import filters_set_up
from moderation import policy_lab, policy_versions
from moderation.screening.policy import FILTERS, FIXED, Policy, default_policy, diff
from moderation.screening.protocol import Category, ScreeningUnavailable
from moderation.screening.thresholds import NEVER
from sora_site.lib.errors import SoraError

PAGE = 30


class ProposalForm(forms.Form):
    """A proposed policy, and over how many decisions it is tried."""

    document = forms.CharField(
        label="What changes",
        strip=True,
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false", "class": "mono"}),
        help_text="JSON: only what differs from the active policy, or a whole document.",
    )
    last = forms.TypedChoiceField(
        label="Try it on",
        coerce=int,
        choices=[(n, f"the last {n} decisions") for n in policy_lab.LENGTHS],
        initial=policy_lab.LENGTHS[1],
    )


@require_safe
@never_cache
@staff_required
def versions(request: HttpRequest) -> HttpResponse:
    """GET /console/policy/: what decides now, and everything that ever did."""
    page = Paginator(
        PolicyVersion.objects.select_related("made_by").order_by("-number"), PAGE
    ).get_page(request.GET.get("page"))
    active, broken = _active()
    context = {
        "active": active,
        "broken": broken,
        "shipped": default_policy().version,
        "page": page,
        "steps": PolicyActivation.objects.select_related("version", "by").order_by("-pk")[:PAGE],
        "may_change": policy_versions.may_change(signed_in(request)),
        "absent": [name for name in FILTERS if name not in filters_set_up()],
    }
    return render(request, "moderation/policy_versions.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required
def version(request: HttpRequest, name: str) -> HttpResponse:
    """GET, POST /console/policy/<version>/: its points, what it changes, switching it on."""
    stored = PolicyVersion.objects.select_related("made_by").filter(version=name).first()
    if stored is None and name != default_policy().version:
        raise Http404
    active, _ = _active()
    refused: SoraError | None = None
    if request.method == "POST":
        try:
            policy_versions.activate(stored, note=request.POST.get("note", ""), by=_by(request))
        except SoraError as error:
            refused = error
        else:
            messages.success(request, f"{name} decides from now on.")
            return redirect("moderation:policy")
    policy = policy_versions.policy_named(name)
    against = policy_versions.policy_named(request.GET.get("against", "")) or active
    context = {
        "name": name,
        "stored": stored,
        "policy": policy,
        "tables": _tables(policy) if policy else [],
        "changes": diff(against, policy) if policy and against else [],
        "against": against,
        "others": _names(),
        "is_active": active is not None and active.version == name,
        "may_change": policy_versions.may_change(signed_in(request)),
        "document": json.dumps(stored.document, indent=2) if stored else "",
        "refused": refused,
    }
    status = refused.http_status if refused else 200
    return render(request, "moderation/policy_version.html", context, status=status)


@require_POST
@never_cache
@staff_required
def roll_back(request: HttpRequest) -> HttpResponse:
    """POST /console/policy/roll-back/: what decided before decides again."""
    try:
        step = policy_versions.roll_back(note=request.POST.get("note", ""), by=_by(request))
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
    else:
        name = step.version.version if step.version else default_policy().version
        messages.success(request, f"{name} decides again.")
    return redirect("moderation:policy")


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required
def lab(request: HttpRequest) -> HttpResponse:
    """GET, POST /console/policy/lab/: try a proposal; `save` keeps it as a version. Trying reads only."""
    form = ProposalForm(request.POST or None, initial={"document": EXAMPLE})
    context: dict[str, Any] = {
        "form": form,
        "may_change": policy_versions.may_change(signed_in(request)),
        "note": request.POST.get("note", "")[: policy_versions.MAX_NOTE],
    }
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            document = form.cleaned_data["document"]
            try:
                if "save" in request.POST:
                    made = policy_versions.create_version(
                        document, note=request.POST.get("note", ""), by=_by(request)
                    )
                    messages.success(request, f"Kept as {made.version}. It decides nothing yet.")
                    return redirect("moderation:policy-version", made.version)
                proposal = policy_versions.read_document(document)
                result = policy_lab.run(proposal, last=form.cleaned_data["last"])
                context |= {
                    "result": result,
                    "rows": policy_lab.totals(result.by_category),
                    "moves": sorted(result.moves.items(), key=lambda item: -item[1]),
                    "changes": diff(active_policy(), proposal),
                }
                status = 200
            except SoraError as error:
                context["refused"] = error
                status = error.http_status
    return render(request, "moderation/policy_lab.html", context, status=status)


EXAMPLE = """{
  "profiles": {
    "default": {"violence_gore": {"guard": 0.88, "refuse": 0.97}}
  }
}"""


def _by(request: HttpRequest) -> Any:
    return signed_in(request)


def _active() -> tuple[Policy | None, str]:
    """The active policy, or why there is none."""
    try:
        return active_policy(), ""
    except ScreeningUnavailable as error:
        return None, str(error)


def _names() -> list[str]:
    stored = PolicyVersion.objects.order_by("-number").values_list("version", flat=True)[:PAGE]
    return [default_policy().version, *stored]


def _tables(policy: Policy) -> list[dict[str, Any]]:
    """Points by profile: one table each, a row for every category."""

    def shown(value: float) -> str:
        return "never" if value >= NEVER else f"{value:g}"

    return [
        {
            "profile": profile,
            "monitored": profile in policy.rules.monitored,
            "rows": [
                {
                    "category": category.value.replace("_", " "),
                    "fixed": category in FIXED,
                    **{
                        f"{scale}_{zone}": shown(
                            getattr(policy.points(profile, category, scale=scale), zone)
                        )
                        for scale in ("share", "probability")
                        for zone in ("guard", "hold", "refuse")
                    },
                }
                for category in Category
            ],
        }
        for profile in policy.profiles
    ]
