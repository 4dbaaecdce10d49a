"""JSON of the likeness pilot: one's own places, and the ones staff gives."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User, Workspace
from accounts.permissions import IsStaff
from moderation import likeness
from moderation.models import LikenessGrant


class LikenessStatementOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    text = serializers.CharField()


class GrantOut(serializers.Serializer[Any]):
    """One place. `statements` are the words to sign while it is only offered."""

    id = serializers.UUIDField()
    workspace = serializers.IntegerField()
    cohort = serializers.CharField()
    state = serializers.ChoiceField(choices=["offered", "active", "expired", "revoked"])
    subject = serializers.ChoiceField(choices=LikenessGrant.Subject.choices)
    scope = serializers.ListField(child=serializers.CharField())
    reviewed_first = serializers.IntegerField()
    expires_at = serializers.DateTimeField()
    consented_at = serializers.DateTimeField(allow_null=True)
    statement_sha256 = serializers.CharField(allow_blank=True)
    version = serializers.CharField(help_text="Of the words to sign")
    statements = LikenessStatementOut(many=True)


class GrantsOut(serializers.Serializer[Any]):
    closed = serializers.CharField(
        allow_blank=True, help_text="Why the pilot is closed here; empty when it is open"
    )
    results = GrantOut(many=True)


class ConsentIn(serializers.Serializer[Any]):
    subject_name = serializers.CharField(max_length=120)
    agreed = serializers.ListField(child=serializers.CharField(), max_length=20)
    version = serializers.CharField(max_length=20)


class OfferIn(serializers.Serializer[Any]):
    workspace = serializers.IntegerField()
    handle = serializers.CharField(max_length=30)
    cohort = serializers.SlugField(max_length=40)
    subject = serializers.ChoiceField(choices=LikenessGrant.Subject.choices, default="self")
    scope = serializers.ListField(child=serializers.CharField(), max_length=4)
    days = serializers.IntegerField()
    reviewed_first = serializers.IntegerField(required=False, allow_null=True, default=None)


def present(grant: LikenessGrant) -> dict[str, Any]:
    return {
        "id": str(grant.pk),
        "workspace": grant.workspace_id,
        "cohort": grant.cohort,
        "state": grant.state,
        "subject": grant.subject,
        "scope": grant.scope,
        "reviewed_first": grant.reviewed_first,
        "expires_at": grant.expires_at.isoformat(),
        "consented_at": grant.consented_at.isoformat() if grant.consented_at else None,
        "statement_sha256": grant.statement_sha256,
        "version": likeness.VERSION,
        "statements": [vars(one) for one in likeness.statements(grant)],
    }


def _user(request: Request) -> User:
    assert isinstance(request.user, User)  # the permission let nobody else in
    return request.user


def _mine(request: Request, grant_id: UUID) -> LikenessGrant:
    if request.auth is not None:
        raise Http404  # an access token signs nothing in somebody's name
    return get_object_or_404(LikenessGrant, pk=grant_id, person=_user(request))


class GrantListView(APIView):
    """One's own places in the pilot."""

    @extend_schema(responses=GrantsOut)
    def get(self, request: Request) -> Response:
        rows = LikenessGrant.objects.filter(person=_user(request)).order_by("-offered_at")[:50]
        return Response(
            {"closed": likeness.closed_because(), "results": [present(row) for row in rows]}
        )


class ConsentView(APIView):
    """Signing the words of consent; a browser session only."""

    @extend_schema(request=ConsentIn, responses=GrantOut)
    def post(self, request: Request, grant_id: UUID) -> Response:
        grant = _mine(request, grant_id)
        data = ConsentIn(data=request.data)
        data.is_valid(raise_exception=True)
        grant = likeness.consent(grant, by=_user(request), **data.validated_data)
        return Response(present(grant))


class RevokeView(APIView):
    """Ending one's own place: its pictures and clips go out of reach at once."""

    @extend_schema(request=None, responses=GrantOut)
    def post(self, request: Request, grant_id: UUID) -> Response:
        grant = _mine(request, grant_id)
        likeness.revoke(grant, by=_user(request))
        grant.refresh_from_db()
        return Response(present(grant))


class StaffView(APIView):
    """Every place, and offering one; staff with a second factor."""

    permission_classes = [IsStaff]

    @extend_schema(responses=GrantsOut)
    def get(self, request: Request) -> Response:
        rows = LikenessGrant.objects.order_by("-offered_at")[:200]
        return Response(
            {"closed": likeness.closed_because(), "results": [present(row) for row in rows]}
        )

    @extend_schema(request=OfferIn, responses={201: GrantOut})
    def post(self, request: Request) -> Response:
        data = OfferIn(data=request.data)
        data.is_valid(raise_exception=True)
        wanted = dict(data.validated_data)
        workspace = get_object_or_404(Workspace, pk=wanted.pop("workspace"))
        person = get_object_or_404(User, handle=wanted.pop("handle"))
        grant = likeness.offer(workspace, person, by=_user(request), **wanted)
        return Response(present(grant), status=201)


class StaffRevokeView(APIView):
    """Ending a place as staff."""

    permission_classes = [IsStaff]

    @extend_schema(request=None, responses=GrantOut)
    def post(self, request: Request, grant_id: UUID) -> Response:
        grant = get_object_or_404(LikenessGrant, pk=grant_id)
        likeness.revoke(grant, by=_user(request))
        grant.refresh_from_db()
        return Response(present(grant))
