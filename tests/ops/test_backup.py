"""What `restore` refuses, before it changes anything."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.db import connection

from sora_site.backup import BackupError, restore


@pytest.fixture
def empty(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state folder over a database that says it has no tables."""
    settings.SORA_STATE_DIR = tmp_path / "state"
    settings.SORA_STATE_DIR.mkdir()
    monkeypatch.setattr(connection.introspection, "table_names", list)
    return Path(settings.SORA_STATE_DIR)


def archive(folder: Path, **files: str) -> Path:
    path = folder / "site.tar"
    with tarfile.open(path, "w") as out:
        for name, text in files.items():
            entry = tarfile.TarInfo(name.replace("__", "."))
            entry.size = len(text)
            out.addfile(entry, io.BytesIO(text.encode()))
    return path


def test_a_file_that_is_no_archive(empty: Path, tmp_path: Path) -> None:
    (tmp_path / "note.tar").write_text("hello")

    with pytest.raises(BackupError, match="damaged or no archive"):
        restore(tmp_path / "note.tar")


def test_somebody_elses_archive(empty: Path, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no archive made by"):
        restore(archive(tmp_path, readme__txt="hello"))


def test_an_archive_of_a_newer_version(empty: Path, tmp_path: Path) -> None:
    manifest = json.dumps({"format": 1, "version": "999.0.0"})

    with pytest.raises(BackupError, match=r"made by version 999.0.0; this is " + site.VERSION):
        restore(archive(tmp_path, manifest__json=manifest, database__dump="-"))


def test_an_archive_whose_names_lead_out_of_the_folder(empty: Path, tmp_path: Path) -> None:
    manifest = json.dumps({"format": 1, "version": site.VERSION})
    path = archive(
        tmp_path, manifest__json=manifest, database__dump="-", **{"media/../../../escaped": "x"}
    )

    with pytest.raises(BackupError, match="damaged"):
        restore(path)

    assert not (tmp_path.parent / "escaped").exists()
    assert list(empty.iterdir()) == []


def test_a_folder_that_holds_clips(empty: Path, tmp_path: Path) -> None:
    (empty / "media").mkdir()
    (empty / "media" / "clip.mp4").write_text("a clip")

    with pytest.raises(BackupError, match="holds files"):
        restore(archive(tmp_path, readme__txt="hello"))
