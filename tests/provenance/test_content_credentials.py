"""Every file that leaves says where it comes from, and a reader can tell when that isn't true."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from pathlib import Path

import av
import pytest

from generation.credentials import explain
from generation.provenance.c2pa import (
    FINGERPRINT,
    TRAINED,
    Parent,
    load_signer,
    read_credentials,
    sign_file,
)
from generation.provenance.development_ca import ensure_development_ca
from tests.provenance.conftest import ORGANIZATION

NAMES = ["clip.mp4", "image.png", "image.jpg", "image.webp"]


@pytest.mark.parametrize("name", NAMES)
def test_a_signed_file_is_trusted_and_says_what_made_it(files, tmp_path, signer, claim, name):
    sign_file(
        files / name,
        tmp_path / name,
        claim(watermark="Sora", fingerprint=b"\x5a" * 64),
        identity=signer,
    )

    report = read_credentials(tmp_path / name, signer.trust_anchors)

    assert (report.state, report.issuer, report.failures) == ("trusted", ORGANIZATION, [])
    assert report.is_from(ORGANIZATION)
    assert not report.is_from("Somebody Else")
    claims = report.claims
    assert claims["title"] == "A red balloon"
    assert (claims["model"], claims["model_version"]) == ("small-video", "1.2")
    assert (claims["software"], claims["software_version"]) == ("Sora", "0.1.0")
    assert claims["job"] == "0197a3c2-job"
    assert claims["digital_source_type"] == TRAINED
    assert claims["prompt_rewritten"] is True
    assert claims["created_at"] == "2026-11-24T08:30:00Z"
    assert claims["visible_watermark"] == "Sora"
    assert claims["soft_binding"] == FINGERPRINT
    assert claims["training_allowed"] is False
    assert [action["action"] for action in claims["actions"]] == ["c2pa.created", "c2pa.edited"]
    assert claims["actions"][1]["description"] == "Visible moving mark added: Sora"


def test_it_says_what_was_done_to_reach_the_size_and_the_length(files, tmp_path, signer, claim):
    said = claim(resampled="drawn at 160x96, enlarged to 1920x1152", passes=4, watermark="Sora")
    sign_file(files / "clip.mp4", tmp_path / "clip.mp4", said, identity=signer)

    claims = read_credentials(tmp_path / "clip.mp4", signer.trust_anchors).claims

    assert (claims["resampled"], claims["passes"]) == (said.resampled, 4)
    assert [action["action"] for action in claims["actions"]] == [
        "c2pa.created",
        "c2pa.resized",
        "c2pa.edited",
    ]
    assert claims["actions"][1]["description"] == f"Resampled: {said.resampled}"
    facts = dict(explain({"state": "trusted", "claims": claims}).facts)
    assert facts["Drawn"] == "at 160x96, enlarged to 1920x1152, in 4 passes"


@pytest.mark.parametrize("name", NAMES)
def test_without_the_root_it_is_only_valid(files, tmp_path, signer, claim, name):
    sign_file(files / name, tmp_path / name, claim(), identity=signer)

    report = read_credentials(tmp_path / name)

    assert report.state == "valid"
    assert report.failures == ["signingCredential.untrusted"]
    assert not report.is_from(ORGANIZATION)


def test_a_stranger_with_our_name_is_only_valid(files, tmp_path, signer, claim):
    ensure_development_ca(tmp_path / "stranger", ORGANIZATION)
    stranger = load_signer(development_ca=tmp_path / "stranger")
    sign_file(files / "clip.mp4", tmp_path / "clip.mp4", claim(), identity=stranger)

    report = read_credentials(tmp_path / "clip.mp4", signer.trust_anchors)

    assert (report.state, report.issuer) == ("valid", ORGANIZATION)
    assert not report.is_from(ORGANIZATION)


@pytest.mark.parametrize("name", NAMES)
def test_one_changed_byte_of_the_picture_makes_it_invalid(files, tmp_path, signer, claim, name):
    path = tmp_path / name
    sign_file(files / name, path, claim(), identity=signer)
    data, picture = bytearray(path.read_bytes()), (files / name).read_bytes()
    middle = len(picture) // 2
    data[data.index(picture[middle : middle + 32])] ^= 1
    path.write_bytes(data)

    report = read_credentials(path, signer.trust_anchors)

    assert report.state == "invalid"
    assert report.failures


def test_one_changed_byte_of_the_manifest_makes_it_invalid(files, tmp_path, signer, claim):
    path = tmp_path / "clip.mp4"
    sign_file(files / "clip.mp4", path, claim(), identity=signer)
    data = bytearray(path.read_bytes())
    data[data.index(b"small-video")] ^= 1
    path.write_bytes(data)

    assert read_credentials(path, signer.trust_anchors).state == "invalid"


def test_a_truncated_file_is_invalid(files, tmp_path, signer, claim):
    path = tmp_path / "clip.mp4"
    sign_file(files / "clip.mp4", path, claim(), identity=signer)
    path.write_bytes(path.read_bytes()[:-500])

    assert read_credentials(path, signer.trust_anchors).state == "invalid"


def test_a_remuxed_clip_has_none(files, tmp_path, signer, claim):
    sign_file(files / "clip.mp4", tmp_path / "clip.mp4", claim(), identity=signer)
    with (
        av.open(str(tmp_path / "clip.mp4")) as source,
        av.open(str(tmp_path / "copy.mp4"), "w") as copy,
    ):
        stream = copy.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)

    report = read_credentials(tmp_path / "copy.mp4", signer.trust_anchors)

    assert (report.state, report.claims) == ("none", {})


def test_the_kept_manifest_shows_that_a_stripped_clip_is_altered(files, tmp_path, signer, claim):
    manifest = sign_file(files / "clip.mp4", tmp_path / "clip.mp4", claim(), identity=signer)

    stripped = read_credentials(files / "clip.mp4", signer.trust_anchors, manifest=manifest)

    assert stripped.state == "invalid"
    assert "assertion.bmffHash.mismatch" in stripped.failures
    assert stripped.claims["title"] == "A red balloon"


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\0\0\0\x20ftypisom" + b"\xff" * 200, b"\x89PNG\r\n\x1a\n" + b"\0" * 50],
)
def test_any_bytes_get_an_answer(tmp_path, content):
    path = tmp_path / "upload"
    path.write_bytes(content)

    assert read_credentials(path).state == "none"


def test_names_are_not_believed(files, tmp_path, signer, claim):
    sign_file(files / "image.png", tmp_path / "image.mp4", claim(), identity=signer)

    assert read_credentials(tmp_path / "image.mp4", signer.trust_anchors).state == "trusted"


def test_an_edit_names_its_parent(files, tmp_path, signer, claim):
    sign_file(files / "clip.mp4", tmp_path / "first.mp4", claim(title="First"), identity=signer)
    parents = [
        Parent(tmp_path / "first.mp4", "parentOf", "First"),
        Parent(files / "image.png", "inputTo", "Reference"),
    ]

    sign_file(files / "clip.mp4", tmp_path / "second.mp4", claim(), parents, identity=signer)
    report = read_credentials(tmp_path / "second.mp4", signer.trust_anchors)

    assert report.is_from(ORGANIZATION)
    assert [action["action"] for action in report.claims["actions"]] == [
        "c2pa.opened",
        "c2pa.edited",
    ]
    assert report.claims["digital_source_type"] == TRAINED
    assert report.claims["ingredients"] == [
        {"title": "First", "relationship": "parentOf", "has_credentials": True, "failures": []},
        {"title": "Reference", "relationship": "inputTo", "has_credentials": False, "failures": []},
    ]


def test_a_blend_places_its_components(files, tmp_path, signer, claim):
    for name in ("a.mp4", "b.mp4"):
        sign_file(files / "clip.mp4", tmp_path / name, claim(title=name), identity=signer)
    parents = [Parent(tmp_path / "a.mp4", "componentOf"), Parent(tmp_path / "b.mp4", "componentOf")]

    sign_file(files / "clip.mp4", tmp_path / "c.mp4", claim(), parents, identity=signer)
    report = read_credentials(tmp_path / "c.mp4", signer.trust_anchors)

    assert report.is_from(ORGANIZATION)
    assert [action["action"] for action in report.claims["actions"]] == [
        "c2pa.created",
        "c2pa.placed",
    ]
    assert [item["title"] for item in report.claims["ingredients"]] == ["a.mp4", "b.mp4"]


def test_a_tampered_parent_shows_in_its_child(files, tmp_path, signer, claim):
    """The child itself stays trusted: what it was told about its parent is only recorded."""
    parent = tmp_path / "parent.mp4"
    sign_file(files / "clip.mp4", parent, claim(), identity=signer)
    data = bytearray(parent.read_bytes())
    data[-200] ^= 1
    parent.write_bytes(data)

    sign_file(
        files / "clip.mp4", tmp_path / "child.mp4", claim(), [Parent(parent)], identity=signer
    )
    report = read_credentials(tmp_path / "child.mp4", signer.trust_anchors)

    assert report.state == "trusted"
    assert "ingredient:assertion.bmffHash.mismatch" in report.failures
    assert not report.is_from(ORGANIZATION)


def test_two_parents_of_are_refused(files, tmp_path, signer, claim):
    parents = [Parent(files / "clip.mp4"), Parent(files / "clip.mp4")]

    with pytest.raises(ValueError, match="parentOf"):
        sign_file(files / "clip.mp4", tmp_path / "c.mp4", claim(), parents, identity=signer)


def test_training_may_be_allowed(files, tmp_path, signer, claim):
    sign_file(files / "image.png", tmp_path / "a.png", claim(allow_training=True), identity=signer)

    assert read_credentials(tmp_path / "a.png").claims["training_allowed"] is True


def test_a_file_may_be_signed_in_place(files, tmp_path, signer, claim):
    shutil.copy(files / "clip.mp4", tmp_path / "clip.mp4")

    sign_file(tmp_path / "clip.mp4", tmp_path / "clip.mp4", claim(), identity=signer)

    assert read_credentials(tmp_path / "clip.mp4", signer.trust_anchors).state == "trusted"
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_titles_in_any_script_survive(files, tmp_path, signer, claim):
    title = "Ein roter Ballon 🎈 über dem Meer – 海"
    sign_file(files / "clip.mp4", tmp_path / "clip.mp4", claim(title=title), identity=signer)

    assert read_credentials(tmp_path / "clip.mp4").claims["title"] == title


def test_reading_and_signing_open_no_socket(files, tmp_path, signer, claim, monkeypatch):
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    before = sockets()

    sign_file(files / "clip.mp4", tmp_path / "clip.mp4", claim(), identity=signer)
    assert read_credentials(tmp_path / "clip.mp4", signer.trust_anchors).state == "trusted"

    assert sockets() <= before


def sockets() -> set[str]:
    """The process's sockets, those opened by native code included."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def test_a_forked_child_can_sign_with_what_the_parent_loaded(files, tmp_path, signer, claim):
    """Workers fork after the signer was loaded; a native context would be refused there."""
    sign_file(files / "image.png", tmp_path / "parent.png", claim(), identity=signer)

    child = os.fork()
    if child == 0:
        try:
            sign_file(files / "image.png", tmp_path / "child.png", claim(), identity=signer)
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert read_credentials(tmp_path / "child.png", signer.trust_anchors).state == "trusted"


def test_threads_may_sign_at_once(files, tmp_path, signer, claim):
    def work(number: int) -> None:
        sign_file(
            files / "image.png",
            tmp_path / f"{number}.png",
            claim(title=str(number)),
            identity=signer,
        )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for number in range(4):
        report = read_credentials(tmp_path / f"{number}.png", signer.trust_anchors)
        assert (report.state, report.claims["title"]) == ("trusted", str(number))


def test_the_report_is_plain_json(files, tmp_path, signer, claim):
    import json

    sign_file(files / "clip.mp4", tmp_path / "clip.mp4", claim(), identity=signer)
    report = read_credentials(Path(tmp_path / "clip.mp4"), signer.trust_anchors)

    assert json.loads(json.dumps(report.to_json()))["state"] == "trusted"
