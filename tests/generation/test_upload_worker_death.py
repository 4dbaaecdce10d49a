"""kill -9 of the worker at every stage of a check: another takes over, and it is ready once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.db import connection
from django.db.models import F

from accounts.models import AuditEntry, Workspace
from generation.attempt import LeaseLost
from generation.models import Upload, UploadFingerprint
from generation.uploads import checks as upload_checks
from generation.uploads import services as uploads
from tests.generation.uploading import bring, drawing, encoded

pytestmark = pytest.mark.django_db(transaction=True)
STAGES = ["join", "read", "compare", "review", "store"]
Status = Upload.Status

CHILD = """
import django; django.setup()
from generation.uploads import checks as upload_checks
upload_checks.drain()
"""


def start_worker(**environment: str) -> subprocess.Popen[bytes]:
    """A worker process of its own, on this test's database."""
    name = connection.settings_dict["NAME"]
    url = site.DATABASE_URL.replace("/sora?", f"/{name}?")
    if url == site.DATABASE_URL:
        url = site.DATABASE_URL.rsplit("/", 1)[0] + f"/{name}"
    return subprocess.Popen(
        [sys.executable, "-c", CHILD],
        cwd=site.BASE_DIR,
        env={**os.environ, "DATABASE_URL": url, "SORA_LEASE_SECONDS": "2", **environment},
    )


def sweep_until_taken(upload: Upload, *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if upload_checks.sweep():
            return
        time.sleep(0.2)
    raise AssertionError(f"not swept: {Upload.objects.values().get(pk=upload.pk)}")


def files(area: str, upload: Upload) -> list[Path]:
    from django.core.files.storage import storages

    root = Path(storages[area].location) / uploads.folder_of(upload)  # type: ignore[attr-defined]
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_killed_there_costs_nothing_but_time(
    stage: str, workspace: Workspace, development_ca: None
) -> None:
    upload = bring(workspace, encoded(drawing()))
    child = start_worker(SORA_FAILPOINTS=f"upload_{stage}=kill")
    assert child.wait(timeout=300) == -signal.SIGKILL
    upload.refresh_from_db()
    assert (upload.status, upload.attempts) == (Status.CHECKING, 1)
    assert not reading_children()

    sweep_until_taken(upload)
    assert upload_checks.drain() == 1

    upload.refresh_from_db()
    assert (upload.status, upload.attempts) == (Status.READY, 2)
    assert len(files("private", upload)) == 2
    assert not files("quarantine", upload)
    assert UploadFingerprint.objects.filter(upload=upload).count() == 3
    assert AuditEntry.objects.filter(event="upload.ready").count() == 1


def test_a_file_that_kills_every_worker_is_refused_after_three(
    workspace: Workspace, settings: Any
) -> None:
    upload = bring(workspace, encoded(drawing()))
    settings.SORA_LEASE_SECONDS = -1
    for attempt in range(1, 4):
        claimed = upload_checks.claim()
        assert claimed is not None
        assert claimed.attempts == attempt
        assert upload_checks.sweep() == 1
    upload.refresh_from_db()
    assert (upload.status, upload.reason_code) == (Status.REFUSED, "worker_lost")
    assert not files("quarantine", upload)


def test_a_worker_that_comes_back_from_the_dead_writes_nothing(
    workspace: Workspace, settings: Any, development_ca: None
) -> None:
    upload = bring(workspace, encoded(drawing()))
    settings.SORA_LEASE_SECONDS = -1
    zombie = upload_checks.claim()
    assert zombie is not None
    assert upload_checks.sweep() == 1
    settings.SORA_LEASE_SECONDS = 30
    assert upload_checks.drain() == 1
    upload.refresh_from_db()
    before = Upload.objects.values().get(pk=upload.pk)

    upload_checks.run(zombie)
    assert not upload_checks.refuse(zombie, "unreadable")
    assert not upload_checks.put_back(zombie)
    assert Upload.objects.values().get(pk=upload.pk) == before
    assert len(files("private", upload)) == 2


def test_a_zombie_that_had_finished_its_reading_leaves_no_files(
    workspace: Workspace, settings: Any, development_ca: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upload is taken over between the last look at the lease and the last write."""
    upload = bring(workspace, encoded(drawing()))
    claimed = upload_checks.claim()
    assert claimed is not None
    deliver = upload_checks.deliver

    def too_late(*arguments: Any) -> None:
        Upload.objects.filter(pk=upload.pk).update(epoch=F("epoch") + 1)
        deliver(*arguments)

    monkeypatch.setattr(upload_checks, "deliver", too_late)
    with pytest.raises(LeaseLost), upload_checks.Lease(claimed) as lease:
        upload_checks.check(claimed, lease)
    assert not files("private", upload)
    assert not UploadFingerprint.objects.exists()


def test_two_workers_never_check_the_same_upload(workspace: Workspace) -> None:
    first, second = bring(workspace, encoded(drawing())), bring(workspace, encoded(drawing()))
    claimed = [upload_checks.claim(), upload_checks.claim(), upload_checks.claim()]
    assert [c.pk if c else None for c in claimed] == [first.pk, second.pk, None]


def test_an_upload_that_is_removed_while_it_is_checked_stays_removed(
    workspace: Workspace, development_ca: None
) -> None:
    upload = bring(workspace, encoded(drawing()))
    claimed = upload_checks.claim()
    assert claimed is not None
    uploads.trash_upload(upload, by=workspace.owner)
    upload_checks.run(claimed)
    assert not Upload.objects.exists()
    assert not files("private", upload)
    assert not files("quarantine", upload)


def test_missing_pieces_are_not_taken_for_the_file(workspace: Workspace) -> None:
    upload = bring(workspace, encoded(drawing()))
    for path in files("quarantine", upload):
        path.write_bytes(path.read_bytes()[:-1])
    upload_checks.drain()
    upload.refresh_from_db()
    assert upload.reason_code == "damaged_in_transit"


def reading_children() -> list[str]:
    """Processes of ours that read a file and have lost their parent."""
    listed = subprocess.run(["ps", "-eo", "ppid=,args="], capture_output=True, text=True).stdout
    return [row for row in listed.splitlines() if "reading.child" in row and row.split()[0] == "1"]
