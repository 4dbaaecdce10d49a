"""A takedown follows lineage and re-uploads, closes every link at once, and meets what races with it."""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from feeds.errors import NotShareable
from feeds.services import share_video
from generation import services as generation
from generation import takedown
from generation.errors import SourceGone
from generation.models import Fingerprint, Receipt, Source, Upload, UploadFingerprint, Video
from generation.provenance.fingerprint import bands
from moderation import removals, services
from moderation.models import Decision, Removal
from sora_site.lib import storage
from tests.factories import make_generation, make_user, make_video

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(db: None) -> User:
    return make_user("boss@example.com", is_staff=True, is_superuser=True)


def with_files(video: Video) -> Video:
    for key in (video.media_key, video.poster_key):
        path = Path(settings.SORA_MEDIA_ROOT) / "private" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"pictures")
    return video


def decide(video: Video, by: User, action: str = "takedown", **params: Any) -> Decision:
    case = services.file_report(video, reason="deceptive", address=f"a{video.pk}").case
    return services.decide(case, action=action, note="It is.", by=by, params=params)


def upload_like(video: Video, owner: User) -> Upload:
    from accounts.services import personal_workspace

    upload = Upload.objects.create(
        workspace=personal_workspace(owner),
        uploaded_by=owner,
        name="again.png",
        status="ready",
        size_bytes=9,
        media_key=f"{personal_workspace(owner).pk}/uploads/x/1/again.png",
    )
    for n in range(4):
        value = hashlib.sha256(f"{video.pk}{n}".encode()).digest()
        for model, fields in (
            (Fingerprint, {"video": video, "workspace": video.workspace}),
            (UploadFingerprint, {"upload": upload, "workspace": upload.workspace}),
        ):
            model.objects.create(at_ms=n * 250, variant=0, hash=value, bands=bands(value), **fields)
    return upload


def test_it_takes_every_descendant_and_re_upload_and_what_was_made_from_that(
    video: Video, bob: User, boss: User
) -> None:
    child, grandchild, apart = make_video(by=bob), make_video(), make_video(by=bob)
    child.parents.add(video)
    grandchild.parents.add(child)
    upload = upload_like(video, bob)
    made = make_video(by=bob)
    Source.objects.create(
        workspace=made.workspace,
        generation=made.generation,
        upload=upload,
        relationship="componentOf",
    )

    decision = decide(video, boss)

    gone = set(Video.objects.exclude(quarantined_at=None).values_list("pk", flat=True))
    assert gone == {video.pk, child.pk, grandchild.pk, made.pk}
    upload.refresh_from_db(), apart.refresh_from_db()
    assert upload.quarantined_at is not None and apart.quarantined_at is None
    # Everybody who lost a clip has a statement of their own, complete and to be appealed.
    said = Receipt.objects.filter(kind="removal")
    assert {receipt.subject_id for receipt in said} == {str(pk) for pk in gone}
    assert {receipt.person_id for receipt in said} == {
        video.creator_id,
        bob.pk,
        grandchild.creator_id,
    }
    assert not Removal.objects.filter(video__isnull=False, receipt=None).exists()

    services.reverse(decision, by=boss, note="It was real.")
    assert not Video.objects.exclude(quarantined_at=None).exists()
    upload.refresh_from_db()
    assert upload.quarantined_at is None


def test_signed_links_are_dead_the_moment_it_is_decided(
    video: Video, client: Client, boss: User
) -> None:
    with_files(video)
    link = storage.signed_url(video.media_key, filename="clip.mp4")
    assert client.get(link).status_code == 200

    decision = decide(video, boss)  # no file has moved yet: that happens after the commit

    assert storage.local_path(video.media_key).is_file()  # type: ignore[union-attr]
    assert client.get(link).status_code == 404
    assert removals.move_waiting() == 1
    assert not storage.local_path(video.media_key).is_file()  # type: ignore[union-attr]
    services.reverse(decision, by=boss, note="It was real.")
    assert client.get(link).status_code == 200


def test_one_owner_of_many_gets_only_their_clip_back(video: Video, bob: User, boss: User) -> None:
    from moderation import appeals

    child = make_video(by=bob)
    child.parents.add(video)
    decide(video, boss)
    receipt = Receipt.objects.get(kind="removal", person=bob)
    other = make_user(is_staff=True, is_superuser=True)

    appeal = appeals.file(receipt, by=bob, text="Mine shows something else.")
    appeals.decide(appeal, overturn=True, note="It does.", by=other)

    video.refresh_from_db(), child.refresh_from_db()
    assert child.quarantined_at is None and video.quarantined_at is not None


def test_two_decisions_about_one_clip_it_comes_back_with_the_last(video: Video, boss: User) -> None:
    child = make_video()
    child.parents.add(video)
    of_child = decide(child, boss, "remove")
    of_root = decide(video, boss)

    services.reverse(of_root, by=boss, note="Wrong.")
    child.refresh_from_db()
    assert child.quarantined_at is not None
    services.reverse(of_child, by=boss, note="Wrong too.")
    child.refresh_from_db()
    assert child.quarantined_at is None


@pytest.mark.django_db(transaction=True)
def test_a_remix_that_is_delivered_meanwhile_is_refused(video: Video, boss: User) -> None:
    job = make_generation(by=make_user(), status="running", lease_expires_at=timezone.now())
    Source.objects.create(
        workspace=job.workspace, generation=job, video=video, relationship="parentOf"
    )
    outcome: list[object] = []

    def deliver() -> None:
        try:
            generation.deliver(job, clip_of(job))
        except SourceGone as error:
            outcome.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        found = takedown.reach_of(video)
        takedown.take_out(found, by=boss, reason="case:1")
        thread = threading.Thread(target=deliver)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()  # it waits for the takedown to be committed
    thread.join(20)

    assert len(outcome) == 1
    assert not Video.objects.filter(generation=job).exists()


@pytest.mark.django_db(transaction=True)
def test_publishing_meanwhile_changes_nothing(alice: User, boss: User) -> None:
    private = make_video(by=alice, shared=False)
    outcome: list[object] = []

    def share() -> None:
        try:
            share_video(private, by=alice)
        except NotShareable as error:
            outcome.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        takedown.take_out(takedown.reach_of(private), by=boss, reason="case:1")
        thread = threading.Thread(target=share)
        thread.start()
        thread.join(0.3)
    thread.join(20)

    private.refresh_from_db()
    assert len(outcome) == 1 and private.shared_at is None


@pytest.mark.django_db(transaction=True)
def test_two_reviewers_at_once_one_decides(video: Video, boss: User) -> None:
    from moderation.errors import CaseClosed

    case = services.file_report(video, reason="spam", address="a").case
    outcomes: list[str] = []
    barrier = threading.Barrier(2)

    def decide_it(action: str) -> None:
        barrier.wait()
        try:
            services.decide(case, action=action, note="Mine.", by=boss)
            outcomes.append("decided")
        except CaseClosed:
            outcomes.append("late")
        finally:
            connection.close()

    threads = [threading.Thread(target=decide_it, args=(a,)) for a in ("remove", "dismiss")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(outcomes) == ["decided", "late"]
    assert Decision.objects.count() == 1


def clip_of(job: Any) -> generation.FinishedClip:
    return generation.FinishedClip(
        video_id=job.pk,
        media_key=f"{job.workspace_id}/{job.pk}/clip.mp4",
        poster_key=f"{job.workspace_id}/{job.pk}/poster.webp",
        under_key="",
        mark_moves=[],
        width=512,
        height=288,
        frames=24,
        fps=12,
        bytes=9,
        sha256="0" * 64,
        manifest=b"m",
        credentials={},
        hashes=[],
        engine="test 1",
        publish=False,
    )


def test_a_clip_out_of_public_lists_can_not_be_shared_again(
    video: Video, alice: User, boss: User
) -> None:
    was = video.shared_at
    decision = decide(video, boss, "unlist")
    video.refresh_from_db()
    assert video.shared_at is None and video.quarantined_at is None

    with pytest.raises(NotShareable):
        share_video(video, by=alice)
    services.reverse(decision, by=boss, note="Fine after all.")
    video.refresh_from_db()
    assert video.shared_at == was


def test_a_blocked_clip_stands_in_a_bank_until_the_decision_is_taken_back(
    video: Video, boss: User
) -> None:
    from moderation.models import HashEntry

    upload_like(video, make_user())
    decision = decide(video, boss, "block")

    assert HashEntry.objects.filter(bank__name="removed-here", status="active").count() == 4
    services.reverse(decision, by=boss, note="Wrong.")
    assert not HashEntry.objects.filter(status="active").exists()


def test_removed_files_are_deleted_when_nobody_can_appeal_any_more(
    video: Video, boss: User
) -> None:
    with_files(video)
    decide(video, boss, "remove")
    removals.move_waiting()
    lies = storage.local_path(video.media_key, "quarantine")
    assert lies is not None and lies.is_file()

    assert removals.delete_expired() == 0
    Removal.objects.update(files_until=timezone.now() - timedelta(days=1))
    hold = removals.place_hold(video, reference="Court of first instance, 7/26", by=boss)
    assert removals.delete_expired() == 0 and lies.is_file()
    removals.lift_hold(hold, by=boss)
    assert removals.delete_expired() == 1 and not lies.is_file()
    assert Video.objects.filter(pk=video.pk).exists()


def test_a_label_stands_on_the_clips_page(video: Video, boss: User, client: Client) -> None:
    decision = decide(video, boss, "label", label="altered")

    assert (
        "Shows something that never happened" in client.get(f"/clips/{video.pk}/").content.decode()
    )
    services.reverse(decision, by=boss, note="No.")
    assert "Shows something that" not in client.get(f"/clips/{video.pk}/").content.decode()


def test_an_action_that_does_not_fit_names_the_field(video: Video, boss: User) -> None:
    from moderation.errors import InvalidAction

    for action, params in (
        ("label", {"label": "nice"}),
        ("restrict", {"features": ["account"]}),
        ("restrict", {"features": ["share"], "days": 0}),
        ("suspend", {"days": "many"}),
        ("explode", {}),
    ):
        case = services.file_report(video, reason="spam", address="a").case
        with pytest.raises(InvalidAction):
            services.decide(case, action=action, note="No.", by=boss, params=params)
        assert case.is_open
    assert not Decision.objects.exists()
