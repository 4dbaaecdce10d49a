"""JSON endpoints of generations: ask, estimate, look, cancel, verify."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from accounts import access
from accounts.models import Membership, User
from billing import services as billing
from billing.serializers import BalanceOut
from generation import estimates, inspection, presenting, presets, scheduling, services
from generation.capabilities import engine_capabilities
from generation.editing.making import how_made
from generation.editing.offers import Offer, offers
from generation.editing.plan import FITS, TOOLS
from generation.edits import Wish, price, upgraded
from generation.errors import InvalidFile, InvalidRequest
from generation.models import Generation
from generation.rewriting import in_words, rewrite_for_engine
from sora_site.lib.pages import keyset_page

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Repeat a request with its key and you get its first result, never a second charge.",
)


class SpecIn(serializers.Serializer[Any]):
    """What to make. Sizes, lengths and tools: GET /api/v1/engine/.

    `tool` with its form in `edit` is one of the editor's tools; `plan` is a whole edit plan in place
    of both. Without them a prompt becomes a clip.
    """

    prompt = serializers.CharField(
        required=False, default="", allow_blank=True, trim_whitespace=False
    )
    width = serializers.IntegerField(required=False)
    height = serializers.IntegerField(required=False)
    seconds = serializers.FloatField(required=False)
    seed = serializers.IntegerField(required=False, allow_null=True, default=None)
    steps = serializers.IntegerField(required=False, allow_null=True, default=None)
    tool = serializers.ChoiceField(choices=TOOLS, required=False, default="text")
    edit = serializers.DictField(required=False, allow_null=True, default=None)
    plan = serializers.DictField(required=False, allow_null=True, default=None)
    negative_prompt = serializers.CharField(
        required=False, default="", allow_blank=True, max_length=1000
    )
    guidance = serializers.FloatField(required=False, allow_null=True, default=None)
    style = serializers.CharField(  # type: ignore[assignment]  # Field.style is about forms
        required=False, default="", allow_blank=True, max_length=60
    )
    camera = serializers.CharField(required=False, default="", allow_blank=True, max_length=60)
    fit = serializers.ChoiceField(choices=FITS, required=False, default="crop")
    rewriting = serializers.DictField(
        required=False,
        allow_null=True,
        default=None,
        help_text="{diversify: true, false or null; expand: true or false; keep: keys of edits "
        "that are not wanted}",
    )
    draft = serializers.BooleanField(
        required=False,
        default=False,
        help_text="small, in few steps and cheap first; make it again with the tool upgrade",
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, dict) and isinstance(prompt := data.get("prompt"), str):
            # DRF's own character checks know no remedy; clean_prompt refuses these with one.
            data = {**data, "prompt": "x"}
            values: dict[str, Any] = super().to_internal_value(data)
            values["prompt"] = prompt
        else:
            values = super().to_internal_value(data)
        if values["tool"] == "text" and values["plan"] is None:
            engine = engine_capabilities()
            width, height = engine.default_size
            values.setdefault("width", width)
            values.setdefault("height", height)
            values.setdefault("seconds", engine.default_seconds)
        return values


class GenerationIn(SpecIn):
    share = serializers.BooleanField(required=False, default=False)
    variations = serializers.ChoiceField(choices=services.VARIATIONS, required=False, default=1)


class SourceOut(serializers.Serializer[Any]):
    media = serializers.CharField(help_text="video:<id> or upload:<id>")
    relationship = serializers.CharField(help_text="parentOf or componentOf, as in C2PA")


class EditOut(serializers.Serializer[Any]):
    """One change of the rewriter."""

    kind = serializers.CharField()
    span = serializers.ListField(
        child=serializers.IntegerField(),
        allow_null=True,
        help_text="[start, end) of `before` in the text as written",
    )
    before = serializers.CharField()
    after = serializers.CharField()
    rule = serializers.CharField(help_text="which of the rewriter's rules saw it")
    version = serializers.CharField(help_text="of the rewriter's tables and rules")
    reason = serializers.CharField()
    avoid = serializers.CharField(help_text="what the negative prompt keeps out as well")
    card = serializers.IntegerField(help_text="of a plan with several texts: which one")
    key = serializers.CharField(help_text="goes into `rewriting.keep`")
    revertible = serializers.BooleanField()
    why_not = serializers.CharField(help_text="why it can't be taken back; else empty")


class ProgressOut(serializers.Serializer[Any]):
    stage = serializers.CharField()
    percent = serializers.IntegerField(min_value=0, max_value=100)
    step = serializers.IntegerField()
    total = serializers.IntegerField()
    preview = serializers.CharField(allow_null=True, help_text="data URI of a small JPEG")


class ReasonOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    remedy = serializers.CharField()


class VideoOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    page_url = serializers.CharField()
    media_url = serializers.CharField()
    poster_url = serializers.CharField()
    download_url = serializers.CharField()
    shared_at = serializers.DateTimeField(allow_null=True)
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    seconds = serializers.FloatField()
    alt_text = serializers.CharField(allow_blank=True, help_text="its owner's own; may be empty")


class GenerationOut(serializers.Serializer[Any]):
    """The whole state of one job; the values come from presenting.present."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Generation.Status.choices)
    prompt = serializers.CharField()
    rewritten_prompt = serializers.CharField()
    edits = EditOut(many=True)
    understood = serializers.ListField(
        child=serializers.CharField(),
        help_text="What the model takes from the prompt, in its own words.",
    )
    unknown_words = serializers.ListField(
        child=serializers.CharField(),
        help_text="Words of the prompt that the model has never seen.",
    )
    seconds = serializers.IntegerField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    seed = serializers.IntegerField()
    steps = serializers.IntegerField()
    tool = serializers.CharField()
    plan = serializers.DictField(help_text="the whole edit plan; post it again as `plan`")
    batch = serializers.UUIDField(allow_null=True, help_text="variations of one request share it")
    variation = serializers.IntegerField()
    sources = SourceOut(many=True)
    share = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    queue_position = serializers.IntegerField(allow_null=True)
    eta_seconds = serializers.FloatField(allow_null=True)
    progress = ProgressOut()
    cost_credits = serializers.IntegerField()
    credit_state = serializers.ChoiceField(choices=["held", "captured", "released"])
    reason = ReasonOut(allow_null=True)
    video = VideoOut(allow_null=True)
    can_cancel = serializers.BooleanField()


class GenerationPage(serializers.Serializer[Any]):
    results = GenerationOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class EstimateOut(serializers.Serializer[Any]):
    cost_credits = serializers.IntegerField()
    balance = BalanceOut()
    queue_position = serializers.IntegerField()
    eta_seconds = serializers.FloatField()
    upgrade_credits = serializers.IntegerField(
        allow_null=True, help_text="what a draft costs again at full size"
    )
    native_size = serializers.ListField(child=serializers.IntegerField(), allow_null=True)
    understood = serializers.ListField(child=serializers.CharField())
    unknown_words = serializers.ListField(child=serializers.CharField())
    edits = EditOut(many=True, help_text="what the rewriter would change")
    warnings = serializers.ListField(child=serializers.CharField())


class ToolOut(serializers.Serializer[Any]):
    title = serializers.CharField()
    able = serializers.BooleanField()
    how = serializers.CharField(help_text="natively, in windows, without drawing, or empty")
    reason = serializers.CharField(help_text="why it is not able")


class EngineOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    version = serializers.CharField()
    title = serializers.CharField()
    operations = serializers.ListField(child=serializers.CharField())
    sizes = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2)
    )
    seconds = serializers.ListField(child=serializers.IntegerField())
    fps = serializers.IntegerField()
    default_size = serializers.ListField(child=serializers.IntegerField())
    default_seconds = serializers.IntegerField()
    default_steps = serializers.IntegerField()
    max_steps = serializers.IntegerField()
    longest_seconds = serializers.IntegerField(help_text="in several passes, where it can")
    tools = serializers.DictField(child=ToolOut(), help_text="each tool of the editor by name")
    styles = serializers.ListField(child=serializers.CharField())
    cameras = serializers.ListField(child=serializers.CharField())
    notes = serializers.CharField()


def signed_in(request: Request) -> User:
    assert isinstance(request.user, User)  # IsAdult let nobody else in
    return request.user


class GenerationListView(APIView):
    """The jobs of one workspace, and asking for a new one."""

    @extend_schema(responses=GenerationPage, parameters=[OpenApiParameter("cursor", str)])
    def get(self, request: Request, workspace_id: int) -> Response:
        """Newest first; `next_cursor` leads to the page after."""
        workspace = access.get_workspace(signed_in(request), workspace_id)
        rows = (
            Generation.objects.filter(workspace=workspace)
            .select_related("video")
            .prefetch_related("sources")
        )
        page, cursor = keyset_page(
            rows, ("created_at", "id"), request.query_params.get("cursor"), size=20
        )
        return Response(
            {"results": [presenting.present(row) for row in page], "next_cursor": cursor}
        )

    @extend_schema(
        request=GenerationIn, responses={202: GenerationOut}, parameters=[IDEMPOTENCY_KEY]
    )
    def post(self, request: Request, workspace_id: int) -> Response:
        """Queue one video. Credits are held now, charged when it is delivered, else given back."""
        user = signed_in(request)
        workspace = access.get_workspace(user, workspace_id, role=Membership.Role.CREATOR)
        data = GenerationIn(data=request.data)
        data.is_valid(raise_exception=True)
        key = request.headers.get("Idempotency-Key")
        if key is not None and not key.strip():
            raise InvalidRequest(
                "The Idempotency-Key header is empty.",
                param="Idempotency-Key",
                remedy="Send 1 to 255 characters, or leave the header out.",
            )
        values = dict(data.validated_data)
        share, variations = values.pop("share"), values.pop("variations")
        made = services.request_variations(
            workspace,
            by=user,
            request_key=key or uuid4().hex,
            wish=Wish(**values),
            variations=variations,
            share=share,
            profile="default" if request.auth is None else "api",
        )
        shown = presenting.present(made[0])
        if variations > 1:
            shown["variations"] = [presenting.present(one) for one in made]
        return Response(shown, status=202)


class GenerationView(APIView):
    """One job."""

    @extend_schema(responses=GenerationOut)
    def get(self, request: Request, generation_id: UUID) -> Response:
        return Response(presenting.present(get_generation(request, generation_id)))


class CancelView(APIView):
    """Stop one job."""

    @extend_schema(request=None, responses={202: GenerationOut})
    def post(self, request: Request, generation_id: UUID) -> Response:
        """A waiting job ends at once, a running one after the step it is in. Credits come back."""
        generation = get_generation(request, generation_id)
        access.get_workspace(
            signed_in(request), generation.workspace_id, role=Membership.Role.CREATOR
        )
        generation = services.cancel_generation(generation, by=signed_in(request))
        return Response(presenting.present(generation), status=202)


class RevertIn(serializers.Serializer[Any]):
    edits = serializers.ListField(
        child=serializers.IntegerField(min_value=0),
        min_length=1,
        max_length=64,
        help_text="places in the job's `edits`, from 0",
    )


class RevertView(APIView):
    """Make a job's clip again without some of the rewriter's changes."""

    @extend_schema(request=RevertIn, responses={202: GenerationOut}, parameters=[IDEMPOTENCY_KEY])
    def post(self, request: Request, generation_id: UUID) -> Response:
        """A new job, checked like any other; the first one and its clip stay as they are."""
        generation = get_generation(request, generation_id)
        user = signed_in(request)
        access.get_workspace(user, generation.workspace_id, role=Membership.Role.CREATOR)
        data = RevertIn(data=request.data)
        data.is_valid(raise_exception=True)
        made = services.revert_edits(
            generation,
            by=user,
            edits=data.validated_data["edits"],
            request_key=request.headers.get("Idempotency-Key") or uuid4().hex,
        )
        return Response(presenting.present(made), status=202)


class EstimateView(APIView):
    """What one video would cost and when it would be ready."""

    @extend_schema(request=GenerationIn, responses=EstimateOut)
    def post(self, request: Request, workspace_id: int) -> Response:
        workspace = access.get_workspace(signed_in(request), workspace_id)
        sent = request.data
        data = GenerationIn(data={"prompt": "", **sent} if isinstance(sent, dict) else sent)
        data.is_valid(raise_exception=True)
        values = dict(data.validated_data)
        variations = values.pop("variations")
        del values["share"]
        prompt = values["prompt"].strip()
        # A form asks for the price before anything is typed.
        wish = Wish(**{**values, "prompt": prompt or "a scene"})
        asked = services.check_request(workspace, by=signed_in(request), wish=wish)
        plan, cost = asked.plan, asked.cost_credits * variations
        engine = engine_capabilities()
        making = how_made(plan, engine)
        native = engine.native_size(plan.width, plan.height) if making.passes else None
        free = billing.balance(workspace)
        warnings = []
        # Asked with every pause in typing, so never a language model.
        wishes = replace(plan.rewriting, expand=False)
        rewrite = rewrite_for_engine(prompt, options=wishes, seed=plan.seed)
        if rewrite.unknown:
            warnings.append(f"{engine.title} {in_words(rewrite)}.")
        if native is not None:
            warnings.append(
                f"{engine.title} draws {native[0]}x{native[1]}; the picture is enlarged to "
                f"{plan.width}x{plan.height}."
            )
        if making.passes > 1:
            warnings.append(
                f"It is drawn in {making.passes} passes that go on from each other: things may change slowly "
                "on the way."
            )
        full = upgraded(plan)
        if full is not None:
            warnings.append(
                f"A draft: {plan.width}x{plan.height} in {plan.steps} steps. To make it again at "
                f"{full.width}x{full.height} then costs {price(full)} credits."
            )
        if free.available < cost:
            warnings.append(f"This costs {cost} credits; {free.available} are left.")
        if not scheduling.live_workers():
            warnings.append("No worker is running: the video waits until the operator starts one.")
        wait = scheduling.wait_seconds()
        return Response(
            {
                "cost_credits": cost,
                "balance": {"available": free.available, "held": free.held},
                "queue_position": Generation.objects.queued().count() + 1,
                "eta_seconds": wait
                + estimates.expected_seconds(plan)
                * math.ceil(variations / max(1, scheduling.live_workers())),
                "upgrade_credits": price(full) if full is not None else None,
                "native_size": list(native) if native else None,
                "understood": rewrite.understood,
                "unknown_words": rewrite.unknown,
                "edits": [edit.to_json() for edit in rewrite.edits],
                "warnings": warnings,
            }
        )


def tool_out(offer: Offer) -> dict[str, Any]:
    return {
        "title": offer.title,
        "able": offer.able,
        "how": offer.how,
        "reason": offer.reason,
    }


class EngineView(APIView):
    """The loaded engine's capability table."""

    permission_classes = [AllowAny]

    @extend_schema(responses=EngineOut)
    def get(self, request: Request) -> Response:
        engine = engine_capabilities()
        return Response(
            {
                "name": engine.name,
                "version": engine.version,
                "title": engine.title,
                "operations": sorted(engine.operations),
                "sizes": [list(size) for size in engine.sizes],
                "seconds": list(engine.seconds),
                "fps": engine.fps,
                "default_size": list(engine.default_size),
                "default_seconds": engine.default_seconds,
                "default_steps": engine.default_steps,
                "max_steps": engine.max_steps,
                "longest_seconds": engine.most_seconds,
                "tools": {tool: tool_out(offer) for tool, offer in offers(engine).items()},
                "styles": [preset.code for preset in presets.offered("styles")],
                "cameras": [preset.code for preset in presets.offered("cameras")],
                "notes": engine.notes,
            }
        )


class FileIn(serializers.Serializer[Any]):
    file = serializers.FileField()


class VerificationOut(serializers.Serializer[Any]):
    c2pa = serializers.DictField()
    visible_watermark = serializers.BooleanField(allow_null=True)
    matches = serializers.ListField(child=serializers.DictField())


class VerifyView(APIView):
    """Where a file comes from: credentials, visible mark, and our own clips it looks like."""

    permission_classes = [AllowAny]
    parser_classes = [MultiPartParser]
    throttle_classes = [ScopedRateThrottle]
    throttle_scope = "verify"

    @extend_schema(request={"multipart/form-data": FileIn}, responses=VerificationOut)
    def post(self, request: Request) -> Response:
        upload = request.FILES.get("file")
        if upload is None or isinstance(upload, list):
            raise InvalidFile("No file was sent.")
        return Response(verify_upload(upload, viewer=request.user))


def verify_upload(upload: Any, *, viewer: User | AnonymousUser) -> dict[str, Any]:
    """Copy an uploaded file to disk within the byte bound and inspect it. Raises InvalidFile."""
    if upload.size > settings.SORA_MAX_UPLOAD_BYTES:
        limit = settings.SORA_MAX_UPLOAD_BYTES // 2**20
        raise InvalidFile(f"The file is larger than {limit} MB.")
    with tempfile.TemporaryDirectory(prefix="sora-verify-") as folder:
        path = Path(folder) / "upload"
        with path.open("wb") as out:
            for chunk in upload.chunks():
                out.write(chunk)
        return inspection.verify_file(path, viewer=viewer)


def get_generation(request: Request, generation_id: UUID) -> Generation:
    """One of the user's own jobs, or 404."""
    found = (
        Generation.objects.visible_to(signed_in(request))
        .select_related("video", "workspace")
        .filter(pk=generation_id)
        .first()
    )
    if found is None:
        raise Http404
    return found
