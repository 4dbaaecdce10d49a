"""Who reports what, in which lane, with which clock; floods, claims of likeness, and what reporters learn."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from generation.models import SafetyCheck, Upload, Video
from moderation import hash_banks, reports, services
from moderation.case_status import status_of
from moderation.errors import ClaimIncomplete, SelfReport
from moderation.models import Case, CaseEvent, HashEntry, IntimateClaim, Notice, Receipt, Report
from moderation.screening.decision import Signal, redecide
from moderation.screening.policy import default_policy
from moderation.screening.protocol import Category
from tests.factories import make_user, make_video

pytestmark = pytest.mark.django_db
CLAIM = {
    "relation": "self",
    "kind": "intimate",
    "signature": "Erika <b>Beispiel</b>\r\nBcc: x",
    "contact": "erika@example.com",
    "good_faith": "yes",
}


@pytest.fixture
def boss(db: None) -> User:
    return make_user("boss@example.com", is_staff=True, is_superuser=True)


def saw(video: Video, value: float) -> None:
    decision = redecide(
        [Signal("frames", "1", Category.SEXUAL, value, "frames", frame_seconds=0.5)],
        profile="default",
        policy=default_policy(),
        details={},
        stage="output",
    )
    SafetyCheck.objects.create(
        workspace=video.workspace,
        generation=video.generation,
        stage="output",
        action="guard" if decision.action == "refuse" else decision.action,
        profile="default",
        policy_version=decision.policy_version,
        verdict=decision.to_json(),
    )


def claim(client: Client, video: Video, **changed: str) -> Any:
    return client.post("/report/intimate/", {**CLAIM, "clip": f"/clips/{video.pk}/", **changed})


def test_a_signed_claim_has_48_hours_and_hides_nothing_the_checks_do_not_see(
    client: Client, video: Video
) -> None:
    answer = claim(client, video)

    case = Case.objects.get()
    found = IntimateClaim.objects.get()
    video.refresh_from_db()
    assert answer.status_code == 302
    assert (case.lane, case.hidden_at) == ("intimate", None)
    assert timedelta(hours=47) < found.due_at - timezone.now() <= timedelta(hours=48)
    assert "\n" not in found.signature
    assert video.quarantined_at is None
    assert "A person will look at it" in client.get(answer.headers["Location"]).content.decode()


def test_where_a_check_agrees_it_is_hidden_at_once_and_shown_again_when_dismissed(
    client: Client, video: Video, boss: User
) -> None:
    saw(video, 0.97)
    claim(client, video)
    claim(client, video, signature="Again")

    case = Case.objects.get()
    video.refresh_from_db()
    assert video.quarantined_at is not None and case.hidden_at is not None
    assert client.get(f"/clips/{video.pk}/").status_code == 404
    receipt = Receipt.objects.get()
    assert (receipt.kind, receipt.layer, receipt.automated) == ("restriction", "report", True)
    assert Report.objects.count() == 1

    services.decide(case, action="dismiss", note="A drawing.", by=boss)
    video.refresh_from_db()
    assert video.quarantined_at is None and video.shared_at is not None
    told = Notice.objects.get(address="erika@example.com")
    assert told.mail and "left it as it is" in told.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("signature", " "),
        ("contact", "nobody"),
        ("relation", "friend"),
        ("kind", "spam"),
        ("good_faith", ""),
        ("clip", "https://example.com/"),
    ],
)
def test_a_claim_that_is_not_complete_names_the_field(
    client: Client, video: Video, field: str, value: str
) -> None:
    answer = claim(client, video, **{field: value})

    assert answer.status_code == 400
    assert "alert--error" in answer.content.decode()
    assert not Report.objects.exists()


def test_one_does_not_report_oneself(video: Video, alice: User) -> None:
    for subject in (video, alice):
        with pytest.raises(SelfReport):
            services.file_report(subject, reason="spam", reporter=alice)


def test_a_flood_from_new_accounts_moves_nothing_and_loses_nothing(video: Video) -> None:
    first = services.file_report(video, reason="spam", address="first")
    for n in range(reports.FLOOD + 4):
        services.file_report(video, reason="sexual_minors", address=str(n))
        if n == reports.FLOOD - 2:
            Case.objects.update(severity=1)

    case = Case.objects.get()
    flood = Report.objects.filter(flood=True)
    assert case.severity == 1
    assert flood.count() == 5
    assert all(reports.look_up(report.receipt) for report in flood)
    assert case.due_at is not None and first.case_id == case.pk
    video.refresh_from_db()
    assert video.quarantined_at is None


def test_a_trusted_flagger_is_read_first(video: Video, bob: User, boss: User) -> None:
    assert reports.set_trusted(bob, organisation="Hotline", trusted=True, by=boss)
    assert not reports.set_trusted(bob, organisation="Hotline", trusted=True, by=boss)

    case = services.file_report(video, reason="hate", reporter=bob).case

    assert (case.lane, case.severity) == ("trusted", 3)
    assert case.due_at is not None and case.due_at - timezone.now() <= timedelta(hours=24)
    reports.set_trusted(bob, organisation="", trusted=False, by=boss)
    assert services.file_report(make_video(), reason="hate", reporter=bob).case.lane == "ordinary"


def test_reliability_follows_what_reports_were_worth(bob: User, boss: User) -> None:
    User.objects.filter(pk=bob.pk).update(date_joined=timezone.now() - timedelta(days=9))
    bob.refresh_from_db()
    assert reports.reliability(bob) == 0.5
    for action in ("remove", "remove", "dismiss"):
        case = services.file_report(make_video(), reason="spam", reporter=bob).case
        services.decide(case, action=action, note="So.", by=boss)

    assert reports.reliability(bob) == pytest.approx(3 / 5)
    assert services.file_report(make_video(), reason="spam", reporter=bob).weight == 0.6


def test_a_clip_deleted_meanwhile_stays_a_case(video: Video, boss: User) -> None:
    now = timezone.now()
    Video.objects.filter(pk=video.pk).update(shared_at=None, trashed_at=now, deleted_at=now)

    report = services.file_report(video, reason="hate", address="a")

    assert CaseEvent.objects.filter(kind="deleted").count() == 1
    services.decide(report.case, action="strike", note="It was.", by=boss)
    assert reports.look_up(report.receipt)["outcome"] == "upheld"  # type: ignore[index]


def test_the_reporter_sees_the_outcome_and_nothing_else(
    client: Client, video: Video, bob: User, boss: User
) -> None:
    report = services.file_report(video, reason="hate", reporter=bob, kind="symbols")
    services.decide(report.case, action="remove", note="Secret note.", by=boss)

    html = client.get(f"/reports/?number={report.receipt.lower()}").content.decode()
    api = client.get(f"/api/v1/reports/{report.receipt}/").json()

    assert "acted on it" in html and "Secret" not in html and "alice" not in html
    assert api["outcome"] == "upheld" and "Symbols of hate" in api["reason"]
    assert client.get("/reports/?number=R-NOSUCHTHING").status_code == 404
    assert client.get("/reports/").status_code == 200
    assert Notice.objects.get(user=bob).title == f"Your report {report.receipt}"


def test_a_profile_is_reported_with_and_without_an_account(
    client: Client, reporter: Any, alice: User
) -> None:
    page = client.get("/people/alice/report/").content.decode()
    sent = client.post("/people/alice/report/", {"reason": "harassment", "kind": "targeted"})
    api = reporter.post("/api/v1/people/alice/reports/", {"reason": "spam"})

    case = Case.objects.get()
    assert "Report this profile" in page and sent.status_code == 200 and api.status_code == 201
    assert (case.subject_kind, case.person) == ("user", alice)
    assert case.reports.count() == 2
    assert client.get("/people/nobody-here/report/").status_code == 404


def test_findings_and_reports_join_one_case(video: Video) -> None:
    services.land_finding(video, source="canary", code="hate", severity=1)
    services.file_report(video, reason="violence_gore", address="a")
    services.hold_for_review(video, "sexual")

    case = Case.objects.get()
    assert [event.kind for event in case.events.order_by("pk")] == [
        "opened",
        "found",
        "reported",
        "found",
    ]
    assert case.severity == 2 and case.status == status_of(case.events.order_by("pk"))


def test_a_hash_match_lands_on_the_upload_and_abuse_does_not(alice: User) -> None:
    from accounts.services import personal_workspace

    workspace = personal_workspace(alice)
    upload = Upload.objects.create(
        workspace=workspace, uploaded_by=alice, name="a.png", size_bytes=9
    )

    def entry(name: str, harm: str) -> HashEntry:
        bank = hash_banks.open_bank(name, source="test", kind="block", harm=harm)
        return HashEntry.objects.create(bank=bank, value=bytes(32))

    subject = f"upload:{upload.pk}"
    services.note_hash_matches(workspace, subject, [{"entry": entry("a", "child_abuse").pk}])
    assert not Case.objects.exists()

    services.note_hash_matches(workspace, subject, [{"entry": entry("b", "terrorism").pk}])
    case = Case.objects.get()
    assert (case.subject_kind, case.upload, case.person) == ("upload", upload, alice)


def test_the_status_is_a_pure_function_of_events() -> None:
    def events(*kinds: str) -> list[CaseEvent]:
        return [CaseEvent(kind=kind) for kind in kinds]

    assert status_of(events("opened", "reported", "found")) == "open"
    assert status_of(events("opened", "decided", "reversed")) == "closed"
    assert status_of(events("opened", "decided", "appealed", "appealed", "appeal_decided")) == (
        "appealed"
    )
    for wrong in ((), ("decided",), ("opened", "appealed"), ("opened", "opened")):
        with pytest.raises(ValueError, match=r"opened|turn"):
            status_of(events(*wrong))


def test_the_claim_is_refused_without_a_known_relation(video: Video) -> None:
    with pytest.raises(ClaimIncomplete):
        reports.file_intimate(video, relation="", signature="x", contact="a@example.com")
