"""Staff pages: the queue and one case. Staff without a second factor are sent to set one up."""

from __future__ import annotations

import mimetypes
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.core.files.storage import storages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.permissions import signed_in, staff_required
from accounts.staff_roles import COVERED_BY, Role, has_role, roles_of
from generation.cards import card_of
from generation.credentials import explain
from generation.lineage import lineage_of
from generation.models import Video
from generation.uploads.api import present as present_upload
from moderation import (
    console_actions,
    console_case,
    console_claims,
    console_looks,
    console_queue,
    services,
)
from moderation.console_queue import QueueFilter
from moderation.errors import CaseClosed, ClaimHeld
from moderation.forms import BulkForm, CoversForm, DecisionForm
from moderation.models import Case, CaseLook, Decision, SavedFilter
from sora_site.lib import storage
from sora_site.lib.errors import SoraError, error_body

QUEUE_PAGE = 50
MOST_AT_ONCE = 50
ORDER_LABELS = (
    ("severity", "Gravest first"),
    ("clock", "By the clock"),
    ("oldest", "Oldest first"),
    ("newest", "Newest first"),
)
MEDIA_STAYS_OPEN = timedelta(hours=1)


# --- The queue -----------------------------------------------------------------------------------


@require_safe
@never_cache
@staff_required
def queue(request: HttpRequest) -> HttpResponse:
    """GET /console/: open cases as the address asks for them, the gravest first. Staff that decides no
    cases is led to its own work."""
    user = signed_in(request)
    held = roles_of(user)
    if held.isdisjoint(COVERED_BY[Role.REVIEWER]):
        if Role.ADMIN in held:
            return redirect("moderation:people")
        return redirect("feeds:desk" if Role.CURATOR in held else "moderation:policy")
    wanted = QueueFilter.read(request.GET)
    page = Paginator(console_queue.cases(wanted, viewer=user), QUEUE_PAGE).get_page(
        request.GET.get("page")
    )
    now = timezone.now()
    rows = [
        {
            "case": case,
            "card": card_of(case.video) if case.video is not None else None,
            "subject": console_case.subject_of(case),
            "reports": case.report_count,
            "severity": case.severity,
            "due": _clock(case.due_at, now),
            "claim": _running(case),
        }
        for case in page
    ]
    context = {
        "rows": rows,
        "page": page,
        "wanted": wanted,
        "orders": [
            (
                {"query": wanted.but(order=code), "on": wanted.order == code},
                label,
            )
            for code, label in ORDER_LABELS
        ],
        "groups": _groups(wanted, console_queue.counts(viewer=user)),
        "saved": [
            {"filter": saved, "here": saved.query == wanted.query}
            for saved in SavedFilter.objects.filter(owner=user).order_by("name")
        ],
        "budget": console_looks.budget_of(user),
        "bulk": BulkForm(),
    }
    return render(request, "moderation/queue.html", context)


def _clock(due: Any, now: Any) -> dict[str, Any]:
    """How much time is left, in words and as a tone."""
    if due is None:
        return {"says": "", "tone": ""}
    left = (due - now).total_seconds()
    hours = abs(left) / 3600
    amount = f"{hours / 24:.0f} d" if hours >= 48 else f"{hours:.0f} h" if hours >= 1 else "<1 h"
    if left <= 0:
        return {"says": f"{amount} late", "tone": "bad"}
    return {"says": f"{amount} left", "tone": "warn" if hours <= 24 else ""}


def _running(case: Case) -> Any:
    claim = getattr(case, "claim", None)
    return claim if claim is not None and claim.is_running else None


def _groups(wanted: QueueFilter, counted: dict[str, Any]) -> list[dict[str, Any]]:
    """The links beside the queue: title, and (label, query, number, whether it is on)."""

    def links(field: str, *items: tuple[str, str, int]) -> list[dict[str, Any]]:
        current = getattr(wanted, field)
        return [
            {
                "label": label,
                "query": wanted.but(**{field: "" if value == current else value}),
                "number": number,
                "on": value == current,
            }
            for value, label, number in items
            if number or value == current
        ]

    return [
        group
        for group in (
            {
                "title": "Severity",
                "links": links(
                    "severity",
                    ("4", "Now", counted["s4"]),
                    ("3", "Urgent", counted["s3"]),
                    ("2", "Rule", counted["s2"]),
                    ("1", "Can wait", counted["s1"]),
                ),
            },
            {
                "title": "Clock",
                "links": links(
                    "clock",
                    ("late", "Late", counted["late"]),
                    ("soon", "Within a day", counted["soon"]),
                    ("later", "Later", counted["later"]),
                ),
            },
            {
                "title": "Lane",
                "links": links(
                    "lane",
                    ("intimate", "Intimate images", counted["intimate"]),
                    ("trusted", "Trusted flaggers", counted["trusted"]),
                ),
            },
            {
                "title": "About",
                "links": links(
                    "subject",
                    *(
                        (kind.value, kind.label, counted["subjects"].get(kind.value, 0))
                        for kind in Case.Subject
                    ),
                ),
            },
            {
                "title": "Language",
                "links": links(
                    "language", *((code, code, number) for code, number in counted["languages"])
                ),
            },
            {
                "title": "Held",
                "links": links(
                    "holder",
                    ("mine", "By me", counted["mine"]),
                    ("free", "By nobody else", counted["all"]),
                ),
            },
        )
        if group["links"]
    ]


@require_POST
@never_cache
@staff_required(role="reviewer")
def save_filter(request: HttpRequest) -> HttpResponse:
    """POST /console/filters/: keep this view of the queue under a name."""
    query = request.POST.get("query", "")
    try:
        saved = console_queue.save_filter(
            signed_in(request), name=request.POST.get("name", ""), query=query
        )
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
        return _to_queue(QueueFilter.read(dict(parse_qsl(query[:300]))).query)
    messages.success(request, f"“{saved.name}” is saved.")
    return _to_queue(saved.query)


@require_POST
@never_cache
@staff_required(role="reviewer")
def forget_filter(request: HttpRequest, filter_id: int) -> HttpResponse:
    """POST /console/filters/<id>/forget/: delete one's own saved view."""
    if not console_queue.forget_filter(signed_in(request), filter_id):
        raise Http404
    return _to_queue("")


@require_POST
@never_cache
@staff_required(role="reviewer")
def bulk(request: HttpRequest) -> HttpResponse:
    """POST /console/bulk/: one decision about several cases, each by itself."""
    query = QueueFilter.read(dict(parse_qsl(request.POST.get("in", "")[:300]))).query
    form = BulkForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose cases and an action, and write down why.")
        return _to_queue(query)
    numbers = form.cleaned_data["cases"][:MOST_AT_ONCE]
    cases = Case.objects.filter(pk__in=numbers).select_related("video", "workspace").order_by("pk")
    made, refused = console_claims.decide_many(
        cases,
        by=signed_in(request),
        action=form.cleaned_data["action"],
        note=form.cleaned_data["note"],
    )
    if made:
        messages.success(request, f"Decided {len(made)} case{'s' if len(made) != 1 else ''}.")
    for case, error in refused[:10]:
        assert isinstance(error, SoraError)
        messages.warning(request, f"Case {case.pk}: {error.message} {error.remedy or ''}".strip())
    return _to_queue(query)


@require_safe
@never_cache
@staff_required(role="reviewer")
def next_case(request: HttpRequest) -> HttpResponse:
    """GET /console/next/: the first case of this view that nobody else works on."""
    wanted = QueueFilter.read(dict(parse_qsl(request.GET.get("in", "")[:300])))
    after = request.GET.get("after", "")
    number = int(after) if after.isascii() and after.isdigit() and len(after) < 18 else None
    found = console_queue.next_case(wanted, viewer=signed_in(request), after=number)
    if found is None:
        messages.info(request, "Nothing else waits in this view.")
        return _to_queue(wanted.query)
    return redirect(_case_url(found.pk, wanted))


def _to_queue(query: str) -> HttpResponse:
    return redirect(f"{reverse('moderation:queue')}{'?' + query if query else ''}")


def _case_url(number: int, wanted: QueueFilter) -> str:
    place = urlencode({"in": wanted.query}) if wanted.query else ""
    return f"{reverse('moderation:case', args=[number])}{'?' + place if place else ''}"


# --- One case ------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required(role="reviewer")
def case_page(request: HttpRequest, case_id: int) -> HttpResponse:
    """GET, POST /console/cases/<id>/: everything about one case, and deciding it.

    Opening it claims it when nobody else works on it, and is written down.
    """
    case, user = _case(case_id), signed_in(request)
    wanted = QueueFilter.read(
        dict(parse_qsl((request.POST.get("in") or request.GET.get("in") or "")[:300]))
    )
    brought = services.sources_of(case) if case.video is not None else []
    form = DecisionForm(request.POST or None, brought=[upload.pk for upload in brought])
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                decision = console_claims.decide(case, by=user, **form.decision())
            except CaseClosed as error:
                messages.warning(request, f"{error.message} {error.remedy}")
                return _to_queue(wanted.query)
            except SoraError as error:
                status = 409 if isinstance(error, ClaimHeld) else 400
                form.add_error("note", f"{error.message} {error.remedy or ''}".strip())
            else:
                messages.success(request, f"Decided: {decision.label.lower()}.")
                following = console_queue.next_case(wanted, viewer=user)
                if following is None or not request.POST.get("on"):
                    return _to_queue(wanted.query)
                return redirect(_case_url(following.pk, wanted))
        elif "action" in form.errors:
            form.add_error("note", "Choose what to decide.")
    claim = _open(case, user)
    context = _case_context(case, user) | {
        "form": form,
        "claim": claim,
        "mine": claim is not None and claim.holder_id == user.pk,
        "wanted": wanted,
        "brought": [present_upload(upload) for upload in brought],
        "renew_seconds": console_claims.RENEW_SECONDS,
        "skip_query": urlencode({"in": wanted.query, "after": case.pk}),
    }
    return render(request, "moderation/case.html", context, status=status)


def _case(case_id: int) -> Case:
    found = (
        Case.objects.filter(pk=case_id)
        .select_related(
            *("video", "video__generation", "video__creator", "workspace", "person", "upload"),
            *("generation", "upload__uploaded_by", "generation__requested_by"),
        )
        .first()
    )
    if found is None:
        raise Http404
    return found


def _open(case: Case, user: User) -> Any:
    """Write the look down and take the case, where nobody else has it; whose claim runs now."""
    console_looks.note(case, CaseLook.What.OPENED, by=user, severity=case.severity)
    if not case.is_open:
        return None
    try:
        return console_claims.take(case, by=user)
    except CaseClosed:
        return None
    except SoraError:
        return console_claims.holder_of(case)


def _case_context(case: Case, user: User) -> dict[str, Any]:
    video = case.video
    job = video.generation if video is not None else case.generation
    checks = list(job.safety_checks.order_by("created_at")) if job is not None else []
    reachable = video is not None and _reachable(video)
    about = {
        "video": video,
        "job": job,
        "reachable": reachable,
        "poster_url": storage.signed_url(video.poster_key, filename="poster.webp")
        if video is not None and reachable
        else "",
        "prompt": console_case.prompt_history(job) if job is not None else None,
        "timeline": console_case.timeline_of(video, checks) if video is not None else None,
        "texts": console_case.text_scores(checks),
        "checks": checks,
        "similar": console_case.similar_to(video) if video is not None else [],
        "lineage": lineage_of(video, user) if video is not None else None,
        "credentials": explain(video.credentials) if video is not None else None,
    }
    return about | {
        "case": case,
        "severity": case.severity,
        "due": _clock(case.due_at, timezone.now()) if case.is_open else {},
        "subject": console_case.subject_of(case),
        "creator": case.about,
        "history": console_case.history_of(case.about, but=case),
        "reports": case.reports.select_related("reporter").order_by("-severity", "created_at"),
        "decisions": case.decisions.select_related("decided_by").order_by("created_at"),
        "events": case.events.select_related("actor").order_by("at", "pk")[:40],
        "looks": case.looks.select_related("viewer").order_by("-at")[:12],
        "choices": console_actions.choices_for(case) if case.is_open else [],
        "budget": console_looks.budget_of(user),
        "covers": console_looks.settings_of(user),
        "may_take_back": has_role(user, "senior"),
    }


def _reachable(video: Video) -> bool:
    """A held clip is nobody's yet, but whoever decides about it has to see it."""
    return video.quarantined_at is None or video.held_at is not None


@require_POST
@never_cache
@staff_required(role="reviewer")
def renew(request: HttpRequest, case_id: int) -> HttpResponse:
    """POST /console/cases/<id>/claim/: hold it a little longer. JSON, with whose it is when it isn't."""
    try:
        claim = console_claims.take(_case(case_id), by=signed_in(request))
    except SoraError as error:
        return _refusal(error)
    return JsonResponse({"until": claim.until.isoformat()})


@require_POST
@never_cache
@staff_required(role="reviewer")
def put_back(request: HttpRequest, case_id: int) -> HttpResponse:
    """POST /console/cases/<id>/put-back/: let somebody else have it."""
    console_claims.put_back(_case(case_id), by=signed_in(request))
    return _to_queue(QueueFilter.read(dict(parse_qsl(request.POST.get("in", "")[:300]))).query)


@require_POST
@never_cache
@staff_required(role="reviewer")
def look(request: HttpRequest, case_id: int) -> HttpResponse:
    """POST /console/cases/<id>/look/: `what` is played or revealed. JSON: where the clip is, what is left.

    The look is written before the address is given out.
    """
    case, user = _case(case_id), signed_in(request)
    what = request.POST.get("what", "")
    if case.video is None:
        raise Http404
    if what not in console_looks.MEDIA:
        return JsonResponse(
            error_body("invalid_request", "Say what you look at.", param="what"), status=400
        )
    try:
        console_looks.note(case, what, by=user, severity=case.severity)
    except SoraError as error:
        return _refusal(error)
    budget = console_looks.budget_of(user)
    return JsonResponse(
        {
            "media_url": _media_url(case),
            "used": budget.used,
            "most": budget.most,
            "percent": budget.percent,
            "resting_until": budget.resting_until.isoformat() if budget.resting_until else None,
        }
    )


def _media_url(case: Case) -> str:
    assert case.video is not None  # `look` answers 404 for other subjects
    if _reachable(case.video):
        return storage.signed_url(case.video.media_key, filename=case.video.download_name)
    return reverse("moderation:case-media", args=[case.pk])


@require_safe
@never_cache
@staff_required(role="reviewer")
def case_media(request: HttpRequest, case_id: int) -> HttpResponse:
    """GET /console/cases/<id>/media/: a removed clip from quarantine, for who just said they look at it."""
    case, user = _case(case_id), signed_in(request)
    since = timezone.now() - MEDIA_STAYS_OPEN
    seen = CaseLook.objects.of(user).filter(case=case, what__in=console_looks.MEDIA, at__gt=since)
    if case.video is None or not seen.exists():
        raise Http404
    try:
        file = storages["quarantine"].open(case.video.media_key)
    except OSError:
        raise Http404 from None
    kind, _ = mimetypes.guess_type(case.video.media_key)
    answer = FileResponse(file, content_type=kind or "application/octet-stream")
    answer["Cache-Control"] = "no-store, private"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@require_POST
@never_cache
@staff_required(role="senior")
def take_back(request: HttpRequest, case_id: int) -> HttpResponse:
    """POST /console/cases/<id>/take-back/: undo what was decided; `note` says why."""
    case = _case(case_id)
    decision = case.decisions.exclude(action=Decision.Action.REVERSE).order_by("-pk").first()
    if decision is None:
        raise Http404
    try:
        services.reverse(decision, by=signed_in(request), note=request.POST.get("note", ""))
        messages.success(request, "Taken back. The person is told.")
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
    return redirect("moderation:case", case.pk)


def _refusal(error: SoraError) -> HttpResponse:
    body = error_body(error.code, error.message, remedy=error.remedy, **error.extra)
    return JsonResponse(body, status=error.http_status)


# --- One's own settings --------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required(role="reviewer")
def covers(request: HttpRequest) -> HttpResponse:
    """GET, POST /console/covers/: how media is covered for oneself, and how much of it in a day."""
    user = signed_in(request)
    row = console_looks.settings_of(user)
    form = CoversForm(
        request.POST or None,
        initial={name: getattr(row, name) for name in CoversForm.base_fields},
    )
    status = 200
    if request.method == "POST":
        if form.is_valid():
            console_looks.change_settings(user, **form.cleaned_data)
            messages.success(request, "Saved.")
            return redirect("moderation:covers")
        status = 400
    context = {
        "form": form,
        "budget": console_looks.budget_of(user),
        "looks": CaseLook.objects.of(user).select_related("case").order_by("-at")[:30],
    }
    return render(request, "moderation/covers.html", context, status=status)


@require_safe
@never_cache
@staff_required(role="senior")
def looks(request: HttpRequest) -> HttpResponse:
    """GET /console/looks/: who saw what; `viewer` is a handle, `case` a number."""
    rows = CaseLook.objects.select_related("viewer", "case").order_by("-at", "-pk")
    handle = request.GET.get("viewer", "").strip().lower().lstrip("@")[:30]
    if handle:
        rows = rows.filter(viewer__handle=handle)
    number = request.GET.get("case", "").strip()
    if number.isascii() and number.isdigit() and len(number) < 18:
        rows = rows.filter(case_id=int(number))
    page = Paginator(rows, QUEUE_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "handle": handle, "number": number}
    return render(request, "moderation/looks.html", context)
