"""Effectiveness, canaries, flags, the artist programme, and the report of a period with its bundle."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.errors import StaffRoleMissing
from accounts.models import AuditEntry, User
from generation.models import SafetyCheck
from generation.provenance.development_ca import ensure_development_ca
from moderation import canaries, cohorts, effectiveness, evidence_pack, services, transparency
from moderation.canaries import Probe
from moderation.errors import FlagInvalid, PeriodInvalid
from moderation.models import CanaryResult, Flag, PeriodReport, ProgrammeFeedback
from sora_site.lib.sheets import safe_cell
from tests.factories import add_second_factor, make_generation, make_user, make_video

pytestmark = pytest.mark.django_db


def staff(*roles: str) -> User:
    person = make_user(is_staff=True, roles=roles)
    add_second_factor(person)
    return person


def at(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


# --- Effectiveness and canaries ------------------------------------------------------------------


def stopped_by(*providers: str) -> None:
    job = make_generation()
    signals = [
        {"provider": name, "category": "hate", "action": "refuse", "value": 1.0}
        for name in providers
    ]
    SafetyCheck.objects.create(
        workspace=job.workspace, generation=job, stage="prompt", action="refuse",
        profile="default", policy_version="x", verdict={"signals": signals}, final=False,
    )  # fmt: skip


def test_a_layer_is_credited_alone_only_for_what_nothing_else_stopped() -> None:
    stopped_by("blocklist")
    stopped_by("blocklist", "text_linear")
    stopped_by("text_linear", "text_linear")

    found = {
        layer.name: (layer.hits, layer.unique)
        for layer in effectiveness.layers(timezone.now() - timedelta(days=1))
    }

    assert found == {"blocklist": (2, 1), "text_linear": (2, 1)}
    page = at(staff("reviewer")).get("/console/effectiveness/?days=1").content.decode()
    assert "text_linear" in page


def test_canaries_go_the_way_of_every_prompt_and_a_wrong_answer_is_called_out() -> None:
    right = Probe("harmless", "a red balloon rises over the ocean at sunset", "pass")
    wrong = Probe("should stop", "a red balloon rises over the ocean at sunset", "stop")
    stopped = Probe("stops", "heil hitler banners at a nazi rally, gas the jews", "stop")

    results = canaries.ask([right, wrong, stopped])

    assert [result.drifted for result in results] == [False, True, False]
    assert AuditEntry.objects.get(event="canary.drifted").data["probe"] == "should stop"
    page = at(staff("reviewer")).get("/console/effectiveness/").content.decode()
    assert "1 known prompt got another answer" in page
    at(staff("reviewer")).post("/console/effectiveness/drift/")
    assert effectiveness.drifted() == 0
    assert not canaries.is_due()
    assert canaries.is_due(timezone.now() + timedelta(hours=1))


def test_an_answer_that_never_came_meets_nothing(settings: Any) -> None:
    assert not canaries.meets("stop", canaries.UNAVAILABLE)
    assert not canaries.meets("pass", canaries.UNAVAILABLE)
    settings.SORA_TEXT_MODERATION_URL = "http://127.0.0.1:9/"
    settings.SORA_PROVIDER_SECONDS = 0.2
    (result,) = canaries.ask([Probe("plain", "a green lamp on a table", "pass")])
    assert (result.got, result.drifted) == ("unavailable", True)
    assert CanaryResult.objects.count() == 1


# --- Flags ---------------------------------------------------------------------------------------


def test_a_flag_nobody_set_stands_as_its_code_says() -> None:
    person = make_user()
    assert cohorts.is_on(cohorts.LIKENESS, person)
    assert not cohorts.is_on(cohorts.ARTISTS, person)


def test_a_growing_percentage_keeps_everybody_who_was_in() -> None:
    admin = staff("admin")
    people = [make_user() for _ in range(40)]

    def let_in(percent: int) -> set[int]:
        cohorts.set_flag(cohorts.ARTISTS, by=admin, on=True, percent=percent)
        return {person.pk for person in people if cohorts.is_on(cohorts.ARTISTS, person)}

    few, half, everybody = let_in(20), let_in(50), let_in(100)
    assert few <= half <= everybody == {person.pk for person in people}
    assert let_in(0) == set()


def test_named_people_are_in_until_their_place_ends_or_the_flag_is_off() -> None:
    admin, person = staff("admin"), make_user()
    member = cohorts.add_member(cohorts.ARTISTS, person, by=admin, cohort="first", country="fr")
    assert (member.country, cohorts.is_on(cohorts.ARTISTS, person)) == ("FR", True)
    cohorts.set_flag(cohorts.ARTISTS, by=admin, on=False)
    assert not cohorts.is_on(cohorts.ARTISTS, person)
    cohorts.set_flag(
        cohorts.ARTISTS, by=admin, on=True, starts_at=timezone.now() + timedelta(hours=1)
    )
    assert not cohorts.is_on(cohorts.ARTISTS, person)
    cohorts.set_flag(cohorts.ARTISTS, by=admin, on=True)
    assert cohorts.end_membership(member, by=admin)
    assert not cohorts.is_on(cohorts.ARTISTS, person)


def test_steps_are_followed_by_the_clock() -> None:
    flag = cohorts.set_flag(
        cohorts.ARTISTS, by=staff("admin"), on=True, steps=[[0, 5], [24, 50], [72, 100]]
    )
    assert flag.starts_at is not None
    hours = [
        cohorts.percent_now(flag, at=flag.starts_at + timedelta(hours=h)) for h in (0, 23, 24, 99)
    ]
    assert hours == [5, 5, 50, 100]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"percent": 101}, "percent"),
        ({"steps": [[5, 10], [1, 20]]}, "steps"),
        ({"plans": ["gold"]}, "plans"),
        ({"guard": "weather"}, "guard"),
        ({"guard": "refused", "guard_limit": 0.0}, "guard_limit"),
    ],
)
def test_a_flag_that_makes_no_sense_names_the_field(wrong: dict[str, Any], param: str) -> None:
    with pytest.raises(FlagInvalid) as refused:
        cohorts.set_flag(cohorts.ARTISTS, by=staff("admin"), on=True, **wrong)
    assert refused.value.param == param
    with pytest.raises(StaffRoleMissing):
        cohorts.set_flag(cohorts.ARTISTS, by=staff("senior"), on=True)


def test_a_guard_halts_its_flag_and_saving_lifts_the_halt() -> None:
    admin, person = staff("admin"), make_user()
    cohorts.set_flag(
        cohorts.ARTISTS, by=admin, on=True, percent=100,
        guard="refused", guard_limit=0.3, guard_least=4,
    )  # fmt: skip
    for status in ("refused", "refused", "succeeded"):
        make_generation(by=person, status=status)
    assert cohorts.check_guards() == 0  # too few to say
    make_generation(by=person, status="refused")

    assert cohorts.check_guards() == 1

    flag = Flag.objects.get()
    assert flag.halted_why.startswith("Share of requests refused: 75% of 4")
    assert not cohorts.is_on(cohorts.ARTISTS, person)
    assert AuditEntry.objects.get(event="flag.halted").actor is None
    page = at(admin).get("/console/flags/artist-programme/").content.decode()
    assert "Halted" in page
    cohorts.set_flag(cohorts.ARTISTS, by=admin, on=True, percent=100)
    assert cohorts.is_on(cohorts.ARTISTS, person)


def test_members_say_how_their_requests_were_judged_and_nobody_elses() -> None:
    admin, artist, stranger = staff("admin"), make_user(), make_user()
    own, foreign = make_generation(by=artist), make_generation()
    assert at(artist).get("/programme/").status_code == 404
    cohorts.add_member(cohorts.ARTISTS, artist, by=admin, country="PT")

    said = {"verdict": "over_blocked", "text": "=HYPERLINK(1)"}
    assert at(artist).get("/programme/").status_code == 200
    assert at(artist).post(f"/programme/{own.pk}/", said).status_code == 302
    assert at(artist).post(f"/programme/{foreign.pk}/", said).status_code == 404
    assert at(stranger).post(f"/programme/{own.pk}/", said).status_code == 404
    at(artist).post(f"/programme/{own.pk}/", {**said, "verdict": "splendid"})

    assert ProgrammeFeedback.objects.get().verdict == "over_blocked"
    table = at(admin).get("/console/flags/artist-programme/feedback.csv").content.decode()
    assert "'=HYPERLINK(1)" in table and "PT" in table and artist.handle not in table
    assert cohorts.programme_figures()["countries"] == 1
    assert safe_cell("plain") == "plain"


# --- The report of a period ----------------------------------------------------------------------


@pytest.fixture
def signed_site(settings: Any, tmp_path: Path) -> Iterator[Path]:
    settings.SORA_SIGNING_CHAIN = ""
    settings.SORA_DEVELOPMENT_CA_DIR = tmp_path / "ca"
    ensure_development_ca(settings.SORA_DEVELOPMENT_CA_DIR, "Test site")
    yield tmp_path


def report_by(senior: User) -> PeriodReport:
    today = timezone.now().date()
    return transparency.make(today, today, by=senior)


def test_a_report_counts_what_happened_and_keeps_it_as_counted() -> None:
    senior = staff("senior")
    cases = [
        services.file_report(make_video(), reason="spam", address=f"203.0.113.{n}").case
        for n in range(3)
    ]
    services.decide(cases[0], action="remove", note="Spam.", by=senior)
    services.decide(cases[1], action="dismiss", note="None.", by=senior)

    report = report_by(senior)
    services.decide(cases[2], action="remove", note="Spam.", by=senior)

    figures = report.figures
    assert figures["notices"]["received"] == 3
    assert figures["notices"]["by_reason"] == {"spam": 3}
    assert (figures["notices"]["upheld"], figures["notices"]["dismissed"]) == (1, 1)
    assert figures["decisions"]["by_action"] == {"dismiss": 1, "remove": 1}
    assert figures["own_initiative"]["by_people"] == 1
    assert figures["evidence"]["statements_chain"]["hash"]
    assert "notices,by_reason.spam,3" in transparency.as_csv(figures)


def test_a_period_that_is_none_is_refused() -> None:
    today, senior = timezone.now().date(), staff("senior")
    for begins, ends in (
        (today, today - timedelta(days=1)),
        (today, today + timedelta(days=1)),
        (today - timedelta(days=500), today),
    ):
        with pytest.raises(PeriodInvalid):
            transparency.make(begins, ends, by=senior)
    with pytest.raises(StaffRoleMissing):
        transparency.make(today, today, by=staff("reviewer"))


def test_nobody_outside_reads_a_report_before_it_is_published(signed_site: Path) -> None:
    senior = staff("senior")
    report = report_by(senior)
    paths = [f"/transparency/{report.pk}/{tail}" for tail in ("", "report.csv", "bundle.zip")]
    for outsider in (Client(), at(make_user()), at(staff("reviewer"))):
        assert [outsider.get(path).status_code for path in paths] == [404, 404, 404]
    assert [at(senior).get(path).status_code for path in paths] == [200, 200, 200]

    at(senior).post(f"/console/reports/{report.pk}/publish/")

    assert [Client().get(path).status_code for path in paths] == [200, 200, 200]
    assert f"/transparency/{report.pk}/" in Client().get("/transparency/").content.decode()


def test_the_bundle_is_checked_by_a_command_and_any_change_is_found(
    signed_site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = report_by(staff("senior"))
    transparency.publish(report, by=staff("senior"))
    whole = Client().get(f"/transparency/{report.pk}/bundle.zip").content
    file = signed_site / "bundle.zip"
    file.write_bytes(whole)
    call_command("verify_report", str(file))
    assert "genuine" in capsys.readouterr().out

    def changed(name: str, data: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(out, "w") as new:
            for item in old.namelist():
                new.writestr(item, data if item == name else old.read(item))
        return out.getvalue()

    with zipfile.ZipFile(io.BytesIO(whole)) as pack:
        manifest = json.loads(pack.read("manifest.json"))
    manifest["begins"] = "2001-01-01"
    bad = [
        changed("report.json", b"{}"),
        changed("report.csv", b"part,field,value\n"),
        changed("manifest.json", json.dumps(manifest).encode()),
        changed("signature", b"0" * 70),
        changed("chain.pem", b"none"),
        whole[: len(whole) // 2],
        b"not a zip",
    ]
    for data in bad:
        file.write_bytes(data)
        with pytest.raises(CommandError, match="NOT GENUINE"):
            call_command("verify_report", str(file))


def test_a_bundle_of_another_site_is_not_genuine_here(signed_site: Path, tmp_path: Path) -> None:
    from generation import signing

    report = report_by(staff("senior"))
    data = evidence_pack.build(report, signing.identity())
    other = ensure_development_ca(tmp_path / "other", "Another site")
    with pytest.raises(evidence_pack.BadPack, match="root"):
        evidence_pack.verify(data, other.root.read_text())
    with pytest.raises(evidence_pack.BadPack, match="no roots"):
        evidence_pack.verify(data, "")
