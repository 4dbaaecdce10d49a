"""What a check stops for child safety: sealed, held, decided by a person, kept, ended."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings as site
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services as accounts
from accounts.models import AuditEntry, User, Workspace
from accounts.services import personal_workspace
from generation import library
from generation.models import Generation, Upload, Video
from generation.provenance.fingerprint import hash_frames
from generation.uploads import checks as upload_checks
from generation.uploads import services as uploads
from moderation import childsafety, sealed, services
from moderation.childsafety_models import (
    ChildSafetyCase,
    ChildSafetyDecision,
    CyberTip,
    SealedEvidence,
)
from moderation.errors import CaseClosed, NoteMissing, NotYoursToDecide, ReportIncomplete
from moderation.models import Case
from moderation.policies import POLICIES
from moderation.screening.child_safety import Seen, judge, read_together
from moderation.screening.protocol import Category, Score
from tests.factories import add_second_factor, make_user, make_video
from tests.generation.uploading import checked, drawing, encoded
from tests.moderation.child_cases import GRAVE, MILD, make_case, make_reviewer
from tests.moderation.eyes import see

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)  # a worker's thread, or what follows a commit


@pytest.fixture(autouse=True, scope="module")
def _signs() -> None:
    from generation.provenance.development_ca import ensure_development_ca

    ensure_development_ca(site.SORA_DEVELOPMENT_CA_DIR, site.SITE_NAME)


@pytest.fixture
def reviewer() -> User:
    return make_reviewer()


@pytest.fixture
def desk(reviewer: User) -> Client:
    client = Client()
    client.force_login(reviewer)
    return client


@pytest.fixture
def workspace(alice: User) -> Workspace:
    return personal_workspace(alice)


def stored(area: str = "sealed") -> list[Path]:
    return [path for path in (Path(site.SORA_MEDIA_ROOT) / area).rglob("*") if path.is_file()]


@pytest.fixture(autouse=True)
def _empty_store() -> Iterator[None]:
    for path in stored():
        path.unlink()
    yield


# --- The rules ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "finding"),
    [
        (Seen(), "allow"),
        (Seen(known=True, drawn=True), "known"),
        (Seen(abuse=0.5), "suspected"),
        (Seen(abuse=0.5, drawn=True), "suspected"),
        (Seen(abuse=0.49), "allow"),
        (Seen(child=0.35), "child"),
        (Seen(child=0.9, drawn=True), "allow"),
        (Seen(child=0.9, sexual=0.3), "suspected"),
        (Seen(child=0.9, sexual=0.3, drawn=True), "suspected"),
        (Seen(sexual=0.9), "allow"),
        (Seen(abuse=float("nan")), "suspected"),
        (Seen(child=float("nan")), "child"),
    ],
)
def test_pictures_are_judged_by_one_table(seen: Seen, finding: str) -> None:
    assert judge(seen) == finding


def test_a_child_is_no_offence_and_beside_sexual_content_the_gravest() -> None:
    child, sexual = Score(Category.CHILD, 0.9, "eyes"), Score(Category.SEXUAL, 0.4, "eyes")

    assert read_together([child]) == (0.9, [])
    assert read_together([sexual]) == (0.0, [sexual])
    value, scores = read_together([child, sexual])
    assert value == 0.9
    assert scores[-1].category == Category.SEXUAL_MINORS
    assert scores[-1].value >= 0.5


# --- Words ---------------------------------------------------------------------------------------


def test_sexual_words_about_a_minor_are_refused_and_hold_the_account_without_detail(
    alice: User, workspace: Workspace
) -> None:
    api = APIClient()
    api.force_login(alice)
    body = {"prompt": "a nude schoolgirl", "width": 512, "height": 288, "seconds": 2}
    url = f"/api/v1/workspaces/{workspace.pk}/generations/"
    refused = api.post(url, body)
    again = api.post(url, {**body, "prompt": "a red balloon over the sea"})

    assert refused.status_code == 422
    said = json.dumps(refused.json())
    assert "schoolgirl" not in said
    assert refused.json()["error"]["reasons"] == ["sexual_minors"]
    assert (again.status_code, again.json()["error"]["code"]) == (403, "account_suspended")
    case = ChildSafetyCase.objects.get()
    assert (case.kind, case.stage, case.account_held) == ("text", "gate", True)
    assert CyberTip.objects.get().status == "draft"
    assert not Generation.objects.exists()
    assert not any("schoolgirl" in json.dumps(e.data) for e in AuditEntry.objects.all())
    record = childsafety.look_at_record(case, by=make_reviewer())
    assert record["texts"][0]["text"] == "a nude schoolgirl"
    notice = Client()
    notice.force_login(alice)
    page = notice.get("/suspended/").content.decode()
    assert "child" not in page.split("<main")[1].lower().split("</main")[0]


def test_a_sentence_that_may_be_misread_holds_the_account_only_the_second_time(
    alice: User,
) -> None:
    make_case(alice, kind="text", files=0, verdict=MILD)
    alice.refresh_from_db()
    assert not alice.is_suspended
    make_case(alice, kind="text", files=0, verdict=MILD)
    alice.refresh_from_db()

    assert alice.is_suspended
    assert ChildSafetyCase.objects.count() == 1
    assert SealedEvidence.objects.filter(kind="record").count() == 2


def test_a_tester_at_work_is_refused_and_nothing_else(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from generation import hooks

    monkeypatch.setattr(hooks, "campaigns", [lambda user: "autumn"])
    with pytest.raises(ChildSafetyCase.DoesNotExist):
        make_case(alice, kind="text", files=0, verdict=GRAVE)
    alice.refresh_from_db()
    assert not alice.is_suspended


# --- Pictures ------------------------------------------------------------------------------------


@committed
def test_a_known_picture_is_refused_sealed_and_becomes_a_drafted_report(
    alice: User, workspace: Workspace, settings: Any, tmp_path: Path
) -> None:
    picture = drawing()
    hashes = tmp_path / "known.txt"
    hashes.write_text(hash_frames([np.asarray(picture)])[0].hex())
    settings.SORA_KNOWN_HASHES = str(hashes)
    data = encoded(picture)
    upload = checked(workspace, data)

    assert (upload.status, upload.reason_code) == ("refused", "known_content")
    case = ChildSafetyCase.objects.get()
    assert (case.kind, case.upload, case.account_held) == ("known", upload, True)
    assert case.tip.status == "draft"
    kept = case.evidence.get(kind="file")
    assert sealed.read(kept) == data
    assert case.evidence.filter(kind="still").count() == 1
    assert not any(upload.pk.hex in str(p).replace("-", "") for p in stored("quarantine"))
    assert not any(data[200:400] in path.read_bytes() for path in stored())


@committed
def test_a_suspected_upload_waits_for_a_person_who_lets_it_in(
    alice: User, workspace: Workspace, settings: Any, reviewer: User
) -> None:
    see(settings, sexual_minors=0.7)
    data = encoded(drawing())
    upload = checked(workspace, data)
    alice.refresh_from_db()
    assert (upload.status, upload.reason_code) == ("refused", "child_safety_review")
    assert not alice.is_suspended
    case = ChildSafetyCase.objects.get()
    assert case.kind == "suspected"

    childsafety.decide(case, action="not_child", note="A house and a sun.", by=reviewer)
    assert upload_checks.drain() == 1
    upload.refresh_from_db()
    assert upload.status == "ready"
    assert CyberTip.objects.get().status == "withdrawn"
    assert childsafety.clear_expired() == 3
    assert not stored()


@committed
def test_a_drawn_child_in_a_harmless_scene_is_taken_and_sexualised_it_is_not(
    workspace: Workspace, settings: Any
) -> None:
    see(settings, child=0.95)
    assert checked(workspace, encoded(drawing())).status == "ready"
    see(settings, child=0.95, sexual=0.3)
    assert checked(workspace, encoded(drawing(shift=40))).reason_code == "child_safety_review"


@committed
def test_a_photograph_of_a_child_is_refused_and_not_kept(
    alice: User, workspace: Workspace, settings: Any
) -> None:
    from tests.generation.uploading import photograph

    settings.SORA_UPLOADS = "photos"
    see(settings, child=0.5, likeness=0.01)
    upload = checked(workspace, encoded(photograph().resize((320, 214))))

    assert (upload.status, upload.reason_code) == ("refused", "child")
    rule = POLICIES["child"]
    assert f"{rule.message} {rule.remedy}" == (
        "Photos of children can't be animated. Drawings and fictional characters are fine."
    )
    assert not ChildSafetyCase.objects.exists()
    assert not any(str(upload.pk) in str(path) for path in stored("quarantine"))
    alice.refresh_from_db()
    assert not alice.is_suspended


@committed
def test_what_can_not_be_sealed_is_neither_let_in_nor_lost(
    workspace: Workspace, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    see(settings, sexual_minors=0.9)

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealed.storage, "store_sealed", full)
    upload = checked(workspace, encoded(drawing()))

    assert (upload.status, upload.reason_code) == ("refused", "child_safety_review")
    assert upload.attempts == settings.SORA_MAX_ATTEMPTS
    assert not ChildSafetyCase.objects.exists()
    assert any(uploads.folder_of(upload) in str(path) for path in stored("quarantine"))


# --- The sealed store ----------------------------------------------------------------------------


def piece(case: ChildSafetyCase, data: bytes) -> SealedEvidence:
    return sealed.seal(case, sealed.Source(SealedEvidence.Kind.FILE, "file", "image/png", data))


@pytest.mark.parametrize("size", [0, 1, sealed.CHUNK, sealed.CHUNK + 1, 2 * sealed.CHUNK])
def test_a_piece_comes_back_whole_and_lies_there_encrypted(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    kept = piece(make_case(files=0), data[:size])
    path = Path(site.SORA_MEDIA_ROOT) / "sealed" / kept.key

    assert b"".join(sealed.open_chunks(kept)) == data[:size]
    assert size < 16 or data[:256] not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0


def test_a_piece_that_was_changed_cut_or_moved_is_not_opened() -> None:
    case = make_case(files=0)
    first, second = piece(case, b"a" * sealed.CHUNK * 2), piece(case, b"b" * 100)
    root = Path(site.SORA_MEDIA_ROOT) / "sealed"
    good = (root / first.key).read_bytes()
    head = len(sealed.MAGIC) + 7

    for broken in (
        good[:-1],
        good[: head + sealed.CHUNK + sealed.TAG],
        good[:-20] + b"x" * 20,
        (root / second.key).read_bytes(),
        b"",
    ):
        (root / first.key).write_bytes(broken)
        with pytest.raises(sealed.SealError):
            b"".join(sealed.open_chunks(first))


def test_an_old_key_still_opens_and_a_lost_one_says_so(settings: Any) -> None:
    import base64

    old, new = base64.b64encode(b"o" * 32).decode(), base64.b64encode(b"n" * 32).decode()
    settings.SORA_SEAL_KEY = old
    kept = piece(make_case(files=0), b"flat colours")
    settings.SORA_SEAL_KEY = f"{new},{old}"
    assert sealed.read(kept) == b"flat colours"
    settings.SORA_SEAL_KEY = new
    with pytest.raises(sealed.SealError, match="SORA_SEAL_KEY"):
        sealed.read(kept)


@committed
def test_evidence_outlives_the_account_and_ends_after_its_year(alice: User, reviewer: User) -> None:
    case = make_case(alice, text="blue house")
    childsafety.decide(case, action="report", note="A test.", by=reviewer)
    CyberTip.objects.update(status="filed", report_id="1", is_test=True, filed_at=timezone.now())
    accounts.delete_account(alice, by=reviewer)
    assert childsafety.look_at_record(case, by=reviewer)["person"]["email"] == "alice@example.com"

    SealedEvidence.objects.update(hold_until=timezone.now() + timedelta(minutes=1))
    assert childsafety.clear_expired() == 0
    SealedEvidence.objects.update(hold_until=timezone.now() - timedelta(minutes=1))
    assert childsafety.clear_expired() == 3
    assert not stored()
    row = case.evidence.filter(kind="file").get()
    assert row.sha256
    assert bytes(row.wrapped_key) == b""
    with pytest.raises(sealed.SealError):
        sealed.read(row)


@pytest.mark.parametrize("status", ["draft", "waiting", "failed"])
def test_nothing_is_destroyed_while_its_report_is_not_filed(reviewer: User, status: str) -> None:
    case = make_case()
    childsafety.decide(case, action="report", note="A test.", by=reviewer)
    CyberTip.objects.update(status=status)
    SealedEvidence.objects.update(hold_until=timezone.now() - timedelta(days=1))
    assert childsafety.clear_expired() == 0


def test_evidence_of_an_open_case_stays_and_a_clip_in_the_trash_keeps_its_files(
    reviewer: User, alice: User
) -> None:
    video = reported_clip(alice)
    SealedEvidence.objects.update(hold_until=timezone.now() - timedelta(days=1))
    assert childsafety.clear_expired() == 0
    Video.objects.filter(pk=video.pk).update(
        shared_at=None, trashed_at=timezone.now(), deleted_at=timezone.now(), quarantined_at=None
    )
    assert library.sweep_trash() == 0


def test_the_database_refuses_a_cleared_piece_with_a_key() -> None:
    case = make_case(files=0)
    kept = piece(case, b"x")
    with pytest.raises(IntegrityError), transaction.atomic():
        SealedEvidence.objects.filter(pk=kept.pk).update(cleared_at=timezone.now())


# --- Who decides, and how ------------------------------------------------------------------------

PAGES = [
    "/console/child-safety/",
    "/console/child-safety/{case}/",
    "/console/child-safety/{case}/report/",
]


@pytest.mark.parametrize("path", PAGES)
def test_only_people_with_the_permission_come_in(alice: User, path: str) -> None:
    path = path.format(case=make_case().pk)
    staff, root = make_user(is_staff=True), make_user(is_staff=True, is_superuser=True)
    single = make_reviewer("single@example.com")
    single.authenticator_set.all().delete()
    for person in (staff, root):
        add_second_factor(person)
    answers = {}
    for name, person in {"alice": alice, "staff": staff, "root": root, "single": single}.items():
        client = Client()
        client.force_login(person)
        answers[name] = client.get(path)

    assert answers["alice"].status_code == 403
    assert answers["staff"].status_code == 403
    assert answers["root"].status_code == 403
    assert answers["single"].headers["Location"] == "/accounts/2fa/"
    assert Client().get(path).headers["Location"].startswith("/accounts/login/")
    assert not AuditEntry.objects.filter(event__startswith="child_safety.evidence").exists()


def test_stills_stand_blurred_in_the_page_and_every_look_is_logged_before_it(
    desk: Client, reviewer: User
) -> None:
    case = make_case()
    queue = desk.get("/console/child-safety/")
    page = desk.get(f"/console/child-safety/{case.pk}/")
    clear = desk.post(f"/console/child-safety/{case.pk}/", {"look": "stills"})
    record = desk.post(f"/console/child-safety/{case.pk}/", {"look": "record"})

    assert "no-store" in page.headers["Cache-Control"]
    html = page.content.decode().split("<main")[1]
    assert "data:image/png" in html
    assert "<video" not in html
    assert "/media/" not in html
    assert "a drawing of a house" not in html
    assert "a drawing of a house" in record.content.decode()
    assert page.content != clear.content
    assert queue.status_code == clear.status_code == 200
    events = AuditEntry.objects.filter(actor=reviewer, event__startswith="child_safety.")
    assert [entry.data.get("what") for entry in events.order_by("pk")][-4:] == [
        "stills, blurred", "stills", "stills, blurred", "record",
    ]  # fmt: skip


def test_blurring_happens_here_and_leaves_nothing_to_recognise() -> None:
    from PIL import Image

    png = childsafety.still_png(np.asarray(drawing(1280, 720)))
    blurred = np.asarray(Image.open(io.BytesIO(childsafety.shown(png, blurred=True))), np.int16)
    grey = np.asarray(Image.open(io.BytesIO(childsafety.shown(png, blurred=False))), np.int16)

    assert blurred.ndim == grey.ndim == 2
    edges = [np.abs(np.diff(picture, axis=1)).max() for picture in (blurred, grey)]
    assert edges[0] < 25 < edges[1]


def test_reporting_closes_the_account_and_letting_go_opens_it_again(reviewer: User) -> None:
    guilty, misread = make_user(), make_user()
    first = make_case(guilty)
    second = make_case(misread, kind="text", files=0, verdict=GRAVE)
    childsafety.decide(first, action="report", note="A test.", by=reviewer)
    childsafety.decide(second, action="not_child", note="A swimming lesson.", by=reviewer)
    guilty.refresh_from_db(), misread.refresh_from_db()

    assert guilty.is_suspended
    assert not misread.is_suspended
    assert CyberTip.objects.get(case=first).status == "waiting"
    with pytest.raises(CaseClosed):
        childsafety.decide(first, action="not_child", note="Late.", by=reviewer)


def test_an_account_stays_closed_while_another_case_holds_it(alice: User, reviewer: User) -> None:
    words = make_case(alice, kind="text", files=0, verdict=GRAVE)
    make_case(alice, kind="known")
    ChildSafetyCase.objects.update(account_held=True)
    words.refresh_from_db()
    childsafety.decide(words, action="not_child", note="Misread.", by=reviewer)
    alice.refresh_from_db()
    assert alice.is_suspended


def test_a_case_passed_on_is_decided_by_somebody_else_and_nobody_judges_themselves(
    reviewer: User,
) -> None:
    case, own = make_case(), make_case(reviewer)
    childsafety.decide(case, action="escalate", note="Not sure.", by=reviewer)
    assert ChildSafetyCase.objects.queue().first() == case
    for one in (case, own):
        with pytest.raises(NotYoursToDecide):
            childsafety.decide(one, action="not_child", note="Fine.", by=reviewer)
    childsafety.decide(case, action="not_child", note="Fine.", by=make_reviewer("b@example.com"))
    assert ChildSafetyDecision.objects.filter(case=case).count() == 2


def test_a_decision_needs_a_note_and_a_draft_that_can_be_filed(
    desk: Client, reviewer: User
) -> None:
    case = make_case()
    empty = desk.post(f"/console/child-safety/{case.pk}/", {"action": "report", "note": "  "})
    assert empty.status_code == 400
    with pytest.raises(NoteMissing):
        childsafety.decide(case, action="report", note=" \0 ", by=reviewer)
    CyberTip.objects.update(answers={"incident_type": "Something"})
    with pytest.raises(ReportIncomplete):
        childsafety.decide(case, action="report", note="Yes.", by=reviewer)
    assert not ChildSafetyDecision.objects.exists()
    assert CyberTip.objects.get().status == "draft"


def test_the_draft_is_filled_in_on_its_page_and_then_sent(desk: Client) -> None:
    case = make_case()
    url = f"/console/child-safety/{case.pk}/report/"
    answers = {
        "incident_type": "Child Sex Trafficking",
        "classification": "B2",
        "annotations": ["generativeAi", "infant"],
        "viewed": "on",
        "escalate": "",
        "additional": "Seen twice.",
    }
    assert desk.post(url, {**answers, "classification": "Z9"}).status_code == 400
    assert desk.post(url, answers).status_code == 302
    desk.post(f"/console/child-safety/{case.pk}/", {"action": "report", "note": "Clear."})
    tip = CyberTip.objects.get()

    assert (tip.status, tip.answers["classification"]) == ("waiting", "B2")
    assert desk.post(url, answers).status_code == 409
    assert "disabled" in desk.get(url).content.decode()


def test_the_list_of_evidence_has_digests_and_views_and_no_content(
    desk: Client, reviewer: User
) -> None:
    case = make_case(text="secret words")
    childsafety.look_at_record(case, by=reviewer)
    answer = desk.post("/console/child-safety/evidence.csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))

    assert desk.get("/console/child-safety/evidence.csv").status_code == 405
    assert len(rows) == 3
    assert all(len(row["sha256"]) == 64 for row in rows)
    assert any(f"user {reviewer.pk} (record)" in row["views"] for row in rows)
    assert "secret" not in answer.content.decode()
    assert AuditEntry.objects.filter(event="child_safety.evidence_exported").count() == 1


def test_an_authority_can_have_evidence_kept_longer(desk: Client) -> None:
    case = make_case()
    url = f"/console/child-safety/{case.pk}/prolong/"
    before = SealedEvidence.objects.values_list("hold_until", flat=True)[0]
    desk.post(url, {"days": "9999", "reference": "X"})
    desk.post(url, {"days": "800", "reference": " "})
    assert SealedEvidence.objects.values_list("hold_until", flat=True)[0] == before
    desk.post(url, {"days": "800", "reference": "Warrant 12"})
    assert SealedEvidence.objects.values_list("hold_until", flat=True)[0] > before


# --- A clip somebody reported --------------------------------------------------------------------


def reported_clip(alice: User) -> Video:
    from generation.media import Encoder

    video: Video = make_video(by=alice, width=64, height=64)
    path = Path(site.SORA_MEDIA_ROOT) / "private" / video.media_key
    path.parent.mkdir(parents=True, exist_ok=True)
    with Encoder(path, width=64, height=64, fps=12) as encoder:
        for shade in range(12):
            encoder.write(np.full((64, 64, 3), shade * 20, np.uint8))
    childsafety.take_reported(video, by=None)
    return video


def test_any_staff_member_can_pass_a_reported_clip_on_and_sees_it_no_more(
    alice: User, bob: User, console: Client, reviewer: User
) -> None:
    from generation.media import Encoder

    video = make_video(by=alice, width=64, height=64)
    path = Path(site.SORA_MEDIA_ROOT) / "private" / video.media_key
    path.parent.mkdir(parents=True, exist_ok=True)
    with Encoder(path, width=64, height=64, fps=12) as encoder:
        for shade in range(12):
            encoder.write(np.full((64, 64, 3), shade * 20, np.uint8))
    case = services.file_report(video, reason="sexual_minors", reporter=bob).case
    console.post(f"/console/cases/{case.pk}/child-safety/")
    video.refresh_from_db()

    assert Case.objects.get(pk=case.pk).status == "closed"
    assert video.quarantined_at is not None
    diverted = ChildSafetyCase.objects.get()
    assert (diverted.kind, diverted.person, diverted.video) == ("reported", alice, video)
    assert console.get(f"/console/child-safety/{diverted.pk}/").status_code == 403
    assert diverted.evidence.filter(kind="still").exists()

    childsafety.decide(diverted, action="not_child", note="Grey squares.", by=reviewer)
    video.refresh_from_db()
    assert video.quarantined_at is None


@committed
def test_an_upload_that_was_reported_is_refused_whatever_its_form(
    alice: User, workspace: Workspace, settings: Any, reviewer: User
) -> None:
    see(settings, sexual_minors=0.9)
    checked(workspace, encoded(drawing()))
    childsafety.decide(ChildSafetyCase.objects.get(), action="report", note="A test.", by=reviewer)
    see(settings)
    other = personal_workspace(make_user())
    again = checked(other, encoded(drawing(), "JPEG", quality=90))
    assert (again.status, again.reason_code) == ("refused", "removed_clip")
    assert Upload.objects.filter(status="ready").count() == 0
