"""The documents we send, the answers we read, and the commands an operator has."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from moderation import cybertip
from moderation.cybertip import CyberTipError, document, read_answer
from moderation.cybertip_schema import differences
from sora_site import checks
from tests.factories import make_user
from tests.moderation.child_cases import use_double
from tests.moderation.cybertip_double import SCHEMA, CyberTipline, raw, slow, wrong


@pytest.fixture(scope="module")
def double() -> Iterator[CyberTipline]:
    service = CyberTipline()
    yield service
    service.close()


@pytest.fixture
def client(double: CyberTipline) -> cybertip.Client:
    double.trouble.clear()
    return cybertip.Client(double.url, "site", "secret words", seconds=1.0)


def test_elements_stand_in_the_schemas_order_whatever_order_they_come_in() -> None:
    content = {
        "additionalInfo": "</report><evil/>",
        "reporter": {"legalURL": "https://a.example", "reportingPerson": {"email": "a@b.example"}},
        "incidentSummary": {
            "incidentDateTime": datetime(2026, 11, 24, 12, tzinfo=UTC),
            "escalateToHighPriority": None,
            "incidentType": "\x00\x1f\ud800\ufffe<b>&",
        },
    }
    made = document("report", content)

    assert wrong(made, "report") == ""
    assert b"&lt;/report&gt;&lt;evil/&gt;" in made
    assert b"<incidentType>&lt;b&gt;&amp;</incidentType>" in made
    assert b"2026-11-24T12:00:00+00:00" in made


@pytest.mark.parametrize(
    "content",
    [
        {"victims": {}},
        {"incidentSummary": {"incidenttype": "x"}},
        {"incidentSummary": {"incidentDateTime": datetime(2026, 1, 1)}},
    ],
)
def test_what_the_schema_has_not_is_never_sent(content: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"can't hold|zone"):
        document("report", content)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK",
        b"<reportResponse></reportResponse>",
        b"<reportResponse><responseCode>none</responseCode></reportResponse>",
        b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><r><responseCode>0</responseCode></r>',
        b'<!DOCTYPE r [<!ENTITY a "aaaa">]><r><responseCode>0</responseCode></r>',
        b"<a>" * 50 + b"</a>" * 50,
    ],
)
def test_an_answer_that_is_none_is_not_believed(body: bytes) -> None:
    with pytest.raises(CyberTipError):
        read_answer(body)
    if not body.startswith(b"<reportResponse>"):
        with pytest.raises(CyberTipError):
            differences(body)


@pytest.mark.parametrize(
    "trouble",
    [
        raw(b"<r><responseCode>0</responseCode></r>" + b" " * cybertip.MAX_ANSWER_BYTES),
        raw(b"", status=500),
        raw(b"", status=302),
        slow(3.0),
    ],
)
def test_a_bad_exchange_ends_in_time_and_is_not_followed(
    double: CyberTipline, client: cybertip.Client, trouble: Any
) -> None:
    double.trouble["status"] = [trouble]
    with pytest.raises(CyberTipError):
        client.status()


def test_the_schema_is_compared_element_by_element() -> None:
    lacks = SCHEMA.replace('<xs:element name="originalFileHash" minOccurs="0"/>', "")
    swapped = SCHEMA.replace(
        '<xs:element name="reportId" minOccurs="0"/><xs:element name="fileId" minOccurs="0"/>',
        '<xs:element name="fileId" minOccurs="0"/><xs:element name="reportId" minOccurs="0"/>',
    )

    assert differences(SCHEMA.encode()) == []
    assert differences(lacks.encode()) == ["fileDetails has no originalFileHash."]
    assert "order inside fileDetails" in differences(swapped.encode())[0]


def test_the_command_asks_the_service_and_files_nothing(
    double: CyberTipline, client: cybertip.Client, settings: Any
) -> None:
    with pytest.raises(CommandError, match="SORA_CYBERTIP_USER"):
        call_command("cybertip")
    use_double(settings, double.url)
    out = io.StringIO()
    call_command("cybertip", stdout=out)
    assert "(test) knows this account" in out.getvalue()
    assert "in our order" in out.getvalue()
    settings.SORA_CYBERTIP_PASSWORD = "wrong"
    with pytest.raises(CommandError, match="password"):
        call_command("cybertip")
    assert not double.reports


@pytest.mark.django_db
def test_the_permission_is_given_and_taken_by_command_and_only_to_staff() -> None:
    from moderation import childsafety

    person = make_user("staff@example.com", is_staff=True)
    make_user("other@example.com")
    call_command("child_safety_reviewer", "Staff@example.com", stdout=io.StringIO())
    assert childsafety.may_review(person)
    call_command("child_safety_reviewer", "staff@example.com", take=True, stdout=io.StringIO())
    assert not childsafety.may_review(person)
    for address in ("other@example.com", "nobody@example.com"):
        with pytest.raises(CommandError):
            call_command("child_safety_reviewer", address)


def problems(check: Any) -> set[str]:
    return {found.id for found in check()}


def test_start_up_says_what_is_wrong_with_the_settings(settings: Any) -> None:
    assert problems(checks.check_child_safety) == set()
    settings.SORA_SEAL_KEY = "not a key"
    settings.SORA_CYBERTIP_MODE = "live"
    assert problems(checks.check_child_safety) == {"sora.E020", "sora.E021"}
    settings.SORA_SEAL_KEY = ""
    settings.SORA_CYBERTIP_MODE = "production"
    settings.SORA_CYBERTIP_URL = "http://elsewhere.example"
    assert problems(checks.check_child_safety) == {"sora.E021"}
    settings.SORA_CYBERTIP_URL = ""
    settings.SORA_CYBERTIP_USER = "site"
    settings.PUBLIC_URL = "https://clips.example"
    assert problems(checks.check_child_safety) == {"sora.E021", "sora.W020"}
