"""Statements of reasons: one for every refusal, chained, complete, never to be changed."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils.html import escape
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import personal_workspace
from generation import receipts
from generation import services as generation
from generation.models import Receipt, SafetyCheck
from moderation.screening.decision import Signal, redecide
from moderation.screening.policy import default_policy
from moderation.screening.protocol import Category, Verdict
from tests.factories import make_generation

pytestmark = pytest.mark.django_db
REFUSED = "naked woman, hardcore porn"


def write(person: User, **fields: Any) -> Receipt:
    values: dict[str, Any] = {
        "workspace": personal_workspace(person),
        "person": person,
        "kind": "refusal",
        "subject_kind": "prompt",
        "subject_id": "abc",
        "layer": "gate",
        "code": "hate",
        "where": {"field": "prompt", "second": 1.25},
        "automated": True,
        "data": {"categories": ["hate"], "ß": "\U0001f98a"},
    }
    return receipts.issue(**values | fields)


def test_a_refused_prompt_answers_with_its_decision_and_where_to_appeal(alice: User) -> None:
    api = APIClient()
    api.force_login(alice)

    answer = api.post(
        f"/api/v1/workspaces/{personal_workspace(alice).pk}/generations/", {"prompt": REFUSED}
    )

    error = answer.json()["error"]
    receipt = Receipt.objects.get()
    assert answer.status_code == 422
    assert error["decision_id"] == receipt.public_id
    assert error["appeal_url"] == f"/settings/decisions/{receipt.public_id}/#appeal"
    assert receipt.where == {"field": "prompt"} and receipt.automated
    page = Client()
    page.force_login(alice)
    assert escape(receipt.message) in page.get(receipt.page_url).content.decode()
    assert REFUSED not in str(receipt.for_person())


def test_a_refusing_check_without_a_receipt_is_impossible(alice: User) -> None:
    job = make_generation(by=alice)
    verdict = Verdict("refuse", "default", ("hate",), reasons=("hate",))

    with pytest.raises(IntegrityError), transaction.atomic():
        SafetyCheck.objects.create(
            workspace=job.workspace,
            generation=job,
            stage="output",
            action="refuse",
            profile="default",
            policy_version="1",
            verdict=verdict.to_json(),
        )
    check = generation.record_check(job, SafetyCheck.Stage.OUTPUT, verdict)
    assert check.receipt is not None
    assert receipts.latest_for("generation", job.pk) == check.receipt


def test_it_says_at_which_second_of_the_clip(alice: User) -> None:
    decision = redecide(
        [Signal("frames", "1", Category.VIOLENCE_GORE, 0.999, "frames", frame_seconds=1.5)],
        profile="default",
        policy=default_policy(),
        details={},
        stage="output",
    )
    assert decision.action == "refuse"

    check = generation.record_check(make_generation(by=alice), SafetyCheck.Stage.OUTPUT, decision)

    assert check.receipt is not None
    assert check.receipt.where["second"] == 1.5
    assert check.receipt.where_in_words() == "at 0:01.5 of the video"
    assert "0.99" not in str(check.receipt.for_person())


def test_a_first_take_that_is_drawn_again_is_no_decision(alice: User) -> None:
    verdict = Verdict("refuse", "default", ("hate",), reasons=("hate",))

    check = generation.record_check(
        make_generation(by=alice), SafetyCheck.Stage.OUTPUT, verdict, final=False
    )

    assert check.receipt is None and not Receipt.objects.exists()


def test_a_job_that_ends_refused_has_one_whoever_ended_it(alice: User) -> None:
    from django.utils import timezone

    from billing import services as billing
    from generation.models import Generation

    job = make_generation(by=alice, status="running", lease_expires_at=timezone.now())
    billing.grant_credits(job.workspace, 50, "for the test")
    billing.reserve_credits(job.workspace, 10, str(job.pk))

    generation.end_without_clip(job, Generation.Status.REFUSED, "likeness_consent")

    receipt = receipts.latest_for("generation", job.pk)
    assert receipt is not None and receipt.policy_code == "likeness_consent"


def test_the_chain_holds_and_every_change_is_found(alice: User) -> None:
    rows = [write(alice, subject_id=str(n)) for n in range(5)]
    assert receipts.verify() == (5, [])
    out = StringIO()
    call_command("verify_receipts", stdout=out)
    assert rows[-1].hash in out.getvalue()

    for change in (
        lambda: Receipt.objects.filter(pk=rows[1].pk).update(message="Nicer."),
        lambda: rows[2].delete(),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()

    with connection.cursor() as cursor:  # somebody with the database's own powers
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE generation_receipt DISABLE TRIGGER receipt_append_only")
        cursor.execute(
            "UPDATE generation_receipt SET message = 'Nicer.' WHERE id = %s", [rows[1].pk]
        )
        cursor.execute("DELETE FROM generation_receipt WHERE id = %s", [rows[3].pk])
    faults = receipts.verify()[1]
    assert {(fault.number - rows[0].number, fault.problem) for fault in faults} == {
        (1, "its content was changed"),
        (4, "1 receipts before it are missing"),
    }
    with pytest.raises(CommandError):
        call_command("verify_receipts", stdout=StringIO(), stderr=StringIO())


def test_the_end_of_the_chain_is_held_by_its_last_hash(alice: User) -> None:
    last = write(alice).hash

    call_command("verify_receipts", "--last", last, stdout=StringIO())
    with pytest.raises(CommandError, match="gone"):
        call_command("verify_receipts", "--last", "0" * 64, stdout=StringIO())


def test_an_unknown_code_is_stated_as_other_and_nonsense_is_refused(alice: User) -> None:
    assert write(alice, code="never_published").policy_code == "other"
    with pytest.raises(ValueError, match="no kind"):
        write(alice, kind="joke")
    with pytest.raises(ValueError, match="no subject"):
        write(alice, subject_kind="cat")


@pytest.mark.django_db(transaction=True)
def test_side_by_side_the_chain_stays_one(alice: User) -> None:
    from concurrent.futures import ThreadPoolExecutor

    personal_workspace(alice)

    def one(n: int) -> None:
        write(alice, subject_id=str(n))
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(12)))

    assert receipts.verify() == (12, [])
