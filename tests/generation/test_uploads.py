"""Bringing a file along: the agreement, the pieces, the check, and who may see what when."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Membership, User, Workspace
from accounts.services import personal_workspace
from generation import services, signing
from generation.errors import UPLOAD_REASONS
from generation.media import DecodeLimits
from generation.models import Fingerprint, Source, Upload, Video
from generation.provenance.c2pa import read_credentials
from generation.provenance.fingerprint import hash_frames
from generation.reading import reader
from generation.uploads import agreement as upload_agreement
from generation.uploads import checks as upload_checks
from generation.uploads import services as uploads
from moderation.childsafety_models import SealedEvidence
from moderation.policies import POLICIES
from sora_site.lib import storage
from tests.factories import make_generation, make_membership, make_user, make_video
from tests.generation.uploading import (
    agree,
    bring,
    checked,
    drawing,
    drawn_video,
    encoded,
    photograph,
)

pytestmark = pytest.mark.django_db(transaction=True)
Status = Upload.Status


@pytest.fixture(autouse=True)
def _signs(development_ca: None) -> None:
    """Reading credentials needs the site's roots."""


@pytest.fixture
def announce(api: APIClient, workspace: Workspace) -> Callable[..., Any]:
    def post(name: str = "house.png", size_bytes: int = 1000) -> Any:
        return api.post(
            f"/api/v1/workspaces/{workspace.pk}/uploads/", {"name": name, "size_bytes": size_bytes}
        )

    return post


@pytest.fixture
def send(api: APIClient) -> Callable[..., Any]:
    def patch(upload: str, offset: int | str, data: bytes) -> Any:
        return api.patch(
            f"/api/v1/uploads/{upload}/",
            data,
            content_type="application/octet-stream",
            headers={"Upload-Offset": str(offset)},
        )

    return patch


def code_of(answer: Any) -> str:
    return str(answer.json()["error"]["code"])


# --- The agreement -------------------------------------------------------------------------------


def test_the_first_upload_asks_for_the_agreement_and_says_where_it_stands(
    announce: Any, api: APIClient, alice: User
) -> None:
    refused = announce()
    assert (refused.status_code, code_of(refused)) == (403, "upload_agreement_required")
    assert "/uploads/agreement/" in refused.json()["error"]["remedy"]

    text = api.get("/api/v1/upload-agreement/").json()
    assert not text["accepted"]
    assert {row["code"] for row in text["statements"]} == upload_agreement.CODES
    some = {"version": text["version"], "statements": ["rights"]}
    partly = api.post("/api/v1/upload-agreement/", some)
    assert (partly.status_code, partly.json()["error"]["param"]) == (400, "statements")
    old = api.post(
        "/api/v1/upload-agreement/", {**some, "version": "1999", "statements": text["statements"]}
    )
    assert old.status_code == 400
    every = {"version": text["version"], "statements": [row["code"] for row in text["statements"]]}
    assert api.post("/api/v1/upload-agreement/", every).json()["accepted"]
    assert api.post("/api/v1/upload-agreement/", every).status_code == 200

    assert announce().status_code == 201
    assert AuditEntry.objects.filter(event="upload.agreement_accepted", actor=alice).count() == 1


def test_the_agreement_page_needs_every_box_and_then_leads_on(client: Client, alice: User) -> None:
    client.force_login(alice)
    page = client.get("/uploads/agreement/?next=/uploads/")
    assert page.content.decode().count('name="statements"') == len(upload_agreement.CODES)
    form = {"version": upload_agreement.VERSION, "next": "/uploads/"}
    missing = client.post("/uploads/agreement/", {**form, "statements": ["rights"]})
    assert missing.status_code == 400
    assert b"Not agreed to" in missing.content
    done = client.post(
        "/uploads/agreement/", {**form, "statements": sorted(upload_agreement.CODES)}
    )
    assert (done.status_code, done["Location"]) == (302, "/uploads/")
    away = client.post(
        "/uploads/agreement/",
        {**form, "next": "https://elsewhere.test/", "statements": sorted(upload_agreement.CODES)},
    )
    assert away["Location"] == "/uploads/"


# --- The pieces ----------------------------------------------------------------------------------


def test_pieces_in_order_become_a_ready_upload(
    announce: Any, send: Any, api: APIClient, alice: User, client: Client
) -> None:
    agree(alice)
    data = encoded(drawing())
    started = announce("a/b\\My house.png", len(data)).json()
    assert (started["name"], started["offset"], started["status"]) == (
        "My house.png",
        0,
        "receiving",
    )
    half = len(data) // 2
    assert send(started["id"], 0, data[:half]).json()["offset"] == half

    lost = send(started["id"], 0, data[:half])
    assert (lost.status_code, code_of(lost)) == (409, "upload_offset")
    assert lost.json()["error"]["offset"] == half
    head = api.head(f"/api/v1/uploads/{started['id']}/")
    assert (head["Upload-Offset"], head["Upload-Length"]) == (str(half), str(len(data)))

    waiting = send(started["id"], half, data[half:]).json()
    assert (waiting["status"], waiting["media_url"], waiting["poster_url"]) == (
        "waiting",
        None,
        None,
    )
    closed = send(started["id"], len(data), b"more")
    assert (closed.status_code, code_of(closed)) == (409, "upload_closed")

    assert upload_checks.drain() == 1
    ready = api.get(f"/api/v1/uploads/{started['id']}/").json()
    assert (ready["status"], ready["kind"], ready["width"], ready["height"]) == (
        "ready", "image", 640, 360,
    )  # fmt: skip
    assert client.get(ready["media_url"]).status_code == 200
    assert client.get(ready["poster_url"]).status_code == 200
    assert not uploaded_files("quarantine")


@pytest.mark.parametrize("offset", ["", "x", "-1", "1.5", "9" * 30])
def test_a_piece_without_a_readable_offset_is_refused(
    announce: Any, send: Any, alice: User, offset: str
) -> None:
    agree(alice)
    upload = announce().json()["id"]
    answer = send(upload, offset, b"x")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "Upload-Offset")


def test_more_than_was_announced_an_empty_piece_and_a_huge_one_are_refused(
    announce: Any, send: Any, alice: User, settings: Any
) -> None:
    agree(alice)
    png = encoded(drawing())
    upload = announce(size_bytes=10).json()["id"]
    assert send(upload, 0, png[:11]).status_code == 400
    assert send(upload, 0, b"").status_code == 400
    settings.UPLOAD_CHUNK_BYTES = 9
    assert send(upload, 0, png[:10]).status_code == 400
    assert send(upload, 0, png[:9]).status_code == 200


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"GIF89a", "animated"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "avif"),
        (b"RIFF\0\0\0\0AVI LIST", "container"),
        (b"\x1aE\xdf\xa3\x93B\x82\x88matroska", "container"),
        (b"<svg xmlns=", "document"),
        (b"\n <!doctype html>", "document"),
        (b"#EXTM3U\n", "unsupported_type"),
        (b"ffconcat version 1.0", "unsupported_type"),
        (b"PK\x03\x04", "archive"),
        (b"%PDF-1.7", "document"),
    ],
)
def test_what_is_not_taken_ends_with_its_first_piece(
    announce: Any, send: Any, api: APIClient, alice: User, head: bytes, reason: str
) -> None:
    agree(alice)
    upload = announce("film.mp4", 400_000_000).json()["id"]
    answer = send(upload, 0, head + bytes(80))
    assert (answer.status_code, code_of(answer)) == (415, "unsupported_file")
    assert answer.json()["error"]["reason"] == reason
    found = api.get(f"/api/v1/uploads/{upload}/").json()
    assert (found["status"], found["reason"]["code"]) == ("refused", reason)
    assert not uploaded_files("quarantine")


def test_the_sizes_are_bounded(announce: Any, send: Any, alice: User) -> None:
    agree(alice)
    video = announce("film.mp4", 500_000_001)
    assert (video.status_code, code_of(video)) == (413, "upload_too_large")
    assert announce(size_bytes=0).status_code == 400
    picture = announce("huge.png", 30_000_001).json()["id"]
    answer = send(picture, 0, encoded(drawing())[:100])
    assert (answer.status_code, code_of(answer)) == (413, "upload_too_large")
    assert "30 MB" in answer.json()["error"]["message"]


def test_a_workspace_has_so_many_uploads_under_way_and_so_much_room(
    announce: Any, alice: User, settings: Any, api: APIClient
) -> None:
    agree(alice)
    settings.SORA_MAX_OPEN_UPLOADS = 2
    settings.SORA_UPLOAD_STORAGE_BYTES = 2500
    first = announce().json()["id"]
    assert announce().status_code == 201
    full = announce()
    assert (full.status_code, code_of(full)) == (429, "too_many_open")
    assert api.delete(f"/api/v1/uploads/{first}/").status_code == 204
    assert api.get(f"/api/v1/uploads/{first}/").status_code == 404
    assert announce().status_code == 201
    settings.SORA_MAX_OPEN_UPLOADS = 9
    no_room = announce()
    assert (no_room.status_code, code_of(no_room)) == (409, "upload_storage_full")


def test_a_site_may_take_none(announce: Any, alice: User, settings: Any) -> None:
    agree(alice)
    settings.SORA_UPLOADS = "off"
    answer = announce()
    assert (answer.status_code, code_of(answer)) == (403, "uploads_off")


def test_strangers_see_nothing_and_viewers_only_look(
    alice: User, workspace: Workspace, stranger: APIClient
) -> None:
    upload = checked(workspace, encoded(drawing()))
    url = f"/api/v1/uploads/{upload.pk}/"
    for call in (stranger.get, stranger.head, stranger.delete):
        assert call(url).status_code == 404
    assert stranger.patch(url, b"x", content_type="application/octet-stream").status_code == 404
    assert stranger.get(f"/api/v1/workspaces/{workspace.pk}/uploads/").status_code == 404
    assert APIClient().get(url).status_code == 401

    viewer = APIClient()
    member = make_membership(workspace, make_user(), role=Membership.Role.VIEWER)
    viewer.force_login(member.user)
    assert viewer.get(url).status_code == 200
    assert viewer.delete(url).status_code == 403
    assert (
        viewer.post(
            f"/api/v1/workspaces/{workspace.pk}/uploads/", {"name": "a", "size_bytes": 1}
        ).status_code
        == 403
    )


# --- What is taken -------------------------------------------------------------------------------


def test_a_drawing_is_kept_in_our_form_without_anything_else(workspace: Workspace) -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Comment", "at home, 52.5N 13.4E")
    upload = checked(workspace, encoded(drawing(), pnginfo=info) + b"PK\x03\x04 hidden tail")

    assert upload.status == Status.READY
    path = storage.local_path(upload.media_key)
    assert path is not None
    data = path.read_bytes()
    assert b"hidden tail" not in data
    assert b"at home" not in data
    with Image.open(path) as kept:
        assert np.array_equal(np.asarray(kept), np.asarray(drawing()))
    assert upload.fingerprints.count() == 3
    assert upload.verdict["profile"] == "upload"
    assert upload.verdict["action"] == "allow"
    assert not uploaded_files("quarantine")
    assert [
        entry.event for entry in AuditEntry.objects.filter(target_id=str(upload.pk)).order_by("id")
    ] == ["upload.started", "upload.received", "upload.ready"]


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_drawings_in_the_other_formats_are_taken_too(workspace: Workspace, kind: str) -> None:
    upload = checked(workspace, encoded(drawing(1280, 720), kind, quality=92))
    assert (upload.status, upload.reason_code) == (Status.READY, "")


def test_a_drawn_video_is_kept_at_a_constant_rate(workspace: Workspace, tmp_path: Path) -> None:
    data = drawn_video(tmp_path / "sun.mp4").read_bytes()
    upload = checked(workspace, data, name="sun.mp4")
    assert (upload.status, upload.reason_code) == (Status.READY, "")
    assert (upload.kind, upload.frames, upload.fps, upload.seconds) == ("video", 24, 12.0, 2.0)


def test_a_photograph_is_refused_because_nothing_here_knows_people(workspace: Workspace) -> None:
    upload = checked(workspace, encoded(photograph(), "JPEG"))
    assert (upload.status, upload.reason_code, upload.media_key) == (
        Status.REFUSED,
        "photograph",
        "",
    )
    assert not uploaded_files("quarantine")  # and not kept


def test_a_drawing_that_says_it_comes_from_a_camera_is_refused(workspace: Workspace) -> None:
    exif = Image.Exif()
    exif[271] = "A camera maker"
    upload = checked(workspace, encoded(drawing(), "JPEG", exif=exif, quality=95))
    assert upload.reason_code == "photograph"


def test_filmed_material_is_refused_at_its_first_frame(
    workspace: Workspace, tmp_path: Path
) -> None:
    from generation.media import Encoder

    picture = np.asarray(photograph().resize((320, 192)))
    with Encoder(tmp_path / "film.mp4", width=320, height=192, fps=12) as encoder:
        for _ in range(12):
            encoder.write(picture)
    upload = checked(workspace, (tmp_path / "film.mp4").read_bytes(), name="film.mp4")
    assert upload.reason_code == "photograph"


def test_one_photograph_among_drawn_frames_is_enough(workspace: Workspace, tmp_path: Path) -> None:
    from generation.media import Encoder

    with Encoder(tmp_path / "film.mp4", width=320, height=192, fps=12) as encoder:
        for index in range(36):
            frame = photograph() if 15 <= index < 24 else drawing(320, 192)
            encoder.write(np.asarray(frame.resize((320, 192))))
    upload = checked(workspace, (tmp_path / "film.mp4").read_bytes(), name="film.mp4")
    assert upload.reason_code == "photograph"


# --- Our own clips -------------------------------------------------------------------------------


def footage() -> list[np.ndarray]:
    from benchmarks.footage import natural_frames

    return list(natural_frames(320, 192, 24, seed=3))


def delivered(
    owner: User, folder: Path, frames: list[np.ndarray], **fields: Any
) -> tuple[Video, Path]:
    """A clip as the worker delivers one: signed, stored, fingerprinted."""
    from generation.media import Encoder
    from generation.provenance.fingerprint import FingerprintBuilder

    video = make_video(personal_workspace(owner), by=owner, **fields)
    fingerprint = FingerprintBuilder(fps=12)
    with Encoder(folder / "plain.mp4", width=320, height=192, fps=12) as encoder:
        for index, frame in enumerate(frames):
            fingerprint.add(index, frame)
            encoder.write(frame)
    video.generation.engine = "Sora Small 2"
    path = folder / f"{video.pk}.mp4"
    signing.sign(folder / "plain.mp4", path, signing.claim_of(video, "Clip"))
    storage.store_private(Path(_copy(path)), video.media_key)
    Fingerprint.objects.bulk_create(
        Fingerprint(
            workspace=video.workspace, video=video, at_ms=h.at_ms, variant=h.variant,
            hash=h.hash, bands=h.bands,
        )
        for h in fingerprint.hashes()
    )  # fmt: skip
    return video, path


def _copy(path: Path) -> str:
    target = path.with_suffix(".stored")
    target.write_bytes(path.read_bytes())
    return str(target)


def test_a_clip_of_ours_comes_back_as_it_was_downloaded(
    workspace: Workspace, alice: User, tmp_path: Path
) -> None:
    video, path = delivered(alice, tmp_path, footage())
    upload = checked(workspace, path.read_bytes(), name="clip.mp4")
    assert (upload.status, upload.reason_code) == (Status.READY, "")
    assert upload.verdict["upload"]["clip"] == str(video.pk)
    assert upload.credentials["state"] == "trusted"


def test_a_copy_without_its_credentials_is_pointed_to_the_library(
    workspace: Workspace, alice: User, tmp_path: Path
) -> None:
    delivered(alice, tmp_path, footage())
    upload = checked(workspace, (tmp_path / "plain.mp4").read_bytes(), name="clip.mp4")
    assert (upload.status, upload.reason_code) == (Status.REFUSED, "our_clip_altered")


def test_a_clip_that_was_removed_is_refused_in_every_form(
    workspace: Workspace, alice: User, charlie: User, tmp_path: Path
) -> None:
    frames = [np.asarray(drawing(320, 192, shift=3 * index)) for index in range(24)]
    video, path = delivered(charlie, tmp_path, frames)
    services.quarantine_video(video, by=None, reason="hate")
    signed = checked(workspace, path.read_bytes(), name="clip.mp4")
    encoded_again = checked(workspace, (tmp_path / "plain.mp4").read_bytes(), name="again.mp4")
    still = checked(workspace, encoded(Image.fromarray(frames[3])), name="still.png")
    assert [u.reason_code for u in (signed, encoded_again, still)] == ["removed_clip"] * 3
    assert uploaded_files("quarantine")  # kept as evidence
    services.restore_video(video, by=None, reason="appeal")
    assert checked(workspace, path.read_bytes(), name="clip.mp4").status == Status.READY


def test_somebody_elses_clip_needs_to_be_shared_and_open_to_remixes(
    workspace: Workspace, charlie: User, tmp_path: Path
) -> None:
    video, path = delivered(charlie, tmp_path, footage(), remixable=False)
    assert checked(workspace, path.read_bytes(), name="a.mp4").reason_code == "not_remixable"
    Video.objects.filter(pk=video.pk).update(remixable=True)
    assert checked(workspace, path.read_bytes(), name="a.mp4").status == Status.READY
    Video.objects.filter(pk=video.pk).update(shared_at=None)
    assert checked(workspace, path.read_bytes(), name="a.mp4").reason_code == "not_remixable"


def test_what_looks_like_an_upload_that_was_removed_is_refused(workspace: Workspace) -> None:
    first = checked(workspace, encoded(drawing()))
    uploads.quarantine_upload(first, by=None, reason="hate")
    assert storage.local_path(first.media_key) and not storage.local_path(first.media_key).exists()
    again = checked(workspace, encoded(drawing().resize((800, 450))), name="b.png")
    assert again.reason_code == "removed_clip"


def test_a_credential_of_ours_travels_into_a_later_clip(
    workspace: Workspace, alice: User, tmp_path: Path
) -> None:
    video, path = delivered(alice, tmp_path, footage())
    upload = checked(workspace, path.read_bytes(), name="clip.mp4")
    child = tmp_path / "child.mp4"
    with uploads.media_file(upload) as file:
        parent = uploads.ingredient(upload, file, "parentOf")
    signing.sign(tmp_path / "plain.mp4", child, signing.claim_of(video, "Child"), [parent])
    report = read_credentials(child, signing.trust_anchors())
    assert report.state == "trusted"
    assert report.failures == []
    (ingredient,) = report.claims["ingredients"]
    assert ingredient["has_credentials"]
    assert ingredient["relationship"] == "parentOf"
    assert signing.is_ours(report)


def test_an_upload_without_credentials_is_an_ingredient_of_its_own(
    workspace: Workspace, alice: User, tmp_path: Path
) -> None:
    upload = checked(workspace, encoded(drawing()))
    video, _ = delivered(alice, tmp_path, footage())
    child = tmp_path / "c.mp4"
    with uploads.media_file(upload) as file:
        parent = uploads.ingredient(upload, file, "inputTo")
        signing.sign(tmp_path / "plain.mp4", child, signing.claim_of(video, "C"), [parent])
    report = read_credentials(child, signing.trust_anchors())
    assert report.state == "trusted"
    assert [i["relationship"] for i in report.claims["ingredients"]] == ["inputTo"]


# --- Screening -----------------------------------------------------------------------------------


def test_known_content_is_refused_turned_too_and_kept_as_evidence(
    workspace: Workspace, settings: Any, tmp_path: Path
) -> None:
    picture = np.asarray(drawing())
    (tmp_path / "list").write_text(hash_frames([picture])[0].hex() + "\n")
    settings.SORA_KNOWN_HASHES = str(tmp_path / "list")
    mirrored = Image.fromarray(picture[:, ::-1].copy())
    for data in (encoded(drawing()), encoded(mirrored)):
        upload = checked(workspace, data)
        assert (upload.status, upload.reason_code) == (Status.REFUSED, "known_content")
    assert uploads.trash_upload(upload, by=workspace.owner) is not None
    sealed = SealedEvidence.objects.filter(workspace=workspace, kind=SealedEvidence.Kind.FILE)
    assert sealed.count() == 2 and not sealed.exclude(cleared_at=None).exists()


def test_a_list_that_cannot_be_read_lets_nothing_in(workspace: Workspace, settings: Any) -> None:
    settings.SORA_KNOWN_HASHES = "/nowhere/list"
    upload = checked(workspace, encoded(drawing()))
    assert (upload.status, upload.reason_code) == (Status.REFUSED, "screening_unavailable")


def test_one_flat_colour_is_no_picture(workspace: Workspace) -> None:
    upload = checked(workspace, encoded(Image.new("RGB", (64, 64), (9, 99, 9))))
    assert upload.reason_code == "flat_colour"


class SeesNothing:
    name, version = "sees-nothing", "1"
    categories = frozenset({"sexual", "child", "likeness"})
    people = 0.0

    def score_frames(self, frames: Any) -> Any:
        from moderation.screening.protocol import Category, Score

        seen = {Category.LIKENESS: self.people, Category.SEXUAL: 0.0, Category.CHILD: 0.0}
        return [[Score(c, v, self.name) for c, v in seen.items()] for _ in frames]

    def examples(self) -> Any:
        return []


class SeesPeople(SeesNothing):
    people = 0.9


class SeesOnlyNudity(SeesNothing):
    categories = frozenset({"sexual"})


@pytest.mark.parametrize(
    ("classifier", "status", "reason"),
    [
        ("SeesNothing", "ready", ""),
        ("SeesPeople", "refused", "likeness"),
        ("SeesOnlyNudity", "refused", "screening_unavailable"),
        ("", "refused", "screening_unavailable"),
    ],
)
def test_photographs_need_a_classifier_that_knows_people(
    workspace: Workspace, settings: Any, classifier: str, status: str, reason: str
) -> None:
    from generation import vision

    vision._loaded.cache_clear()
    settings.SORA_UPLOADS = "photos"
    settings.SORA_FRAME_CLASSIFIER = f"{__name__}.{classifier}" if classifier else ""
    upload = checked(workspace, encoded(photograph(), "JPEG"))
    assert (upload.status, upload.reason_code) == (status, reason)


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ({}, ["sora.I001"]),
        ({"SORA_UPLOADS": "off"}, []),
        ({"SORA_UPLOADS": "all"}, ["sora.E011"]),
        ({"SORA_UPLOADS": "photos"}, ["sora.E011"]),
        ({"SORA_SANDBOX": "none"}, ["sora.I001", "sora.E012"]),
    ],
)
def test_the_start_up_check_says_what_is_taken(
    settings: Any, values: dict[str, str], ids: list[str]
) -> None:
    from sora_site.checks import check_uploads

    for name, value in values.items():
        setattr(settings, name, value)
    assert [str(m.id) for m in check_uploads() if m.id != "sora.W009"] == ids


def test_the_rules_page_says_what_is_on_and_off(client: Client, settings: Any) -> None:
    assert b"it takes none" in client.get("/rules/").content
    settings.SORA_UPLOADS = "off"
    assert b"This site takes no uploads" in client.get("/rules/").content


# --- The shelf -----------------------------------------------------------------------------------


def test_nobody_reaches_the_media_before_it_is_ready(
    workspace: Workspace, api: APIClient, client: Client
) -> None:
    upload = bring(workspace, encoded(drawing()))
    found = api.get(f"/api/v1/uploads/{upload.pk}/").json()
    assert (found["media_url"], found["poster_url"]) == (None, None)
    for key in uploaded_files("quarantine"):
        assert client.get(storage.signed_url(key, filename="x.png")).status_code == 404


def test_the_list_pages_and_the_trash_hides(workspace: Workspace, api: APIClient) -> None:
    ready = checked(workspace, encoded(drawing()))
    refused = checked(workspace, encoded(photograph(), "JPEG"), name="b.jpg")
    url = f"/api/v1/workspaces/{workspace.pk}/uploads/"
    assert [row["id"] for row in api.get(url).json()["results"]] == [str(refused.pk), str(ready.pk)]
    assert [row["id"] for row in api.get(url + "?ready=1").json()["results"]] == [str(ready.pk)]

    assert api.delete(f"/api/v1/uploads/{ready.pk}/").status_code == 204
    assert api.get(url + "?ready=1").json()["results"] == []
    assert not Upload.objects.usable().exists()
    assert api.post(f"/api/v1/uploads/{ready.pk}/restore/").json()["status"] == "ready"
    assert Upload.objects.usable().exists()
    for _ in range(2):  # into the trash, and from there for good
        assert api.delete(f"/api/v1/uploads/{ready.pk}/").status_code == 204
    assert not Upload.objects.filter(pk=ready.pk).exists()
    assert not uploaded_files("private")
    assert api.delete(f"/api/v1/uploads/{refused.pk}/").status_code == 204
    assert not Upload.objects.filter(pk=refused.pk).exists()


def test_the_page_lists_every_state_and_says_what_to_do(
    client: Client, workspace: Workspace, alice: User
) -> None:
    client.force_login(alice)
    assert b"Nothing here yet" in client.get("/uploads/").content
    checked(workspace, encoded(drawing()), name="house.png")
    checked(workspace, encoded(photograph(), "JPEG"), name="street.jpg")
    bring(workspace, encoded(drawing()), name="waits.png")
    page = client.get("/uploads/").content.decode()
    for text in ("house.png", "street.jpg", "waits.png", "Being checked", "clip made here"):
        assert text in page


def test_what_nobody_finished_is_forgotten_after_a_day(workspace: Workspace, alice: User) -> None:
    agree(alice)
    data = encoded(drawing())
    old = uploads.start_upload(workspace, by=alice, name="a.png", size_bytes=len(data))
    uploads.append_bytes(old, offset=0, data=data[:100], by=alice)
    young = uploads.start_upload(workspace, by=alice, name="b.png", size_bytes=len(data))
    assert uploads.sweep_uploads() == 0
    Upload.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=25))
    assert uploads.sweep_uploads() == 1
    assert list(Upload.objects.all()) == [young]
    assert not uploaded_files("quarantine")


def test_old_trash_goes_unless_a_clip_names_it_as_its_source(
    workspace: Workspace, alice: User
) -> None:
    used, free = (checked(workspace, encoded(drawing(shift=s)), name=f"{s}.png") for s in (0, 40))
    Source.objects.create(
        workspace=workspace,
        generation=make_generation(workspace),
        upload=used,
        relationship="inputTo",
    )
    for upload in (used, free):
        uploads.trash_upload(upload, by=alice)
    Upload.objects.update(trashed_at=timezone.now() - timedelta(days=31))
    assert uploads.sweep_uploads() == 1
    assert list(Upload.objects.all()) == [used]
    assert len(uploaded_files("private")) == 2  # its picture and poster
    from generation.errors import UploadInUse

    with pytest.raises(UploadInUse):
        uploads.delete_upload(used, by=alice)


def test_every_reason_an_upload_can_get_has_words(workspace: Workspace) -> None:
    import re

    source = "".join(
        path.read_text() for path in (Path(__file__).parents[2] / "generation").glob("upload*.py")
    )
    reading = Path(__file__).parents[2] / "generation" / "reading"
    source += "".join(path.read_text() for path in reading.glob("*.py"))
    codes = set(re.findall(r'(?:Refused|MediaError|refuse)\(\s*(?:upload, )?"([a-z_]+)"', source))
    assert codes - {"aspect"} - set(UPLOAD_REASONS) - set(POLICIES) == set()
    assert len(codes) > 10


# --- Frames for a worker -------------------------------------------------------------------------


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_frames_come_at_the_wanted_size_rate_and_span(
    workspace: Workspace, tmp_path: Path, fit: str
) -> None:
    data = drawn_video(tmp_path / "sun.mp4", frames=48).read_bytes()
    upload = checked(workspace, data, name="sun.mp4")
    frames = list(
        uploads.load_frames(upload, start=1.0, end=2.5, fps=12, width=128, height=128, fit=fit)
    )
    assert len(frames) == 18
    assert {frame.shape for frame in frames} == {(128, 128, 3)}
    bars = frames[0][:8].max() < 16
    assert bars == (fit == "pad")
    exact = list(uploads.load_frames(upload, start=1.0, end=1.5, fps=12, width=320, height=192))
    for index, frame in enumerate(exact):
        source = np.asarray(drawing(320, 192, shift=(12 + index) * 3)).astype(float)
        error = ((source - frame) ** 2).mean()
        assert 10 * np.log10(255**2 / error) > 28


def test_another_rate_holds_or_drops_frames(workspace: Workspace, tmp_path: Path) -> None:
    upload = checked(workspace, drawn_video(tmp_path / "s.mp4").read_bytes(), name="s.mp4")
    for fps, count in ((6, 12), (24, 48), (30, 60)):
        frames = list(uploads.load_frames(upload, fps=fps, width=64, height=64))
        assert len(frames) == count


def test_strict_says_that_the_shapes_differ(workspace: Workspace) -> None:
    upload = checked(workspace, encoded(drawing()))
    with pytest.raises(reader.Unreadable) as refused:
        list(uploads.load_frames(upload, width=100, height=100, fit="strict"))
    assert refused.value.code == "aspect"
    (frame,) = uploads.load_frames(upload, width=640, height=360, fit="strict")
    assert np.array_equal(frame, np.asarray(drawing()))


def test_the_reading_process_ends_with_whoever_stops_asking(
    workspace: Workspace, tmp_path: Path
) -> None:
    upload = checked(workspace, drawn_video(tmp_path / "s.mp4").read_bytes(), name="s.mp4")
    frames: Iterator[Any] = uploads.load_frames(upload, fps=12, width=64, height=64)
    next(frames)
    frames.close()
    assert children() == []


def test_a_file_that_cannot_be_confined_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    from generation.reading import child

    assert child.missing_layers(["limits"], strict=True) != ""
    assert child.missing_layers(["limits"], strict=False) == ""
    settings.SORA_SANDBOX = "strict"
    (tmp_path / "a.png").write_bytes(encoded(drawing()))
    frames = reader.stream(
        tmp_path / "a.png",
        start=0, end=None, fps=1, width=64, height=36, fit="crop", limits=DecodeLimits(),
    )  # fmt: skip
    assert len(list(frames)) == 1  # this kernel grants it


def children() -> list[int]:
    import subprocess

    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True
    )
    return [int(row.split()[0]) for row in listed.stdout.splitlines() if "reading.child" in row]


def uploaded_files(area: str) -> list[str]:
    """Keys of what lies in an area's upload folders."""
    from django.core.files.storage import storages

    root = Path(storages[area].location)  # type: ignore[attr-defined]
    return sorted(
        str(path.relative_to(root)) for path in root.rglob("uploads/*/**/*") if path.is_file()
    )


@pytest.fixture(autouse=True)
def _empty_areas() -> Iterator[None]:
    yield
    import shutil

    from django.core.files.storage import storages

    for area in ("private", "quarantine"):
        shutil.rmtree(storages[area].location, ignore_errors=True)  # type: ignore[attr-defined]
