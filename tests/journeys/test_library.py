"""Order in the library: choosing, moving, throwing away and taking back, by hand and by keyboard;
another format of a clip, the tree it stands in, and the whole workspace as a file."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.factories import PASSWORD
from tests.journeys.conftest import PHONE
from tests.journeys.people import Visit
from tests.ops.sites import Site, manage

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.slow]

FILL = """
from accounts.services import personal_workspace
from tests.factories import make_user
from tests.generation.real_clips import make_clip
who = make_user({email!r}, handle={handle!r}, display_name="Ann")
shelf = personal_workspace(who)
prompts = ["a red balloon rises over the ocean at sunset", "a blue boat drifts on a calm lake",
    "a white bird glides over snowy hills", "a yellow ball bounces across a meadow",
    "a green kite over the city at night"]
clips = [make_clip(shelf, by=who, prompt=text) for text in prompts]
child = make_clip(shelf, by=who, prompt="the red balloon, but in the rain", parents=(clips[0],))
make_clip(shelf, by=who, prompt="balloon and boat become one", parents=(child, clips[1]))
"""


@pytest.fixture(scope="module")
def email(site: Site) -> str:
    """Somebody with seven clips."""
    handle = f"ann-{uuid4().hex[:8]}"
    address = f"{handle}@example.com"
    done = manage(site.folder, "shell", "-c", FILL.format(email=address, handle=handle))
    assert done.returncode == 0, done.stderr
    return address


@pytest.fixture
def owner(email: str, visit: Visit) -> Any:
    """They, before the open library."""
    page = visit("/accounts/login/?next=/library/")
    page.get_by_label("Email", exact=True).fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/library/")
    return page


def photograph(page: Any, pictures: Path | None, name: str) -> None:
    if pictures is not None:
        page.wait_for_timeout(400)
        page.screenshot(path=pictures / f"library-{name}.png")


def shows(page: Any, number: int, *, chosen: bool = False) -> None:
    """Wait until so many clips are there, or chosen."""
    found = page.locator("[data-clip]:has(:checked)" if chosen else "[data-clip]")
    playwright.expect(found).to_have_count(number, timeout=30_000)


def pick(page: Any, prompt: str) -> None:
    page.locator("[data-clip]", has_text=prompt).locator("input[name=videos]").check()


def test_clips_are_put_in_order_by_hand_and_by_keyboard(owner: Any, pictures: Path | None) -> None:
    page = owner
    shows(page, 7)
    photograph(page, pictures, "grid")

    # A folder, two clips into it.
    page.get_by_text("New folder").click()
    page.get_by_label("Name of the folder").fill("Balloons")
    page.get_by_role("button", name="Make").click()
    page.get_by_role("heading", name="This folder is empty").wait_for()
    photograph(page, pictures, "empty-folder")
    page.get_by_role("link", name="Go to all clips").click()
    pick(page, "a red balloon")
    pick(page, "in the rain")
    bar = page.get_by_role("toolbar", name="Chosen clips")
    assert "2" in bar.inner_text()
    bar.get_by_label("Folder").select_option("Balloons")
    photograph(page, pictures, "chosen")
    bar.get_by_role("button", name="Move").click()
    page.get_by_text("Moved 2 clips to Balloons").wait_for()
    page.get_by_role("link", name="Balloons").click()
    shows(page, 2)

    # Into the trash, and back with one click.
    page.go_back()
    page.reload()
    pick(page, "a yellow ball")
    bar.get_by_role("button", name="Trash").click()
    page.get_by_text("Moved 1 clip to the trash").wait_for()
    photograph(page, pictures, "undo")
    shows(page, 6)
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Back in the library, private").wait_for()
    shows(page, 7)

    # The same without a mouse.
    page.locator("[data-clip] .clip__prompt a").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    shows(page, 2, chosen=True)
    photograph(page, pictures, "keyboard")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    shows(page, 7, chosen=True)
    page.keyboard.press("Escape")
    page.locator("[data-clip] .clip__prompt a").first.focus()
    page.keyboard.press("f")
    page.get_by_text("Marked as favourite").wait_for()
    page.keyboard.press("Delete")
    page.get_by_text("Moved 1 clip to the trash").wait_for()
    page.get_by_role("link", name="Trash").click()
    page.get_by_role("heading", name="Trash").wait_for()
    shows(page, 1)
    photograph(page, pictures, "trash")
    pick(page, "balloon")
    bar.get_by_role("button", name="Take back").click()
    page.get_by_text("Took back 1 clip").wait_for()
    page.goto("/library/?show=favourites")
    shows(page, 1)

    # Search and the dense view.
    page.goto("/library/")
    page.get_by_label("Search prompts").fill("ball")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=ball**")
    shows(page, 4)
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("link", name="List").click()
    shows(page, 4)
    photograph(page, pictures, "list")

    # Several as one zip.
    page.keyboard.press("a")
    shows(page, 4, chosen=True)
    with page.expect_download() as waiting:
        bar.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(waiting.value.path()) as bundle:
        assert len(bundle.namelist()) == 5


def test_on_a_phone_and_in_the_dark(owner: Any, pictures: Path | None) -> None:
    page = owner
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark")
    page.reload()
    photograph(page, pictures, "phone-dark")
    pick(page, "a red balloon")
    photograph(page, pictures, "phone-dark-chosen")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]
    bar = page.get_by_role("toolbar", name="Chosen clips").bounding_box()
    tabs = page.get_by_role("navigation", name="Main, bottom").bounding_box()
    assert bar["y"] + bar["height"] <= tabs["y"]


def test_a_clip_shows_its_tree_and_comes_as_a_gif(owner: Any, pictures: Path | None) -> None:
    page = owner
    page.get_by_role("link", name="balloon and boat become one").click()
    page.get_by_role("heading", name="Made from").wait_for()
    assert page.locator(".tree__link").count() == 3
    photograph(page, pictures, "clip")
    page.get_by_label("Other formats").click()
    photograph(page, pictures, "formats")
    with page.expect_download(timeout=120_000) as waiting:
        page.get_by_role("button", name="GIF").click()
    assert Path(waiting.value.path()).read_bytes().startswith(b"GIF89a")
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Lineage").scroll_into_view_if_needed()
    photograph(page, pictures, "lineage")
    page.get_by_text("Others may remix this clip").click()
    page.get_by_text("Nobody else may remix it").wait_for()
    page.get_by_role("link", name="the red balloon, but in the rain").click()
    page.get_by_role("heading", name="Became").wait_for()


def test_the_workspace_goes_out_and_comes_back(
    owner: Any, pictures: Path | None, tmp_path: Path
) -> None:
    page = owner
    page.goto("/settings/#archives")
    page.get_by_role("button", name="Export").click()
    link = page.locator(".archive__row", has_text="Export").get_by_role("link")
    link.wait_for(timeout=120_000)
    with page.expect_download() as waiting:
        link.click()
    archive = tmp_path / "archive.zip"
    waiting.value.save_as(archive)
    page.locator("[data-archive] input[type=file]").set_input_files(archive)
    page.get_by_text("0 taken in, 7 already there, 0 left out.").wait_for(timeout=120_000)
    page.locator("#archives").scroll_into_view_if_needed()
    photograph(page, pictures, "settings")
