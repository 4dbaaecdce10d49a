"""The likeness pilot: closed unless everything is there, consent in so many words, misuse refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services as accounts
from accounts.models import AuditEntry, User, Workspace
from accounts.services import personal_workspace
from generation import likeness as use
from generation import services as generation
from generation.errors import PromptRefused
from generation.models import Generation, Source, Upload
from moderation import likeness, services
from moderation.errors import InvalidGrant, PilotClosed
from moderation.models import Case, LikenessClip, LikenessGrant, LikenessUpload
from moderation.screening.likeness_misuse import misused
from moderation.screening.protocol import Category
from moderation.screening.signals import Signal
from sora_site import checks
from tests.factories import make_generation, make_membership, make_user, make_video
from tests.generation.uploading import checked, encoded, photograph
from tests.moderation.eyes import Eyes, see

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace(alice: User) -> Workspace:
    return personal_workspace(alice)


@pytest.fixture
def pilot(settings: Any) -> None:
    """A site where the pilot is open: switched on, photographs taken, eyes that can tell."""
    settings.SORA_LIKENESS_PILOT = "on"
    settings.SORA_UPLOADS = "photos"
    see(settings, likeness=0.9)


def offered(workspace: Workspace, staff: User, **options: Any) -> LikenessGrant:
    values = {"cohort": "studio-1", "subject": "self", "scope": ["photo"], "days": 30, **options}
    return likeness.offer(workspace, workspace.owner, by=staff, **values)


def signed(workspace: Workspace, staff: User, **options: Any) -> LikenessGrant:
    grant = offered(workspace, staff, **options)
    codes = [one.code for one in likeness.statements(grant)]
    return likeness.consent(
        grant,
        by=workspace.owner,
        subject_name="Alex Example",
        agreed=codes,
        version=likeness.VERSION,
    )


def portrait(grant: LikenessGrant, **fields: Any) -> Upload:
    """A picture that was taken under the grant, as it lies in the database."""
    upload = Upload.objects.create(
        workspace=grant.workspace,
        uploaded_by=grant.person,
        name="me.jpg",
        kind="image",
        status="ready",
        size_bytes=1,
        received_bytes=1,
        media_key="x/y",
        verdict={"action": "guard", "upload": {"person": True}},
        **fields,
    )
    LikenessUpload.objects.create(workspace=grant.workspace, grant=grant, upload=upload)
    return upload


# --- Closed --------------------------------------------------------------------------------------


def test_it_is_closed_by_default_and_says_so_everywhere(
    client: Client, console: Client, alice: User, workspace: Workspace, staff: User
) -> None:
    api = APIClient()
    api.force_login(alice)

    assert "switched off" in likeness.closed_because()
    assert "switched off" in client.get("/rules/").content.decode()
    assert "SORA_" not in client.get("/rules/").content.decode()
    assert "switched off" in console.get("/console/likeness/").content.decode()
    assert "switched off" in api.get("/api/v1/likeness/").json()["closed"]
    with pytest.raises(PilotClosed):
        offered(workspace, staff)
    assert likeness.Pilot().may_bring(alice, workspace, "image") is None


@pytest.mark.parametrize("missing", [Category.CHILD, Category.LIKENESS, Category.SEXUAL])
def test_without_eyes_for_age_and_faces_it_stays_closed_however_it_is_set(
    pilot: None,
    workspace: Workspace,
    staff: User,
    missing: Category,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grant = signed(workspace, staff)
    upload = portrait(grant)
    assert likeness.closed_because() == ""
    monkeypatch.setattr(Eyes, "categories", Eyes.categories - {missing})

    assert missing.value in likeness.closed_because()
    assert {found.id for found in checks.check_likeness()} == {"sora.W021"}
    assert likeness.Pilot().may_bring(workspace.owner, workspace, "image") is None
    assert use.check_use(workspace.owner, [upload], ["walks"]) == ("likeness_consent",)


def test_without_photographs_it_stays_closed(pilot: None, settings: Any) -> None:
    settings.SORA_UPLOADS = "drawn"
    assert "no photographs" in likeness.closed_because()


# --- Places and consent --------------------------------------------------------------------------


def test_a_place_works_from_the_signature_to_its_end(
    pilot: None, workspace: Workspace, staff: User, alice: User
) -> None:
    bring = likeness.Pilot().may_bring
    grant = offered(workspace, staff)
    assert bring(alice, workspace, "image") is None
    grant = signed_again(grant, alice)
    assert bring(alice, workspace, "image") == grant.pk
    assert bring(alice, workspace, "video") is None
    assert bring(staff, workspace, "image") is None
    assert bring(alice, personal_workspace(staff), "image") is None
    assert (
        grant.statement_sha256
        == hashlib.sha256(likeness.statement_text(grant, "Alex Example").encode()).hexdigest()
    )
    event = AuditEntry.objects.get(event="likeness.consented")
    assert event.data["statement_sha256"] == grant.statement_sha256
    assert "Alex" not in str(event.data)

    LikenessGrant.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert bring(alice, workspace, "image") is None


def signed_again(grant: LikenessGrant, person: User) -> LikenessGrant:
    codes = [one.code for one in likeness.statements(grant)]
    signing = {"by": person, "agreed": codes, "version": likeness.VERSION}
    first = likeness.consent(grant, subject_name="Alex Example", **signing)
    again = likeness.consent(grant, subject_name="Other Name", **signing)
    assert again.statement_sha256 == first.statement_sha256
    return again


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"subject_name": " "}, "subject_name"),
        ({"version": "1999"}, "version"),
        ({"agreed": ["adult"]}, "agreed"),
    ],
)
def test_half_a_consent_is_none(
    pilot: None, workspace: Workspace, staff: User, change: dict[str, Any], param: str
) -> None:
    grant = offered(workspace, staff)
    values = {
        "subject_name": "Alex Example",
        "agreed": [one.code for one in likeness.statements(grant)],
        "version": likeness.VERSION,
        **change,
    }
    with pytest.raises(InvalidGrant) as refused:
        likeness.consent(grant, by=workspace.owner, **values)
    assert refused.value.param == param
    grant.refresh_from_db()
    assert grant.state == "offered"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"scope": []}, "scope"),
        ({"scope": ["anything"]}, "scope"),
        ({"days": 366}, "days"),
        ({"subject": "child"}, "subject"),
        ({"reviewed_first": 0}, "reviewed_first"),
    ],
)
def test_a_place_without_bounds_is_not_given(
    pilot: None, workspace: Workspace, staff: User, change: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidGrant) as refused:
        offered(workspace, staff, **change)
    assert refused.value.param == param


def test_places_are_for_adults_in_good_standing_of_that_workspace(
    pilot: None, workspace: Workspace, staff: User, bob: User
) -> None:
    give = {"cohort": "c", "subject": "self", "scope": ["photo"], "days": 1, "by": staff}
    viewer = make_membership(workspace, role="viewer").user
    young = make_membership(workspace, make_user(attested=False)).user
    held = make_membership(workspace).user
    accounts.suspend_user(held, by=staff, reason="x")
    for person in (bob, viewer, young, held):
        with pytest.raises(InvalidGrant):
            likeness.offer(workspace, person, **give)
    offered(workspace, staff)
    with pytest.raises(InvalidGrant):
        offered(workspace, staff)


def test_the_database_wants_the_words_with_every_consent(
    pilot: None, workspace: Workspace, staff: User
) -> None:
    grant = offered(workspace, staff)
    with pytest.raises(IntegrityError), transaction.atomic():
        LikenessGrant.objects.filter(pk=grant.pk).update(consented_at=timezone.now())


def test_revoking_takes_pictures_and_clips_out_of_reach_at_once(
    pilot: None, workspace: Workspace, staff: User, alice: User
) -> None:
    grant = signed(workspace, staff)
    upload = portrait(grant)
    video = make_video(workspace, by=alice)
    LikenessClip.objects.create(
        workspace=workspace, grant=grant, generation=video.generation, number=1, held=False
    )
    page = Client()
    page.force_login(alice)
    page.post(f"/settings/likeness/{grant.pk}/revoke/")
    for row in (upload, video, grant):
        row.refresh_from_db()

    assert grant.state == "revoked"
    assert upload.quarantined_at is not None
    assert video.quarantined_at is not None
    assert not likeness.revoke(grant, by=staff)
    assert use.check_use(alice, [upload], ["walks"]) == ("likeness_consent",)


# --- Uploads -------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_photograph_of_a_person_is_taken_under_a_grant_and_never_without(
    pilot: None, workspace: Workspace, staff: User, settings: Any
) -> None:
    from django.conf import settings as site

    from generation.provenance.development_ca import ensure_development_ca

    ensure_development_ca(site.SORA_DEVELOPMENT_CA_DIR, site.SITE_NAME)
    data = encoded(photograph().resize((320, 214)))
    refused = checked(workspace, data)
    grant = signed(workspace, staff)
    taken = checked(workspace, data)
    see(settings, likeness=0.9, child=0.4)
    child = checked(workspace, data)

    assert (refused.status, refused.reason_code) == ("refused", "likeness")
    assert (taken.status, taken.verdict["profile"]) == ("ready", "people_upload")
    assert taken.verdict["action"] == "guard"
    assert taken.verdict["upload"]["person"] is True
    assert LikenessUpload.objects.get().grant == grant
    assert (child.status, child.reason_code) == ("refused", "child")


# --- Use and misuse ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("she slowly undresses by the window", Category.SEXUAL),
        ("kissing a stranger", Category.SEXUAL),
        ("in handcuffs, a mugshot", Category.HARASSMENT),
        ("he vomits after a party", Category.HARASSMENT),
        ("confesses to the theft on live TV", Category.DECEPTIVE),
        ("grainy CCTV of her leaving the bank", Category.DECEPTIVE),
        ("ＬＥＡＫＥＤ phone video", Category.DECEPTIVE),
        ("snorting white powder", Category.ILLEGAL),
        ("gets punched in the face", Category.VIOLENCE_GORE),
        ("sie zieht sich langsam aus", Category.SEXUAL),
        ("elle avoue le vol à la télé", Category.DECEPTIVE),
        ("él está borracho y de rodillas", Category.HARASSMENT),
        ("viene arrestato dalla polizia", Category.HARASSMENT),
        ("câmera de segurança de uma loja", Category.DECEPTIVE),
        ("ze wordt gearresteerd", Category.HARASSMENT),
        ("całuje nieznajomego", Category.SEXUAL),
        ("elleri kelepçe ile bağlı", Category.HARASSMENT),
        ("она медленно раздевается у окна", Category.SEXUAL),
        ("她在床上和陌生人接吻", Category.SEXUAL),
        ("彼は逮捕される", Category.HARASSMENT),
        ("뇌물을 받는 남자", Category.ILLEGAL),
        ("هو يعترف بالسرقة", Category.DECEPTIVE),
        ("वह रिश्वत लेता है", Category.ILLEGAL),
    ],
)
def test_words_harmless_elsewhere_are_misuse_beside_a_face(text: str, category: Category) -> None:
    assert category in misused([text])


@pytest.mark.parametrize(
    "text",
    [
        "walks along the beach at sunset and waves",
        "smiles, the camera circles slowly",
        "dances in a garden full of flowers",
        "rides a bicycle through the city in autumn",
        "reads a book to the cat by the fire",
        "the hair moves in the wind, snow falls",
        "a pendulum swings, feathers fall on the grass, the soul of a song she sang on Tuesday",
        "sie lächelt und winkt, der Wind bewegt ihr Haar",
        "ella camina por la playa al atardecer",
        "elle marche sur la plage et sourit",
        "langs de kust loopt hij en zwaait",
        "идёт по пляжу со сливками и цветами",
        "彼女は裸足で海辺を歩く、テキストを読む",
        "她在海边散步",
        "그녀는 웃으며 손을 흔든다",
        "هي تمشي على الشاطئ وتضحك",
        "वह समुद्र किनारे चलती है",
    ],
)
def test_kind_words_are_not(text: str) -> None:
    assert misused([text]) == ()


def test_what_a_check_would_only_guard_is_refused_beside_a_face() -> None:
    guarded = Signal("text", "1", Category.DECEPTIVE, 0.85, action="guard")

    assert misused(["walks"], [guarded]) == (Category.DECEPTIVE,)
    assert misused(["walks"], [replace(guarded, action="allow")]) == ()
    assert misused(["walks"], [replace(guarded, category=Category.LANGUAGE)]) == ()
    assert misused(["walks"], named=True) == (Category.LIKENESS,)


def test_only_the_account_of_the_grant_may_use_it_and_only_kindly(
    pilot: None, workspace: Workspace, staff: User, alice: User, bob: User
) -> None:
    upload = portrait(signed(workspace, staff))

    assert use.check_use(alice, [upload], ["walks along the beach"]) == ()
    assert use.check_use(bob, [upload], ["walks along the beach"]) == ("likeness_consent",)
    assert use.check_use(alice, [upload], ["Taylor Swift walks along the beach"]) == ("likeness",)
    with pytest.raises(PromptRefused) as refused:
        use.refuse_misuse(alice, [upload], ["undresses"])
    assert refused.value.extra["reasons"] == ["sexual"]
    assert use.profile_of([upload], "default") == "people_upload"
    assert use.profile_of([], "default") == "default"


def test_a_picture_that_may_show_a_person_needs_no_grant_and_gets_no_misuse(
    workspace: Workspace, alice: User
) -> None:
    doubtful = Upload(verdict={"action": "guard", "categories": ["likeness"]})
    plain = Upload(verdict={"action": "allow"})

    assert use.check_use(alice, [doubtful], ["waves"]) == ()
    assert use.check_use(alice, [doubtful], ["undresses"]) == ("sexual",)
    assert use.check_use(alice, [plain], ["undresses"]) == ()


# --- The first clips -----------------------------------------------------------------------------


def job(grant: LikenessGrant, upload: Upload, **fields: Any) -> Generation:
    made: Generation = make_generation(
        grant.workspace, by=grant.person, profile=use.PROFILE, **fields
    )
    Source.objects.create(workspace=grant.workspace, generation=made, upload=upload)
    return made


def test_the_first_clips_are_held_every_one_and_failures_do_not_count(
    pilot: None, workspace: Workspace, staff: User
) -> None:
    grant = signed(workspace, staff, reviewed_first=2)
    upload = portrait(grant)
    one, two, three, four = (job(grant, upload) for _ in range(4))

    assert use.hold_of(one, [upload]) == use.HELD
    assert use.hold_of(one, [upload]) == use.HELD  # a second try of the same job
    assert use.hold_of(two, [upload]) == use.HELD
    assert use.hold_of(three, [upload]) is None
    Generation.objects.filter(pk=two.pk).update(
        status="failed", finished_at=timezone.now(), lease_expires_at=None
    )
    Generation.objects.filter(pk=three.pk).update(
        status="refused", finished_at=timezone.now(), lease_expires_at=None
    )
    assert use.hold_of(four, [upload]) == use.HELD
    assert sorted(LikenessClip.objects.values_list("number", flat=True)) == [1, 2, 3, 4]
    assert use.hold_of(make_generation(workspace), []) is None


def test_a_held_clip_waits_in_the_queue_until_a_person_lets_it_go(
    pilot: None, workspace: Workspace, staff: User, alice: User, console: Client
) -> None:
    grant = signed(workspace, staff)
    upload = portrait(grant)
    video = make_video(workspace, by=alice, shared=False)
    Generation.objects.filter(pk=video.generation_id).update(profile=use.PROFILE)
    video.generation.refresh_from_db()
    reason = use.hold_of(video.generation, [upload])
    assert reason == use.HELD
    with transaction.atomic():
        generation.hold_video(video, reason=reason)
    owner = Client()
    owner.force_login(alice)

    assert owner.get(f"/clips/{video.pk}/").status_code == 404
    assert "1 clip to look at" in console.get("/console/likeness/").content.decode()
    case = Case.objects.get(video=video)
    from billing import services as billing

    billing.grant_credits(workspace, 100, "test")
    billing.reserve_credits(workspace, 10, str(video.generation_id))
    services.decide(case, action="release", note="Waves at the sea.", by=staff)
    assert owner.get(f"/clips/{video.pk}/").status_code == 200
    assert use.shows_person(video)


def test_a_clip_that_is_finished_just_after_the_revocation_reaches_nobody(
    pilot: None, workspace: Workspace, staff: User, alice: User
) -> None:
    grant = signed(workspace, staff)
    video = make_video(workspace, by=alice, shared=False)
    LikenessClip.objects.create(
        workspace=workspace, grant=grant, generation=video.generation, number=1, held=False
    )
    LikenessGrant.objects.update(revoked_at=timezone.now(), revoked_by=alice)
    likeness.Pilot().delivered(video)
    video.refresh_from_db()
    assert video.quarantined_at is not None


# --- Doors ---------------------------------------------------------------------------------------


def test_staff_offers_and_the_account_signs_on_its_pages(
    pilot: None, workspace: Workspace, alice: User, console: Client, bob: User
) -> None:
    form = {
        "person": "@alice", "workspace": "", "cohort": "studio-1", "subject": "self",
        "scope": ["photo", "footage"], "days": "30", "reviewed_first": "",
    }  # fmt: skip
    assert console.post("/console/likeness/", {**form, "person": "nobody"}).status_code == 400
    assert console.post("/console/likeness/", form).status_code == 302
    grant = LikenessGrant.objects.get()
    assert grant.workspace == workspace
    page, other = Client(), Client()
    page.force_login(alice), other.force_login(bob)
    url = f"/settings/likeness/{grant.pk}/"
    assert other.get(url).status_code == 404
    assert other.post(url + "revoke/").status_code == 404
    signing = {"version": likeness.VERSION, "subject_name": "Alex Example"}
    assert page.post(url, signing).status_code == 400
    codes = [one.code for one in likeness.statements(grant)]
    assert page.post(url, {**signing, "agreed": codes}).status_code == 302
    mine = page.get("/settings/likeness/").content.decode()
    assert "Alex Example" in mine
    assert LikenessGrant.objects.get().statement_sha256 in mine


def test_the_same_by_api_for_sessions_only(
    pilot: None, workspace: Workspace, alice: User, staff: User, bob: User
) -> None:
    root, mine, other, token = APIClient(), APIClient(), APIClient(), APIClient()
    root.force_login(staff), mine.force_login(alice), other.force_login(bob)
    _, secret = accounts.create_token(workspace, alice, name="t")
    token.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    body = {
        "workspace": workspace.pk, "handle": "alice", "cohort": "c", "scope": ["photo"], "days": 9,
    }  # fmt: skip
    assert mine.post("/api/v1/moderation/likeness/", body).status_code == 403
    made = root.post("/api/v1/moderation/likeness/", body)
    assert made.status_code == 201
    url = f"/api/v1/likeness/{made.json()['id']}/"
    words = {
        "subject_name": "Alex Example",
        "agreed": [one["code"] for one in made.json()["statements"]],
        "version": made.json()["version"],
    }
    assert other.post(url + "consent/", words).status_code == 404
    assert token.post(url + "consent/", words).status_code == 404
    assert mine.post(url + "consent/", words).json()["state"] == "active"
    assert mine.post(url + "revoke/").json()["state"] == "revoked"
    assert mine.get("/api/v1/likeness/").json()["results"][0]["state"] == "revoked"
