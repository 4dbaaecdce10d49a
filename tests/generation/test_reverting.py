"""What the rewriter changed can be taken back where policy lets: by a new job, checked like any other."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from billing.services import balance
from generation import captioning
from generation.models import Generation, SafetyCheck, Video
from generation.prompting import Edit
from generation.rewriting import rewrite_for_engine

Ask = Callable[..., Any]
WORD = Edit("vocabulary", "yacht", "boat", "nearest_word", (2, 7))
NAME = Edit("public_figure", "Taylor Swift", "A pop singer", "listed", (0, 12))


def revert(api: APIClient, job: str, *places: int, key: str | None = None) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return api.post(f"/api/v1/generations/{job}/revert/", {"edits": list(places)}, headers=headers)


def with_edits(job: str, *edits: Edit) -> str:
    Generation.objects.filter(pk=job).update(prompt_edits=[edit.to_json() for edit in edits])
    return job


@pytest.mark.django_db(transaction=True)
def test_a_word_comes_back_in_a_new_clip_and_the_first_one_stays(
    ask: Ask, run_worker: Callable[[], int], api: APIClient, workspace: Workspace
) -> None:
    first = ask(prompt="a yacht drifts on the ocean at sunset", seed=5).json()["id"]
    run_worker()
    shown = api.get(f"/api/v1/generations/{first}/").json()
    place = next(i for i, e in enumerate(shown["edits"]) if e["before"] == "yacht")
    edit = shown["edits"][place]
    assert (edit["after"], edit["kind"], edit["revertible"]) == ("boat", "vocabulary", True)
    assert shown["prompt"][slice(*edit["span"])] == "yacht"
    before = balance(workspace).available

    answer = revert(api, first, place)
    assert answer.status_code == 202, answer.json()
    assert balance(workspace).available == before - answer.json()["cost_credits"]
    run_worker()

    second = api.get(f"/api/v1/generations/{answer.json()['id']}/").json()
    assert second["status"] == "succeeded", second["reason"]
    assert "yacht" in second["rewritten_prompt"]
    assert second["seed"] == shown["seed"]
    assert Video.objects.filter(generation=first, deleted_at=None).exists()
    stages = SafetyCheck.objects.filter(generation=second["id"]).values_list("stage", flat=True)
    assert {"gate", "prompt", "output"} <= set(stages)


@pytest.mark.django_db
def test_a_name_stays_out_and_the_answer_says_why(api: APIClient, ask: Ask) -> None:
    job = with_edits(ask().json()["id"], NAME, WORD)

    answer = revert(api, job, 0)

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "edit_not_revertible"
    assert "rules" in answer.json()["error"]["message"]
    assert revert(api, job, 0, 1).status_code == 422  # not half of it either
    assert revert(api, job, 7).status_code == 422
    assert Generation.objects.count() == 1


@pytest.mark.django_db
def test_a_repeated_key_makes_one_job(api: APIClient, ask: Ask) -> None:
    job = with_edits(ask().json()["id"], WORD)

    first, second = (revert(api, job, 0, key="once").json() for _ in range(2))

    assert first["id"] == second["id"]
    assert first["plan"]["rewriting"]["keep"] == ["vocabulary:yacht"]


@pytest.mark.django_db
def test_strangers_find_no_job_to_revert(stranger: APIClient, api: APIClient, ask: Ask) -> None:
    job = with_edits(ask().json()["id"], WORD)

    assert revert(stranger, job, 0).status_code == 404
    assert revert(APIClient(), job, 0).status_code in (401, 403)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "rewriting",
    [
        {"keep": ["public_figure:taylor swift"]},
        {"keep": ["brand:"]},
        {"keep": "vocabulary:yacht"},
        {"keep": [3]},
        {"keep": ["vocabulary:" + "x" * 300]},
        {"keep": ["vocabulary:x"] * 100},
        {"expand": "yes"},
        {"diversify": 1},
    ],
)
def test_a_wish_that_cannot_be_is_refused_by_name(ask: Ask, rewriting: dict[str, Any]) -> None:
    answer = ask(rewriting=rewriting)

    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["param"].startswith("rewriting")
    assert not Generation.objects.exists()


@pytest.mark.django_db
def test_the_estimate_shows_the_changes_before_anything_is_paid(
    api: APIClient, workspace: Workspace
) -> None:
    answer = api.post(
        f"/api/v1/workspaces/{workspace.pk}/estimates/",
        {"prompt": "Taylor Swift on a yacht"},
    ).json()

    kinds = {edit["kind"]: edit for edit in answer["edits"]}
    assert kinds["public_figure"]["why_not"]
    assert kinds["vocabulary"]["revertible"]


@pytest.mark.django_db
def test_the_pages_button_makes_the_new_job(alice: User, ask: Ask) -> None:
    job = with_edits(ask().json()["id"], WORD, NAME)
    page = Client()
    page.force_login(alice)

    page.post(f"/jobs/{job}/revert/", {"edit": "0"})
    page.post(f"/jobs/{job}/revert/", {"edit": "1"})
    page.post(f"/jobs/{job}/revert/", {"edit": "nonsense"})

    assert Generation.objects.count() == 2
    newest = Generation.objects.exclude(pk=job).get()
    assert newest.plan["rewriting"]["keep"] == ["vocabulary:yacht"]


@pytest.mark.django_db
def test_edits_of_older_jobs_are_still_shown(api: APIClient, ask: Ask) -> None:
    job = ask().json()["id"]
    old = {"kind": "brand", "original": "Nike", "replacement": "sports", "reason": "A reason."}
    Generation.objects.filter(pk=job).update(prompt_edits=[old])

    shown = api.get(f"/api/v1/generations/{job}/").json()["edits"][0]

    assert (shown["before"], shown["after"], shown["span"]) == ("Nike", "sports", None)


# --- Writing a prompt out ------------------------------------------------------------------------


def test_writing_out_offline_is_an_edit_that_can_be_taken_back() -> None:
    from generation.editing.plan import Rewriting

    short = rewrite_for_engine("a red balloon")
    long = rewrite_for_engine("a red balloon", options=Rewriting(expand=True))

    assert long.text.startswith(short.text) and len(long.text) > len(short.text)
    edit = next(edit for edit in long.edits if edit.kind == "expansion")
    assert edit.revertible and edit.rule == "open_details"
    kept = rewrite_for_engine("a red balloon", options=Rewriting(expand=True, keep=("expansion:",)))
    assert kept.text == short.text


@pytest.fixture
def writer() -> Iterator[dict[str, Any]]:
    """A chat endpoint that answers with whatever `content` holds."""
    state: dict[str, Any] = {"content": "", "status": 200, "seen": []}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            state["seen"].append(json.loads(sent))
            out = json.dumps({"choices": [{"message": {"content": state["content"]}}]}).encode()
            self.send_response(state["status"])
            self.send_header("Content-Length", str(len(out)))
            self.end_headers()
            self.wfile.write(out)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    state["url"] = f"http://127.0.0.1:{server.server_port}/v1/chat/completions"
    yield state
    server.shutdown()
    server.server_close()


def test_a_caption_model_writes_out_and_its_answer_is_checked(
    writer: dict[str, Any], settings: Any
) -> None:
    settings.SORA_CAPTION_URL, settings.SORA_CAPTION_MODEL = writer["url"], "writer-7b"
    writer["content"] = (
        'Sure: {"caption": "A red balloon rises slowly over a calm ocean, warm light."}'
    )

    caption = captioning.write_out("a red balloon rises over the ocean", seconds=5)

    assert caption == "A red balloon rises slowly over a calm ocean, warm light."
    sent = writer["seen"][0]["messages"][1]["content"]
    assert json.loads(sent)["caption"] == "a red balloon rises over the ocean"


@pytest.mark.parametrize(
    "content",
    [
        '{"caption": "Taylor Swift holds a red balloon over the ocean as it rises"}',
        '{"caption": "A woman lets a red balloon rise over the ocean"}',
        '{"caption": "A train leaves the station in winter"}',
        '{"caption": ""}',
        '{"caption": 3}',
        '{"text": "x"}',
        "no object",
        '{"caption": "' + "a red balloon rises over the ocean " * 60 + '"}',
    ],
)
def test_a_caption_that_names_adds_or_forgets_is_not_used(
    writer: dict[str, Any], settings: Any, content: str
) -> None:
    settings.SORA_CAPTION_URL = writer["url"]
    writer["content"] = content

    assert captioning.write_out("a red balloon rises over the ocean", seconds=5) is None


def test_a_caption_model_that_is_down_costs_only_its_words(settings: Any) -> None:
    settings.SORA_CAPTION_URL = "http://127.0.0.1:9/v1/chat/completions"

    assert captioning.write_out("a red balloon", seconds=1) is None
