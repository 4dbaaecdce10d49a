"""The one door from (user, id) to a workspace. Strangers learn nothing: they get 404."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.http import Http404

from accounts.errors import Forbidden
from accounts.models import Membership, User, Workspace


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
