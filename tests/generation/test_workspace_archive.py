"""A workspace as one file and back: the same, bit for bit; and what is refused on the way."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from accounts import services as accounts
from accounts.models import AuditEntry, Membership, User, Workspace
from feeds.models import Like
from generation import chores, library, services
from generation.archives import format as form
from generation.archives import reading as archive_reading
from generation.archives import writing as archive_writing
from generation.errors import NotAnArchive
from generation.models import Chore, Draft, SafetyCheck, Source, Video
from generation.provenance.c2pa import load_signer
from generation.provenance.development_ca import ensure_development_ca
from sora_site.lib import storage
from tests.factories import make_membership, make_user
from tests.generation.real_clips import file_of, make_clip

pytestmark = pytest.mark.django_db(transaction=True)  # a lease is renewed from another thread


@pytest.fixture
def full(development_ca: None, workspace: Workspace, alice: User, charlie: User) -> Workspace:
    """Two clips, one made from the other; a folder, a favourite, a like, a preset, a draft."""
    first = make_clip(workspace, plan={"tool": "text"}, understood=["red balloon"])
    second = make_clip(workspace, prompt="das Schiff fährt", parents=(first,), tool="remix")
    Source.objects.create(
        workspace=workspace,
        generation=second.generation,
        video=first,
        relationship="parentOf",
    )
    SafetyCheck.objects.create(
        workspace=workspace,
        generation=first.generation,
        stage="prompt",
        action="guard",
        profile="default",
        policy_version="1",
        verdict={"action": "guard"},
    )
    folder = library.create_folder(workspace, "Balloons", by=alice)
    library.move_to_folder([first], folder)
    library.mark_favourites([first], by=alice, on=True)
    Like.objects.create(workspace=workspace, video=second, user=charlie)
    library.save_preset(workspace, name="Mine", text="in soft light", by=alice)
    Draft.objects.create(workspace=workspace, created_by=alice, title="Draft", plan={"a": 1})
    return workspace


def written(workspace: Workspace, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    archive_writing.write_archive(workspace, folder / "archive.zip", scratch=folder)
    return folder / "archive.zip"


def read(archive: Path, workspace: Workspace, by: User, scratch: Path) -> form.Report:
    scratch.mkdir(parents=True, exist_ok=True)
    return archive_reading.read_archive(archive, workspace, by=by, scratch=scratch)


def content(archive: Path) -> dict[str, bytes]:
    """All but the cover: a signature is another one each time."""
    with zipfile.ZipFile(archive) as bundle:
        return {n: bundle.read(n) for n in bundle.namelist() if n != form.COVER}


def repacked(archive: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """The archive with files changed or, for None, left away."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if (data := change(name, old.read(name))) is not None:
                new.writestr(name, data)
    return target


def damaged(name: str) -> Callable[[str, bytes], bytes]:
    def change(each: str, data: bytes) -> bytes:
        if not each.endswith(name):
            return data
        middle = len(data) // 2
        return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]

    return change


def test_another_workspace_gets_the_same_library_bit_for_bit(
    full: Workspace, alice: User, tmp_path: Path
) -> None:
    other = accounts.create_workspace(alice, full.name)
    archive = written(full, tmp_path / "a")
    report = read(archive, other, alice, tmp_path / "scratch")
    again = written(other, tmp_path / "b")

    assert (report.taken_in, report.left_out) == (2, [])
    assert content(again) == content(archive)
    assert len(content(archive)) == 2 * 4 + 3


def test_a_lost_workspace_comes_back_with_its_ids(
    full: Workspace, alice: User, charlie: User, tmp_path: Path
) -> None:
    archive = written(full, tmp_path / "a")
    ids = set(Video.objects.values_list("pk", flat=True))
    bytes_before = {
        video.pk: file_of(video.media_key).read_bytes() for video in Video.objects.all()
    }
    for video in Video.objects.all():
        file_of(video.media_key).unlink()
    Source.objects.all().delete()
    Video.objects.all().delete()
    read(archive, full, alice, tmp_path / "scratch")
    child = Video.objects.get(generation__prompt="das Schiff fährt")
    parent = child.parents.get()

    assert set(Video.objects.values_list("pk", flat=True)) == ids
    assert {v.pk: file_of(v.media_key).read_bytes() for v in (child, parent)} == bytes_before
    assert parent.folder_entry.folder.name == "Balloons"
    assert parent.favourites.get().user == alice
    assert child.likes.get().user == charlie
    assert child.generation.sources.get().video == parent
    assert child.fingerprints.exists()
    assert (child.shared_at, child.workspace) == (None, full)


def test_a_clip_that_must_stay_private_stays_so(
    full: Workspace, alice: User, tmp_path: Path, api: APIClient
) -> None:
    other = accounts.create_workspace(alice, "Other")
    read(written(full, tmp_path / "a"), other, alice, tmp_path / "s")
    guarded = Video.objects.get(workspace=other, folder_entry__isnull=False)

    answer = api.post(f"/api/v1/videos/{guarded.pk}/share/")
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "not_shareable"


def test_reading_it_twice_adds_nothing(full: Workspace, alice: User, tmp_path: Path) -> None:
    other = accounts.create_workspace(alice, "Other")
    archive = written(full, tmp_path / "a")
    read(archive, other, alice, tmp_path / "s1")
    second = read(archive, other, alice, tmp_path / "s2")
    at_home = read(archive, full, alice, tmp_path / "s3")

    assert (second.taken_in, second.already_there) == (0, 2)
    assert (at_home.taken_in, at_home.already_there) == (0, 2)
    assert Video.objects.count() == 4
    assert Draft.objects.filter(workspace=other).count() == 1


def test_trash_quarantine_and_a_removal_since_the_export_stay_out(
    full: Workspace, alice: User, staff: User, tmp_path: Path
) -> None:
    whole = written(full, tmp_path / "a")
    first, second = Video.objects.order_by("created_at")
    library.trash([first], by=alice)
    services.quarantine_video(second, by=staff, reason="test")
    other = accounts.create_workspace(alice, "Other")
    report = read(whole, other, alice, tmp_path / "s")

    assert not [name for name in content(written(full, tmp_path / "b")) if "clips/" in name]
    assert report.taken_in == 1
    assert report.left_out == [{"clip": str(second.pk), "why": "It was removed under the rules."}]


@pytest.mark.parametrize("name", [form.CLIP, form.POSTER, form.MANIFEST, form.RECORD])
def test_a_damaged_file_costs_its_clip_alone(
    full: Workspace, alice: User, tmp_path: Path, name: str
) -> None:
    other = accounts.create_workspace(alice, "Other")
    victim = Video.objects.order_by("created_at").first()
    broken = repacked(
        written(full, tmp_path / "a"), tmp_path / "b.zip", damaged(f"{victim.pk}/{name}")
    )
    report = read(broken, other, alice, tmp_path / "s")

    assert report.taken_in == 1
    assert [item["clip"] for item in report.left_out] == [str(victim.pk)]
    assert "changed or damaged" in report.left_out[0]["why"]


def refused(archive: Path, workspace: Workspace, by: User, scratch: Path) -> str:
    with pytest.raises(NotAnArchive) as refusal:
        read(archive, workspace, by, scratch)
    assert Video.objects.filter(workspace=workspace).count() == 0
    return refusal.value.message


@pytest.fixture
def other(alice: User) -> Workspace:
    return accounts.create_workspace(alice, "Other")


def test_another_prompt_for_a_signed_clip_breaks_the_seal(
    full: Workspace, other: Workspace, alice: User, tmp_path: Path
) -> None:
    """Also when whoever changed it wrote the sums anew."""

    def lie(name: str, data: bytes) -> bytes:
        return data.replace(b"a red balloon", b"something else")

    import hashlib

    archive = written(full, tmp_path / "a")
    lying = repacked(archive, tmp_path / "b.zip", lie)
    sums = {
        name: hashlib.sha256(data).hexdigest()
        for name, data in content(lying).items()
        if name != form.SUMS
    }
    text = "".join(f"{value}  {name}\n" for name, value in sums.items()).encode()
    resummed = repacked(
        lying, tmp_path / "c.zip", lambda name, data: text if name == form.SUMS else data
    )

    assert "seal" in refused(resummed, other, alice, tmp_path / "s")


@pytest.mark.parametrize("name", [form.SUMS, form.COVER, form.LIBRARY])
def test_without_seal_sums_or_library_it_is_no_archive(
    full: Workspace, other: Workspace, alice: User, tmp_path: Path, name: str
) -> None:
    archive = repacked(
        written(full, tmp_path / "a"),
        tmp_path / "b.zip",
        lambda each, data: None if each == name else data,
    )

    assert name in refused(archive, other, alice, tmp_path / "s")


@pytest.fixture
def foreign(tmp_path: Path) -> Any:
    """The signer of another site."""
    ensure_development_ca(tmp_path / "foreign", settings.SITE_NAME)
    return load_signer(development_ca=tmp_path / "foreign")


def test_an_archive_sealed_by_another_site_is_refused(
    full: Workspace,
    other: Workspace,
    alice: User,
    tmp_path: Path,
    foreign: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("generation.signing.identity", lambda: foreign)
        archive = written(full, tmp_path / "a")

    assert "another site's" in refused(archive, other, alice, tmp_path / "s")


def test_a_clip_signed_by_another_site_is_left_out(
    full: Workspace, other: Workspace, alice: User, tmp_path: Path, foreign: Any
) -> None:
    stranger = make_clip(full, identity=foreign)
    report = read(written(full, tmp_path / "a"), other, alice, tmp_path / "s")

    assert report.taken_in == 2
    assert [item["clip"] for item in report.left_out] == [str(stranger.pk)]
    assert "no valid signature" in report.left_out[0]["why"]


def test_a_prompt_against_todays_rules_is_left_out(
    full: Workspace, other: Workspace, alice: User, tmp_path: Path
) -> None:
    bad = make_clip(full)
    bad.generation.prompt = "explicit sex scene with a child"
    bad.generation.save()
    report = read(written(full, tmp_path / "a"), other, alice, tmp_path / "s")

    assert [item["clip"] for item in report.left_out] == [str(bad.pk)]


def test_known_material_is_left_out(
    full: Workspace, other: Workspace, alice: User, tmp_path: Path, settings: Any
) -> None:
    video = Video.objects.order_by("created_at").first()
    listed = tmp_path / "listed"
    listed.write_text(bytes(video.fingerprints.first().hash).hex() + "\n")
    archive = written(full, tmp_path / "a")
    settings.SORA_KNOWN_HASHES = str(listed)
    report = read(archive, other, alice, tmp_path / "s")

    assert str(video.pk) in [item["clip"] for item in report.left_out]


@pytest.mark.parametrize(
    "name",
    ["../../evil", "/etc/passwd", "clips/../../x/clip.mp4", "clips/a\\..\\b", "extra.txt"],
)
def test_a_name_that_no_export_writes_is_refused(
    full: Workspace, other: Workspace, alice: User, tmp_path: Path, name: str
) -> None:
    archive = written(full, tmp_path / "a")
    with zipfile.ZipFile(archive, "a") as bundle:
        bundle.writestr(name, b"boo")

    assert "no export writes" in refused(archive, other, alice, tmp_path / "s")
    assert not list(tmp_path.rglob("evil"))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(
    other: Workspace, alice: User, tmp_path: Path, development_ca: None
) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in (form.SUMS, form.LIBRARY, form.UPLOADS):
            bundle.writestr(name, b"0" * (60 * 2**20))

    assert "unpack to far more" in refused(bomb, other, alice, tmp_path / "s")


def test_a_size_that_lies_is_not_believed(
    full: Workspace, other: Workspace, alice: User, tmp_path: Path
) -> None:
    """The directory says ten bytes, the data holds more."""
    archive = written(full, tmp_path / "a")
    data = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as bundle:
        size = bundle.getinfo(form.SUMS).file_size
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(form.SUMS.encode()))
    assert int.from_bytes(data[at + 24 : at + 28], "little") == size
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    archive.write_bytes(bytes(data))

    assert refused(archive, other, alice, tmp_path / "s")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 not really", b"\0" * 5000])
def test_what_is_no_zip_is_refused(
    other: Workspace, alice: User, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "x.zip").write_bytes(data)

    assert "no zip" in refused(tmp_path / "x.zip", other, alice, tmp_path / "s")


def test_a_torn_download_is_refused(
    full: Workspace, other: Workspace, alice: User, tmp_path: Path
) -> None:
    archive = written(full, tmp_path / "a")
    archive.write_bytes(archive.read_bytes()[:-1000])

    assert refused(archive, other, alice, tmp_path / "s")


def test_from_another_site_the_clips_are_the_importers_and_likes_stay_there(
    full: Workspace, charlie: User, tmp_path: Path, settings: Any
) -> None:
    archive = written(full, tmp_path / "a")
    settings.PUBLIC_URL = "https://elsewhere.example"
    other = accounts.create_workspace(charlie, "Other")
    report = read(archive, other, charlie, tmp_path / "s")
    here = Video.objects.filter(workspace=other)

    assert report.taken_in == 2 and "another site" in report.notes[0]
    assert {video.creator for video in here} == {charlie}
    assert not Like.objects.filter(video__in=here).exists()


# --- Over the API ----------------------------------------------------------------------------------


def test_the_owner_exports_downloads_and_imports_over_the_api(
    full: Workspace, api: APIClient, tmp_path: Path, alice: User
) -> None:
    asked = api.post(f"/api/v1/workspaces/{full.pk}/exports/")
    joined = api.post(f"/api/v1/workspaces/{full.pk}/exports/")
    chores.drain()
    done = api.get(f"/api/v1/chores/{asked.json()['id']}/").json()
    link = api.get(done["url"])
    key = Chore.objects.get(pk=done["id"]).key

    assert (asked.status_code, joined.json()["id"]) == (202, asked.json()["id"])
    assert (done["status"], done["done"], done["total"]) == ("done", 2, 2)
    assert link["Content-Type"] == "application/zip"
    assert "attachment" in link["Content-Disposition"]

    other = accounts.create_workspace(alice, "Other")
    upload = SimpleUploadedFile("a.zip", file_of(key).read_bytes(), "application/zip")
    sent = api.post(f"/api/v1/workspaces/{other.pk}/imports/", {"file": upload}, format="multipart")
    chores.drain()
    found = api.get(f"/api/v1/chores/{sent.json()['id']}/").json()

    assert sent.status_code == 202
    assert (found["status"], found["report"]["taken_in"]) == ("done", 2)
    assert not list((settings.SORA_MEDIA_ROOT / "quarantine").glob("*/imports/*"))
    events = AuditEntry.objects.filter(workspace__in=[full, other]).values_list("event", flat=True)
    assert {"workspace.exported", "workspace.imported", "video.imported"} <= set(events)


def test_a_refused_archive_says_why_over_the_api(
    api: APIClient, workspace: Workspace, development_ca: None
) -> None:
    upload = SimpleUploadedFile("a.zip", b"nothing of the kind", "application/zip")
    sent = api.post(
        f"/api/v1/workspaces/{workspace.pk}/imports/", {"file": upload}, format="multipart"
    )
    chores.drain()
    found = api.get(f"/api/v1/chores/{sent.json()['id']}/").json()

    assert found["status"] == "failed"
    assert "no zip" in found["problem"]


def test_only_admins_export_and_only_the_owner_imports(
    workspace: Workspace, stranger: APIClient
) -> None:
    clients = {}
    for role in ("viewer", "creator", "admin"):
        clients[role] = APIClient()
        clients[role].force_login(make_membership(workspace, role=role).user)
    exports, imports = (f"/api/v1/workspaces/{workspace.pk}/{x}/" for x in ("exports", "imports"))
    chore = clients["admin"].post(exports).json()["id"]

    assert stranger.post(exports).status_code == stranger.post(imports).status_code == 404
    assert stranger.get(f"/api/v1/chores/{chore}/").status_code == 404
    assert {role: c.post(exports).status_code for role, c in clients.items()} == {
        "viewer": 403,
        "creator": 403,
        "admin": 202,
    }
    assert clients["admin"].post(imports).status_code == 403
    assert clients["creator"].get(f"/api/v1/chores/{chore}/").status_code == 403
    assert clients["viewer"].get(f"/api/v1/workspaces/{workspace.pk}/chores/").json() == {
        "chores": []
    }


def test_a_taken_down_clip_takes_the_archives_it_is_in_along(
    full: Workspace, api: APIClient, staff: User
) -> None:
    api.post(f"/api/v1/workspaces/{full.pk}/exports/")
    chores.drain()
    chore = Chore.objects.get(kind="export")
    path = file_of(chore.key)
    services.quarantine_video(Video.objects.first(), by=staff, reason="test")

    assert not path.exists()
    assert not Chore.objects.filter(pk=chore.pk).exists()


def test_old_archives_are_deleted(full: Workspace, api: APIClient, settings: Any) -> None:
    api.post(f"/api/v1/workspaces/{full.pk}/exports/")
    chores.drain()
    path = file_of(Chore.objects.get(kind="export").key)
    settings.SORA_ARCHIVE_DAYS = 0

    assert chores.sweep() == 1
    assert not path.exists()


def test_chosen_clips_come_as_one_zip_with_readable_names(full: Workspace, api: APIClient) -> None:
    ids = [str(pk) for pk in Video.objects.values_list("pk", flat=True)]
    sent = api.post(f"/api/v1/workspaces/{full.pk}/downloads/", {"videos": ids})
    chores.drain()
    with zipfile.ZipFile(file_of(Chore.objects.get(pk=sent.json()["id"]).key)) as bundle:
        names = bundle.namelist()
        records = json.loads(bundle.read("clips.json"))
        first = bundle.read(records[0]["file"])

    assert len(names) == 3
    assert any("a-red-balloon-rises" in name for name in names)
    assert first == file_of(Video.objects.get(pk=records[0]["id"]).media_key).read_bytes()


def test_a_download_of_somebody_elses_clip_is_404(
    full: Workspace, charlie: User, stranger: APIClient
) -> None:
    mine = accounts.personal_workspace(charlie)
    ids = [str(Video.objects.first().pk)]

    assert (
        stranger.post(f"/api/v1/workspaces/{mine.pk}/downloads/", {"videos": ids}).status_code
        == 404
    )


# --- At the machine --------------------------------------------------------------------------------


def test_the_commands_write_and_read_an_archive(
    full: Workspace, alice: User, tmp_path: Path
) -> None:
    other = accounts.create_workspace(alice, full.name)
    out = io.StringIO()
    call_command("export_workspace", full.pk, output=str(tmp_path / "a.zip"), stdout=out)
    call_command("import_workspace", str(tmp_path / "a.zip"), workspace=other.pk, stdout=out)

    assert "2 clips" in out.getvalue()
    assert Video.objects.filter(workspace=other).count() == 2


def test_the_commands_say_what_is_wrong(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"no")
    with pytest.raises(CommandError, match="no workspace"):
        call_command("export_workspace", 999_999, output=str(tmp_path / "a.zip"))
    with pytest.raises(CommandError, match="no zip"):
        call_command("import_workspace", str(tmp_path / "x.zip"), workspace=workspace.pk)
    with pytest.raises(CommandError, match="not a file"):
        call_command("import_workspace", str(tmp_path / "none.zip"), workspace=workspace.pk)


def test_a_members_clip_stays_theirs_and_a_strangers_becomes_the_importers(
    development_ca: None, workspace: Workspace, alice: User, tmp_path: Path
) -> None:
    bob = make_membership(workspace, make_user(), role=Membership.Role.CREATOR).user
    make_clip(workspace, by=bob)
    archive = written(workspace, tmp_path / "a")
    without, with_bob = (accounts.create_workspace(alice, name) for name in ("Without", "With"))
    make_membership(with_bob, bob)
    read(archive, without, alice, tmp_path / "s1")
    read(archive, with_bob, alice, tmp_path / "s2")

    assert Video.objects.get(workspace=without).creator == alice
    assert Video.objects.get(workspace=with_bob).creator == bob


def test_storage_keys_never_come_from_the_archive(
    full: Workspace, other: Workspace, alice: User, tmp_path: Path
) -> None:
    read(written(full, tmp_path / "a"), other, alice, tmp_path / "s")

    for video in Video.objects.filter(workspace=other):
        assert video.media_key == f"{other.pk}/{video.pk}/clip.mp4"
        assert storage.local_path(video.media_key).is_file()
