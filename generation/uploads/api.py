"""JSON endpoints of uploads: agree, announce, send piece by piece, look, remove."""

from __future__ import annotations

from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.http import Http404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import access
from accounts.models import Membership, User
from generation.errors import UPLOAD_REASONS, InvalidRequest
from generation.models import Upload
from generation.uploads import agreement as upload_agreement
from generation.uploads import services as uploads
from moderation.policies import policy
from sora_site.lib import storage
from sora_site.lib.pages import keyset_page

OFFSET = OpenApiParameter(
    "Upload-Offset",
    int,
    OpenApiParameter.HEADER,
    required=True,
    description="How many bytes have come before this piece. Another one is 409 `upload_offset`.",
)
PAGE = 30


class UploadIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=400)
    size_bytes = serializers.IntegerField(min_value=0, max_value=2**62)


class UploadReasonOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    remedy = serializers.CharField()


class UploadOut(serializers.Serializer[Any]):
    """One upload. Links are there once it is ready, never before."""

    id = serializers.UUIDField()
    ref = serializers.CharField(help_text="What a plan calls it: upload:<id>")
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=["image", "video", ""])
    status = serializers.ChoiceField(choices=Upload.Status.choices)
    reason = UploadReasonOut(allow_null=True)
    offset = serializers.IntegerField(help_text="Bytes that have come")
    size_bytes = serializers.IntegerField()
    chunk_bytes = serializers.IntegerField(help_text="The most one piece may have")
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    seconds = serializers.FloatField(allow_null=True)
    fps = serializers.FloatField(allow_null=True)
    frames = serializers.IntegerField(allow_null=True)
    had_audio = serializers.BooleanField()
    poster_url = serializers.CharField(allow_null=True)
    media_url = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class UploadPage(serializers.Serializer[Any]):
    results = UploadOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class StatementOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    text = serializers.CharField()


class AgreementOut(serializers.Serializer[Any]):
    version = serializers.CharField()
    statements = StatementOut(many=True)
    accepted = serializers.BooleanField()
    page_url = serializers.CharField()
    uploads = serializers.ChoiceField(
        choices=["off", "drawn", "photos"], help_text="What this site takes"
    )


class AgreementIn(serializers.Serializer[Any]):
    version = serializers.CharField()
    statements = serializers.ListField(child=serializers.CharField(), max_length=20)


def present(upload: Upload) -> dict[str, Any]:
    """Links are signed here, so call this only after the permission check."""
    usable = upload.status == Upload.Status.READY and upload.quarantined_at is None
    name = "picture.png" if upload.kind == Upload.Kind.IMAGE else "video.mp4"
    return {
        "id": str(upload.pk),
        "ref": f"upload:{upload.pk}",
        "name": upload.name,
        "kind": upload.kind,
        "status": upload.status,
        "reason": reason(upload),
        "offset": upload.received_bytes,
        "size_bytes": upload.size_bytes,
        "chunk_bytes": settings.UPLOAD_CHUNK_BYTES,
        "width": upload.width,
        "height": upload.height,
        "seconds": upload.seconds,
        "fps": upload.fps,
        "frames": upload.frames,
        "had_audio": upload.had_audio,
        "poster_url": storage.signed_url(upload.poster_key, filename="poster.webp")
        if usable
        else None,
        "media_url": storage.signed_url(upload.media_key, filename=name) if usable else None,
        "created_at": upload.created_at.isoformat(),
    }


def reason(upload: Upload) -> dict[str, str] | None:
    """Why it was refused: {code, message, remedy}."""
    if upload.status != Upload.Status.REFUSED:
        return None
    if upload.reason_code in UPLOAD_REASONS:
        message, remedy = UPLOAD_REASONS[upload.reason_code]
    else:
        rule = policy(upload.reason_code)
        message, remedy = rule.message, rule.remedy
    return {"code": upload.reason_code, "message": message, "remedy": remedy}


def signed_in(request: Request) -> User:
    assert isinstance(request.user, User)  # IsAdult let nobody else in
    return request.user


def get_upload(request: Request, upload_id: UUID, *, write: bool = False) -> Upload:
    """One of the person's own workspaces' uploads, or 404; 403 when they may only look."""
    user = signed_in(request)
    found = Upload.objects.visible_to(user).select_related("workspace").filter(pk=upload_id).first()
    if found is None:
        raise Http404
    role = Membership.Role.CREATOR if write else Membership.Role.VIEWER
    access.get_workspace(user, found.workspace_id, role=role)
    return found


class PieceParser(BaseParser):
    """Hands the view the body itself, unread."""

    media_type = "application/octet-stream"

    def parse(self, stream: IO[bytes], media_type: Any = None, parser_context: Any = None) -> Any:
        return stream


class UploadListView(APIView):
    """What a workspace brought along, and announcing one more file."""

    @extend_schema(
        responses=UploadPage,
        parameters=[
            OpenApiParameter("cursor", str),
            OpenApiParameter("ready", bool, description="Only what can be used"),
            OpenApiParameter("trash", bool, description="What lies in the trash, instead"),
        ],
    )
    def get(self, request: Request, workspace_id: int) -> Response:
        """Newest first. What lies in the trash is left out, unless asked for."""
        workspace = access.get_workspace(signed_in(request), workspace_id)
        in_trash = request.query_params.get("trash") in ("1", "true")
        rows = Upload.objects.filter(
            workspace=workspace, quarantined_at=None, trashed_at__isnull=not in_trash
        )
        if request.query_params.get("ready") in ("1", "true"):
            rows = rows.usable()
        page, cursor = keyset_page(
            rows, ("created_at", "id"), request.query_params.get("cursor"), size=PAGE
        )
        return Response({"results": [present(row) for row in page], "next_cursor": cursor})

    @extend_schema(request=UploadIn, responses={201: UploadOut})
    def post(self, request: Request, workspace_id: int) -> Response:
        """Announce a file; then send it with PATCH, `chunk_bytes` at a time."""
        user = signed_in(request)
        workspace = access.get_workspace(user, workspace_id, role=Membership.Role.CREATOR)
        data = UploadIn(data=request.data)
        data.is_valid(raise_exception=True)
        upload = uploads.start_upload(workspace, by=user, **data.validated_data)
        return Response(present(upload), status=201)


class UploadView(APIView):
    """One upload."""

    parser_classes = [PieceParser]

    @extend_schema(responses=UploadOut)
    def get(self, request: Request, upload_id: UUID) -> Response:
        """Its state. HEAD answers the same in the headers Upload-Offset and Upload-Length."""
        upload = get_upload(request, upload_id)
        return self._with_offset(upload)

    @extend_schema(
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses=UploadOut,
        parameters=[OFFSET],
    )
    def patch(self, request: Request, upload_id: UUID) -> Response:
        """Send the next piece as the raw body. After a lost connection ask for the offset first."""
        upload = get_upload(request, upload_id, write=True)
        offset = request.headers.get("Upload-Offset", "")
        if not (offset.isascii() and offset.isdigit() and len(offset) < 19):
            raise InvalidRequest(
                "The Upload-Offset header is missing or is no whole number.",
                param="Upload-Offset",
                remedy="Send how many bytes have come before this piece; GET tells it.",
            )
        body = request.data
        data = body.read(settings.UPLOAD_CHUNK_BYTES + 1) if hasattr(body, "read") else b""
        upload = uploads.append_bytes(upload, offset=int(offset), data=data, by=signed_in(request))
        return self._with_offset(upload)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, upload_id: UUID) -> Response:
        """Cancel it, or move it to the trash once it is ready; from the trash it goes for good."""
        upload = get_upload(request, upload_id, write=True)
        if upload.trashed_at is None:
            uploads.trash_upload(upload, by=signed_in(request))
        else:
            uploads.delete_upload(upload, by=signed_in(request))
        return Response(status=204)

    def _with_offset(self, upload: Upload) -> Response:
        headers = {
            "Upload-Offset": str(upload.received_bytes),
            "Upload-Length": str(upload.size_bytes),
        }
        return Response(present(upload), headers=headers)


class UploadRestoreView(APIView):
    """Out of the trash again."""

    @extend_schema(request=None, responses=UploadOut)
    def post(self, request: Request, upload_id: UUID) -> Response:
        upload = get_upload(request, upload_id, write=True)
        return Response(present(uploads.restore_upload(upload, by=signed_in(request))))


class UploadAgreementView(APIView):
    """The agreement everybody accepts before their first upload."""

    @extend_schema(responses=AgreementOut)
    def get(self, request: Request) -> Response:
        return Response(self._present(request))

    @extend_schema(request=AgreementIn, responses=AgreementOut)
    def post(self, request: Request) -> Response:
        """Accept the present version, naming every statement."""
        data = AgreementIn(data=request.data)
        data.is_valid(raise_exception=True)
        uploads.agree(signed_in(request), **data.validated_data)
        return Response(self._present(request))

    def _present(self, request: Request) -> dict[str, Any]:
        return {
            "version": upload_agreement.VERSION,
            "statements": [vars(statement) for statement in upload_agreement.STATEMENTS],
            "accepted": uploads.has_agreed(signed_in(request)),
            "page_url": reverse("generation:upload-agreement"),
            "uploads": settings.SORA_UPLOADS,
        }
