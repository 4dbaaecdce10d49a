"""API sign-in by access token: `Authorization: Bearer sora_…`."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from accounts.models import ApiToken, User

LAST_USED_EVERY = timedelta(minutes=1)  # so that a busy client does not write on every request


class BearerTokenAuthentication(BaseAuthentication):
    """Finds the person behind a token and narrows them to the token's workspace and scopes."""

    keyword = b"bearer"

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """None without a bearer header. Every wrong token gets the same 401."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != self.keyword:
            return None
        if len(words) != 2:
            raise AuthenticationFailed("Send the header as: Authorization: Bearer <token>.")
        try:
            secret = words[1].decode("ascii")
        except UnicodeDecodeError:
            raise AuthenticationFailed("This access token is not valid.") from None
        token = (
            ApiToken.objects.usable()
            .select_related("user")
            .filter(digest=ApiToken.digest_of(secret), user__is_active=True)
            .first()
        )
        if token is None:
            raise AuthenticationFailed("This access token is not valid.")
        needed = ApiToken.Scope.READ if request.method in SAFE_METHODS else ApiToken.Scope.WRITE
        if needed not in token.scopes:
            raise PermissionDenied(f"This access token lacks the scope {needed}.", "missing_scope")
        now = timezone.now()
        ApiToken.objects.filter(pk=token.pk).filter(
            Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USED_EVERY)
        ).update(last_used_at=now)
        user = token.user
        user.token_workspace_id = token.workspace_id
        return user, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 answer offers."""
        return 'Bearer realm="api"'
