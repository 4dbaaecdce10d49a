"""What the API reads and answers about people, workspaces and tokens."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.models import ApiToken, User, Workspace


class UserOut(serializers.ModelSerializer[User]):
    """One's own account."""

    suspended = serializers.BooleanField(source="is_suspended", read_only=True)
    age_attested = serializers.BooleanField(source="is_attested_adult", read_only=True)

    class Meta:
        model = User
        fields = ["id", "email", "display_name", "handle", "is_staff", "suspended", "age_attested"]


class WorkspaceOut(serializers.ModelSerializer[Workspace]):
    """A workspace one is a member of, with one's own role in it."""

    role = serializers.CharField(read_only=True)

    class Meta:
        model = Workspace
        fields = ["id", "name", "slug", "personal", "role", "created_at"]


class WorkspaceListOut(serializers.Serializer[Any]):
    """All of one's workspaces: there are few, so there are no pages."""

    results = WorkspaceOut(many=True)


class TokenOut(serializers.ModelSerializer[ApiToken]):
    """A token without its secret."""

    class Meta:
        model = ApiToken
        fields = [
            "id",
            "name",
            "prefix",
            "workspace",
            "scopes",
            "created_at",
            "last_used_at",
            "expires_at",
        ]


class TokenListOut(serializers.Serializer[Any]):
    """All of one's usable tokens."""

    results = TokenOut(many=True)


class TokenCreatedOut(TokenOut):
    """A new token with the secret, which is shown this once."""

    token = serializers.CharField(read_only=True)

    class Meta(TokenOut.Meta):
        fields = [*TokenOut.Meta.fields, "token"]


class TokenIn(serializers.Serializer[ApiToken]):
    """What a new token needs."""

    name = serializers.CharField(max_length=60)
    workspace = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    scopes = serializers.MultipleChoiceField(
        choices=ApiToken.Scope.choices, allow_empty=False, default={"read", "write"}
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
