"""Who may pass a view: adults in good standing, and staff with a second factor."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.errors import (
    AccountSuspended,
    AgeNotAttested,
    MfaRequired,
    SignInRequired,
    StaffOnly,
    StaffRoleMissing,
)
from accounts.models import User
from accounts.staff_roles import has_role

if TYPE_CHECKING:  # rest_framework.views loads this module as its default permission
    from rest_framework.views import APIView

View = Callable[..., HttpResponse]


def signed_in(request: HttpRequest | Request) -> User:
    """The signed-in person as our own type. Raises SignInRequired."""
    if not isinstance(request.user, User):
        raise SignInRequired()
    return request.user


def check_standing(user: User | AnonymousUser) -> User:
    """The user, when they may create: signed in, not suspended, an attested adult.

    Raises SignInRequired, AccountSuspended or AgeNotAttested.
    """
    if not isinstance(user, User) or not user.is_active:
        raise SignInRequired()
    if user.is_suspended:
        raise AccountSuspended()
    if not user.is_attested_adult:
        raise AgeNotAttested()
    return user


def check_staff(user: User | AnonymousUser, role: str = "") -> User:
    """The user, when they may do staff work: in good standing, staff, second factor set up; and with
    the role (accounts.staff_roles), where one is named.

    Raises the errors of check_standing, StaffOnly, MfaRequired or StaffRoleMissing.
    """
    if not isinstance(user, User) or not user.is_active:
        raise SignInRequired()
    if not user.is_staff:
        raise StaffOnly()
    if user.is_suspended:
        raise AccountSuspended()
    if not is_mfa_enabled(user):
        raise MfaRequired()
    if role and not has_role(user, role):
        raise StaffRoleMissing(role)
    return user


class IsAdult(BasePermission):
    """API: a signed-in, attested adult who is not suspended."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False  # DRF answers 401 with the header a client expects
        check_standing(request.user)
        return True


class IsStaff(BasePermission):
    """API: staff with a second factor. Access tokens never do staff work.

    A view may name the role it needs in `staff_role`.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return False
        if request.auth is not None:
            raise StaffOnly("Access tokens can't do staff work. Sign in on the site.")
        check_staff(request.user, getattr(view, "staff_role", ""))
        return True


def sign_in_url(request: HttpRequest) -> str:
    """The sign-in page, coming back to where the person was going."""
    return f"{reverse('account_login')}?{urlencode({'next': request.get_full_path()})}"


def adult_required(view: View) -> View:
    """Pages for creating: nobody signed in -> sign-in page, age unknown -> age page."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            check_standing(request.user)
        except SignInRequired:
            return redirect(sign_in_url(request))
        except AgeNotAttested:
            query = urlencode({"next": request.get_full_path()})
            return redirect(f"{reverse('accounts:age')}?{query}")
        except AccountSuspended:
            return redirect("accounts:suspended")
        return view(request, *args, **kwargs)

    return wrapped


def staff_required(view: View | None = None, *, role: str = "") -> Any:
    """Staff pages: others get 403, staff without a second factor are sent to set one up.

    `@staff_required` lets any staff in, `@staff_required(role="reviewer")` those with the role.
    """
    if view is None:
        return partial(staff_required, role=role)
    page = view

    @wraps(page)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            check_staff(request.user, role)
        except SignInRequired:
            return redirect(sign_in_url(request))
        except MfaRequired as needed:
            if wants_json(request):
                raise
            from django.contrib import messages

            messages.info(request, needed.message)
            return redirect("mfa_index")
        except (StaffOnly, StaffRoleMissing, AccountSuspended) as refusal:
            raise PermissionDenied(refusal.message) from refusal
        return page(request, *args, **kwargs)

    return wrapped


class StaffRequiredMixin:
    """The same gate for class-based pages."""

    staff_role = ""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        page = super().dispatch  # type: ignore[misc]
        return staff_required(page, role=self.staff_role)(request, *args, **kwargs)


def wants_json(request: HttpRequest) -> bool:
    """True for API paths and clients that ask for JSON."""
    return request.path.startswith("/api/") or request.accepts("text/html") is False
