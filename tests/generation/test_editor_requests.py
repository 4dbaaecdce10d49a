"""The editor through the API, the queue and the worker: what is asked, refused, made and delivered."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import c2pa
import numpy as np
import pytest
from django.conf import settings as site
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User, Workspace
from billing.models import LedgerEntry
from billing.services import balance
from generation import library, media, services
from generation.clean import clean_planes
from generation.engine.families import LTX
from generation.engine.frames import fit as cropped
from generation.models import Generation, SafetyCheck, Source, Upload, Video
from generation.provenance.c2pa import read_credentials
from generation.provenance.fingerprint import MARKED
from generation.provenance.watermark import detect_visible_mark
from generation.uploads import services as uploads
from sora_site.lib import storage
from tests.engine import tiny_models
from tests.factories import make_video
from tests.generation.uploading import checked, drawing, drawn_video, encoded

Ask = Callable[..., Any]
pytestmark = pytest.mark.django_db(transaction=True)

SIZE = {"width": 256, "height": 144}
TABLE = {
    **LTX,
    "name": "tiny",
    "version": "1",
    "title": "Tiny",
    "sizes": [[256, 144], [144, 256], [512, 288]],
    "native": {"256x144": "64x64", "144x256": "64x64", "512x288": "64x64"},
    "seconds": [1, 2, 4],
    "fps": 12,
    "default_size": [256, 144],
    "default_seconds": 2,
    "default_steps": 2,
    "draws_people": False,
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of tiny random weights whose table has every operation."""
    folder = tiny_models.ltx(tmp_path_factory.mktemp("tiny") / "model")
    (folder / "capabilities.json").write_text(json.dumps(TABLE))
    return folder


@pytest.fixture
def able(tiny: Path, settings: Any) -> None:
    settings.SORA_MODEL_DIR = tiny
    settings.SORA_MAX_OPEN_GENERATIONS = 50


@pytest.fixture(autouse=True)
def _clean_areas() -> Iterator[None]:
    yield
    for area in ("media", "work"):
        shutil.rmtree(Path(site.SORA_STATE_DIR) / area, ignore_errors=True)


@pytest.fixture
def edit(api: APIClient, workspace: Workspace) -> Ask:
    """POST one edit."""

    def post(tool: str, form: Any = None, *, key: str | None = None, **body: Any) -> Any:
        asked = {"tool": tool, "prompt": "a red balloon rises", "edit": form, "steps": 2, **body}
        if asked["steps"] is None:
            del asked["steps"]
        return api.post(
            f"/api/v1/workspaces/{workspace.pk}/generations/",
            asked,
            headers={"Idempotency-Key": key} if key else {},
        )

    return post


@pytest.fixture
def make(edit: Ask, run_worker: Callable[[], int]) -> Callable[..., Video]:
    """One edit, all the way to its clip."""

    def made(tool: str, form: Any = None, **body: Any) -> Video:
        answer = edit(tool, form, **body)
        assert answer.status_code == 202, answer.json()
        run_worker()
        job = Generation.objects.get(pk=answer.json()["id"])
        assert job.status == "succeeded", (job.status, job.reason_code)
        return job.video

    return made


@pytest.fixture
def clip(able: None, make: Callable[..., Video]) -> Video:
    return make("text", seconds=2, seed=3)


def ref(found: Video | Upload) -> str:
    return f"{'video' if isinstance(found, Video) else 'upload'}:{found.pk}"


def refusal(answer: Any, status: int = 400) -> dict[str, Any]:
    assert answer.status_code == status, answer.json()
    return answer.json()["error"]


def nothing_queued(workspace: Workspace, before: int = 0) -> bool:
    held = balance(workspace).held
    return Generation.objects.count() == before and held == 0


def file_of(video: Video) -> Path:
    path = storage.local_path(video.media_key)
    assert path is not None
    return path


def clean(video: Video) -> np.ndarray:
    """The clip without its visible mark, uint8 [n, h, w, 3]."""
    under = storage.local_path(video.under_key)
    assert under is not None
    planes = clean_planes(file_of(video), under, video.mark_moves)
    return np.stack([media.planes_to_rgb(p) for p in planes])


def delivered(video: Video) -> np.ndarray:
    return np.stack([media.planes_to_rgb(p) for p in media.decode_planes(file_of(video))])


def psnr(one: np.ndarray, two: np.ndarray) -> float:
    error = np.square(one.astype(np.float64) - two).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def manifests(video: Video) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the active manifest, all of the file's manifests by label)."""
    with file_of(video).open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        store = json.loads(reader.json())
    return store["manifests"][store["active_manifest"]], store["manifests"]


def root() -> str:
    return str((site.SORA_DEVELOPMENT_CA_DIR / "root.pem").read_text())


# --- Each tool, end to end -----------------------------------------------------------------------


def test_every_tool_delivers_a_clip_with_its_sources(
    clip: Video, make: Callable[..., Video], workspace: Workspace, api: APIClient
) -> None:
    other = make("text", seconds=1, seed=4, prompt="a blue boat")
    picture = checked(workspace, encoded(drawing()))
    assert picture.status == "ready"
    a, b, c = ref(clip), ref(other), ref(picture)
    whole = {"clip": a}
    forms: dict[str, tuple[dict[str, Any], list[str], int]] = {
        "image": ({"image": c}, [c], 24),
        "keyframes": ({"pictures": [{"media": c, "at": 0}, {"media": a, "at": 2}]}, [c, a], 24),
        "remix": ({**whole, "strength": "subtle"}, [a], 24),
        "extend": ({**whole, "after": 1, "before": 0.5}, [a], 42),
        "fill": ({**whole, "from": 0.5, "to": 1.5}, [a], 24),
        "recut": ({**whole, "start": 0.5, "end": 1, "at": 0.5}, [a], 24),
        "blend": ({**whole, "second": b, "mode": "mix"}, [a, b], 24),
        "loop": ({**whole, "seam": "short"}, [a], 33),
        "storyboard": (
            {
                "cards": [
                    {"type": "text", "text": "a boat on the ocean", "at": 0},
                    {"type": "text", "text": "a house by a lake", "at": 1},
                    {"type": "image", "media": c, "at": 0.5},
                    {"type": "clip", "media": b, "end": 0.5, "at": 1.5},
                ]
            },
            [c, b],
            24,
        ),
        "stitch": ({"parts": [{"media": a, "end": 1}, {"media": b}], "fade": 0.25}, [a, b], 21),
        "upgrade": (whole, [a], 24),
    }
    for tool, (form, sources, frames) in forms.items():
        extra = {"width": 512, "height": 288} if tool == "upgrade" else {}
        video = make(tool, form, **extra)
        body = api.get(f"/api/v1/generations/{video.generation_id}/").json()
        assert (body["tool"], video.frames, body["credit_state"]) == (tool, frames, "captured")
        assert sorted(s["media"] for s in body["sources"]) == sorted(sources), tool
        assert {f"video:{p.pk}" for p in video.parents.all()} == {
            s for s in sources if s.startswith("video")
        }
        assert (video.width, video.height) == ((512, 288) if extra else (256, 144))
        report = read_credentials(file_of(video), root())
        assert (report.state, report.failures) == ("trusted", []), tool
        active, _ = manifests(video)
        assert len(active.get("ingredients", [])) == len(sources), tool
    assert balance(workspace).held == 0


def test_the_included_model_makes_clips_from_words_and_from_pictures(
    make: Callable[..., Video], edit: Ask, workspace: Workspace, api: APIClient
) -> None:
    picture = checked(workspace, encoded(drawing(512, 288)))
    video = make("image", {"image": ref(picture)}, seconds=2, width=512, height=288)
    assert video.frames == 24
    assert psnr(clean(video)[0], np.asarray(drawing(512, 288))) >= 28
    tools = api.get("/api/v1/engine/").json()["tools"]
    for tool, more in (("remix", {}), ("extend", {"after": 1}), ("loop", {"seam": "short"})):
        answer = edit(tool, {"clip": ref(video), **more})
        if tools[tool]["able"]:
            assert answer.status_code == 202, answer.json()
            continue
        error = refusal(answer)
        assert (error["code"], error["param"]) == ("invalid_edit", "tool")
        assert error["message"] == tools[tool]["reason"]


def test_kept_parts_are_the_clean_frames_and_only_one_mark_shows(
    clip: Video, make: Callable[..., Video]
) -> None:
    longer = make("extend", {"clip": ref(clip), "after": 1})
    before, after = clean(clip), clean(longer)[: clip.frames]
    assert psnr(after, before) >= 28
    # Where the parent's mark rested nothing of it is left; its own mark shows as always.
    for index in (0, clip.frames - 1):
        places = [(x, y) for x, y, count in clip.mark_moves for _ in range(count)]
        x, y = places[index]
        place = slice(y, y + 30), slice(x, x + 60)
        mine, marked = after[index][place], delivered(clip)[index][place]
        assert psnr(mine, before[index][place]) > psnr(mine, marked) + 3
    text = site.SORA_WATERMARK_TEXT
    assert detect_visible_mark(list(delivered(longer)[::3]), text=text).present
    assert not detect_visible_mark(list(clean(longer)[::3]), text=text).present


def test_a_stitch_of_two_clips_draws_nothing_and_costs_one_credit(
    clip: Video, make: Callable[..., Video], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make("text", seconds=1, seed=4)
    from generation.engine.diffusers_engine import DiffusersEngine

    def never(*arguments: Any, **named: Any) -> Any:
        raise AssertionError("a stitch needs no model")

    monkeypatch.setattr(DiffusersEngine, "generate", never)
    video = make("stitch", {"parts": [{"media": ref(clip)}, {"media": ref(other)}]}, prompt="")
    assert (video.frames, video.generation.cost_credits) == (36, 1)
    assert psnr(clean(video)[24:], clean(other)) >= 28
    assert video.generation.prompt == clip.generation.prompt
    wordless = {**video.generation.plan, "prompts": []}
    again = make("text", plan=wordless, prompt="", share=True)
    check = SafetyCheck.objects.get(generation=again.generation, stage="prompt")
    assert (check.action, again.shared_at is not None) == ("allow", True)


def test_a_draft_is_small_and_cheap_and_its_upgrade_is_the_same_plan_at_full_size(
    clip: Video, make: Callable[..., Video], workspace: Workspace, api: APIClient
) -> None:
    asked = {"width": 512, "height": 288, "steps": 3, "seed": 11, "draft": True}
    draft = make("extend", {"clip": ref(clip), "after": 1}, **asked)
    job = draft.generation
    assert (draft.width, draft.height, job.steps) == (256, 144, 1)
    assert job.plan["full"] == [512, 288, 3]

    full = make(
        "upgrade", {"clip": ref(draft)}, prompt="", steps=None
    )  # as large as was asked for at first
    assert job.cost_credits < full.generation.cost_credits
    old, new = job.plan, full.generation.plan
    assert (new["seed"], new["upgraded_from"], new["full"]) == (11, ref(draft), None)
    changed = {"tool", "width", "height", "steps", "upgraded_from", "full"}
    assert {k: v for k, v in old.items() if k not in changed} == {
        k: v for k, v in new.items() if k not in changed
    }
    assert (full.width, full.frames, full.generation.steps) == (512, draft.frames, 3)
    assert set(full.parents.all()) == {clip, draft}
    relations = {s.video_id: s.relationship for s in full.generation.sources.all()}
    assert relations == {clip.pk: "parentOf", draft.pk: "inputTo"}
    report = read_credentials(file_of(full), root())
    assert (report.state, report.failures) == ("trusted", [])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": 2}, "at most 1 steps"),
        ({"width": 512, "height": 288}, "smallest size"),
        ({"full": [512, 288, 5000]}, "full is"),
        ({"full": [640, 360, 2]}, "can't make this draft"),
        ({"full": [512, 288]}, "full is"),
    ],
)
def test_only_what_is_small_and_quick_has_the_price_of_a_draft(
    able: None, edit: Ask, changes: dict[str, Any], says: str
) -> None:
    job = edit("text", draft=True, width=512, height=288, seconds=2)
    assert job.status_code == 202
    plan = {**job.json()["plan"], **changes}
    error = refusal(edit("text", plan=plan))
    assert error["param"].startswith("plan.full")
    assert says in error["message"] or "steps" in error["message"], error


def test_a_draft_of_what_is_only_put_together_is_refused(
    clip: Video, edit: Ask, workspace: Workspace
) -> None:
    parts = [{"media": ref(clip), "end": 1}, {"media": ref(clip)}]
    error = refusal(edit("stitch", {"parts": parts}, draft=True))
    assert error["param"] == "draft"


def test_an_estimate_says_what_the_upgrade_of_a_draft_costs(
    able: None, api: APIClient, workspace: Workspace
) -> None:
    body = {"width": 512, "height": 288, "seconds": 2, "draft": True}
    answer = api.post(f"/api/v1/workspaces/{workspace.pk}/estimates/", body).json()
    whole = api.post(
        f"/api/v1/workspaces/{workspace.pk}/estimates/", {**body, "draft": False}
    ).json()
    assert answer["upgrade_credits"] == whole["cost_credits"] > answer["cost_credits"] > 0
    assert whole["upgrade_credits"] is None
    assert any("256x144" in warning for warning in answer["warnings"])


def test_a_draft_taken_down_before_its_upgrade_costs_nothing(
    clip: Video, edit: Ask, make: Callable[..., Video], workspace: Workspace, run_worker: Any
) -> None:
    draft = make("text", seconds=1, draft=True, seed=2)
    before = balance(workspace).available
    job = edit("upgrade", {"clip": ref(draft)}, prompt="").json()
    services.quarantine_video(draft, by=None, reason="test")
    run_worker()
    ended = Generation.objects.get(pk=job["id"])
    assert (ended.status, ended.reason_code) == ("failed", "source_gone")
    assert balance(workspace).available == before


def test_a_stitch_is_expected_in_seconds_not_in_the_time_of_drawing(
    clip: Video, make: Callable[..., Video], api: APIClient, workspace: Workspace
) -> None:
    url = f"/api/v1/workspaces/{workspace.pk}/estimates/"
    parts = {"parts": [{"media": ref(clip)}, {"media": ref(clip)}]}
    first = api.post(url, {"tool": "stitch", "edit": parts}).json()["eta_seconds"]
    drawn = api.post(url, {"prompt": "a boat", "seconds": 4, "steps": 50}).json()["eta_seconds"]
    assert first < drawn

    made = make("stitch", parts)
    took = sum(row.seconds for row in made.generation.timings.all())
    again = api.post(url, {"tool": "stitch", "edit": parts}).json()["eta_seconds"]
    assert again == pytest.approx(took, rel=0.01)  # what the last one of this kind took


def test_a_delivered_plan_can_be_posted_again_and_makes_the_same_clip(
    clip: Video, make: Callable[..., Video]
) -> None:
    first = make("fill", {"clip": ref(clip), "from": 0.5, "to": 1.5})
    again = make("text", plan=first.generation.plan, prompt="")
    assert again.generation.plan == first.generation.plan
    assert again.generation.tool == "fill"
    hashes = [
        {
            (row.at_ms, row.variant, bytes(row.hash))
            for row in video.fingerprints.exclude(variant=MARKED)
        }
        for video in (first, again)
    ]
    assert hashes[0] == hashes[1]


# --- Uploads -------------------------------------------------------------------------------------


def test_an_upload_of_another_rate_keeps_its_moments(
    able: None, make: Callable[..., Video], workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "fast.mp4"
    with media.Encoder(path, width=640, height=360, fps=25, crf=12) as encoder:
        for index in range(50):
            encoder.write(np.asarray(drawing(640, 360, shift=index)))
    upload = checked(workspace, path.read_bytes(), name="fast.mp4")
    assert upload.status == "ready", upload.reason_code
    video = make("extend", {"clip": ref(upload), "after": 1})
    assert (video.frames, video.fps) == (36, 12)
    shown = clean(video)
    for k in (0, 11, 23):
        wanted = cropped(np.asarray(drawing(640, 360, shift=int(k / 12 * 25))), 256, 144)
        assert psnr(shown[k], wanted) >= 28
    assert not video.parents.exists()
    assert Source.objects.get(generation=video.generation).upload == upload


def test_another_shape_is_cropped_padded_or_refused_as_is_asked(
    able: None, make: Callable[..., Video], edit: Ask, workspace: Workspace
) -> None:
    square = checked(workspace, encoded(drawing(480, 480)))
    form = {"image": ref(square)}
    padded = clean(make("image", form, seconds=1, fit="pad"))[0]
    filled = clean(make("image", form, seconds=1, fit="crop"))[0]
    assert padded[:, :40].mean() < 8 and padded[:, -40:].mean() < 8
    assert filled[:, :40].mean() > 60
    before = Generation.objects.count()
    error = refusal(edit("image", form, fit="strict"))
    assert error["param"] == "plan.pictures[0].media"
    assert "crop or pad" in error["remedy"]
    assert nothing_queued(workspace, before)


# --- Lineage and credentials ---------------------------------------------------------------------


def test_three_generations_validate_as_one_chain(clip: Video, make: Callable[..., Video]) -> None:
    second = make("extend", {"clip": ref(clip), "after": 0.5})
    third = make("fill", {"clip": ref(second), "from": 0.5, "to": 1})
    report = read_credentials(file_of(third), root())
    assert (report.state, report.failures) == ("trusted", [])
    active, every = manifests(third)
    chain = []
    while active.get("ingredients"):
        (ingredient,) = active["ingredients"]
        assert ingredient["relationship"] == "parentOf"
        chain.append(ingredient["title"])
        active = every[ingredient["active_manifest"]]
    assert chain == [f"Clip {str(v.pk)[:8]}" for v in (second, clip)]
    assert list(third.parents.all()) == [second]


def test_a_blend_has_two_components(clip: Video, make: Callable[..., Video]) -> None:
    other = make("text", seconds=1, seed=4)
    video = make("blend", {"clip": ref(clip), "second": ref(other), "strength": "strong"})
    active, _ = manifests(video)
    assert [i["relationship"] for i in active["ingredients"]] == ["componentOf"] * 2
    assert set(video.parents.all()) == {clip, other}
    assert set(
        Source.objects.filter(generation=video.generation).values_list("relationship", flat=True)
    ) == {"componentOf"}


# --- Refused before anything is charged ----------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "form", "body", "param"),
    [
        ("image", {}, {}, "edit.image"),
        ("image", None, {}, "edit.image"),
        ("remix", {"clip": "CLIP", "end": 9}, {}, "edit.end"),
        ("remix", {"clip": "CLIP", "start": 1, "end": 1}, {}, "edit.end"),
        ("extend", {"clip": "CLIP"}, {}, "edit.after"),
        ("fill", {"clip": "CLIP", "from": 1, "to": 1}, {}, "edit.to"),
        ("recut", {"clip": "CLIP", "at": 1}, {"seconds": 2}, "plan.keep[0].at"),
        ("blend", {"clip": "CLIP", "second": "CLIP"}, {}, "plan.redraw.second"),
        ("keyframes", {"pictures": [{"media": "CLIP", "at": 3}]}, {}, "plan.pictures[0].at"),
        (
            "keyframes",
            {"pictures": [{"media": "CLIP", "at": 1}, {"media": "CLIP", "at": 1.01}]},
            {},
            "plan.pictures[1].at",
        ),
        (
            "storyboard",
            {
                "cards": [
                    {"type": "clip", "media": "CLIP", "end": 1, "at": 0},
                    {"type": "clip", "media": "CLIP", "end": 1, "at": 0.5},
                ]
            },
            {},
            "plan.keep[1].at",
        ),
        ("storyboard", {"cards": [{"type": "text", "text": "\x00", "at": 0}]}, {}, "plan.prompts"),
        ("stitch", {"parts": [{"media": "CLIP"}] * 25}, {}, "edit.parts"),
        ("stitch", {"parts": [{"media": "CLIP"}] * 24}, {}, "seconds"),
        ("upgrade", {"clip": "GONE"}, {}, "edit.clip"),
        ("upgrade", {}, {}, "edit.clip"),
        ("loop", {"clip": "GONE"}, {}, "edit.clip"),
        ("loop", {"clip": "CLIP"}, {"width": 250, "height": 140}, "size"),
        ("loop", {"clip": "CLIP"}, {"width": 0}, "size"),
        ("text", None, {"seconds": "nan"}, "seconds"),
        ("text", None, {"seconds": "inf"}, "seconds"),
        ("image", {"image": "CLIP"}, {"seconds": -2}, "seconds"),
        ("image", {"image": "CLIP"}, {"style": "own:1"}, "style"),
        ("paint", {}, {}, "tool"),
        ("text", None, {"variations": 3}, "variations"),
        ("text", None, {"fit": "stretch"}, "fit"),
        ("text", None, {"plan": {"schema": 9}}, "plan.schema"),
        ("text", None, {"plan": {"tool": {"a": [[[]]]}}}, "plan.tool"),
        ("image", {"a": {"b": {"c": {"d": {"e": {}}}}}}, {}, "edit.a.b.c.d"),
    ],
)
def test_what_cannot_be_made_is_refused_by_its_card_and_costs_nothing(
    able: None,
    edit: Ask,
    workspace: Workspace,
    tool: str,
    form: Any,
    body: dict[str, Any],
    param: str,
) -> None:
    video = make_video(workspace, width=256, height=144, frames=60)
    text = json.dumps(form).replace("CLIP", ref(video)).replace("GONE", f"video:{uuid4()}")
    answer = edit(tool, json.loads(text), **body)
    error = refusal(answer)
    assert error["param"].startswith(param), error
    assert error["message"]
    assert nothing_queued(workspace, before=1)


def test_the_plan_of_a_workspace_bounds_what_is_edited(
    able: None, edit: Ask, workspace: Workspace
) -> None:
    video = make_video(workspace, width=256, height=144, frames=120)
    error = refusal(edit("extend", {"clip": ref(video), "after": 15}), 402)
    assert error["param"] == "seconds"
    assert nothing_queued(workspace, before=1)


def test_a_card_that_is_refused_refuses_the_whole_plan(
    able: None, edit: Ask, workspace: Workspace
) -> None:
    def story(*texts: str) -> Any:
        cards = [{"type": "text", "text": text, "at": k} for k, text in enumerate(texts)]
        return edit("storyboard", {"cards": cards}, seconds=4)

    assert story("a boat on the ocean", "a house by a lake").status_code == 202
    before = Generation.objects.count()
    assert refusal(story("a boat", "explicit porn, naked sex"), 422)["code"] == "prompt_refused"
    # What is harmless card by card and is not when read together.
    assert refusal(story("explicit", "porn of a naked"), 422)["code"] == "prompt_refused"
    assert Generation.objects.count() == before
    assert AuditEntry.objects.filter(event="generation.refused_at_gate").count() == 2


def test_cards_are_judged_together_by_the_worker_too(
    able: None, edit: Ask, run_worker: Callable[[], int], workspace: Workspace
) -> None:
    cards = [{"type": "text", "text": t, "at": k} for k, t in enumerate(("a boat", "a house"))]
    job = edit("storyboard", {"cards": cards}, seconds=4).json()["id"]
    plan = Generation.objects.get(pk=job).plan
    plan["prompts"] = [{"text": "explicit", "start": 0}, {"text": "porn of a naked", "start": 1}]
    Generation.objects.filter(pk=job).update(plan=plan)  # past the gate, as a change of lists is
    run_worker()
    generation = Generation.objects.get(pk=job)
    assert generation.status == "refused"
    assert SafetyCheck.objects.get(generation=job, stage="prompt").action == "refuse"
    assert balance(workspace).held == 0


def test_what_somebody_else_keeps_to_themselves_is_not_there(
    able: None, edit: Ask, workspace: Workspace, charlie: User
) -> None:
    private = make_video(by=charlie, shared=False, width=256, height=144)
    closed = make_video(by=charlie, width=256, height=144, remixable=False)
    open_to_all = make_video(by=charlie, width=256, height=144)
    upload = Upload.objects.create(
        workspace=private.workspace,
        uploaded_by=charlie,
        name="mine.png",
        kind="image",
        status="ready",
        size_bytes=10,
        width=256,
        height=144,
        media_key="1/media.png",
        poster_key="1/poster.webp",
        sha256="0" * 64,
        checked_at=private.created_at,
    )
    nowhere = f"video:{uuid4()}"
    said = set()
    for gone in (ref(private), ref(closed), ref(upload), nowhere):
        error = refusal(edit("remix", {"clip": gone}))
        del error["request_id"]
        said.add(json.dumps(error))
    assert len(said) == 1  # word for word the same, whatever the reason
    assert "not there" in said.pop()
    plan = edit("remix", {"clip": ref(open_to_all)}).json()["plan"]
    plan["redraw"]["first"] = ref(private)
    assert refusal(edit("text", plan=plan))["param"] == "plan.redraw.first"


@pytest.mark.parametrize("fate", ["taken down", "trashed", "deleted", "closed", "private"])
def test_a_source_that_goes_before_the_work_begins_ends_the_job_without_a_charge(
    clip: Video,
    make: Callable[..., Video],
    edit: Ask,
    run_worker: Callable[[], int],
    charlie: User,
    staff: User,
    workspace: Workspace,
    api: APIClient,
    fate: str,
) -> None:
    if fate in ("closed", "private"):  # somebody else's then
        theirs = make_video(by=charlie, width=256, height=144)
        Video.objects.filter(pk=theirs.pk).update(media_key=clip.media_key)
        source = theirs
    else:
        source = clip
    answer = edit("extend", {"clip": ref(source), "after": 1})
    assert answer.status_code == 202
    if fate == "taken down":
        services.quarantine_video(source, by=staff, reason="test")
    elif fate in ("trashed", "deleted"):
        library.trash([source], by=workspace.owner)
        if fate == "deleted":
            library.empty_trash(workspace, by=workspace.owner)
    elif fate == "closed":
        Video.objects.filter(pk=source.pk).update(remixable=False)
    else:
        Video.objects.filter(pk=source.pk).update(shared_at=None)
    run_worker()
    body = api.get(f"/api/v1/generations/{answer.json()['id']}/").json()
    assert (body["status"], body["reason"]["code"]) == ("failed", "source_gone")
    assert "Nothing was charged" in body["reason"]["remedy"]
    assert body["credit_state"] == "released"
    assert not LedgerEntry.objects.filter(kind="capture", reference=body["id"]).exists()
    assert balance(workspace).held == 0


@pytest.mark.parametrize("fate", ["taken down", "trashed"])
def test_an_upload_that_goes_before_the_work_begins_ends_the_job_without_a_charge(
    able: None,
    edit: Ask,
    run_worker: Callable[[], int],
    workspace: Workspace,
    staff: User,
    fate: str,
) -> None:
    picture = checked(workspace, encoded(drawing()))
    before = balance(workspace).available
    job = edit("image", {"image": ref(picture)}, seconds=1).json()
    if fate == "taken down":
        uploads.quarantine_upload(picture, by=staff, reason="test")
    else:
        uploads.trash_upload(picture, by=workspace.owner)
    run_worker()
    ended = Generation.objects.get(pk=job["id"])
    assert (ended.status, ended.reason_code) == ("failed", "source_gone")
    assert (balance(workspace).available, balance(workspace).held) == (before, 0)


# --- Variations and repeated requests ------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 4])
def test_variations_are_jobs_of_their_own_with_the_next_seeds(
    able: None, edit: Ask, workspace: Workspace, count: int
) -> None:
    body = edit("text", seconds=1, seed=5, variations=count, key="k").json()
    jobs = Generation.objects.order_by("variation")
    assert [job.seed for job in jobs] == [5 + n for n in range(count)]
    assert [job.plan["seed"] for job in jobs] == [5 + n for n in range(count)]
    assert len({job.batch for job in jobs}) == 1
    assert balance(workspace).held == count * body["cost_credits"]
    assert len(body.get("variations", [body])) == count
    again = edit("text", seconds=1, seed=5, variations=count, key="k").json()
    assert again["id"] == body["id"]
    assert [v["id"] for v in again.get("variations", [again])] == [str(j.pk) for j in jobs]
    assert Generation.objects.count() == count


def test_variations_are_held_for_all_or_not_at_all(
    able: None, edit: Ask, workspace: Workspace, settings: Any
) -> None:
    cost = edit("text", seconds=4).json()["cost_credits"]
    free = balance(workspace).available
    from billing.services import reserve_credits

    reserve_credits(workspace, free - 3 * cost, "something else")
    before = Generation.objects.count()
    assert refusal(edit("text", seconds=4, variations=4), 402)["code"] == "insufficient_credits"
    assert Generation.objects.count() == before
    assert balance(workspace).available == 3 * cost
    settings.SORA_MAX_OPEN_GENERATIONS = 2
    assert edit("text", seconds=4, variations=2).status_code == 429
    assert Generation.objects.count() == before


def test_a_key_belongs_to_one_edit(able: None, edit: Ask, workspace: Workspace) -> None:
    video = make_video(workspace, width=256, height=144)
    form = {"clip": ref(video), "after": 1}
    first = edit("extend", form, key="k")
    assert edit("extend", form, key="k").json()["id"] == first.json()["id"]
    for other in (
        edit("extend", {**form, "after": 1.5}, key="k"),
        edit("extend", form, key="k", variations=2),
        edit("extend", form, key="k", prompt="a blue boat"),
        edit("loop", {"clip": ref(video)}, key="k"),
        edit("text", plan={**first.json()["plan"], "seed": 1}, key="k"),
    ):
        assert refusal(other, 409)["code"] == "idempotency_key_reused"
    assert edit("text", plan=first.json()["plan"], key="k").json()["id"] == first.json()["id"]
    assert Generation.objects.exclude(pk=video.generation_id).count() == 1


def test_the_keys_of_variations_are_no_keys_of_requests(able: None, edit: Ask) -> None:
    edit("text", seconds=1, seed=1, variations=2, key="k")
    for key in ("k #2", "k2", "k 2"):
        assert edit("text", seconds=1, seed=1, variations=2, key=key).status_code == 202
    assert Generation.objects.count() == 8


# --- Words ---------------------------------------------------------------------------------------


def test_an_edit_without_words_goes_on_with_those_of_its_clip(
    able: None, edit: Ask, workspace: Workspace
) -> None:
    video = make_video(workspace, width=256, height=144, prompt="a kite over the hills")
    body = edit("extend", {"clip": ref(video), "after": 1}, prompt="", style="pixel").json()
    assert body["plan"]["prompts"] == [{"text": "a kite over the hills, as pixel art", "start": 0}]
    assert body["plan"]["style"] == "pixel"


def test_progress_never_falls_back_and_cancelling_ends_a_stitch_too(
    clip: Video,
    edit: Ask,
    run_worker: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
    alice: User,
    workspace: Workspace,
) -> None:
    from generation import attempt, progress

    shown: list[int] = []
    publish = progress.publish

    def note(*names: Any, **values: Any) -> None:
        shown.append(progress.percent(values["stage"], values["step"], values["total"]))
        publish(*names, **values)

    monkeypatch.setattr(progress, "publish", note)
    monkeypatch.setattr(attempt, "SECONDS_BETWEEN_EVENTS", 0.0)
    edit("fill", {"clip": ref(clip), "from": 0.5, "to": 1.5})
    run_worker()
    assert shown[2:] == sorted(shown[2:]) and len(shown) > 10  # "prompt" comes before "load"

    stitch = edit("stitch", {"parts": [{"media": ref(clip)}] * 3}).json()["id"]
    show = attempt.Attempt.show

    def cancel(self: attempt.Attempt, stage: str, *rest: Any) -> None:
        if stage == "checks" and rest and rest[0] == 13:
            services.cancel_generation(self.generation, by=alice)
        show(self, stage, *rest)

    monkeypatch.setattr(attempt.Attempt, "show", cancel)
    run_worker()
    job = Generation.objects.get(pk=stitch)
    assert (job.status, balance(workspace).held) == ("cancelled", 0)
    assert not Video.objects.filter(generation=job).exists()


def test_a_turned_video_without_sound_and_a_picture_with_alpha_are_sources_like_others(
    able: None, make: Callable[..., Video], workspace: Workspace, tmp_path: Path
) -> None:
    tall = checked(
        workspace,
        drawn_video(tmp_path / "tall.mp4", width=360, height=640).read_bytes(),
        name="tall.mp4",
    )
    see_through = drawing().convert("RGBA")
    see_through.putalpha(200)
    picture = checked(workspace, encoded(see_through))
    assert (tall.status, picture.status) == ("ready", "ready")
    cards = [
        {"type": "text", "text": "a house", "at": 0},
        {"type": "image", "media": ref(picture), "at": 0},
        {"type": "clip", "media": ref(tall), "end": 1, "at": 1},
    ]
    video = make("storyboard", {"cards": cards}, seconds=2, fit="pad", **SIZE)
    frames = clean(video)
    assert frames[18][:, :60].mean() < 8  # bars beside the upright clip
    assert frames[0][:, :60].mean() > 60
