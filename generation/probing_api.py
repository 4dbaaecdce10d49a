"""JSON: what slows the person who asks, and until when."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import IsAdult, signed_in
from generation import probing


class SlowedOut(serializers.Serializer[Any]):
    level = serializers.ChoiceField(
        choices=["explain", "cool_down", "second_look"],
        help_text="explain: nothing but advice. cool_down: no new requests before `until`. "
        "second_look: new clips stay private before `until`.",
    )
    message = serializers.CharField()
    remedy = serializers.CharField()
    example = serializers.CharField(help_text="A prompt of this kind that works.")
    until = serializers.DateTimeField()
    slower_until = serializers.DateTimeField(help_text="Clips wait behind others' before this.")


class StandingOut(serializers.Serializer[Any]):
    slowed = SlowedOut(many=True)


class StandingView(APIView):
    """GET /api/v1/standing/: what slows you now, the gravest first; an empty list for most people."""

    permission_classes = [IsAdult]

    @extend_schema(responses=StandingOut)
    def get(self, request: Request) -> Response:
        found = probing.standing(signed_in(request))
        return Response(StandingOut({"slowed": found}).data)
