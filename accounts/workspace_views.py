"""Pages about workspaces: which one the pages work in, and who is in it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import access, services
from accounts.api import workspaces_of
from accounts.errors import LastOwner
from accounts.models import Membership, User, Workspace
from accounts.permissions import signed_in

ROLES = (
    (Membership.Role.VIEWER, "Viewer", "sees everything"),
    (Membership.Role.CREATOR, "Creator", "also makes and edits"),
    (Membership.Role.ADMIN, "Admin", "also decides who is in it"),
)


@login_required
@require_safe
@never_cache
def workspaces(request: HttpRequest) -> HttpResponse:
    """GET /workspaces/: those of the person, and the one the pages work in."""
    found = workspaces_of(signed_in(request))
    chosen = access.working_workspace(request)
    return render(request, "accounts/workspaces.html", {"workspaces": found, "chosen": chosen})


@login_required
@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """POST /workspaces/switch/: `workspace` is the one to work in from now on, or "own"; 404 for a
    stranger's."""
    number = request.POST.get("workspace", "")
    if number == "own":
        number = str(services.personal_workspace(signed_in(request)).pk)
    if not (number.isascii() and number.isdigit() and len(number) <= 18):
        raise Http404
    workspace = access.switch_workspace(request, int(number))
    messages.success(request, f"You work in {workspace.name} now.")
    goal = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(
        goal, {request.get_host()}, require_https=request.is_secure()
    ):
        goal = "generation:library"
    return redirect(goal)


@login_required
@require_safe
@never_cache
def members(request: HttpRequest, workspace_id: int) -> HttpResponse:
    """GET /workspaces/<id>/members/: who is in it; admins see the forms to change that."""
    own = access.get_membership(signed_in(request), workspace_id)
    rows = Membership.objects.filter(workspace=own.workspace).select_related("user")
    context = {
        "workspace": own.workspace,
        "own": own,
        "members": sorted(
            rows, key=lambda row: (-Membership.ORDER.index(row.role), row.user.handle)
        ),
        "roles": ROLES,
        "may_change": own.allows(Membership.Role.ADMIN) and not own.workspace.personal,
    }
    return render(request, "accounts/members.html", context)


@login_required
@require_POST
def add_member(request: HttpRequest, workspace_id: int) -> HttpResponse:
    """POST /workspaces/<id>/members/add/: `handle` and `role`."""
    user = signed_in(request)
    workspace = access.get_workspace(user, workspace_id, role=Membership.Role.ADMIN)
    if workspace.personal:
        raise Http404
    handle = request.POST.get("handle", "").strip().lower().removeprefix("@")
    person = User.objects.filter(handle=handle, is_active=True, suspended_at=None).first()
    role = request.POST.get("role", "")
    if person is None:
        messages.error(request, "There is nobody with this handle. It stands on a person's page.")
    elif role not in {code for code, _, _ in ROLES}:
        raise Http404
    elif Membership.objects.filter(workspace=workspace, user=person).exists():
        messages.info(request, f"{person.public_name} is in it already.")
    else:
        services.add_member(workspace, person, role=role, by=user)
        messages.success(request, f"{person.public_name} is in {workspace.name} now.")
    return redirect("accounts:members", workspace.pk)


@login_required
@require_POST
def change_member(request: HttpRequest, workspace_id: int, user_id: int) -> HttpResponse:
    """POST /workspaces/<id>/members/<user>/: `role`, or action=remove. One may leave oneself."""
    user = signed_in(request)
    membership = access.get_membership(user, workspace_id)
    workspace = membership.workspace
    person = User.objects.filter(pk=user_id, memberships__workspace=workspace).first()
    if person is None:
        raise Http404
    try:
        if request.POST.get("action") == "remove":
            services.remove_member(workspace, person, by=user)
            messages.success(request, f"{person.public_name} is no longer in {workspace.name}.")
        else:
            _change_role(request, workspace, person, user)
    except LastOwner as error:
        messages.error(request, error.message)
    if person == user and request.POST.get("action") == "remove":
        return redirect("accounts:workspaces")
    return redirect("accounts:members", workspace.pk)


def _change_role(request: HttpRequest, workspace: Workspace, person: User, by: User) -> None:
    role = request.POST.get("role", "")
    if role not in {code for code, _, _ in ROLES}:
        raise Http404
    services.change_role(workspace, person, role=role, by=by)
    messages.success(request, f"{person.public_name} is {role} now.")
