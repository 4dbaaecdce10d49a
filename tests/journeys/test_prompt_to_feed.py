"""From a sentence to a shared clip that proves where it comes from, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from generation.provenance.c2pa import read_credentials
from generation.provenance.development_ca import CaFiles
from tests.journeys.conftest import DESKTOP, PHONE
from tests.journeys.people import (
    CLIP_MS,
    PROMPT,
    Visit,
    fill_sign_up,
    generate,
    newcomer,
    seen_on_cards,
    wait_until,
    watch_cards,
)
from tests.ops.sites import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_sentence_becomes_a_shared_clip_that_proves_where_it_comes_from(
    site: Site, visit: Visit, tmp_path: Path, pictures: Path | None
) -> None:
    # A stranger starts with a prompt and is asked to sign up; the prompt comes along.
    page = visit("/")
    page.get_by_label("Describe a scene").fill(PROMPT)
    page.get_by_role("button", name="Try it free").click()
    page.wait_for_url("**/accounts/signup/**")
    fill_sign_up(page, born="1990-05-21")
    page.wait_for_url("**/create/**")
    assert page.locator("[data-prompt]").input_value() == PROMPT

    # Cost and wait are there before the click; an impatient double click makes one job.
    page.get_by_role("radio", name="2 s").check()
    page.get_by_text("Expert settings").click()
    page.get_by_label("Steps", exact=True).fill("20")  # long enough to be watched
    page.locator('[data-quote-part="cost"]').get_by_text("credits").wait_for()
    page.locator('[data-quote-part="wait"]').wait_for()
    watch_cards(page)
    page.get_by_role("button", name="Generate").dblclick()
    card = page.locator("[data-card]").first
    card.wait_for()
    assert page.locator("[data-card]").count() == 1

    # Position, steps and preview frames while it is made, then the finished player.
    wait_until(card, "succeeded")
    assert {"queued", "running", "Drawing", "data:image/"} <= seen_on_cards(page)
    player = card.locator("video")
    player.wait_for()
    page.wait_for_function(
        "video => video.readyState > 0 && video.duration > 1.5", arg=player.element_handle()
    )
    assert page.locator("[data-balance]").first.inner_text() != "500"

    # Share it from its own page; a stranger finds it in Recent at once.
    card.get_by_role("link", name="Open").click()
    page.wait_for_url("**/clips/**")
    clip_path = re.sub(r"^https?://[^/]+", "", page.url)
    stranger = visit("/")
    assert stranger.locator(f'a[href="{clip_path}"]').count() == 0
    page.get_by_role("button", name="Share to Recent").click()
    page.get_by_role("button", name="Stop sharing").wait_for()
    stranger.reload()
    stranger.locator(f'a[href="{clip_path}"]').click()
    stranger.wait_for_url(f"**{clip_path}")
    assert stranger.get_by_text("Signed, unchanged, issuer trusted").is_visible()
    assert stranger.get_by_text("AI-generated").first.is_visible()

    # The downloaded file is signed, marked and known here.
    with stranger.expect_download() as started:
        stranger.get_by_role("link", name="Download").click()
    file = tmp_path / "clip.mp4"
    started.value.save_as(file)
    roots = CaFiles.under(site.folder / "pki").root
    report = read_credentials(file, roots)
    assert report.state == "trusted"
    assert str(report.claims["digital_source_type"]).endswith("trainedAlgorithmicMedia")
    stranger.goto("/verify/")
    stranger.get_by_label("File").set_input_files(file)
    stranger.get_by_role("heading", name="clip.mp4").wait_for(timeout=CLIP_MS)
    assert stranger.get_by_text("Signed, unchanged, issuer trusted").is_visible()
    assert stranger.get_by_text("Found", exact=True).is_visible()
    assert stranger.locator(f'a[href*="{clip_path}"]').count() == 1
    if pictures:
        stranger.screenshot(path=pictures / "verified-desktop-light.png", full_page=True)

    # And somebody without an account can report it.
    stranger.goto(clip_path)
    stranger.get_by_role("link", name="Report", exact=True).click()
    stranger.get_by_label("Made to pass for a real event").check()
    stranger.get_by_label("Anything that helps (optional)").fill("It looks like the news.")
    stranger.get_by_role("button", name="Send report").click()
    stranger.locator("[data-number]").get_by_text(re.compile("^R-")).wait_for()

    if pictures:
        take_pictures(page, stranger, clip_path, pictures)


def test_somebody_under_age_is_refused_and_can_not_simply_try_again(visit: Visit) -> None:
    page = visit("/accounts/signup/")
    fill_sign_up(page, born="2015-05-21", email="child@example.com")
    page.get_by_text("We can't open an account for you").wait_for()

    page.goto("/accounts/signup/")
    if page.get_by_role("button", name="Create account").count():
        fill_sign_up(page, born="1990-05-21", email="grown-up@example.com")
    page.get_by_text("We can't open an account for you").wait_for()
    page.goto("/create/")

    assert "/accounts/signup/" in page.url


def test_a_refused_prompt_keeps_the_words_and_says_what_to_do(visit: Visit) -> None:
    page = newcomer(visit)
    prompt = "a man is tortured and mutilated, gore and blood everywhere"
    page.locator("[data-prompt]").fill(prompt)

    page.locator("[data-prompt]").press("Control+Enter")

    problem = page.get_by_role("alert")
    problem.get_by_text("can't be generated").wait_for()
    assert problem.get_by_role("link", name="Read the rules").is_visible()
    assert page.locator("[data-prompt]").input_value() == prompt
    assert page.locator("[data-card]").count() == 0
    page.reload()
    assert page.locator("[data-prompt]").input_value() == prompt


def test_a_job_can_be_cancelled_and_costs_nothing(visit: Visit) -> None:
    page = newcomer(visit)
    card = generate(page)

    card.get_by_role("button", name="Cancel").click()
    wait_until(card, "cancelled")

    assert card.get_by_text("not charged").is_visible()
    assert card.get_by_text("You cancelled").is_visible()


def test_progress_goes_on_when_no_websocket_gets_through(visit: Visit) -> None:
    page = newcomer(visit)
    page.context.route_web_socket(re.compile("/ws/"), lambda socket: socket.close())
    page.reload()
    generate(page)

    page.goto("/activity/")
    page.locator("[data-away]:not([hidden])").wait_for()
    card = page.locator("[data-card]").first
    wait_until(card, "succeeded")

    assert card.locator("video").is_visible()


def take_pictures(member: Any, stranger: Any, clip_path: str, folder: Path) -> None:
    """Every page in both sizes and both schemes; nothing may be wider than the screen."""
    seen_by = {
        "recent": (stranger, "/"),
        "recent-member": (member, "/"),
        "create": (member, "/create/"),
        "activity": (member, "/activity/"),
        "library": (member, "/library/"),
        "clip": (member, clip_path),
        "settings": (member, "/settings/"),
        "verify": (stranger, "/verify/"),
        "rules": (stranger, "/rules/"),
        "sign-up": (stranger, "/accounts/signup/"),
        "sign-in": (stranger, "/accounts/login/"),
        "missing": (stranger, "/nowhere/"),
    }
    for name, (page, path) in seen_by.items():
        for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
            page.set_viewport_size(viewport)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.goto(path)
                page.wait_for_timeout(700)
                page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=True)
                wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
                assert not wide, f"{name} is wider than a {size}"
