"""Forms of the account pages. Rules live in services; these read and explain."""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Any

from allauth.core import context
from django import forms
from django.http import HttpRequest

from accounts import cookies, services
from accounts.errors import InvalidBirthDate, TooYoung
from accounts.models import HANDLE_PATTERN, ApiToken, User, Workspace

ZERO_WIDTH_JOINER = "\u200d"  # inside many emoji
AGE_HELP = "You must be 18 or older. Others never see your date of birth."


class DisplayNameField(forms.CharField):
    """A name as others read it: no control characters, nothing that turns the text around."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(label="Display name", max_length=60, required=False, **kwargs)

    def clean(self, value: Any) -> str:
        name = str(super().clean(value))
        hidden = (
            unicodedata.category(sign).startswith("C") for sign in name if sign != ZERO_WIDTH_JOINER
        )
        if any(hidden):
            raise forms.ValidationError("Leave out invisible characters.", code="invisible")
        return name


class BirthDateField(forms.DateField):
    """A date of birth, with the browser's own date picker."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label="Date of birth",
            help_text=AGE_HELP,
            widget=forms.DateInput(
                attrs={"type": "date", "autocomplete": "bday", "min": "1900-01-01"},
                format="%Y-%m-%d",
            ),
            error_messages={
                "required": "Enter your date of birth.",
                "invalid": "Enter your date of birth as year-month-day, for example 1990-05-21.",
            },
            **kwargs,
        )


def check_age_for_form(request: HttpRequest | None, date_of_birth: date, email: str | None) -> None:
    """Turn the age rules into a form error, and mark the request when the age is refused."""
    cookie_id = cookies.cookie_id_for(request) if request is not None else None
    try:
        services.check_age(date_of_birth, email=email, cookie_id=cookie_id)
    except InvalidBirthDate as error:
        raise forms.ValidationError(error.message, code=error.code) from error
    except TooYoung as error:
        if request is not None:
            request.age_refused = True  # type: ignore[attr-defined]
        raise forms.ValidationError(error.message, code=error.code) from error


class SignUpForm(forms.Form):
    """What signing up asks beyond e-mail and password. allauth builds its own form on this one."""

    display_name = DisplayNameField(
        help_text="Shown next to videos you share. You can change it later.",
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )
    date_of_birth = BirthDateField()
    age_refused = False  # then the page shows the answer alone, without the form
    field_order = ["email", "display_name", "date_of_birth", "password1"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        date_of_birth = cleaned.get("date_of_birth")
        if date_of_birth is not None:
            # The typed address counts even when another rule refused it.
            email = cleaned.get("email") or str(self.data.get("email", ""))[:254]
            try:
                check_age_for_form(context.request, date_of_birth, email)
            except forms.ValidationError as error:
                self.age_refused = error.code == TooYoung.code
                self.add_error("date_of_birth", error)
        return cleaned

    def signup(self, request: HttpRequest, user: User) -> None:
        """allauth asks for this hook; the adapter has saved everything by now."""


class AgeForm(forms.Form):
    """Asks somebody who has an account but no attestation for their date of birth."""

    date_of_birth = BirthDateField()


class ProfileForm(forms.Form):
    """How others see a person."""

    display_name = DisplayNameField(help_text="Shown next to your videos.")
    handle = forms.RegexField(
        HANDLE_PATTERN,
        label="Handle",
        max_length=30,
        help_text="The address of your public page: 2 to 30 lower-case letters, digits, - or _.",
        error_messages={
            "invalid": "Use 2 to 30 lower-case letters, digits, hyphens or underscores; "
            "start with a letter or digit."
        },
        widget=forms.TextInput(attrs={"autocapitalize": "none", "spellcheck": "false"}),
    )


class TokenForm(forms.Form):
    """A new access token."""

    name = forms.CharField(
        label="Name", max_length=60, help_text="What will use it, for example “render script”."
    )
    workspace: forms.ModelChoiceField[Workspace] = forms.ModelChoiceField(
        Workspace.objects.none(), label="Workspace", empty_label=None
    )
    scopes = forms.MultipleChoiceField(
        choices=[(ApiToken.Scope.READ, "Read"), (ApiToken.Scope.WRITE, "Create and change")],
        label="May",
        initial=[ApiToken.Scope.READ, ApiToken.Scope.WRITE],
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["workspace"]
        field.queryset = Workspace.objects.visible_to(user).order_by("-personal", "name")


class DeleteAccountForm(forms.Form):
    """Deleting an account asks for its address, so that it can't happen by a stray click."""

    email = forms.EmailField(
        label="Your e-mail address",
        help_text="Type it to confirm. This can't be undone.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).lower()
        if email != self.user.email.lower():
            raise forms.ValidationError("This is not the address of this account.")
        return email
