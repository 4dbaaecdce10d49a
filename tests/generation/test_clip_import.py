"""MP4s of another place with a table of prompts: each an upload, each with a draft."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from generation.errors import InvalidFile
from generation.models import Draft, Upload
from generation.uploads import agreement as upload_agreement
from generation.uploads import services as uploads
from generation.uploads.clip_import import Row, import_clips, read_table

pytestmark = pytest.mark.django_db
HEAD = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"


@pytest.fixture
def agreed(alice: User) -> User:
    uploads.agree(alice, version=upload_agreement.VERSION, statements=list(upload_agreement.CODES))
    return alice


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one.mp4", "two.mp4"):
        (tmp_path / name).write_bytes(HEAD + bytes(2000))
    return tmp_path


def test_every_row_becomes_an_upload_with_a_draft(
    agreed: User, workspace: Workspace, folder: Path
) -> None:
    (folder / "prompts.csv").write_text("file,prompt\none.mp4,a red ball\ntwo.mp4,ein Schiff\n")
    out = io.StringIO()
    call_command(
        "import_clips",
        str(folder),
        prompts=str(folder / "prompts.csv"),
        workspace=workspace.pk,
        stdout=out,
    )
    drafts = list(Draft.objects.filter(workspace=workspace).order_by("created_at"))

    assert "2 files wait" in out.getvalue()
    assert {upload.status for upload in Upload.objects.all()} == {"waiting"}
    assert [draft.plan["prompt"] for draft in drafts] == ["a red ball", "ein Schiff"]
    assert {draft.plan["source"] for draft in drafts} == {
        f"upload:{upload.pk}" for upload in Upload.objects.all()
    }


def test_a_bad_row_costs_only_itself(
    agreed: User, workspace: Workspace, folder: Path, tmp_path_factory: Any
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "x.mp4"
    outside.write_bytes(HEAD)
    (folder / "link.mp4").symlink_to(outside)
    (folder / "text.mp4").write_text("no video at all, only words")
    rows = [
        Row("../x.mp4", "a"),
        Row("link.mp4", "a"),
        Row("none.mp4", "a"),
        Row("one.mp4", "  "),
        Row("one.mp4", "explicit sex scene with a child"),
        Row("text.mp4", "a"),
        Row("two.mp4", "a blue boat"),
    ]
    result = import_clips(folder, rows, workspace, by=agreed)

    assert result.taken == ["two.mp4"]
    assert [file for file, _ in result.left_out] == [row.file for row in rows[:-1]]
    assert Draft.objects.count() == Upload.objects.count() == 1


def test_without_the_agreement_nothing_comes_in(
    alice: User, workspace: Workspace, folder: Path
) -> None:
    result = import_clips(folder, [Row("one.mp4", "a boat")], workspace, by=alice)

    assert result.taken == [] and Upload.objects.count() == 0
    assert result.left_out[0][1]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("t.csv", "name,prompt\na,b\n", "Row 1"),
        ("t.json", "{", "can't be read"),
        ("t.json", json.dumps([{"file": "a.mp4", "prompt": "x"}, {"file": 3}]), "Row 2"),
        ("t.json", '{"file": "a"}', "no list"),
        ("t.json", json.dumps([{"file": "a", "prompt": "b"}] * 2001), "no list"),
    ],
)
def test_a_table_that_can_not_be_used_names_the_row(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidFile, match=says):
        read_table(tmp_path / name)


def test_the_zip_of_chosen_clips_has_such_a_table(tmp_path: Path) -> None:
    (tmp_path / "clips.json").write_text(json.dumps([{"file": "a.mp4", "prompt": "x", "id": "y"}]))

    assert read_table(tmp_path / "clips.json") == [Row("a.mp4", "x")]


def test_the_command_says_what_is_missing(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no workspace"):
        call_command("import_clips", str(tmp_path), prompts="x", workspace=10**6)
    with pytest.raises(CommandError, match="not a folder"):
        call_command("import_clips", str(tmp_path), prompts="/x", workspace=workspace.pk)


# --- The page ----------------------------------------------------------------------------------------


def read(api: APIClient, workspace: Workspace, text: str, name: str = "prompts.csv") -> Any:
    body = {"name": name, "text": text}
    return api.post(f"/api/v1/workspaces/{workspace.pk}/prompt-tables/", body)


def test_a_table_is_read_row_by_row_with_what_is_wrong(
    api: APIClient, workspace: Workspace
) -> None:
    answer = read(api, workspace, "\ufefffile,prompt\na.mp4,a red ball\nb.mp4,   \n")
    assert answer.status_code == 200, answer.content
    first, second = answer.json()["rows"]
    assert first == {"file": "a.mp4", "prompt": "a red ball", "problem": ""}
    assert second["file"] == "b.mp4" and second["problem"]
    listed = json.dumps([{"file": "a.mp4", "prompt": "ein Schiff"}])
    assert read(api, workspace, listed, "x.json").json()["rows"][0]["prompt"] == "ein Schiff"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.json", "{"),
        ("x.json", "{}"),
        ("x.json", "[" * 100_000),
        ("x.csv", "name,words\na.mp4,x\n"),
        ("x.csv", "file,prompt\n" + "a.mp4,x\n" * 201),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_with_the_remedy(
    api: APIClient, workspace: Workspace, name: str, text: str
) -> None:
    answer = read(api, workspace, text, name)
    assert answer.status_code == 400
    assert answer.json()["error"]["remedy"]


def test_strangers_read_no_table_and_the_page_asks_for_the_agreement(
    api: APIClient, stranger: APIClient, workspace: Workspace, alice: User
) -> None:
    assert read(stranger, workspace, "file,prompt\n").status_code == 404
    html = api.get("/library/import/").content.decode()
    assert "/uploads/agreement/?next=/library/import/" in html and "data-files" not in html
    uploads.agree(alice, version=upload_agreement.VERSION, statements=list(upload_agreement.CODES))
    assert "data-files" in api.get("/library/import/").content.decode()
