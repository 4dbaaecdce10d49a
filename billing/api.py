"""JSON endpoints about oneself and one's credits."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import access
from accounts.api import workspaces_of
from accounts.permissions import IsAdult, signed_in
from accounts.serializers import UserOut, WorkspaceOut
from billing import services
from billing.models import LedgerEntry
from billing.serializers import BalanceOut, LedgerEntryOut, LedgerPageOut, MeOut


class MeView(APIView):
    """GET /api/v1/me/: who is signed in, and what they can spend.

    Also answers people who are suspended or have not stated an age, so that clients can tell why.
    """

    permission_classes = [IsAuthenticated]

    @extend_schema(operation_id="me", responses=MeOut)
    def get(self, request: Request) -> Response:
        user = signed_in(request)
        rows = []
        for workspace in workspaces_of(user):
            balance = services.balance(workspace)
            rows.append(
                {
                    **WorkspaceOut(workspace).data,
                    "plan": services.plan_of(workspace).code,
                    "balance": BalanceOut(balance).data,
                }
            )
        return Response(
            {
                "user": UserOut(user).data,
                "workspaces": rows,
                "balance": rows[0]["balance"] if rows else {"available": 0, "held": 0},
            }
        )


class LedgerPagination(CursorPagination):
    """Newest first, stable while entries are added."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200

    def next_cursor(self) -> str | None:
        """What to send as `cursor` for the page after this one; None on the last."""
        link = self.get_next_link()
        return QueryDict(urlsplit(link).query).get(self.cursor_query_param) if link else None


class LedgerView(APIView):
    """GET /api/v1/workspaces/<id>/ledger/: every movement of the workspace's credits."""

    permission_classes = [IsAdult]

    @extend_schema(
        operation_id="ledger_list",
        parameters=[
            OpenApiParameter("cursor", str, description="`next_cursor` of the page before"),
            OpenApiParameter("limit", int, description="entries on a page, 1 to 200"),
        ],
        responses=LedgerPageOut,
    )
    def get(self, request: Request, workspace_id: int) -> Response:
        workspace = access.get_workspace(request.user, workspace_id)
        balance = services.balance(workspace)  # first: it opens the account of a new workspace
        pages = LedgerPagination()
        entries = LedgerEntry.objects.filter(workspace=workspace)
        page = pages.paginate_queryset(entries, request, view=self)
        return Response(
            {
                "next_cursor": pages.next_cursor(),
                "balance": BalanceOut(balance).data,
                "results": LedgerEntryOut(page, many=True).data,
            }
        )
