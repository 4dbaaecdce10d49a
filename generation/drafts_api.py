"""JSON endpoints of drafts, and of the fuller caption."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import access
from accounts.models import Membership
from accounts.permissions import signed_in
from generation import boards, drafts
from generation.api import EditOut
from generation.errors import InvalidPromptText
from generation.models import Draft
from generation.rewriting import expand, rewrite_for_engine
from moderation.screening.gate import InvalidPrompt, clean_prompt
from sora_site.lib.pages import keyset_page

PAGE = 30
PAGES = {"storyboard": "generation:storyboard", "sequence": "generation:sequence-draft"}


class DraftIn(serializers.Serializer[Any]):
    title = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)
    plan = serializers.DictField(
        help_text="what the editor holds; checked when a clip is asked for"
    )


class DraftSaveIn(DraftIn):
    version = serializers.IntegerField(min_value=1, help_text="the version that was read")


class DraftMediaOut(serializers.Serializer[Any]):
    ref = serializers.CharField()
    kind = serializers.CharField()
    name = serializers.CharField()
    poster_url = serializers.CharField()
    media_url = serializers.CharField()
    seconds = serializers.FloatField()


class DraftRowOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=["storyboard", "sequence"])
    title = serializers.CharField(help_text="its title, else its first words")
    cards = serializers.IntegerField(help_text="or parts, of a sequence")
    version = serializers.IntegerField()
    page_url = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class DraftOut(DraftRowOut):
    plan = serializers.DictField()
    media = serializers.DictField(
        child=DraftMediaOut(), help_text="what its cards refer to; gone when it may not be used"
    )


class DraftPageOut(serializers.Serializer[Any]):
    results = DraftRowOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class CaptionIn(serializers.Serializer[Any]):
    caption = serializers.CharField(trim_whitespace=False)
    context = serializers.CharField(  # type: ignore[assignment]  # Field.context is the view's
        required=False,
        default="",
        allow_blank=True,
        max_length=20_000,
        help_text="the other cards' texts: the place and the time they name are kept",
    )


class CaptionOut(serializers.Serializer[Any]):
    text = serializers.CharField()
    edits = EditOut(many=True)
    understood = serializers.ListField(child=serializers.CharField())
    unknown_words = serializers.ListField(child=serializers.CharField())


def row_of(draft: Draft) -> dict[str, Any]:
    return {
        "id": str(draft.pk),
        "kind": boards.kind_of(draft),
        "title": boards.title_of(draft),
        "cards": len(boards.things_of(draft.plan)),
        "version": draft.version,
        "page_url": reverse(PAGES[boards.kind_of(draft)], args=[draft.pk]),
        "created_at": draft.created_at.isoformat(),
        "updated_at": draft.updated_at.isoformat(),
    }


def shown(request: Request, draft: Draft) -> dict[str, Any]:
    plan = boards.board_of(draft.plan)
    return {**row_of(draft), "plan": plan, "media": boards.media_of(signed_in(request), plan)}


class DraftListView(APIView):
    """The unfinished storyboards and sequences of a workspace."""

    @extend_schema(responses=DraftPageOut, parameters=[OpenApiParameter("cursor", str)])
    def get(self, request: Request, workspace_id: int) -> Response:
        """The one worked on last comes first."""
        workspace = access.get_workspace(signed_in(request), workspace_id)
        found, following = keyset_page(
            Draft.objects.filter(workspace=workspace),
            ("updated_at", "id"),
            request.query_params.get("cursor"),
            size=PAGE,
        )
        return Response({"results": [row_of(row) for row in found], "next_cursor": following})

    @extend_schema(request=DraftIn, responses={201: DraftOut})
    def post(self, request: Request, workspace_id: int) -> Response:
        workspace = access.get_workspace(
            signed_in(request), workspace_id, role=Membership.Role.CREATOR
        )
        data = DraftIn(data=request.data)
        data.is_valid(raise_exception=True)
        draft = drafts.create_draft(workspace, by=signed_in(request), **data.validated_data)
        return Response(shown(request, draft), status=201)


class DraftView(APIView):
    """One draft."""

    @extend_schema(responses=DraftOut)
    def get(self, request: Request, draft_id: UUID) -> Response:
        return Response(shown(request, get_draft(request, draft_id)))

    @extend_schema(request=DraftSaveIn, responses=DraftOut)
    def put(self, request: Request, draft_id: UUID) -> Response:
        """Save over the version that was read; a later one answers 409 `draft_changed`."""
        draft = get_draft(request, draft_id, role=Membership.Role.CREATOR)
        data = DraftSaveIn(data=request.data)
        data.is_valid(raise_exception=True)
        return Response(shown(request, drafts.save_draft(draft, **data.validated_data)))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, draft_id: UUID) -> Response:
        draft = get_draft(request, draft_id, role=Membership.Role.CREATOR)
        drafts.delete_draft(draft, by=signed_in(request))
        return Response(status=204)


class CaptionView(APIView):
    """A short caption made fuller, in the words the loaded model knows."""

    @extend_schema(request=CaptionIn, responses=CaptionOut)
    def post(self, request: Request, workspace_id: int) -> Response:
        access.get_workspace(signed_in(request), workspace_id)
        data = CaptionIn(data=request.data)
        data.is_valid(raise_exception=True)
        try:
            caption = clean_prompt(
                data.validated_data["caption"], max_chars=settings.SORA_MAX_PROMPT_CHARS
            )
        except InvalidPrompt as error:
            raise InvalidPromptText(
                error.message, param="caption", remedy=error.remedy or None
            ) from error
        text, edits = expand(caption, data.validated_data["context"])
        found = rewrite_for_engine(text)
        return Response(
            {
                "text": text,
                "edits": [edit.to_json() for edit in edits],
                "understood": found.understood,
                "unknown_words": found.unknown,
            }
        )


def get_draft(
    request: Request, draft_id: UUID, *, role: Membership.Role = Membership.Role.VIEWER
) -> Draft:
    """A draft of one of the person's workspaces, or 404; Forbidden for a member below `role`."""
    user = signed_in(request)
    draft = Draft.objects.visible_to(user).filter(pk=draft_id).first()
    if draft is None:
        raise Http404
    access.get_workspace(user, draft.workspace_id, role=role)
    return draft
