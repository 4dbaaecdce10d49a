"""Where allauth's flows meet our rules: saving a new person, and keeping second factors secret."""

from __future__ import annotations

import base64
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest

from accounts import services
from accounts.models import User

MAX_EMAIL_CHARS = User._meta.get_field("email").max_length or 254


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Saves person, attestation and personal workspace together."""

    def clean_email(self, email: str) -> str:
        """Refuse what the column can't hold; allauth would cut it off silently."""
        if len(email) > MAX_EMAIL_CHARS:
            raise ValidationError("This address is too long.", code="max_length")
        return str(super().clean_email(email))

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Called by allauth with a valid sign-up form.

        An address taken in the same instant gets the answer that every sign-up gets.
        """
        user = super().save_user(request, user, form, commit=False)
        if not commit:
            return user
        try:
            return services.sign_up(
                user,
                date_of_birth=form.cleaned_data["date_of_birth"],
                display_name=form.cleaned_data.get("display_name", ""),
            )
        except IntegrityError:
            raise ImmediateHttpResponse(
                self.respond_email_verification_sent(request, None)
            ) from None

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Mails sign with the site's configured name and address, not the request's host."""
        names = {"product_name": settings.SITE_NAME, "product_url": settings.PUBLIC_URL}
        super().send_mail(template_prefix, email, {**names, **context})

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        """Lets message templates say where mail lies on an installation without a mail server."""
        folder = "" if settings.EMAIL_URL else settings.EMAIL_FILE_PATH
        message_context = {**(message_context or {}), "mail_folder": folder}
        super().add_message(request, level, message_template, message_context, extra_tags, message)


def _cipher() -> MultiFernet:
    """Encrypts with SECRET_KEY, decrypts with it and its fallbacks."""
    ciphers = []
    for secret in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]:
        derive = HKDF(hashes.SHA256(), length=32, salt=None, info=b"accounts.second-factor")
        ciphers.append(Fernet(base64.urlsafe_b64encode(derive.derive(str(secret).encode()))))
    return MultiFernet(ciphers)


class MfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Stores authenticator secrets and recovery seeds encrypted."""

    def encrypt(self, text: str) -> str:
        """What the database stores."""
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """The reverse of `encrypt`."""
        return _cipher().decrypt(encrypted_text.encode()).decode()
