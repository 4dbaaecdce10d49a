"""The way of one clip with the real engine, and what happens when a part of it fails."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from accounts.services import suspend_user
from billing.models import LedgerEntry
from billing.services import balance
from generation import attempt, scheduling, services
from generation.models import Fingerprint, Generation, SafetyCheck, StageTiming, Video
from generation.provenance.c2pa import read_credentials
from generation.provenance.fingerprint import MARKED

Ask = Callable[..., Any]
# The worker opens and closes its own connections, so tests commit for real.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _clean_areas() -> Iterator[None]:
    yield
    for area in ("media", "work"):
        shutil.rmtree(Path(site.SORA_STATE_DIR) / area, ignore_errors=True)


def files_in(area: str) -> list[Path]:
    root = Path(site.SORA_STATE_DIR) / area
    return [path for path in root.rglob("*") if path.is_file()] if root.exists() else []


def get_bytes(api: APIClient, url: str) -> Any:
    return api.get(url)


def test_a_prompt_becomes_a_signed_marked_clip_that_is_charged_once(
    ask: Ask, run_worker: Callable[[], int], workspace: Workspace, api: APIClient
) -> None:
    job = ask(seed=7, share=True).json()["id"]
    assert run_worker() == 1

    body = api.get(f"/api/v1/generations/{job}/").json()
    assert body["status"] == "succeeded", body["reason"]
    assert body["credit_state"] == "captured"
    video = Video.objects.get(pk=body["video"]["id"])
    assert video.shared_at is not None
    path = site.SORA_MEDIA_ROOT / "private" / video.media_key
    report = read_credentials(path, (site.SORA_DEVELOPMENT_CA_DIR / "root.pem").read_text())
    assert report.state == "trusted"
    assert report.claims["model"]
    assert (
        read_credentials(
            site.SORA_MEDIA_ROOT / "private" / video.poster_key,
            (site.SORA_DEVELOPMENT_CA_DIR / "root.pem").read_text(),
        ).state
        == "trusted"
    )
    assert Fingerprint.objects.filter(video=video).count() >= 4
    stages = {"gate", "prompt", "output", "feed"}
    assert set(SafetyCheck.objects.values_list("stage", flat=True)) == stages
    assert {"prompt", "load", "generate", "checks", "sign", "store"} <= set(
        StageTiming.objects.values_list("stage", flat=True)
    )
    assert LedgerEntry.objects.filter(kind="capture", reference=job).count() == 1
    assert balance(workspace).held == 0
    assert not files_in("work")


def test_the_same_seed_makes_the_same_picture_again(
    ask: Ask, run_worker: Callable[[], int]
) -> None:
    ask(seed=7)
    ask(seed=7)
    run_worker()
    first, second = Video.objects.order_by("created_at")
    hashes = [
        [
            bytes(row.hash)
            for row in Fingerprint.objects.filter(video=video).order_by("at_ms", "variant")
            if row.variant != MARKED  # the visible mark walks differently on each clip
        ]
        for video in (first, second)
    ]
    assert hashes[0] == hashes[1]


def refused_or_failed(ask: Ask, run_worker: Callable[[], int], **body: Any) -> Generation:
    """One job that must not deliver; asserts what holds for all of them."""
    job = ask(**body).json()["id"]
    run_worker()
    generation = Generation.objects.get(pk=job)
    assert generation.status in ("failed", "refused", "cancelled")
    assert not Video.objects.filter(generation=generation).exists()
    assert LedgerEntry.objects.filter(kind="release", reference=job).count() == 1
    assert not LedgerEntry.objects.filter(kind="capture").exists()
    assert balance(generation.workspace).held == 0
    assert not files_in("media/private")
    assert not files_in("work")
    return generation


def test_a_signer_without_its_key_delivers_nothing(
    ask: Ask, run_worker: Callable[[], int], settings: Any, tmp_path: Path, api: APIClient
) -> None:
    settings.SORA_SIGNING_CHAIN = str(site.SORA_DEVELOPMENT_CA_DIR / "chain.pem")
    settings.SORA_SIGNING_KEY = str(tmp_path / "gone.pem")
    generation = refused_or_failed(ask, run_worker)

    reason = api.get(f"/api/v1/generations/{generation.pk}/").json()["reason"]
    assert reason["code"] == "signing_failed"
    assert "Nothing was charged" in reason["remedy"]


def test_a_moderation_provider_that_is_down_delivers_nothing(
    ask: Ask, run_worker: Callable[[], int], settings: Any
) -> None:
    settings.SORA_TEXT_MODERATION_URL = "http://127.0.0.1:9/v1/moderations"
    assert refused_or_failed(ask, run_worker).reason_code == "screening_unavailable"


def test_an_engine_that_draws_people_without_a_vision_check_delivers_nothing(
    ask: Ask, run_worker: Callable[[], int], settings: Any, tmp_path: Path
) -> None:
    import json

    folder = tmp_path / "weights"
    shutil.copytree(settings.SORA_MODEL_DIR, folder)
    (folder / "SHA256SUMS.json").unlink()  # a folder of somebody else's comes without
    table = json.loads((folder / "capabilities.json").read_text())
    (folder / "capabilities.json").write_text(json.dumps({**table, "draws_people": True}))
    settings.SORA_MODEL_DIR = folder
    assert refused_or_failed(ask, run_worker).reason_code == "screening_unavailable"


def test_a_model_folder_that_went_missing_ends_the_job_with_the_setting_to_correct(
    ask: Ask, run_worker: Callable[[], int], settings: Any, tmp_path: Path, api: APIClient
) -> None:
    job = ask().json()["id"]
    settings.SORA_MODEL_DIR = tmp_path / "nowhere"
    run_worker()

    reason = api.get(f"/api/v1/generations/{job}/").json()["reason"]
    assert reason["code"] == "model_missing"
    assert "SORA_MODEL_DIR" in reason["remedy"]
    answer = ask()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_unavailable")


def test_a_data_folder_that_cannot_be_written_delivers_nothing(
    ask: Ask, run_worker: Callable[[], int], settings: Any, tmp_path: Path
) -> None:
    blocked = tmp_path / "state"
    blocked.mkdir()
    (blocked / "work").write_text("a file where the folder should be")
    ca = settings.SORA_DEVELOPMENT_CA_DIR
    settings.SORA_STATE_DIR = blocked
    settings.SORA_DEVELOPMENT_CA_DIR = ca
    assert refused_or_failed(ask, run_worker).reason_code == "storage_failed"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_delivers_nothing_and_says_so(
    ask: Ask, run_worker: Callable[[], int], settings: Any, tmp_path: Path
) -> None:
    import subprocess

    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        settings.SORA_STATE_DIR = small
        generation = refused_or_failed(ask, run_worker)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)
    assert generation.reason_code == "storage_full"


def test_cancel_while_denoising_stops_within_one_step(
    ask: Ask, run_worker: Callable[[], int], monkeypatch: pytest.MonkeyPatch, alice: User
) -> None:
    seen: list[int] = []
    show = attempt.Attempt.show

    def cancel_at_the_second_step(self: attempt.Attempt, stage: str, *args: Any) -> None:
        if stage == "denoise":
            seen.append(args[0])
            if len(seen) == 2:
                services.cancel_generation(self.generation, by=alice)
        show(self, stage, *args)

    monkeypatch.setattr(attempt.Attempt, "show", cancel_at_the_second_step)
    generation = refused_or_failed(ask, run_worker, steps=8)

    assert (generation.status, generation.reason_code) == ("cancelled", "cancelled")
    assert len(seen) == 2  # the check before the third step stopped it


def test_a_job_taken_over_while_it_runs_is_dropped_by_its_first_worker(
    ask: Ask, run_worker: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ask(steps=4).json()["id"]
    taken: list[Generation] = []
    show = attempt.Attempt.show

    def take_over(self: attempt.Attempt, stage: str, *args: Any) -> None:
        if stage == "denoise" and not taken:
            services.put_back(Generation.objects.get(pk=job))
            second = scheduling.claim("second")
            assert second is not None
            taken.append(second)
        show(self, stage, *args)

    monkeypatch.setattr(attempt.Attempt, "show", take_over)
    run_worker()

    generation = Generation.objects.get(pk=job)
    assert (generation.status, generation.worker) == ("running", "second")
    assert not Video.objects.exists()
    assert balance(generation.workspace).held == generation.cost_credits


def test_somebody_suspended_meanwhile_gets_credits_back_and_no_clip(
    ask: Ask, run_worker: Callable[[], int], alice: User, staff: User
) -> None:
    job = ask().json()["id"]
    suspend_user(alice, by=staff, reason="test")
    run_worker()

    generation = Generation.objects.get(pk=job)
    assert (generation.status, generation.reason_code) == ("failed", "account_suspended")
    assert not Video.objects.exists()
    assert not files_in("media/private")


def test_a_refused_prompt_is_never_sent_to_the_engine(
    ask: Ask, run_worker: Callable[[], int], api: APIClient
) -> None:
    job = ask().json()["id"]
    # Past the gate by a change of the lists between request and run: the worker's panel decides.
    Generation.objects.filter(pk=job).update(prompt="explicit porn, naked sex scene", plan={})
    run_worker()

    body = api.get(f"/api/v1/generations/{job}/").json()
    assert body["status"] == "refused"
    assert body["reason"]["message"]
    assert "load" not in StageTiming.objects.values_list("stage", flat=True)
    assert LedgerEntry.objects.filter(kind="release", reference=job).count() == 1


def test_media_links_are_signed_expire_and_end_with_a_takedown(
    ask: Ask, run_worker: Callable[[], int], api: APIClient, settings: Any
) -> None:
    job = ask().json()["id"]
    run_worker()
    video = api.get(f"/api/v1/generations/{job}/").json()["video"]
    answer = api.get(video["download_url"])
    assert answer.status_code == 200
    assert answer["X-Accel-Redirect"].startswith("/protected/")
    assert "attachment" in answer["Content-Disposition"]

    token = video["media_url"].split("/")[2]
    assert api.get(video["media_url"].replace(token, token[:-2] + "xx")).status_code == 404
    row = Video.objects.get(pk=video["id"])
    services.quarantine_video(row, by=None, reason="test")
    assert api.get(video["media_url"]).status_code == 404
    assert api.get(f"/api/v1/generations/{job}/").json()["video"] is None

    services.restore_video(row, by=None, reason="test")
    assert api.get(video["media_url"]).status_code == 200
    settings.SORA_MEDIA_LINK_SECONDS = -1
    assert api.get(video["media_url"]).status_code == 404


def test_verify_knows_our_own_clip_by_credentials_mark_and_fingerprint(
    ask: Ask, run_worker: Callable[[], int], api: APIClient
) -> None:
    job = ask(seed=3).json()["id"]
    run_worker()
    video = Video.objects.get(generation=job)
    clip = (site.SORA_MEDIA_ROOT / "private" / video.media_key).read_bytes()
    upload = io.BytesIO(clip)
    upload.name = "clip.mp4"
    body = APIClient().post("/api/v1/verify/", {"file": upload}, format="multipart").json()

    assert body["c2pa"]["state"] == "trusted"
    assert body["visible_watermark"] is True
    # Private clips of others are never named to a stranger.
    assert body["matches"] == []
    upload.seek(0)
    mine = api.post("/api/v1/verify/", {"file": upload}, format="multipart").json()
    assert mine["matches"][0]["id"] == str(video.pk)


def test_verify_refuses_what_is_no_picture() -> None:
    upload = io.BytesIO(b"#!/bin/sh\necho no\n")
    upload.name = "clip.mp4"
    answer = APIClient().post("/api/v1/verify/", {"file": upload}, format="multipart")

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "file"
