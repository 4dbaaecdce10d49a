"""What other sites get: feeds to subscribe to, oEmbed, a player, share cards. And alt text, flashes."""

from __future__ import annotations

import importlib
import json
import uuid
from typing import Any
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from generation.models import SafetyCheck, Video
from generation.services import flash_area_of
from tests.factories import make_video

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"
SITE = settings.PUBLIC_URL


def take_down(video: Video) -> None:
    Video.objects.filter(pk=video.pk).update(quarantined_at=timezone.now())


@pytest.mark.parametrize("name", ["recent", "featured", "u/alice/clips"])
def test_rss_and_atom_are_well_formed_and_escape_what_people_wrote(
    client: Client, alice: User, name: str
) -> None:
    from feeds.featuring import propose
    from tests.feeds.staff import make_curator

    video = make_video(by=alice, prompt='<script>x</script> & "ü" 🎈')
    propose(video, by=make_curator(), reason="A <b>reason</b>.", days=1)

    rss = ElementTree.fromstring(client.get(f"/{name}.rss").content)
    atom = ElementTree.fromstring(client.get(f"/{name}.atom").content)

    assert rss.findtext("channel/item/title") == '<script>x</script> & "ü" 🎈'
    description = rss.findtext("channel/item/description") or ""
    assert "<script>" not in description
    assert f"/clips/{video.pk}/poster/" in description
    assert atom.findtext(f"{ATOM}entry/{ATOM}title") == '<script>x</script> & "ü" 🎈'
    assert (rss.findtext("channel/item/link") or "").endswith(f"/clips/{video.pk}/")


def test_a_clip_that_was_taken_down_is_in_nothing_that_leads_outside(client: Client) -> None:
    video = make_video()
    address = {"url": f"{SITE}/clips/{video.pk}/"}
    assert client.get("/oembed/", address).status_code == 200

    take_down(video)

    assert str(video.pk) not in client.get("/recent.rss").content.decode()
    assert client.get("/oembed/", address).status_code == 404
    assert client.get(f"/embed/{video.pk}/").status_code == 404
    assert client.get(f"/clips/{video.pk}/poster/").status_code == 404


def test_oembed_describes_a_player_no_larger_than_asked(client: Client) -> None:
    video = make_video(prompt='a "quoted" <kite>')
    asked = {"url": f"{SITE}/clips/{video.pk}/", "maxwidth": "256"}

    answer = client.get("/oembed/", asked).json()
    xml = ElementTree.fromstring(client.get("/oembed/", {**asked, "format": "xml"}).content)

    assert (answer["type"], answer["version"]) == ("video", "1.0")
    assert (answer["width"], answer["height"]) == (256, 144)
    assert f'src="{SITE}/embed/{video.pk}/"' in answer["html"]
    assert "<kite>" not in answer["html"]
    assert xml.findtext("html") == answer["html"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 404),
        ({"url": "https://other.example/clips/00000000-0000-0000-0000-000000000000/"}, 404),
        ({"url": f"{SITE}/clips/{uuid.uuid4()}/"}, 404),
        ({"url": f"{SITE}/clips/{'-' * 36}/"}, 400),
        ({"url": "http://[broken"}, 404),
        ({"url": f"{SITE}/", "format": "yaml"}, 501),
        ({"url": f"{SITE}/", "maxwidth": "wide"}, 400),
        ({"url": f"{SITE}/", "maxheight": "²"}, 400),
    ],
)
def test_oembed_refuses_what_it_cant_describe(
    client: Client, asked: dict[str, str], status: int
) -> None:
    assert client.get("/oembed/", asked).status_code == status


def test_private_clips_have_no_player_poster_or_oembed_even_for_their_owner(
    signed_in: Client, alice: User
) -> None:
    video = make_video(by=alice, shared=False)

    assert signed_in.get("/oembed/", {"url": f"{SITE}/clips/{video.pk}/"}).status_code == 404
    assert signed_in.get(f"/embed/{video.pk}/").status_code == 404
    assert signed_in.get(f"/clips/{video.pk}/poster/").status_code == 404
    assert "og:image" not in signed_in.get(f"/clips/{video.pk}/").content.decode()


def test_only_the_embedded_player_may_stand_in_another_sites_frame(client: Client) -> None:
    video = make_video()

    player, page = client.get(f"/embed/{video.pk}/"), client.get(f"/clips/{video.pk}/")

    assert "frame-ancestors *" in player["Content-Security-Policy"]
    assert "X-Frame-Options" not in player
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert page["X-Frame-Options"] == "DENY"


def test_the_share_card_has_a_lasting_address_that_leads_to_the_signed_poster(
    client: Client,
) -> None:
    video = make_video(prompt='a "kite" <b>')

    page = client.get(f"/clips/{video.pk}/").content.decode()
    poster = client.get(f"/clips/{video.pk}/poster/")

    assert f'<meta property="og:image" content="{SITE}/clips/{video.pk}/poster/">' in page
    assert '<meta property="og:title" content="a &quot;kite&quot; &lt;b&gt;">' in page
    assert 'name="twitter:card" content="player"' in page
    assert "application/json+oembed" in page
    assert poster["Location"].startswith("/media/")
    assert "no-store" in poster["Cache-Control"]


# --- Alt text ----------------------------------------------------------------------------------------


def test_alt_text_is_the_prompt_until_its_owner_writes_their_own(
    api: APIClient, alice: User, client: Client
) -> None:
    video = make_video(by=alice, prompt="a kite")
    address = f"/api/v1/videos/{video.pk}/alt-text/"
    assert 'alt="AI-generated clip: a kite"' in client.get("/").content.decode()

    answer = api.put(address, {"alt_text": 'A kite, "slowly"  rising <b>'}).json()

    assert answer["alt"] == 'A kite, "slowly" rising <b>'
    assert 'alt="A kite, &quot;slowly&quot; rising &lt;b&gt;"' in client.get("/").content.decode()
    assert api.put(address, {"alt_text": ""}).json()["alt"] == "AI-generated clip: a kite"


def test_the_form_for_alt_text_works_without_script(signed_in: Client, alice: User) -> None:
    video = make_video(by=alice)

    signed_in.post(f"/clips/{video.pk}/alt-text/", {"alt_text": "A kite rises."})

    assert "A kite rises." in signed_in.get(f"/clips/{video.pk}/").content.decode()


@pytest.mark.parametrize("text", ["x" * 501, "a\x00b", "\ud800"])
def test_a_description_one_cant_read_is_refused(api: APIClient, alice: User, text: str) -> None:
    video = make_video(by=alice)

    body = json.dumps({"alt_text": text})
    answer = api.put(
        f"/api/v1/videos/{video.pk}/alt-text/", data=body, content_type="application/json"
    )

    assert answer.status_code in (400, 422)
    video.refresh_from_db()
    assert video.alt_text == ""


def test_a_description_passes_the_gate_like_a_prompt(api: APIClient, alice: User) -> None:
    from moderation.screening.gate import screen_prompt

    refused = "a nude child on a beach"
    assert not screen_prompt(refused).allowed
    video = make_video(by=alice)

    answer = api.put(f"/api/v1/videos/{video.pk}/alt-text/", {"alt_text": refused})

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "text_refused"


# --- Flashes -----------------------------------------------------------------------------------------


def scanned(video: Video, area: Any, *, measured: bool = True) -> None:
    SafetyCheck.objects.create(
        workspace=video.workspace,
        generation=video.generation,
        stage=SafetyCheck.Stage.OUTPUT,
        action="allow",
        profile="default",
        policy_version="1",
        verdict={
            "details": {"flash_area": area},
            "not_evaluated": [] if measured else ["flashes"],
        },
    )


@pytest.mark.parametrize(
    ("area", "plays"), [(0.0, True), (0.099, True), (0.1, False), (0.3, False), (None, False)]
)
def test_a_clip_that_flashes_or_was_never_measured_does_not_play_by_itself(
    client: Client, area: float | None, plays: bool
) -> None:
    make_video(flash_area=area)

    (card,) = client.get("/api/v1/feeds/recent/").json()["videos"]

    assert card["autoplay"] is plays
    assert ("data-preview=" in client.get("/").content.decode()) is plays


def test_what_the_output_scan_measured_is_what_counts() -> None:
    calm, unmeasured, odd = make_video(), make_video(), make_video()
    scanned(calm, 0.3)
    scanned(calm, 0.02)
    scanned(unmeasured, 0.0, measured=False)
    scanned(odd, "much")

    assert flash_area_of(calm.generation) == 0.02
    assert flash_area_of(unmeasured.generation) is None
    assert flash_area_of(odd.generation) is None
    assert flash_area_of(make_video().generation) is None


def test_the_flash_scan_of_clips_made_before_is_read() -> None:
    """The statement of the migration, on clips that lie there without a figure."""
    migration = importlib.import_module("generation.migrations.0010_audience")
    calm, unmeasured, odd, none = (make_video() for _ in range(4))
    scanned(calm, 0.02)
    scanned(unmeasured, 0.0, measured=False)
    scanned(odd, "much")

    with connection.cursor() as cursor:
        cursor.execute(migration.FLASHES)

    found = dict(Video.objects.values_list("pk", "flash_area"))
    assert found[calm.pk] == 0.02
    assert [found[v.pk] for v in (unmeasured, odd, none)] == [None, None, None]


# --- Breaks ------------------------------------------------------------------------------------------


def test_a_break_is_suggested_only_where_the_operator_says_so(
    client: Client, settings: Any
) -> None:
    make_video()
    assert "data-break" not in client.get("/").content.decode()

    settings.SORA_BREAK_MINUTES = 20

    page = client.get("/").content.decode()
    assert 'data-break-minutes="20"' in page
    assert "for 20 minutes" in page
