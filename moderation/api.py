"""JSON: reporting a clip. No account is needed, so the rate is bounded per account or address."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from accounts.models import User
from generation.models import Video
from moderation import services
from moderation.reasons import MAX_DETAILS, REASONS


class ReportIn(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(choices=list(REASONS))
    kind = serializers.CharField(required=False, allow_blank=True, max_length=40)
    details = serializers.CharField(required=False, allow_blank=True, max_length=MAX_DETAILS)


class ReportOut(serializers.Serializer[Any]):
    receipt = serializers.CharField()
    message = serializers.CharField()


class ReportThrottle(ScopedRateThrottle):
    """Reports per hour, the same count for the API and for the page."""

    scope_attr = "report_scope"


class ReportView(APIView):
    """POST /api/v1/videos/<id>/reports/: say that a clip breaks a rule. Answers 201 with a receipt."""

    permission_classes = [AllowAny]
    throttle_classes = [ReportThrottle]
    report_scope = "report"

    @extend_schema(request=ReportIn, responses={201: ReportOut})
    def post(self, request: Request, video_id: uuid.UUID) -> Response:
        video = (
            Video.objects.visible_to(request.user)
            .filter(pk=video_id)
            .select_related("workspace", "creator", "generation")
            .defer("manifest")
            .first()
        )
        if video is None:
            raise Http404
        data = ReportIn(data=request.data)
        data.is_valid(raise_exception=True)
        reporter = request.user if isinstance(request.user, User) else None
        report = services.file_report(
            video, reporter=reporter, address=network_address(request), **data.validated_data
        )
        answer = {
            "receipt": report.receipt,
            "message": "Thank you. A person will look at it.",
        }
        return Response(ReportOut(answer).data, status=201)


def report_allowed(request: HttpRequest) -> bool:
    """The API's bound, applied to the page."""
    view = ReportView()
    return ReportThrottle().allow_request(Request(request), view)


def network_address(request: HttpRequest | Request) -> str:
    """Where a request comes from, believing exactly as many proxies as are configured."""
    hops = [h.strip() for h in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if h.strip()]
    trusted = settings.TRUSTED_PROXIES
    if trusted and len(hops) >= trusted:
        return hops[-trusted]
    return str(request.META.get("REMOTE_ADDR", ""))
