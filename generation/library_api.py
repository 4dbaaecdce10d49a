"""JSON endpoints of the library: clips, folders, trash, presets, formats, lineage, archives."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import access
from accounts.models import Membership, User, Workspace
from accounts.permissions import signed_in
from generation import library, lineage, presets, renditions, shelf
from generation.archives import services as archives
from generation.errors import InvalidFile, InvalidRequest
from generation.models import Chore, Folder, StylePreset, Upload, Video
from generation.uploads import clip_import

Role = Membership.Role


# --- Shapes ----------------------------------------------------------------------------------------


class MakerOut(serializers.Serializer[Any]):
    handle = serializers.CharField()
    name = serializers.CharField()


class LibraryCardOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    page_url = serializers.CharField()
    media_url = serializers.CharField()
    poster_url = serializers.CharField()
    prompt = serializers.CharField()
    alt = serializers.CharField(help_text="its owner's words, else the prompt")
    autoplay = serializers.BooleanField(help_text="false where it flashes, or nobody measured that")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    seconds = serializers.FloatField()
    created_at = serializers.DateTimeField()
    shared_at = serializers.DateTimeField(allow_null=True)
    remixable = serializers.BooleanField(help_text="by others, once it is shared")
    creator = MakerOut()
    favourite = serializers.BooleanField()


class LibraryPageOut(serializers.Serializer[Any]):
    results = LibraryCardOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class ChosenIn(serializers.Serializer[Any]):
    videos = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=library.MOST_CHOSEN
    )


class ActionIn(serializers.Serializer[Any]):
    videos = serializers.ListField(
        child=serializers.UUIDField(), default=list, max_length=library.MOST_CHOSEN
    )
    uploads = serializers.ListField(
        child=serializers.UUIDField(),
        default=list,
        max_length=library.MOST_CHOSEN,
        help_text="For trash and restore.",
    )
    action = serializers.ChoiceField(["move", "favourite", "unfavourite", "trash", "restore"])
    folder = serializers.IntegerField(
        required=False, allow_null=True, default=None, help_text="For move; null takes them out."
    )

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data["videos"] and not data["uploads"]:
            raise serializers.ValidationError({"videos": "Choose at least one."})
        if data["uploads"] and data["action"] not in ("trash", "restore"):
            raise serializers.ValidationError(
                {"uploads": "Uploads can be thrown away or restored."}
            )
        return data


class CountOut(serializers.Serializer[Any]):
    clips = serializers.IntegerField(help_text="clips and uploads")


class FolderIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)


class FolderOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    clips = serializers.IntegerField()


class PresetIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    text = serializers.CharField(max_length=1000)


class PresetOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    text = serializers.CharField()


class BuiltInOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    title = serializers.CharField()
    text = serializers.CharField()


class PresetsOut(serializers.Serializer[Any]):
    styles = BuiltInOut(many=True)
    cameras = BuiltInOut(many=True)
    own = PresetOut(many=True)


class RenditionIn(serializers.Serializer[Any]):
    format = serializers.ChoiceField(list(renditions.FORMATS))


class RenditionOut(serializers.Serializer[Any]):
    format = serializers.CharField()
    title = serializers.CharField()
    status = serializers.CharField(help_text="none, waiting, making, ready or failed")
    url = serializers.CharField(allow_null=True)
    bytes = serializers.IntegerField(allow_null=True)
    layout = serializers.DictField(allow_null=True, help_text="of a spritesheet")
    problem = serializers.CharField(allow_null=True)


class RenditionsOut(serializers.Serializer[Any]):
    formats = RenditionOut(many=True)


class LineageOut(serializers.Serializer[Any]):
    ancestors = serializers.ListField(
        child=serializers.DictField(),
        help_text="{clip: card or null, says, again, nodes: [the same]}",
    )
    descendants = serializers.ListField(child=serializers.DictField())
    cut = serializers.BooleanField()


class RemixingIn(serializers.Serializer[Any]):
    allowed = serializers.BooleanField()


class RemixingOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    allowed = serializers.BooleanField(source="remixable")


class RemixingDefaultIn(RemixingIn):
    also_made = serializers.BooleanField(required=False, default=False)


class RemixingDefaultOut(serializers.Serializer[Any]):
    allowed = serializers.BooleanField()
    changed = serializers.IntegerField()


class ClipSettingsOut(serializers.Serializer[Any]):
    prompt = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    seconds = serializers.IntegerField()
    seed = serializers.IntegerField()
    steps = serializers.IntegerField()
    tool = serializers.CharField()
    plan = serializers.DictField()
    composer_url = serializers.CharField()


class PromptOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    prompt = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    seconds = serializers.IntegerField()
    steps = serializers.IntegerField()
    seed = serializers.IntegerField()
    tool = serializers.CharField()
    created_at = serializers.DateTimeField()


class PromptsOut(serializers.Serializer[Any]):
    prompts = PromptOut(many=True)


class ChoreOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    status = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    bytes = serializers.IntegerField(allow_null=True)
    url = serializers.CharField(allow_null=True)
    report = serializers.DictField(allow_null=True)
    problem = serializers.CharField(allow_null=True)


class ChoresOut(serializers.Serializer[Any]):
    chores = ChoreOut(many=True)


class ArchiveIn(serializers.Serializer[Any]):
    file = serializers.FileField()


class PromptTableIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=400, help_text="its ending tells CSV from JSON")
    text = serializers.CharField(max_length=2 * 10**6, allow_blank=True, trim_whitespace=False)


class PromptRowOut(serializers.Serializer[Any]):
    file = serializers.CharField()
    prompt = serializers.CharField()
    problem = serializers.CharField(help_text="empty when there is none")


class PromptTableOut(serializers.Serializer[Any]):
    rows = PromptRowOut(many=True)


# --- Look-ups --------------------------------------------------------------------------------------


def workspace_for(request: Request, workspace_id: int, role: str = Role.CREATOR) -> Workspace:
    return access.get_workspace(signed_in(request), workspace_id, role=role)


def own_clips(workspace: Workspace, ids: list[UUID]) -> list[Video]:
    """Raises Http404 when one of them is not a clip of this workspace."""
    found = shelf.chosen(workspace, ids)
    if len(found) != len(set(ids)):
        raise Http404
    return found


def own_uploads(workspace: Workspace, ids: list[UUID]) -> list[Upload]:
    """Raises Http404 when one of them is not an upload of this workspace."""
    found = shelf.chosen_uploads(workspace, ids)
    if len(found) != len(set(ids)):
        raise Http404
    return found


def seen_clip(request: Request, video_id: UUID) -> Video:
    """A clip the person may see. Raises Http404."""
    visible = Video.objects.visible_to(request.user)  # type: ignore[arg-type]
    video = visible.filter(pk=video_id).select_related("generation", "workspace").first()
    if video is None:
        raise Http404
    return video


def valid(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


# --- Clips -----------------------------------------------------------------------------------------


class LibraryView(APIView):
    """The clips of one workspace, and what can be done with several at once."""

    @extend_schema(
        responses=LibraryPageOut,
        parameters=[
            OpenApiParameter("show", str, enum=[code for code in shelf.SHOW if code]),
            OpenApiParameter("q", str, description="words of the prompt, or beginnings of them"),
            OpenApiParameter("folder", int),
            OpenApiParameter("tool", str),
            OpenApiParameter("cursor", str),
        ],
    )
    def get(self, request: Request, workspace_id: int) -> Response:
        """Newest first; `next_cursor` leads to the page after."""
        user = signed_in(request)
        workspace = access.get_workspace(user, workspace_id)
        query = request.query_params
        show = query.get("show", "")
        if show not in shelf.SHOW:
            raise InvalidRequest(
                f"show is one of {', '.join(code for code in shelf.SHOW if code)}.", param="show"
            )
        folder = shelf.folder_of(workspace, query.get("folder"))
        if query.get("folder") and folder is None:
            raise Http404
        wanted = shelf.Wanted(show, clean_words(query.get("q")), query.get("tool", "")[:12], folder)
        cards, cursor = shelf.page(workspace, user, wanted, query.get("cursor"))
        return Response({"results": cards, "next_cursor": cursor})

    @extend_schema(request=ActionIn, responses=CountOut)
    def post(self, request: Request, workspace_id: int) -> Response:
        """Move, mark, throw away or take back up to 200 clips. All of them or, with an error, none."""
        user = signed_in(request)
        workspace = workspace_for(request, workspace_id)
        data = valid(ActionIn(data=request.data))
        clips = own_clips(workspace, data["videos"])
        brought = own_uploads(workspace, data["uploads"])
        match data["action"]:
            case "trash":
                count = library.trash(clips, by=user) + library.trash_uploads(brought, by=user)
            case "restore":
                count = library.take_from_trash(clips, by=user)
                count += library.take_uploads_from_trash(brought, by=user)
            case "move":
                library.move_to_folder(clips, _target(workspace, data["folder"]))
                count = len(clips)
            case action:
                library.mark_favourites(clips, by=user, on=action == "favourite")
                count = len(clips)
        return Response({"clips": count})


def _target(workspace: Workspace, folder_id: int | None) -> Folder | None:
    if folder_id is None:
        return None
    folder = workspace.folders.filter(pk=folder_id).first()
    if folder is None:
        raise Http404
    return folder


def clean_words(text: str | None) -> str:
    return (text or "").replace("\0", "")[:200]


class TrashView(APIView):
    """The trash of one workspace."""

    @extend_schema(responses=CountOut)
    def delete(self, request: Request, workspace_id: int) -> Response:
        """Delete all that lies in it, for good."""
        workspace = workspace_for(request, workspace_id)
        return Response({"clips": library.empty_trash(workspace, by=signed_in(request))})


class DownloadsView(APIView):
    """Several clips as one zip."""

    @extend_schema(request=ChosenIn, responses={202: ChoreOut})
    def post(self, request: Request, workspace_id: int) -> Response:
        """Starts writing it; ask for the chore until it is done."""
        workspace = workspace_for(request, workspace_id)
        clips = own_clips(workspace, valid(ChosenIn(data=request.data))["videos"])
        chore = archives.ask_for_download(workspace, clips, by=signed_in(request))
        return Response(archives.present(chore), status=202)


# --- Folders and presets ---------------------------------------------------------------------------


class FoldersView(APIView):
    """The folders of one workspace."""

    @extend_schema(responses=FolderOut(many=True))
    def get(self, request: Request, workspace_id: int) -> Response:
        workspace = workspace_for(request, workspace_id, Role.VIEWER)
        return Response([present_folder(folder) for folder in workspace.folders.with_counts()])

    @extend_schema(request=FolderIn, responses={201: FolderOut})
    def post(self, request: Request, workspace_id: int) -> Response:
        workspace = workspace_for(request, workspace_id)
        name = valid(FolderIn(data=request.data))["name"]
        folder = library.create_folder(workspace, name, by=signed_in(request))
        return Response(present_folder(folder), status=201)


class FolderView(APIView):
    """One folder."""

    @extend_schema(request=FolderIn, responses=FolderOut)
    def patch(self, request: Request, folder_id: int) -> Response:
        folder = own_folder(signed_in(request), folder_id)
        name = valid(FolderIn(data=request.data))["name"]
        return Response(present_folder(library.rename_folder(folder, name)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, folder_id: int) -> Response:
        """The folder goes, its clips stay."""
        user = signed_in(request)
        library.delete_folder(own_folder(user, folder_id), by=user)
        return Response(status=204)


def own_folder(user: User, folder_id: int) -> Folder:
    folder = Folder.objects.filter(pk=folder_id).first()
    if folder is None:
        raise Http404
    access.get_workspace(user, folder.workspace_id, role=Role.CREATOR)
    return folder


def present_folder(folder: Folder) -> dict[str, Any]:
    count = getattr(folder, "clip_count", None)
    return {
        "id": folder.pk,
        "name": folder.name,
        "clips": folder.entries.count() if count is None else count,
    }


class PresetsView(APIView):
    """Styles and camera moves: built in and the workspace's own."""

    @extend_schema(responses=PresetsOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        """Built-in ones only as far as the loaded model knows them."""
        workspace = workspace_for(request, workspace_id, Role.VIEWER)
        own = [present_preset(preset) for preset in workspace.style_presets.all()]
        built_in = {
            table: [
                {"code": preset.code, "title": preset.title, "text": preset.text}
                for preset in presets.offered(table)
            ]
            for table in presets.TABLES
        }
        return Response({**built_in, "own": own})

    @extend_schema(request=PresetIn, responses={201: PresetOut})
    def post(self, request: Request, workspace_id: int) -> Response:
        workspace = workspace_for(request, workspace_id)
        data = valid(PresetIn(data=request.data))
        preset = library.save_preset(workspace, by=signed_in(request), **data)
        return Response(present_preset(preset), status=201)


class PresetView(APIView):
    """One preset of the workspace's own."""

    @extend_schema(request=PresetIn, responses=PresetOut)
    def patch(self, request: Request, preset_id: int) -> Response:
        user = signed_in(request)
        preset = own_preset(user, preset_id)
        data = valid(PresetIn(data=request.data, partial=True))
        data = {"name": preset.name, "text": preset.text, **data}
        saved = library.save_preset(preset.workspace, by=user, preset=preset, **data)
        return Response(present_preset(saved))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, preset_id: int) -> Response:
        library.delete_preset(own_preset(signed_in(request), preset_id))
        return Response(status=204)


def own_preset(user: User, preset_id: int) -> StylePreset:
    preset = StylePreset.objects.filter(pk=preset_id).select_related("workspace").first()
    if preset is None:
        raise Http404
    access.get_workspace(user, preset.workspace_id, role=Role.CREATOR)
    return preset


def present_preset(preset: StylePreset) -> dict[str, Any]:
    return {"id": preset.pk, "name": preset.name, "text": preset.text}


class PromptsView(APIView):
    """What was asked for before."""

    @extend_schema(responses=PromptsOut, parameters=[OpenApiParameter("q", str)])
    def get(self, request: Request, workspace_id: int) -> Response:
        """The last 50 different prompts, newest first."""
        workspace = workspace_for(request, workspace_id, Role.VIEWER)
        words = clean_words(request.query_params.get("q"))
        return Response({"prompts": shelf.prompt_history(workspace, words)})


# --- One clip --------------------------------------------------------------------------------------


class RenditionsView(APIView):
    """The formats one clip can be had in."""

    def get_permissions(self) -> list[Any]:
        return [AllowAny()] if self.request.method == "GET" else list(super().get_permissions())

    @extend_schema(responses=RenditionsOut)
    def get(self, request: Request, video_id: UUID) -> Response:
        return Response({"formats": renditions.present_all(seen_clip(request, video_id))})

    @extend_schema(request=RenditionIn, responses={202: RenditionOut})
    def post(self, request: Request, video_id: UUID) -> Response:
        """Have a format made. It is made once; asking again tells how it stands."""
        video = seen_clip(request, video_id)
        code = valid(RenditionIn(data=request.data))["format"]
        return Response(
            renditions.request_rendition(video, code, by=signed_in(request)), status=202
        )


class LineageView(APIView):
    """What one clip was made from and what became of it, as far as the viewer may see."""

    permission_classes = [AllowAny]

    @extend_schema(responses=LineageOut)
    def get(self, request: Request, video_id: UUID) -> Response:
        video = seen_clip(request, video_id)
        return Response(lineage.present(lineage.lineage_of(video, request.user)))


class RemixingView(APIView):
    """Whether others may start from a shared clip."""

    @extend_schema(request=RemixingIn, responses=RemixingOut)
    def put(self, request: Request, video_id: UUID) -> Response:
        user = signed_in(request)
        video = Video.objects.filter(pk=video_id, quarantined_at=None, deleted_at=None).first()
        if video is None:
            raise Http404
        access.get_workspace(user, video.workspace_id, role=Role.CREATOR)
        allowed = valid(RemixingIn(data=request.data))["allowed"]
        return Response(RemixingOut(library.allow_remixing(video, by=user, on=allowed)).data)


class RemixingDefaultView(APIView):
    """What holds for the clips the person makes from now on."""

    @extend_schema(responses=RemixingDefaultOut)
    def get(self, request: Request) -> Response:
        return Response({"allowed": signed_in(request).lets_others_remix, "changed": 0})

    @extend_schema(request=RemixingDefaultIn, responses=RemixingDefaultOut)
    def put(self, request: Request) -> Response:
        """With `also_made` it holds for those made already as well; `changed` counts them."""
        user = signed_in(request)
        data = valid(RemixingDefaultIn(data=request.data))
        changed = library.set_remixing(user, on=data["allowed"], also_made=data["also_made"])
        return Response({"allowed": user.lets_others_remix, "changed": changed})


class ClipSettingsView(APIView):
    """The settings of a clip one may see, and a link that opens the composer with them."""

    permission_classes = [AllowAny]

    @extend_schema(responses=ClipSettingsOut)
    def get(self, request: Request, video_id: UUID) -> Response:
        return Response(shelf.settings_of(seen_clip(request, video_id)))


# --- Archives --------------------------------------------------------------------------------------

ARCHIVE_ROLES = {
    Chore.Kind.DOWNLOAD: Role.CREATOR,
    Chore.Kind.EXPORT: Role.ADMIN,
    Chore.Kind.IMPORT: Role.OWNER,
}


class ExportsView(APIView):
    """The whole workspace as one archive."""

    @extend_schema(request=None, responses={202: ChoreOut})
    def post(self, request: Request, workspace_id: int) -> Response:
        """Starts writing it, or joins the one under way. For admins and the owner."""
        workspace = workspace_for(request, workspace_id, Role.ADMIN)
        chore = archives.ask_for_export(workspace, by=signed_in(request))
        return Response(archives.present(chore), status=202)


class ImportsView(APIView):
    """An archive back into a workspace."""

    parser_classes = [MultiPartParser]

    @extend_schema(request={"multipart/form-data": ArchiveIn}, responses={202: ChoreOut})
    def post(self, request: Request, workspace_id: int) -> Response:
        """Starts reading it. For the owner."""
        workspace = workspace_for(request, workspace_id, Role.OWNER)
        upload = request.FILES.get("file")
        if upload is None or isinstance(upload, list):
            raise InvalidFile("No file was sent.", remedy="Choose the zip of an export.")
        if (upload.size or 0) > settings.SORA_MAX_ARCHIVE_BYTES:
            limit = settings.SORA_MAX_ARCHIVE_BYTES // 2**20
            raise InvalidFile(
                f"The archive is larger than {limit} MB.",
                remedy="The operator can read it in with ./sora manage import_workspace.",
            )
        work = Path(settings.SORA_STATE_DIR) / "work"
        work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="import-", dir=work) as folder:
            archive = Path(folder) / "archive.zip"
            with archive.open("wb") as out:
                for piece in upload.chunks():
                    out.write(piece)
            chore = archives.ask_for_import(workspace, archive, by=signed_in(request))
        return Response(archives.present(chore), status=202)


class PromptTableView(APIView):
    """The table of an import of clips, read: which file has which prompt."""

    @extend_schema(request=PromptTableIn, responses=PromptTableOut)
    def post(self, request: Request, workspace_id: int) -> Response:
        """Send the files as uploads then, and a draft for each that was taken. `problem` names what is
        wrong with a row's prompt."""
        workspace_for(request, workspace_id)
        data = valid(PromptTableIn(data=request.data))
        rows = clip_import.read_rows(data["name"], data["text"], most=clip_import.MOST_PAGE_ROWS)
        shown = [
            {"file": row.file, "prompt": row.prompt, "problem": clip_import.problem_of(row)}
            for row in rows
        ]
        return Response({"rows": shown})


class ChoresView(APIView):
    """Exports, imports and zips of one workspace."""

    @extend_schema(responses=ChoresOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        """The last 20 the person may see."""
        membership = access.get_membership(signed_in(request), workspace_id)
        kinds = [kind for kind, role in ARCHIVE_ROLES.items() if membership.allows(role)]
        found = Chore.objects.filter(workspace_id=workspace_id, kind__in=kinds)
        rows = found.order_by("-created_at", "-id")[:20]
        return Response({"chores": [archives.present(chore) for chore in rows]})


class ChoreView(APIView):
    """One of them: how far it is, then the link or the report."""

    @extend_schema(responses=ChoreOut)
    def get(self, request: Request, chore_id: UUID) -> Response:
        user = signed_in(request)
        chore = Chore.objects.filter(pk=chore_id, video=None).first()
        if chore is None:
            raise Http404
        access.get_workspace(user, chore.workspace_id, role=ARCHIVE_ROLES[Chore.Kind(chore.kind)])
        return Response(archives.present(chore))
