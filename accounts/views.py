"""Pages about one's own account: profile, age, access tokens, suspension notice, leaving."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import access, cookies, services
from accounts.errors import HandleTaken, InvalidBirthDate, LastOwner, TooManyTokens, TooYoung
from accounts.forms import AgeForm, DeleteAccountForm, ProfileForm, TokenForm
from accounts.models import ApiToken, User, Workspace
from accounts.permissions import signed_in


def _settings_context(user: User, **changed: object) -> dict[str, object]:
    return {
        "profile_form": ProfileForm(
            initial={"display_name": user.display_name, "handle": user.handle}
        ),
        "token_form": TokenForm(user),
        "tokens": ApiToken.objects.usable()
        .filter(user=user)
        .select_related("workspace")
        .order_by("-created_at"),
        "workspaces": Workspace.objects.visible_to(user).order_by("-personal", "name"),
        "delete_form": DeleteAccountForm(user),
        **changed,
    }


@login_required
@never_cache
def settings_page(request: HttpRequest) -> HttpResponse:
    """GET /settings/: profile, security links, access tokens. POST changes the profile."""
    user = signed_in(request)
    services.personal_workspace(user)
    if request.method != "POST":
        return render(request, "accounts/settings.html", _settings_context(user))
    form = ProfileForm(request.POST)
    if form.is_valid():
        try:
            services.change_profile(user, **form.cleaned_data)
        except HandleTaken as error:
            form.add_error("handle", error.message)
        else:
            messages.success(request, "Your profile is saved.")
            return redirect("accounts:settings")
    context = _settings_context(user, profile_form=form)
    return render(request, "accounts/settings.html", context, status=422)


@login_required
@never_cache
def age(request: HttpRequest) -> HttpResponse:
    """GET, POST /settings/age/: ask for the date of birth when none is on record."""
    user = signed_in(request)
    goal = request.POST.get("next") or request.GET.get("next") or ""
    if not url_has_allowed_host_and_scheme(
        goal, {request.get_host()}, require_https=request.is_secure()
    ):
        goal = ""
    if user.is_attested_adult:
        return redirect(goal or "generation:composer")
    form = AgeForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                services.attest_age(
                    user,
                    form.cleaned_data["date_of_birth"],
                    cookie_id=cookies.cookie_id_for(request),
                )
            except (InvalidBirthDate, TooYoung) as error:
                request.age_refused = isinstance(error, TooYoung)  # type: ignore[attr-defined]
                form.add_error("date_of_birth", error.message)
            else:
                return redirect(goal or "generation:composer")
    return render(request, "accounts/age.html", {"form": form, "next": goal}, status=status)


@login_required
@require_POST
@never_cache
def create_token(request: HttpRequest) -> HttpResponse:
    """POST /settings/tokens/create/: shows the secret once, in this answer only."""
    user = signed_in(request)
    form = TokenForm(user, request.POST)
    if form.is_valid():
        workspace = access.get_workspace(user, form.cleaned_data["workspace"].pk)
        try:
            token, secret = services.create_token(
                workspace,
                user,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
            )
        except TooManyTokens as error:
            form.add_error(None, f"{error.message} {error.remedy}")
        else:
            context = {"token": token, "secret": secret}
            return render(request, "accounts/token_created.html", context, status=201)
    context = _settings_context(user, token_form=form)
    return render(request, "accounts/settings.html", context, status=422)


@login_required
@require_POST
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """POST /settings/tokens/<id>/revoke/: end one of one's own tokens."""
    user = signed_in(request)
    token = ApiToken.objects.filter(user=user, pk=token_id).select_related("workspace").first()
    if token is None:
        raise Http404
    services.revoke_token(token, by=user)
    messages.success(request, f"The token “{token.name}” no longer works.")
    return redirect("accounts:settings")


@login_required
@never_cache
def suspended(request: HttpRequest) -> HttpResponse:
    """GET /suspended/: the notice a suspended person sees instead of other pages."""
    user = signed_in(request)
    if not user.is_suspended:
        return redirect("accounts:settings")
    return render(request, "accounts/suspended.html", {"since": user.suspended_at}, status=403)


@login_required
@require_POST
def delete_account(request: HttpRequest) -> HttpResponse:
    """POST /settings/delete/: erase one's personal data and sign out."""
    user = signed_in(request)
    form = DeleteAccountForm(user, request.POST)
    if form.is_valid():
        try:
            services.delete_account(user)
        except LastOwner as error:
            form.add_error(None, error.message)
        else:
            logout(request)
            messages.success(request, "Your account is deleted.")
            return redirect("/")
    context = _settings_context(user, delete_form=form)
    return render(request, "accounts/settings.html", context, status=422)
