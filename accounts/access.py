"""The one door from (user, id) to a workspace. Strangers learn nothing: they get 404."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest

from accounts.errors import Forbidden
from accounts.models import Membership, User, Workspace
from accounts.permissions import signed_in
from accounts.services import personal_workspace

SESSION_KEY = "workspace"  # the id of the one the pages work in; absent: the personal one


def get_membership(user: User | AnonymousUser, workspace_id: int) -> Membership:
    """The user's membership in that workspace. Raises Http404 when there is none."""
    if not isinstance(user, User):
        raise Http404
    if user.token_workspace_id not in (None, workspace_id):
        raise Http404
    try:
        return Membership.objects.select_related("workspace").get(
            user=user, workspace_id=workspace_id
        )
    except Membership.DoesNotExist:
        raise Http404 from None


def get_workspace(
    user: User | AnonymousUser, workspace_id: int, role: str = Membership.Role.VIEWER
) -> Workspace:
    """The workspace with that id, if the user is a member with at least `role`.

    Raises Http404 for strangers and unknown ids alike, Forbidden for members below `role`.
    """
    membership = get_membership(user, workspace_id)
    if not membership.allows(role):
        raise Forbidden(role)
    return membership.workspace


# --- The workspace the pages work in ---------------------------------------------------------------


def chosen_membership(request: HttpRequest) -> Membership | None:
    """The membership in the workspace this session switched to; None for the personal one.

    Somebody taken out of it meanwhile is back in their own with the next page.
    """
    number = request.session.get(SESSION_KEY)
    if number is None or not isinstance(request.user, User):
        return None
    try:
        return get_membership(request.user, number)
    except Http404:
        del request.session[SESSION_KEY]
        return None


def working_workspace(request: HttpRequest, role: str = Membership.Role.VIEWER) -> Workspace:
    """The workspace the pages show and write to. Raises Forbidden for a member below `role`."""
    user = signed_in(request)
    membership = chosen_membership(request)
    if membership is None:
        return personal_workspace(user)
    if not membership.allows(role):
        raise Forbidden(role)
    return membership.workspace


def switch_workspace(request: HttpRequest, workspace_id: int) -> Workspace:
    """Let the pages of this session work in another workspace. Raises Http404 for strangers."""
    user = signed_in(request)
    workspace = get_workspace(user, workspace_id)
    if workspace.personal and workspace.owner_id == user.pk:
        request.session.pop(SESSION_KEY, None)
    else:
        request.session[SESSION_KEY] = workspace.pk
    return workspace
