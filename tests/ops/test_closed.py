"""What nothing here can judge is closed, and the checks, the rules page and /readyz say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from django.test import Client

from generation.closed import closed
from tests.screening.test_model_folder import weights

pytestmark = pytest.mark.django_db


def model(folder: Path, labels: dict[str, str]) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"id2label": dict(enumerate(labels))}))
    (folder / "screening.json").write_text(json.dumps({"labels": labels}))
    weights(folder / "model.safetensors")
    return folder


def ids() -> dict[str, str]:
    return {str(m.id): f"{m.msg} {m.hint}" for m in checks.run_checks(tags=["sora"])}


def test_without_models_people_and_photographs_are_off_and_everybody_is_told(
    client: Client,
) -> None:
    codes = [item.code for item in closed()]

    assert codes[:2] == ["people_in_uploads", "photographs_to_video"]
    assert "sora.I003" in ids()
    answer = client.get("/readyz").json()
    assert "people_in_uploads" in answer["checks"]["vision"]
    page = client.get("/rules/").content.decode()
    assert "pictures of people are not taken" in page
    assert "no video is made from a photograph" in page


def test_each_model_opens_what_it_can_judge(tmp_path: Path, settings: Any) -> None:
    folders = [
        model(tmp_path / "nsfw", {"nsfw": "sexual"}),
        model(tmp_path / "age", {"kid": "child"}),
    ]
    settings.SORA_VISION_MODELS = [str(folder) for folder in folders]
    (first, *_) = closed()
    assert (first.code, "judges real people in" in first.what) == ("people_in_uploads", True)

    folders.append(model(tmp_path / "face", {"face": "likeness"}))
    settings.SORA_VISION_MODELS = [str(folder) for folder in folders]
    assert {item.code for item in closed()} <= {"text_in_frames"}


def test_a_folder_that_does_not_load_stops_the_start_and_names_the_setting(
    tmp_path: Path, settings: Any
) -> None:
    folder = model(tmp_path / "nsfw", {"nsfw": "sexual"})
    (folder / "model.safetensors").write_bytes(b"version https://git-lfs")
    settings.SORA_VISION_MODELS = [str(folder), str(tmp_path / "missing")]

    found = [m for m in checks.run_checks(tags=["sora"]) if m.id == "sora.E016"]

    assert len(found) == 2
    assert all(m.is_serious() and m.msg.startswith("SORA_VISION_MODELS: ") for m in found)
    assert "no safetensors" in found[0].msg


def test_lists_addresses_and_readers_that_can_not_be_used_are_named(
    tmp_path: Path, settings: Any
) -> None:
    settings.SORA_KNOWN_HASHES = str(tmp_path / "missing.txt")
    settings.SORA_FRAME_MODERATION_URL = "moderation.example.com"
    settings.SORA_UPLOADS = "photos"

    found = ids()

    assert "SORA_KNOWN_HASHES" in found["sora.E017"]
    assert "SORA_FRAME_MODERATION_URL" in found["sora.E016"]
    assert "child" in found["sora.E011"]
