"""Decisions about oneself: the page, the appeal, another reviewer, and everything undone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts import restrictions
from accounts.errors import FeatureRestricted, StaffRoleMissing
from accounts.models import StaffRole, User
from billing import services as billing
from billing.models import LedgerEntry
from generation import receipts as statements
from generation import services as generation
from generation.models import Receipt, SafetyCheck, Video
from moderation import appeals, notices, round_trip, services
from moderation.actions import ACTIONS
from moderation.errors import (
    AlreadyAppealed,
    AlreadyReversed,
    AppealClosed,
    AppealTextMissing,
    AppealTooLate,
    NotAppealable,
    NothingToReverse,
    NotYoursToDecide,
    SameReviewer,
)
from moderation.models import Appeal, Case, CaseEvent, Decision, LayerError, Notice, Strike
from moderation.screening.protocol import Verdict
from tests.factories import make_generation, make_user, make_video

pytestmark = pytest.mark.django_db
NASTY = "<script>alert(1)</script> \u202e\U0001f98a \x00 ' \" & ß"


@pytest.fixture
def first(db: None) -> User:
    return make_user("first@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def second(db: None) -> User:
    return make_user("second@example.com", is_staff=True, is_superuser=True)


def decided(video: Video, by: User, action: str = "remove", **params: Any) -> Decision:
    case = services.file_report(video, reason="deceptive", address=f"about {video.pk}").case
    return services.decide(case, action=action, note="It is.", by=by, params=params)


def page_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_the_person_reads_why_and_nothing_that_would_help_to_get_around_it(
    video: Video, alice: User, first: User
) -> None:
    decision = decided(video, first)
    assert decision.receipt is not None

    listed = page_of(alice).get("/settings/decisions/").content.decode()
    html = page_of(alice).get(decision.receipt.page_url).content.decode()

    assert decision.receipt.public_id in listed
    assert "We removed your clip." in html and "A person" in html
    assert "Send appeal" in html
    assert "It is." not in html and first.email not in html and first.handle not in html


def test_somebody_elses_decision_is_not_found_and_nobody_is_sent_to_sign_in(
    video: Video, bob: User, first: User
) -> None:
    receipt = decided(video, first).receipt
    assert receipt is not None

    assert page_of(bob).get(receipt.page_url).status_code == 404
    assert page_of(bob).post(receipt.page_url, {"text": "mine"}).status_code == 404
    assert page_of(bob).get(f"/api/v1/decisions/{receipt.public_id}/").status_code == 404
    of = f"/settings/decisions/of/video/{video.pk}/"
    assert page_of(bob).get(of).status_code == 404
    assert Client().get(receipt.page_url).status_code == 302
    assert not Appeal.objects.exists()


def test_a_child_safety_decision_names_the_rule_and_never_what_gave_it_away(alice: User) -> None:
    job = make_generation(by=alice)
    verdict = Verdict("refuse", "default", ("sexual_minors",), reasons=("sexual_minors",))
    check = generation.record_check(job, SafetyCheck.Stage.PROMPT, verdict)
    assert check.receipt is not None

    said = check.receipt.for_person()

    assert said["where"] == {} and said["where_in_words"] == ""
    assert "sources" not in str(said) and "score" not in str(said)
    assert "Safety of children" in page_of(alice).get(check.receipt.page_url).content.decode()


def test_an_appeal_is_decided_by_another_reviewer_who_undoes_all_of_it(
    video: Video, alice: User, first: User, second: User
) -> None:
    billing.grant_credits(video.workspace, 50, "for the test")
    billing.reserve_credits(video.workspace, 10, str(video.generation_id))
    billing.settle_credits(str(video.generation_id))
    had = billing.balance(video.workspace).available
    decision = decided(video, first, strike=True)
    assert decision.receipt is not None
    assert Strike.objects.points(alice) > 0
    assert restrictions.is_restricted(alice, "share")
    page_of(alice).post(decision.receipt.page_url, {"text": NASTY})
    appeal = Appeal.objects.get()
    assert Case.objects.get().status == "appealed"

    with pytest.raises(SameReviewer):
        appeals.decide(appeal, overturn=True, note="I was wrong.", by=first)
    appeals.decide(appeal, overturn=True, note=f"We were wrong. {NASTY}", by=second)

    video.refresh_from_db()
    assert video.quarantined_at is None and video.shared_at is not None
    assert Strike.objects.points(alice) == 0 and not restrictions.is_restricted(alice, "share")
    assert billing.balance(video.workspace).available == had + 10
    error = LayerError.objects.get()
    assert (error.layer, error.automated, error.policy) == ("review", False, "deceptive")
    assert Case.objects.get().status == "closed"
    html = page_of(alice).get(decision.receipt.page_url).content.decode()
    assert "Taken back" in html and "<script>alert(1)" not in html and "&lt;script&gt;" in html
    with pytest.raises(AppealClosed):
        appeals.decide(appeal, overturn=False, note="Again.", by=second)


def test_an_appeal_that_is_upheld_changes_nothing_but_says_why(
    video: Video, alice: User, first: User, second: User
) -> None:
    decision = decided(video, first)
    assert decision.receipt is not None
    appeal = appeals.file(decision.receipt, by=alice, text="It is art.")

    appeals.decide(appeal, overturn=False, note="It shows an event that never was.", by=second)

    video.refresh_from_db()
    assert video.quarantined_at is not None
    assert not LayerError.objects.exists()
    html = page_of(alice).get(decision.receipt.page_url).content.decode()
    assert "It shows an event that never was." in html
    assert not LedgerEntry.objects.filter(kind="adjust").exists()


def test_the_database_refuses_the_first_reviewer_and_the_appellant(
    video: Video, alice: User, first: User, second: User
) -> None:
    decision = decided(video, first)
    assert decision.receipt is not None
    appeal = appeals.file(decision.receipt, by=alice, text="No.")
    appeals.decide(appeal, overturn=False, note="It stands.", by=second)

    for wrong in (first, alice):
        with pytest.raises(IntegrityError), transaction.atomic():
            Appeal.objects.filter(pk=appeal.pk).update(decided_by=wrong)


def test_what_can_not_be_appealed(video: Video, alice: User, bob: User, first: User) -> None:
    decision = decided(video, first, strike=True)
    assert decision.receipt is not None
    strike = Receipt.objects.get(kind="strike")

    with pytest.raises(AppealTextMissing):
        appeals.file(decision.receipt, by=alice, text="  \x00 ")
    with pytest.raises(NotAppealable):
        appeals.file(decision.receipt, by=bob, text="For her.")
    with pytest.raises(NotAppealable):
        appeals.file(strike, by=alice, text="The strike alone.")
    appeals.file(decision.receipt, by=alice, text="No.")
    with pytest.raises(AlreadyAppealed):
        appeals.file(decision.receipt, by=alice, text="No, again.")


def test_six_months_later_it_is_too_late(
    video: Video, alice: User, first: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = decided(video, first).receipt
    assert receipt is not None
    later = timezone.now() + timedelta(days=statements.APPEAL_DAYS + 1)
    monkeypatch.setattr(timezone, "now", lambda: later)

    with pytest.raises(AppealTooLate):
        appeals.file(receipt, by=alice, text="Only now.")
    assert "time for an appeal" in page_of(alice).get(receipt.page_url).content.decode()


def test_appeals_are_decided_by_seniors_and_never_about_oneself(
    video: Video, alice: User, first: User
) -> None:
    receipt = decided(video, first).receipt
    assert receipt is not None
    appeal = appeals.file(receipt, by=alice, text="No.")
    ordinary = make_user("ordinary@example.com", is_staff=True)
    StaffRole.objects.filter(user=ordinary).exclude(role="reviewer").delete()
    StaffRole.objects.get_or_create(user=ordinary, role="reviewer")

    with pytest.raises(StaffRoleMissing):
        appeals.decide(appeal, overturn=True, note="Fine.", by=ordinary)
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    with pytest.raises(NotYoursToDecide):
        appeals.decide(appeal, overturn=True, note="Mine is fine.", by=alice)


def test_a_refusal_of_a_check_is_appealed_too_and_counts_against_its_layer(
    alice: User, second: User
) -> None:
    job = make_generation(by=alice)
    verdict = Verdict("refuse", "default", ("hate",), reasons=("hate",))
    check = generation.record_check(job, SafetyCheck.Stage.OUTPUT, verdict)
    assert check.receipt is not None and check.receipt.automated

    appeal = appeals.file(check.receipt, by=alice, text="It is a history lesson.")
    appeals.decide(appeal, overturn=True, note="It is.", by=second)

    error = LayerError.objects.get()
    assert (error.layer, error.automated) == ("output", True)


def test_a_clip_the_feed_check_kept_in_may_be_shared_after_the_appeal(
    alice: User, second: User
) -> None:
    video = make_video(by=alice, shared=False)
    verdict = Verdict("refuse", "feed", ("sexual",), reasons=("sexual",))
    check = generation.record_check(video.generation, SafetyCheck.Stage.FEED, verdict, final=False)
    assert check.receipt is not None and check.receipt.kind == "restriction"

    appeal = appeals.file(check.receipt, by=alice, text="It is a statue.")
    appeals.decide(appeal, overturn=True, note="It is.", by=second)

    video.refresh_from_db()
    assert video.released_at is not None


def test_a_suspended_person_reads_the_decision_and_appeals(
    video: Video, alice: User, first: User
) -> None:
    decision = decided(video, first, "ban")
    assert decision.receipt is not None
    alice.refresh_from_db()
    assert alice.is_suspended
    client = page_of(alice)

    assert client.get("/settings/decisions/").status_code == 200
    assert client.get("/notices/").status_code == 200
    assert client.post(decision.receipt.page_url, {"text": "No."}).status_code == 302
    assert client.get("/library/").status_code == 302
    assert Appeal.objects.count() == 1


def test_notices_ring_the_bell_and_go_by_mail_without_media(
    video: Video,
    alice: User,
    first: User,
    mailoutbox: list[Any],
    django_capture_on_commit_callbacks: Any,
) -> None:
    assert notices.unread(alice) == 0
    with django_capture_on_commit_callbacks(execute=True):
        decided(video, first)
    client = page_of(alice)
    assert notices.unread(alice) == 1
    html = client.get("/rules/").content.decode()

    assert notices.send_due_mail() == 1
    assert notices.send_due_mail() == 0
    mail = mailoutbox[0]
    assert mail.to == [alice.email] and mail.attachments == []
    assert "/media/" not in mail.body and "/settings/decisions/D-" in mail.body
    assert "Notices: 1 new" in html
    with django_capture_on_commit_callbacks(execute=True):
        assert "We removed" in client.get("/notices/").content.decode()
    assert notices.unread(alice) == 0
    assert "No notices" in page_of(make_user()).get("/notices/").content.decode()


def test_mail_waits_while_its_server_is_away(
    video: Video, first: User, settings: Any, mailoutbox: list[Any]
) -> None:
    decided(video, first)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    assert notices.send_due_mail() == 0
    waiting = Notice.objects.get(mail=True)
    assert waiting.mailed_at is None and waiting.mail_after > timezone.now()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    Notice.objects.update(mail_after=timezone.now())
    assert notices.send_due_mail() == 1


def test_every_action_goes_back_to_an_equal_state(first: User, second: User) -> None:
    tried = []
    for action in ACTIONS.values():
        if not action.kind:
            continue
        for params in round_trip.params_of(action):
            owner = make_user()
            root = make_video(by=owner)
            child = make_video(by=owner)
            child.parents.add(root)
            given = round_trip.holds(
                root, action=action.code, params=params, first=first, second=second
            )
            tried.append((action.code, params, given))

    assert [each for each in tried if not each[2]] == []
    assert {each[0] for each in tried} == {a.code for a in ACTIONS.values() if a.kind}


def test_two_decisions_about_one_person_never_undo_each_other(alice: User, first: User) -> None:
    one = decided(make_video(by=alice), first, "suspend", days=3)
    two = decided(make_video(by=alice), first, "ban")

    services.reverse(one, by=first, note="The first was wrong.")
    alice.refresh_from_db()
    assert alice.is_suspended
    services.reverse(two, by=first, note="The second too.")
    alice.refresh_from_db()
    assert not alice.is_suspended
    with pytest.raises(AlreadyReversed):
        services.reverse(two, by=first, note="Once more.")


def test_a_timed_suspension_ends_by_itself(alice: User, video: Video, first: User) -> None:
    decided(video, first, "suspend", days=1)
    restrictions.Restriction.objects.update(until=timezone.now() - timedelta(minutes=1))

    assert restrictions.end_expired() == 1
    alice.refresh_from_db()
    assert not alice.is_suspended
    assert restrictions.end_expired() == 0


def test_limited_features_are_refused_with_their_end(
    alice: User, video: Video, first: User
) -> None:
    decided(video, first, "restrict", features=["generate", "share"], days=2)

    for feature in ("generate", "share"):
        with pytest.raises(FeatureRestricted) as refused:
            restrictions.check(alice, feature)
        assert refused.value.extra["until"]
    restrictions.check(alice, "upload")
    answer = page_of(alice).post(
        f"/api/v1/videos/{video.pk}/share/", content_type="application/json"
    )
    assert answer.status_code in (200, 403)
    other = make_video(by=alice, shared=False)
    answer = page_of(alice).post(
        f"/api/v1/videos/{other.pk}/share/", content_type="application/json"
    )
    assert answer.json()["error"]["code"] == "feature_restricted"


def test_strikes_climb_the_ladder(alice: User, first: User) -> None:
    for _ in range(3):
        services.decide(
            services.file_report(make_video(by=alice), reason="hate", address="x").case,
            action="strike",
            policy="hate",
            note="It is.",
            by=first,
        )

    alice.refresh_from_db()
    assert Strike.objects.points(alice) == 12
    assert alice.is_suspended
    assert restrictions.holds_account(alice)


def test_leaving_it_alone_can_not_be_taken_back(video: Video, first: User) -> None:
    decision = decided(video, first, "dismiss")

    assert decision.receipt is None
    with pytest.raises(NothingToReverse):
        services.reverse(decision, by=first, note="Hm.")


def test_the_events_of_a_case_are_never_changed(video: Video, first: User) -> None:
    decided(video, first)
    event = CaseEvent.objects.filter(kind="decided").get()

    for change in (lambda: CaseEvent.objects.update(kind="noted"), lambda: event.delete()):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
