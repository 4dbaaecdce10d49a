"""What goes with a deleted account, and what stays."""

from __future__ import annotations

import pytest
from django.utils import timezone

from accounts import services as accounts
from accounts.models import AuditEntry, User, Workspace
from billing.services import balance
from generation import drafts
from generation.models import Draft, Generation, Upload, Video
from tests.factories import make_membership, make_user, make_video, make_workspace

pytestmark = pytest.mark.django_db


def upload_of(workspace: Workspace, by: User, **fields: object) -> Upload:
    values = {"status": "ready", "media_key": "k", "name": "house.png", "size_bytes": 9, **fields}
    return Upload.objects.create(workspace=workspace, uploaded_by=by, **values)


def test_everything_private_goes_and_what_is_shared_stays(
    alice: User, workspace: Workspace
) -> None:
    drafts.create_draft(workspace, by=alice, title="Kites", plan={"cards": []})
    private = make_video(workspace, shared=False)
    shared = make_video(workspace)
    upload, half = upload_of(workspace, alice), upload_of(workspace, alice, status="receiving")

    accounts.delete_account(alice)

    assert not Draft.objects.exists()
    private.refresh_from_db(), shared.refresh_from_db(), upload.refresh_from_db()
    assert private.deleted_at is not None
    assert (shared.deleted_at, shared.trashed_at) == (None, None)
    assert upload.trashed_at is not None
    assert not Upload.objects.filter(pk=half.pk).exists()
    assert AuditEntry.objects.filter(event="draft.deleted").count() == 1


def test_jobs_under_way_end_and_give_their_credits_back(
    alice: User, workspace: Workspace, ask: object
) -> None:
    before = balance(workspace).available
    job = ask().json()["id"]  # type: ignore[operator]
    accounts.delete_account(alice)
    assert Generation.objects.get(pk=job).status == "cancelled"
    assert balance(workspace).available == before


def test_what_is_evidence_stays_and_a_team_keeps_its_work(
    alice: User, workspace: Workspace
) -> None:
    taken_down = make_video(workspace, shared=False, quarantined_at=timezone.now())
    team = make_workspace(make_user())
    make_membership(team, alice)
    draft = drafts.create_draft(team, by=alice, title="Ours", plan={"cards": []})
    clip = make_video(team, by=alice, shared=False)

    accounts.delete_account(alice)

    assert Video.objects.get(pk=taken_down.pk).deleted_at is None
    assert Video.objects.get(pk=clip.pk).deleted_at is None
    assert Draft.objects.filter(pk=draft.pk).exists()
