"""A shared clip is reported and removed: it is gone from every page, and the maker still has the job."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.journeys.people import Visit, generate, newcomer, staff_member, wait_until
from tests.ops.sites import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_reported_clip_is_removed_by_staff_and_reachable_by_nobody(
    site: Site, visit: Visit, pictures: Any
) -> None:
    maker = newcomer(visit)
    card = generate(maker, share=True)
    wait_until(card, "succeeded")
    clip_path = re.sub(
        r"^https?://[^/]+", "", str(card.locator('[data-slot="open"]').get_attribute("href"))
    )
    media = card.locator("video").get_attribute("src")

    stranger = visit(clip_path)
    stranger.get_by_role("link", name="Report", exact=True).click()
    stranger.get_by_label("Made to pass for a real event").check()
    stranger.get_by_role("button", name="Send report").click()
    stranger.locator("[data-number]").get_by_text(re.compile("^R-")).wait_for()

    staff = staff_member(site, visit)
    staff.goto("/console/")
    if pictures:
        staff.screenshot(path=pictures / "queue-desktop-light.png", full_page=True)
    # Another journey may have left a case; ours is the newest and not graver, so the last.
    staff.get_by_role("link", name=re.compile("^Open case")).last.click()
    staff.get_by_label("Why").fill("Looks like a news picture of something that never happened.")
    if pictures:
        staff.screenshot(path=pictures / "case-desktop-light.png", full_page=True)
    staff.get_by_role("button", name="Remove the clip").click()
    staff.get_by_text("Decided: removed the clip").wait_for()

    for person in (stranger, maker):
        assert person.request.get(media).status == 404
        assert person.goto(clip_path).status == 404
    stranger.goto("/")
    assert stranger.locator(f'a[href="{clip_path}"]').count() == 0
