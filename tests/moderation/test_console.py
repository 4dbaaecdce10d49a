"""The queue and deciding a case."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, User
from generation.models import Source, Upload, Video
from moderation import services
from moderation.errors import CaseClosed
from moderation.models import Case, Decision, Report
from tests.factories import make_user, make_video

pytestmark = pytest.mark.django_db


@pytest.fixture
def case(video: Video, bob: User) -> Case:
    return services.file_report(video, reason="deceptive", reporter=bob).case


def test_the_queue_shows_the_gravest_case_first_then_the_oldest(
    console: Client, alice: User
) -> None:
    spam = services.file_report(make_video(by=alice), reason="spam", address="a").case
    grave = services.file_report(make_video(by=alice), reason="sexual_minors", address="a").case
    older = services.file_report(make_video(by=alice), reason="spam", address="a").case
    Case.objects.filter(pk=older.pk).update(opened_at=timezone.now() - timedelta(days=1))

    assert [c.pk for c in Case.objects.queue()] == [grave.pk, older.pk, spam.pk]
    assert console.get("/console/").status_code == 200


def test_the_queue_costs_the_same_for_one_case_and_for_twenty(
    console: Client, alice: User, django_assert_max_num_queries: object
) -> None:
    for _ in range(20):
        services.file_report(make_video(), reason="spam", address="a")
    console.get("/console/")

    with django_assert_max_num_queries(28):  # type: ignore[operator]
        assert console.get("/console/").content.decode().count("/console/cases/") == 20


def test_removing_a_clip_takes_it_from_every_list_and_closes_every_link(
    console: Client, client: Client, case: Case, video: Video, staff: User
) -> None:
    file = Path(settings.SORA_MEDIA_ROOT) / "private" / video.media_key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"pictures")
    link = client.get("/api/v1/feeds/recent/").json()["videos"][0]["media_url"]
    assert client.get(link).status_code == 200

    console.post(f"/console/cases/{case.pk}/", {"action": "remove", "note": "Fake news."})

    case.refresh_from_db()
    decision = case.decisions.get()
    assert (case.status, decision.action, decision.decided_by) == ("closed", "remove", staff)
    assert client.get("/api/v1/feeds/recent/").json()["videos"] == []
    assert client.get(f"/clips/{video.pk}/").status_code == 404
    assert client.get(link).status_code == 404
    assert AuditEntry.objects.filter(event="moderation.decided").count() == 1


def test_a_dismissed_clip_stays(console: Client, case: Case, video: Video, client: Client) -> None:
    console.post(f"/console/cases/{case.pk}/", {"action": "dismiss", "note": "Plainly drawn."})

    assert client.get(f"/clips/{video.pk}/").status_code == 200
    assert not Case.objects.queue().exists()


def test_a_decision_needs_a_reason(console: Client, case: Case) -> None:
    answer = console.post(f"/console/cases/{case.pk}/", {"action": "remove", "note": "  "})

    assert answer.status_code == 400
    assert not Decision.objects.exists()


def test_a_case_is_decided_once(case: Case, staff: User, console: Client) -> None:
    services.decide(case, action="dismiss", note="Fine.", by=staff)

    with pytest.raises(CaseClosed):
        services.decide(case, action="remove", note="Not fine.", by=staff)
    late = console.post(
        f"/console/cases/{case.pk}/", {"action": "remove", "note": "Late."}, follow=True
    )

    assert "already decided" in late.content.decode()
    assert Decision.objects.count() == 1


def test_the_database_keeps_one_open_case_per_clip(case: Case) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Case.objects.create(workspace=case.workspace, video=case.video)


def test_the_case_page_shows_reports_and_the_decision(
    console: Client, case: Case, staff: User
) -> None:
    before = console.get(f"/console/cases/{case.pk}/").content.decode()
    services.decide(case, action="remove", note="Shows an invented riot.", by=staff)
    after = console.get(f"/console/cases/{case.pk}/").content.decode()

    assert Report.objects.get().receipt in before
    assert "Remove the clip" in before
    assert "Remove the clip" not in after
    assert "Shows an invented riot." in after
    assert "In quarantine" in after


@pytest.mark.parametrize("path", ["/console/", "/console/cases/{case}/"])
def test_only_staff_with_a_second_factor_get_in(case: Case, alice: User, path: str) -> None:
    path = path.format(case=case.pk)
    nobody, ordinary, single = Client(), Client(), Client()
    ordinary.force_login(alice)
    single.force_login(make_user("new-staff@example.com", is_staff=True))

    assert nobody.get(path).headers["Location"].startswith("/accounts/login/")
    assert ordinary.get(path).status_code == 403
    assert single.get(path).headers["Location"] == "/accounts/2fa/"


def test_an_unknown_case_is_not_found(console: Client) -> None:
    assert console.get("/console/cases/999999/").status_code == 404


def test_removing_a_clip_removes_the_chosen_uploads_it_was_made_from(
    console: Client, case: Case, video: Video, staff: User
) -> None:
    workspace = video.workspace
    first, second, other = (
        Upload.objects.create(
            workspace=workspace,
            uploaded_by=workspace.owner,
            name=name,
            status="ready",
            size_bytes=9,
            media_key=f"{workspace.pk}/uploads/{name}",
        )
        for name in ("first.png", "second.png", "other.png")
    )
    for upload in (first, second):
        Source.objects.create(
            workspace=workspace,
            generation=video.generation,
            upload=upload,
            relationship="componentOf",
        )
    url = f"/console/cases/{case.pk}/"
    html = console.get(url).content.decode()
    assert "first.png" in html and "second.png" in html and "other.png" not in html

    decision = {"action": "remove", "note": "both break the rule"}
    foreign = console.post(url, {**decision, "uploads": [str(other.pk)]})
    assert foreign.status_code == 400
    assert console.post(url, {**decision, "uploads": [str(first.pk)]}).status_code == 302
    rows = dict(Upload.objects.values_list("name", "quarantined_at"))
    assert rows["first.png"] is not None
    assert rows["second.png"] is None and rows["other.png"] is None
    assert AuditEntry.objects.get(event="upload.quarantined").data == {"reason": f"case:{case.pk}"}
