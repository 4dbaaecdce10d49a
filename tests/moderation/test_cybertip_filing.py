"""Filing a report: every step, every place to die, every way the service misbehaves."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import AuditEntry
from moderation import childsafety, cybertip_filing
from moderation.childsafety_models import CyberTip, SealedEvidence
from tests.factories import make_user
from tests.generation.uploading import drawing, encoded
from tests.moderation.child_cases import Workers, make_reviewer, reported, use_double
from tests.moderation.cybertip_double import CyberTipline, code, hang_up, raw

pytestmark = pytest.mark.django_db(transaction=True)
Status = CyberTip.Status


@pytest.fixture(scope="module")
def running() -> Iterator[CyberTipline]:
    double = CyberTipline()
    yield double
    double.close()


@pytest.fixture
def double(running: CyberTipline, settings: Any) -> CyberTipline:
    running.__dict__.update(reports={}, calls=[], trouble={}, after={}, clock=0.0)
    use_double(settings, running.url)
    return running


def due_again(tip: CyberTip) -> None:
    """Let the pause, or the lease of a dead worker, be over."""
    past = timezone.now() - timedelta(seconds=1)
    rows = CyberTip.objects.filter(pk=tip.pk)
    rows.filter(status=Status.WAITING).update(next_attempt_at=past)
    rows.filter(status=Status.FILING).update(lease_expires_at=past)


def attempt(tip: CyberTip) -> CyberTip:
    due_again(tip)
    cybertip_filing.drain()
    tip.refresh_from_db()
    return tip


def test_a_report_is_opened_filled_and_finished(double: CyberTipline) -> None:
    person = make_user("somebody@example.com", handle="somebody", display_name="Some & <body>")
    tip = attempt(reported(person, text="words \x00\x0b & <tags> ]]>"))

    assert (tip.status, tip.is_test, tip.attempts) == (Status.FILED, True, 1)
    assert double.calls == ["status", "submit", "upload", "fileinfo", "finish"]
    (report,) = double.finished
    assert str(report.number) == tip.report_id
    assert list(report.files.values()) == [encoded(drawing())]
    xml = ElementTree.fromstring(report.xml)
    assert xml.findtext("reporter/reportingPerson/email") == "safety@site.example"
    assert xml.findtext("personOrUserReported/screenName") == "somebody"
    assert xml.findtext("personOrUserReported/displayName") == "Some & <body>"
    assert "words  & <tags> ]]>" in (xml.findtext("additionalInfo") or "")
    details = ElementTree.fromstring(next(iter(report.details.values())))
    assert details.find("fileAnnotations/generativeAi") is not None
    assert {e.attrib["hashType"] for e in details.findall("originalFileHash")} == {"MD5", "SHA256"}
    filed = AuditEntry.objects.get(event="child_safety.report_filed")
    assert filed.data["report_id"] == tip.report_id


def test_filing_keeps_the_evidence_for_a_year_from_then(double: CyberTipline) -> None:
    tip = reported()
    SealedEvidence.objects.filter(case=tip.case).update(
        hold_until=timezone.now() + timedelta(days=3)
    )
    attempt(tip)

    until = SealedEvidence.objects.filter(case=tip.case).values_list("hold_until", flat=True)
    assert all(moment > timezone.now() + timedelta(days=364) for moment in until)


def test_several_files_go_into_one_report(double: CyberTipline) -> None:
    tip = reported()
    from moderation import sealed

    more = sealed.Source(SealedEvidence.Kind.FILE, "second", "image/png", b"flat colours" * 200_000)
    sealed.seal(tip.case, more)
    attempt(tip)

    assert double.calls.count("upload") == 2
    assert more.data in double.finished[0].files.values()
    assert len(CyberTip.objects.get().files) == 2


# --- A worker dies ---------------------------------------------------------------------------

POINTS = [
    "claimed", "opening", "opened", "kept", "uploaded", "described", "finishing", "finished", "filed",
]  # fmt: skip


def test_whoever_dies_wherever_each_report_is_finished_exactly_once(double: CyberTipline) -> None:
    """kill -9 at every point of the sequence, and once more while the next one withdraws."""
    workers = Workers(double.url)
    try:
        for point in POINTS:
            tip = reported()
            assert workers.run(f"cybertip_{point}=kill") == -signal.SIGKILL, point
            if point in ("kept", "uploaded", "described", "finishing", "finished"):
                due_again(tip)
                assert workers.run("cybertip_withdrawn=kill") == -signal.SIGKILL, point
            due_again(tip)
            assert workers.run() == 0

            tip.refresh_from_db()
            assert tip.status == Status.FILED, (point, tip.last_error)
            mine = [
                r
                for r in double.finished
                if f"<espIdentifier>{tip.case.person_id}<" in r.xml.decode()
            ]
            assert [str(report.number) for report in mine] == [tip.report_id], point
            assert len(mine[0].files) == len(mine[0].details) == 1, point
            assert AuditEntry.objects.filter(target_id=str(tip.pk)).filter(
                event="child_safety.report_filed"
            ).count() == 1, point  # fmt: skip
    finally:
        workers.close()
    assert len(double.finished) == len(POINTS)
    assert not CyberTip.objects.exclude(status=Status.FILED).exists()


def test_a_worker_that_was_taken_over_finishes_nothing(double: CyberTipline, settings: Any) -> None:
    """It opened a report, slept, and another one filed its own meanwhile."""
    settings.SORA_LEASE_SECONDS = 30
    tip = reported()
    zombie = cybertip_filing.claim()
    assert zombie is not None
    attempt(tip)
    assert len(double.finished) == 1

    cybertip_filing.run(zombie)
    assert len(double.finished) == 1
    tip.refresh_from_db()
    assert (tip.status, tip.attempts) == (Status.FILED, 2)


def test_a_report_opened_too_late_is_withdrawn_and_not_left_open(
    double: CyberTipline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease is lost between the service's answer and the id being kept."""
    tip = reported()
    from moderation.cybertip import Client

    submit = Client.submit

    def overtaken(self: Client, report: bytes) -> str:
        number = submit(self, report)
        CyberTip.objects.filter(pk=tip.pk).update(epoch=99)
        return number

    monkeypatch.setattr(Client, "submit", overtaken)
    cybertip_filing.drain()
    assert [report.state for report in double.reports.values()] == ["retracted"]


def test_two_workers_never_file_the_same_report(double: CyberTipline, settings: Any) -> None:
    settings.SORA_LEASE_SECONDS = 30
    reported()
    assert cybertip_filing.claim() is not None
    assert cybertip_filing.claim() is None


# --- The service misbehaves ------------------------------------------------------------------


def test_a_report_that_vanished_there_is_opened_again(double: CyberTipline) -> None:
    tip = reported()
    double.trouble["finish"] = [code(1000)]
    attempt(tip)
    assert (tip.status, tip.report_id) == (Status.WAITING, "4000000")
    double.clock += 1.0
    attempt(tip)

    assert double.calls.count("submit") == 2
    assert (tip.status, tip.report_id) == (Status.FILED, "4000001")
    assert len(double.finished) == 1


def test_a_finish_whose_answer_is_lost_is_not_repeated(double: CyberTipline) -> None:
    tip = reported()
    double.after["finish"] = [hang_up]
    attempt(tip)
    assert tip.status == Status.WAITING
    double.forget_calls()
    attempt(tip)

    assert double.calls == ["retract"]  # "already finished" says all
    assert tip.status == Status.FILED
    assert len(double.finished) == 1


@pytest.mark.parametrize(
    ("path", "trouble"),
    [
        ("status", raw(b"<html>Bad gateway</html>", status=502)),
        ("submit", code(1000)),
        ("submit", raw(b"", status=503)),
        ("submit", raw(b"<reportResponse><responseCode>0</responseCode></reportResponse>")),
        ("upload", hang_up),
        ("upload", code(5001)),
        ("fileinfo", raw(b"nonsense")),
        ("finish", raw(b"x" * 100_000)),
        ("finish", raw(
            b'<!DOCTYPE a [<!ENTITY x "y">]><reportResponse><responseCode>0</responseCode>'
            b"</reportResponse>"
        )),
    ],
)  # fmt: skip
def test_what_passes_is_tried_again_from_the_beginning(
    double: CyberTipline, path: str, trouble: Any
) -> None:
    tip = reported()
    double.trouble[path] = [trouble]
    attempt(tip)
    assert tip.status == Status.WAITING
    assert tip.next_attempt_at > timezone.now()
    assert tip.last_error
    attempt(tip)

    assert tip.status == Status.FILED
    assert len(double.finished) == 1


@pytest.mark.parametrize("number", [4100, 2000, 3000])
def test_what_only_a_person_can_mend_stops_and_tells_them(
    double: CyberTipline, number: int
) -> None:
    reviewer = make_reviewer()
    tip = reported()
    double.trouble["submit"] = [code(number)]
    attempt(tip)

    assert tip.status == Status.FAILED
    assert str(number) in tip.last_error
    assert [message.to for message in mail.outbox] == [[reviewer.email]]
    assert f"/child-safety/{tip.case_id}/report/" in mail.outbox[0].body
    assert AuditEntry.objects.filter(event="child_safety.report_failed").count() == 1
    attempt(tip)
    assert not double.finished

    childsafety.file_again(tip.case, by=reviewer)
    attempt(tip)
    assert len(double.finished) == 1


def test_a_wrong_password_stops_at_once(double: CyberTipline, settings: Any) -> None:
    settings.SORA_CYBERTIP_PASSWORD = "wrong"
    tip = attempt(reported())
    assert tip.status == Status.FAILED
    assert not double.reports


def test_it_goes_on_for_more_than_three_days_and_then_asks_for_a_person(
    double: CyberTipline, settings: Any
) -> None:
    make_reviewer()
    settings.SORA_CYBERTIP_URL = "http://127.0.0.1:9/ispws"  # nobody listens
    tip = reported()
    attempt(tip)
    CyberTip.objects.update(first_tried_at=timezone.now() - timedelta(hours=73), attempts=80)
    attempt(tip)
    assert tip.status == Status.WAITING
    assert tip.next_attempt_at - timezone.now() <= timedelta(hours=1)
    CyberTip.objects.update(first_tried_at=timezone.now() - timedelta(days=8))
    attempt(tip)

    assert tip.status == Status.FAILED
    assert len(mail.outbox) == 1


def test_a_file_that_arrived_altered_is_not_left_in_a_finished_report(
    double: CyberTipline, monkeypatch: pytest.MonkeyPatch
) -> None:
    tip = reported()
    SealedEvidence.objects.filter(kind="file").update(md5="0" * 32)
    attempt(tip)
    assert tip.status == Status.WAITING
    assert "altered" in tip.last_error
    assert not double.finished


def test_evidence_that_can_not_be_opened_stops_the_report(double: CyberTipline) -> None:
    tip = reported()
    SealedEvidence.objects.filter(kind="file").update(key_id="0" * 16)
    attempt(tip)
    assert tip.status == Status.WAITING
    assert "SORA_SEAL_KEY" in tip.last_error
    assert not double.finished


def test_without_an_account_nothing_is_sent(double: CyberTipline, settings: Any) -> None:
    settings.SORA_CYBERTIP_USER = ""
    tip = attempt(reported())
    assert (tip.status, tip.attempts) == (Status.WAITING, 0)
    assert not double.calls


def test_a_second_report_about_somebody_names_the_first(double: CyberTipline) -> None:
    person = make_user()
    first = attempt(reported(person))
    attempt(reported(person))
    xml = ElementTree.fromstring(double.finished[1].xml)
    assert xml.findtext("personOrUserReported/priorCTReports") == first.report_id


def test_a_report_only_the_test_service_got_can_go_to_the_real_one(
    double: CyberTipline, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tip = attempt(reported())
    assert tip.is_test
    reviewer = make_reviewer()
    with pytest.raises(childsafety.CaseClosed):
        childsafety.file_again(tip.case, by=reviewer)
    settings.SORA_CYBERTIP_MODE = "production"
    monkeypatch.setattr("moderation.cybertip.PRODUCTION", double.url + "/")
    childsafety.file_again(tip.case, by=reviewer)
    double.reports.clear()
    attempt(tip)
    assert (tip.status, tip.is_test) == (Status.FILED, False)


def test_the_address_is_the_test_service_unless_production_is_asked_for(settings: Any) -> None:
    from moderation import cybertip_report

    settings.SORA_CYBERTIP_URL = ""
    assert cybertip_report.address() == "https://exttest.cybertip.org/ispws"
    settings.SORA_CYBERTIP_MODE = "production"
    settings.SORA_CYBERTIP_URL = "http://stand-in.example"
    assert cybertip_report.address() == "https://report.cybertip.org/ispws"
