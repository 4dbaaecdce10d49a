"""Reporting a clip, with and without an account, by API and by page."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from generation.models import Video
from moderation import services
from moderation.models import Case, Report
from moderation.policies import POLICIES
from moderation.reasons import REASONS
from tests.factories import make_user, make_video

pytestmark = pytest.mark.django_db
BODY = {"reason": "deceptive", "details": "This never happened."}


def url(video: Video) -> str:
    return f"/api/v1/videos/{video.pk}/reports/"


def test_a_report_opens_a_case_and_answers_with_a_receipt(
    reporter: APIClient, bob: User, video: Video
) -> None:
    answer = reporter.post(url(video), BODY)

    report = Report.objects.get()
    assert answer.status_code == 201
    assert answer.json()["receipt"] == report.receipt
    assert (report.reporter, report.workspace) == (bob, video.workspace)
    assert Case.objects.get().video == video
    assert AuditEntry.objects.filter(event="moderation.reported").count() == 1


def test_the_same_person_counts_once_per_case(reporter: APIClient, video: Video) -> None:
    first = reporter.post(url(video), BODY).json()
    second = reporter.post(url(video), {"reason": "spam"}).json()

    assert first == second
    assert Report.objects.count() == 1


def test_reports_of_several_people_join_one_case(video: Video) -> None:
    for _ in range(3):
        services.file_report(video, reason="spam", reporter=make_user())

    assert Case.objects.count() == 1
    assert Report.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_two_reports_at_the_same_time_open_one_case(video: Video) -> None:
    people = [make_user() for _ in range(4)]

    def report(person: User) -> None:
        services.file_report(video, reason="hate", reporter=person)
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(report, people))

    assert Case.objects.count() == 1
    assert Report.objects.count() == 4


def test_no_account_is_needed_and_only_a_hash_of_the_address_is_kept(
    client: Client, video: Video
) -> None:
    answer = client.post(url(video), BODY, content_type="application/json")

    report = Report.objects.get()
    assert answer.status_code == 201
    assert report.reporter is None
    assert "127.0.0.1" not in report.reporter_key


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "reason"),
        ({"reason": "boring"}, "reason"),
        ({"reason": "spam", "details": "x" * 1001}, "details"),
    ],
)
def test_a_report_that_is_none_names_the_field(
    reporter: APIClient, video: Video, body: dict[str, str], param: str
) -> None:
    answer = reporter.post(url(video), body)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert not Report.objects.exists()


def test_what_one_may_not_see_can_not_be_reported(reporter: APIClient, alice: User) -> None:
    private = make_video(by=alice, shared=False)
    gone = make_video(by=alice, quarantined_at=timezone.now())

    assert reporter.post(url(private), BODY).status_code == 404
    assert reporter.post(url(gone), BODY).status_code == 404
    assert reporter.post(f"/api/v1/videos/{uuid.uuid4()}/reports/", BODY).status_code == 404


def test_the_rate_is_bounded_for_api_and_page_together(client: Client, alice: User) -> None:
    cache.clear()
    video = make_video(by=alice)
    answers = [
        client.post(url(video), BODY, content_type="application/json").status_code
        for _ in range(21)
    ]
    page = client.post(f"/clips/{video.pk}/report/", BODY)

    assert answers[:20] == [201] * 20
    assert answers[20] == 429
    assert page.status_code == 429


def test_the_form_works_without_script(client: Client, video: Video) -> None:
    form = client.get(f"/clips/{video.pk}/report/").content.decode()
    answer = client.post(f"/clips/{video.pk}/report/", BODY)

    assert all(f'value="{code}"' in form for code in REASONS)
    assert answer.status_code == 200
    assert Report.objects.get().receipt in answer.content.decode()


def test_the_form_says_what_is_missing(client: Client, video: Video) -> None:
    answer = client.post(f"/clips/{video.pk}/report/", {})

    assert answer.status_code == 400
    assert "Choose one of the listed reasons" in answer.content.decode()


def test_the_report_page_of_a_hidden_clip_is_not_found(client: Client, alice: User) -> None:
    private = make_video(by=alice, shared=False)

    assert client.get(f"/clips/{private.pk}/report/").status_code == 404


def test_a_new_report_after_a_decision_opens_a_new_case(video: Video, staff: User) -> None:
    first = services.file_report(video, reason="spam", address="192.0.2.1")
    services.decide(first.case, action="dismiss", note="Not spam.", by=staff)

    second = services.file_report(video, reason="spam", address="192.0.2.1")

    assert second.case != first.case


def test_every_reason_is_a_published_rule() -> None:
    assert set(REASONS) <= set(POLICIES)


def test_the_rules_page_states_every_rule(client: Client) -> None:
    html = client.get("/rules/").content.decode()

    assert all(f'id="{code}"' in html for code in POLICIES)
