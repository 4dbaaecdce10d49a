"""Pages about credits: the balance and every movement behind it."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import access
from accounts.models import Workspace
from accounts.permissions import signed_in
from billing import services
from billing.models import LedgerEntry

PAGE_SIZE = 50


@login_required
@require_safe
def credits(request: HttpRequest) -> HttpResponse:
    """GET /settings/credits/: goes to the page of the workspace the person works in."""
    return redirect("billing:workspace-credits", access.working_workspace(request).pk)


@login_required
@require_safe
@never_cache
def workspace_credits(request: HttpRequest, workspace_id: int) -> HttpResponse:
    """GET /settings/credits/<id>/: balance, plan and ledger of one workspace."""
    user = signed_in(request)
    workspace = access.get_workspace(user, workspace_id)
    balance = services.balance(workspace)
    entries = LedgerEntry.objects.filter(workspace=workspace).order_by("-id")
    context = {
        "workspace": workspace,
        "workspaces": Workspace.objects.visible_to(user).order_by("-personal", "name"),
        "balance": balance,
        "plan": services.plan_of(workspace),
        "page": Paginator(entries, PAGE_SIZE).get_page(request.GET.get("page")),
    }
    return render(request, "billing/credits.html", context)
