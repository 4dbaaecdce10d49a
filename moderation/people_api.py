"""JSON of people: report a profile, look a report up, decisions about oneself, appeals, notices."""

from __future__ import annotations

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.permissions import signed_in
from generation.models import Receipt
from moderation import appeals, notices, reports
from moderation.api import ReportIn, ReportOut, ReportThrottle, network_address
from moderation.models import Appeal, Notice

MOST_ROWS = 100


class Oneself(BasePermission):
    """Anybody signed in, also while suspended: this is how a suspension is appealed."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.user, User) and request.user.is_active


class PersonReportView(APIView):
    """POST /api/v1/people/<handle>/reports/: say that a profile breaks a rule. Answers 201 with a receipt."""

    permission_classes = [AllowAny]
    throttle_classes = [ReportThrottle]
    report_scope = "report"

    @extend_schema(request=ReportIn, responses={201: ReportOut})
    def post(self, request: Request, handle: str) -> Response:
        person = User.objects.filter(handle=handle, is_active=True).first()
        if person is None:
            raise Http404
        data = ReportIn(data=request.data)
        data.is_valid(raise_exception=True)
        report = reports.file(
            person,
            reporter=request.user if isinstance(request.user, User) else None,
            address=network_address(request),
            **data.validated_data,
        )
        answer = {"receipt": report.receipt, "message": "Thank you. A person will look at it."}
        return Response(ReportOut(answer).data, status=201)


class OutcomeOut(serializers.Serializer[Any]):
    receipt = serializers.CharField()
    reason = serializers.CharField()
    filed_at = serializers.DateTimeField()
    outcome = serializers.CharField()
    message = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)


class ReportOutcomeView(APIView):
    """GET /api/v1/reports/<number>/: what became of a report, for whoever has its number."""

    permission_classes = [AllowAny]
    throttle_classes = [ReportThrottle]
    report_scope = "report_lookup"

    @extend_schema(responses={200: OutcomeOut})
    def get(self, request: Request, number: str) -> Response:
        found = reports.look_up(number)
        if found is None:
            raise Http404
        return Response(OutcomeOut(found).data)


class AppealIn(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=appeals.MAX_TEXT)


class AppealOut(serializers.ModelSerializer[Appeal]):
    decision_id = serializers.CharField(source="receipt.public_id")

    class Meta:
        model = Appeal
        fields = ["decision_id", "status", "text", "created_at", "due_at", "decided_at", "note"]


class DecisionListView(APIView):
    """GET /api/v1/decisions/: the latest decisions about me, redacted as on their page."""

    permission_classes = [Oneself]

    @extend_schema(operation_id="decisions_list", responses={200: dict})
    def get(self, request: Request) -> Response:
        rows = Receipt.objects.visible_to(signed_in(request)).order_by("-created_at", "-pk")
        return Response({"decisions": [row.for_person() for row in rows[:MOST_ROWS]]})


class DecisionView(APIView):
    """GET /api/v1/decisions/<id>/: one decision about me, and its appeal."""

    permission_classes = [Oneself]

    @extend_schema(responses={200: dict})
    def get(self, request: Request, public_id: str) -> Response:
        receipt = _receipt(request, public_id)
        appeal = Appeal.objects.filter(receipt=receipt).first()
        return Response(
            {**receipt.for_person(), "appeal": AppealOut(appeal).data if appeal else None}
        )


class AppealView(APIView):
    """POST /api/v1/decisions/<id>/appeal/: dispute a decision about me. Once, within six months."""

    permission_classes = [Oneself]

    @extend_schema(request=AppealIn, responses={201: AppealOut})
    def post(self, request: Request, public_id: str) -> Response:
        receipt = _receipt(request, public_id)
        data = AppealIn(data=request.data)
        data.is_valid(raise_exception=True)
        appeal = appeals.file(receipt, by=signed_in(request), text=data.validated_data["text"])
        return Response(AppealOut(appeal).data, status=201)


def _receipt(request: Request, public_id: str) -> Receipt:
    found = Receipt.objects.visible_to(signed_in(request)).filter(public_id=public_id).first()
    if found is None:
        raise Http404
    return found


class NoticeOut(serializers.ModelSerializer[Notice]):
    class Meta:
        model = Notice
        fields = ["id", "title", "text", "url", "created_at", "read_at"]


class NoticeListView(APIView):
    """GET /api/v1/notices/: what the site told me; POST marks all as read."""

    permission_classes = [Oneself]

    @extend_schema(responses={200: NoticeOut(many=True)})
    def get(self, request: Request) -> Response:
        rows = Notice.objects.filter(user=signed_in(request)).order_by("-created_at", "-pk")
        found = NoticeOut(rows[:MOST_ROWS], many=True).data
        return Response({"notices": found, "unread": notices.unread(signed_in(request))})

    @extend_schema(request=None, responses={200: dict})
    def post(self, request: Request) -> Response:
        return Response({"read": notices.mark_read(signed_in(request))})
