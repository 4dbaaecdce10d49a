"""JSON endpoints about workspaces and access tokens. `/me/` lies in billing: it shows credits."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import access, services
from accounts.models import ApiToken, User, Workspace
from accounts.permissions import IsAdult, signed_in
from accounts.serializers import (
    TokenCreatedOut,
    TokenIn,
    TokenListOut,
    TokenOut,
    WorkspaceListOut,
    WorkspaceOut,
)


def workspaces_of(user: User) -> list[Workspace]:
    """The user's workspaces, each with the user's `role` in it; the personal one first."""
    services.personal_workspace(user)
    return list(
        Workspace.objects.visible_to(user)
        .annotate(role=F("memberships__role"))
        .order_by("-personal", "name", "id")
    )


class WorkspaceListView(APIView):
    """GET /api/v1/workspaces/: the workspaces one is a member of."""

    permission_classes = [IsAdult]

    @extend_schema(operation_id="workspaces_list", responses=WorkspaceListOut)
    def get(self, request: Request) -> Response:
        found = workspaces_of(signed_in(request))
        return Response({"results": WorkspaceOut(found, many=True).data})


class TokenListView(APIView):
    """GET, POST /api/v1/tokens/: one's own tokens. Tokens can't manage tokens: session only."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [IsAdult]

    @extend_schema(operation_id="tokens_list", responses=TokenListOut)
    def get(self, request: Request) -> Response:
        tokens = ApiToken.objects.usable().filter(user=signed_in(request)).order_by("-created_at")
        return Response({"results": TokenOut(tokens, many=True).data})

    @extend_schema(operation_id="tokens_create", request=TokenIn, responses={201: TokenCreatedOut})
    def post(self, request: Request) -> Response:
        data = TokenIn(data=request.data)
        data.is_valid(raise_exception=True)
        fields: dict[str, Any] = data.validated_data
        if fields["expires_at"] is not None and fields["expires_at"] <= timezone.now():
            raise serializers.ValidationError({"expires_at": ["This time has passed."]})
        workspace = access.get_workspace(request.user, fields["workspace"])
        token, secret = services.create_token(
            workspace,
            signed_in(request),
            name=fields["name"],
            scopes=fields["scopes"],
            expires_at=fields["expires_at"],
        )
        return Response({**TokenOut(token).data, "token": secret}, status=201)


class TokenView(APIView):
    """DELETE /api/v1/tokens/<id>/: revoke one of one's own tokens."""

    authentication_classes = [SessionAuthentication]
    permission_classes = [IsAdult]

    @extend_schema(operation_id="tokens_delete", responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        token = (
            ApiToken.objects.filter(user=signed_in(request), pk=token_id)
            .select_related("workspace")
            .first()
        )
        if token is None:
            raise Http404
        services.revoke_token(token, by=signed_in(request))
        return Response(status=204)
