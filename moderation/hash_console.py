"""Staff pages about banks of known material: what was read in, what matches, switching off, searching.

A picture somebody looks up is read in the confined process, its hashes are compared and nothing of it
is kept. Hashes are shown, never pictures: there are none.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import signed_in, staff_required
from generation.inspection import hashes_of_file
from moderation import hash_banks
from moderation.models import HashBank, HashEntry, HashImport
from moderation.screening.hash_index import RADIUS
from sora_site.lib.errors import SoraError

PAGE = 50
LARGEST_SEARCHED = 30 * 1000**2


@require_safe
@never_cache
@staff_required
def banks(request: HttpRequest) -> HttpResponse:
    """GET /console/banks/: every bank with its counts, what is quarantined, the search."""
    return _banks_page(request)


def _banks_page(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    quarantined = (
        HashEntry.objects.filter(status=HashEntry.Status.QUARANTINED)
        .select_related("bank")
        .order_by("-pk")
    )
    page = Paginator(quarantined, PAGE).get_page(request.GET.get("page"))
    context = {"banks": HashBank.objects.with_counts(), "page": page, **more}
    return render(request, "moderation/banks.html", context, status=status)


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required
def bank(request: HttpRequest, name: str) -> HttpResponse:
    """GET, POST /console/banks/<name>/: one bank's readings; switching it on or off."""
    found = get_object_or_404(HashBank.objects.with_counts(), name=name)
    status, problem = 200, ""
    if request.method == "POST":
        enabled = request.POST.get("enabled") == "on"
        try:
            hash_banks.switch(
                found, enabled=enabled, by=signed_in(request), note=request.POST.get("note", "")
            )
        except SoraError as error:
            status, problem = error.http_status, error.message
        else:
            messages.success(request, f"{found.title} is {'on' if enabled else 'off'}.")
            return redirect("moderation:bank", name)
    context = {
        "bank": found,
        "imports": HashImport.objects.filter(bank=found).select_related("imported_by")
        .order_by("-pk")[:20],
        "problem": problem,
    }  # fmt: skip
    return render(request, "moderation/bank.html", context, status=status)


@require_POST
@never_cache
@staff_required
def entry(request: HttpRequest, entry_id: int) -> HttpResponse:
    """POST /console/banks/entries/<id>/: confirm an entry or switch it off."""
    found = get_object_or_404(HashEntry.objects.select_related("bank"), pk=entry_id)
    try:
        hash_banks.set_entry(
            found,
            status=request.POST.get("status", ""),
            by=signed_in(request),
            note=request.POST.get("note", ""),
        )
    except SoraError as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, f"The hash is {found.label.lower()}.")
    return redirect("moderation:banks")


@require_POST
@never_cache
@staff_required
def search(request: HttpRequest) -> HttpResponse:
    """POST /console/banks/search/: which entries a picture or a clip comes near."""
    sent = request.FILES.get("file")
    if not isinstance(sent, UploadedFile) or not sent.size or sent.size > LARGEST_SEARCHED:
        return _banks_page(
            request, status=400, problem="Choose a picture or a clip of up to 30 MB."
        )
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        for chunk in sent.chunks():
            file.write(chunk)
        file.flush()
        try:
            hashes = hashes_of_file(Path(file.name))
        except SoraError as error:
            return _banks_page(request, status=400, problem=error.message)
    found = hash_banks.search(hashes, by=signed_in(request), radius=RADIUS)
    return _banks_page(request, found=found, searched=len(hashes))
