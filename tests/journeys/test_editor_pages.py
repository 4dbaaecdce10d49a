"""The bar, the tools of a clip, the storyboard and stitching, by pointer and by keyboard."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from generation.engine.operations import OPERATIONS
from tests.factories import PASSWORD
from tests.generation.uploading import drawn_video
from tests.journeys.conftest import DESKTOP, PHONE
from tests.journeys.people import CLIP_MS
from tests.ops.sites import ROOT, Site, manage, new_state_folder

pytestmark = [pytest.mark.browser, pytest.mark.slow]

FILL = """
from accounts.services import personal_workspace
from billing import services as billing
from generation.models import Generation
from tests.factories import make_user
from tests.generation.real_clips import make_clip
who = make_user({email!r}, handle={handle!r}, display_name="Ann")
shelf = personal_workspace(who)
billing.balance(shelf)
clips = [make_clip(shelf, by=who, prompt=text, seconds=2) for text in (
    "a red balloon rises over the ocean at sunset", "a blue boat drifts on a calm lake")]
batch = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
for number, clip in enumerate(clips):
    Generation.objects.filter(pk=clip.generation_id).update(batch=batch, variation=number)
print("clip", clips[0].pk)
"""


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """All tools are open: the shared site where the shipped model makes everything, else one of its own
    whose model's table claims to. No clip is waited for."""
    shipped = ROOT / "generation" / "engine" / "weights"
    table = json.loads((shipped / "capabilities.json").read_text())
    if set(table["operations"]) == set(OPERATIONS):
        yield request.getfixturevalue("site")
        return
    folder = new_state_folder()
    model = folder.with_name(folder.name + "-model")
    model.mkdir()
    for part in shipped.iterdir():
        (model / part.name).symlink_to(part)
    (model / "capabilities.json").unlink()
    table["operations"] = list(OPERATIONS)
    (model / "capabilities.json").write_text(json.dumps(table))
    running = Site(folder, SORA_MODEL_DIR=str(model))
    try:
        running.start()
        yield running
    finally:
        running.remove()
        shutil.rmtree(model)


@pytest.fixture(scope="module")
def owner(site: Site) -> tuple[str, str]:
    """Somebody with two clips: (address, id of the first)."""
    handle = f"ann-{uuid4().hex[:8]}"
    address = f"{handle}@example.com"
    done = manage(site.folder, "shell", "-c", FILL.format(email=address, handle=handle))
    found = re.search(r"clip (\S+)", done.stdout)
    assert found, done.stderr
    return address, found[1]


@pytest.fixture
def enter(owner: tuple[str, str], visit: Callable[..., Any]) -> Callable[..., Any]:
    def start(path: str, **options: Any) -> Any:
        page = visit(f"/accounts/login/?next={path}", **options)
        page.get_by_label("Email", exact=True).fill(owner[0])
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url(f"**{path}")
        return page

    return start


def photograph(page: Any, pictures: Path | None, name: str) -> None:
    """Light, dark and on a phone."""
    if pictures is None:
        return
    for look, scheme, size in (
        ("light", "light", DESKTOP),
        ("dark", "dark", DESKTOP),
        ("phone", "light", PHONE),
    ):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        page.wait_for_timeout(350)
        page.screenshot(path=pictures / f"editor-{name}-{look}.png")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESKTOP)


def fits_on_a_phone(page: Any) -> None:
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.set_viewport_size(DESKTOP)


def test_the_bar_goes_along_and_asks_for_clips(enter: Any, pictures: Path | None) -> None:
    page = enter("/library/")
    bar = page.get_by_role("region", name="Composer")
    prompt = bar.get_by_label("Prompt")
    photograph(page, pictures, "bar-closed")

    page.keyboard.press("/")
    page.keyboard.type("a yellow ball bounces across a meadow")
    assert bar.get_by_label("Length").is_visible()
    bar.get_by_text("credits").wait_for()
    photograph(page, pictures, "bar-open")

    page.get_by_role("link", name="Activity", exact=True).first.click()
    page.wait_for_url("**/activity/")
    assert prompt.input_value() == "a yellow ball bounces across a meadow"

    # Beyond the plan: said at the field, and nothing is lost.
    bar.get_by_label("Shape and size").evaluate(
        "select => { for (const option of select.options) option.disabled = false;"
        " select.value = '1920x1080'; }"
    )
    prompt.focus()
    page.keyboard.press("Control+Enter")
    bar.get_by_text("The Free plan makes no 1920x1080 videos.").wait_for()
    assert bar.get_by_label("Shape and size").get_attribute("aria-invalid") == "true"
    assert prompt.input_value() == "a yellow ball bounces across a meadow"
    photograph(page, pictures, "bar-refused")

    bar.get_by_label("Shape and size").select_option("512x288")
    bar.get_by_label("Length").select_option("2")
    bar.get_by_label("Variations").select_option("2")
    prompt.focus()
    page.keyboard.press("Control+Enter")
    page.get_by_text("2 clips are under way").wait_for()
    assert prompt.input_value() == ""
    page.locator("[data-card]").nth(1).wait_for()
    assert page.locator("[data-card]").first.locator(".job__variations > *").count() == 2

    # Earlier prompts come back with the arrow key.
    prompt.focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_function(
        "() => document.querySelector('#bar-prompt').value.startsWith('a yellow ball')"
    )
    page.keyboard.press("ArrowDown")
    page.wait_for_function("() => document.querySelector('#bar-prompt').value === ''")
    page.keyboard.press("Escape")
    assert not bar.get_by_label("Length").is_visible()
    fits_on_a_phone(page)


def test_a_picture_or_clip_goes_into_the_bar(enter: Any, pictures: Path | None) -> None:
    page = enter("/library/")
    bar = page.get_by_role("region", name="Composer")

    bar.get_by_role("button", name="Add a picture or a clip").click()
    page.get_by_role("dialog").get_by_role("button", name="a blue boat").click()
    bar.get_by_label("What to do with the clip").select_option("strong")
    bar.get_by_text("credits").wait_for()
    photograph(page, pictures, "bar-clip")
    page.reload()
    assert bar.locator(".attached").count() == 1
    bar.get_by_role("button", name="Remove a blue boat").click()
    assert bar.locator(".attached").count() == 0

    # The full page has no second bar, and takes clips and expert settings too.
    page.goto("/create/")
    assert bar.count() == 0
    page.get_by_role("button", name="Picture or clip").click()
    page.get_by_role("dialog").get_by_role("button", name="a blue boat").click()
    page.get_by_text("Expert settings").click()
    page.get_by_label("Leave out").fill("rain")
    page.get_by_role("radio", name="2", exact=True).check()
    page.locator("[data-quote-part=cost]").get_by_text("20 credits").wait_for()
    photograph(page, pictures, "create")
    fits_on_a_phone(page)
    page.get_by_label("Prompt", exact=True).fill("a blue boat in the rain")
    with page.expect_response(re.compile("/generations/")) as answered:
        page.get_by_role("button", name="Generate").click()
    assert answered.value.status == 202, answered.value.text()
    plan = answered.value.json()["plan"]
    assert (plan["tool"], plan["negative_prompt"]) == ("remix", "rain")


def test_the_tools_of_a_clip(enter: Any, owner: tuple[str, str], pictures: Path | None) -> None:
    page = enter(f"/clips/{owner[1]}/")
    edit = page.locator("[data-edit]")
    photograph(page, pictures, "clip")
    assert page.get_by_role("navigation", name="Variations").get_by_role("link").count() == 2

    # Remix with an own strength, and a part chosen by keyboard.
    edit.get_by_role("radio", name="Custom").check()
    edit.get_by_label("Strength").fill("0.8")
    assert edit.get_by_text("80 %").is_visible()
    start = page.get_by_role("slider", name="Part to redraw: start")
    start.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert start.get_attribute("aria-valuetext") == "0.5 s"
    edit.get_by_text("credits").wait_for()

    # The tabs by keyboard; what is marked with the pointer.
    edit.get_by_role("tab", name="Remix").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert edit.get_by_role("tab", name="Fill").get_attribute("aria-selected") == "true"
    strip = page.locator("[data-trim] .span__strip").bounding_box()
    handle = page.get_by_role("slider", name="Part to draw anew: end")
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(strip["x"] + strip["width"] * 0.9, box["y"] + 10, steps=5)
    page.mouse.up()
    assert float(handle.get_attribute("aria-valuenow")) == pytest.approx(1.8, abs=0.1)
    edit.scroll_into_view_if_needed()
    photograph(page, pictures, "fill")

    # What can't be made is said where it is.
    edit.get_by_role("tab", name="Extend").click()
    edit.get_by_label("After").fill("0")
    edit.get_by_role("button", name="Generate").click()
    edit.locator("[data-field-error]", has_text="There is nothing to add.").wait_for()

    # Blend: the second clip, and a curve by keyboard and by pointer.
    edit.get_by_role("tab", name="Blend").click()
    edit.get_by_role("button", name="Generate").click()
    edit.locator("[data-field-error]", has_text="The second clip is missing.").wait_for()
    edit.get_by_role("button", name="Choose a clip").click()
    page.get_by_role("dialog").get_by_role("button", name="a blue boat").click()
    point = edit.get_by_role("slider", name="Influence at 50 % of the time")
    assert point.get_attribute("aria-valuenow") == "50"
    point.focus()
    page.keyboard.press("ArrowUp")
    assert point.get_attribute("aria-valuenow") == "60"
    assert edit.get_by_role("radio", name="Drawn curve").is_checked()
    curve = edit.locator("svg.curve")
    curve.scroll_into_view_if_needed()
    area = curve.bounding_box()
    page.mouse.move(area["x"] + 20, area["y"] + 20)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] - 20, area["y"] + area["height"] - 20, steps=12)
    page.mouse.up()
    assert (
        int(edit.get_by_role("slider", name="Influence at 0 %").get_attribute("aria-valuenow")) > 80
    )
    edit.get_by_text("credits").wait_for()
    photograph(page, pictures, "blend")
    with page.expect_response(re.compile("/generations/")) as answered:
        edit.get_by_role("button", name="Generate").click()
    assert answered.value.status == 202, answered.value.text()
    assert len(answered.value.json()["plan"]["redraw"]["curve"]) == 9
    fits_on_a_phone(page)


def cards(page: Any) -> Any:
    return page.locator("[data-card-id]")


def drag(page: Any, card: Any, seconds: float, *, total: float) -> None:
    page.evaluate("scrollTo(0, 0)")
    lane = page.locator('[data-lane="text"]').bounding_box()
    box = card.bounding_box()
    x, y = box["x"] + 12, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + seconds * lane["width"] / total, y, steps=8)
    page.mouse.up()


def test_a_storyboard_by_pointer_and_keyboard(
    enter: Any, owner: tuple[str, str], pictures: Path | None
) -> None:
    page = enter("/storyboard/new/")
    page.get_by_label("What to see from here on").fill("a red balloon")
    page.get_by_label("Length (s)").fill("8")
    page.get_by_role("button", name="Add text").click()
    page.get_by_label("What to see from here on").fill("a yellow star falls")
    page.wait_for_url(re.compile(r"/storyboard/[0-9a-f-]{36}/"))
    second = cards(page).nth(1)

    # By pointer it snaps to half seconds, by keyboard too; with shift it goes frame by frame.
    assert "at 1 s" in second.get_attribute("aria-label")
    drag(page, second, 2.9, total=8)
    assert "at 4 s" in second.get_attribute("aria-label")
    second.focus()
    page.keyboard.press("ArrowRight")
    assert "at 4.5 s" in second.get_attribute("aria-label")
    page.keyboard.press("Shift+ArrowLeft")
    assert "at 4.42 s" in second.get_attribute("aria-label")
    page.keyboard.press("Control+z")  # arrow keys right after each other are one step
    assert "at 4 s" in second.get_attribute("aria-label")
    page.keyboard.press("Control+z")
    assert "at 1 s" in second.get_attribute("aria-label")
    page.keyboard.press("Control+Shift+Z")
    assert "at 4 s" in second.get_attribute("aria-label")

    # Doubled, too close, taken away, brought back.
    page.keyboard.press("Control+d")
    assert cards(page).count() == 3
    for _ in range(2):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowLeft")
    page.get_by_text("give hard cuts").wait_for()
    page.keyboard.press("Delete")
    assert cards(page).count() == 2
    assert not page.get_by_text("give hard cuts").is_visible()

    # A fuller caption, and a clip whose end is pulled.
    cards(page).first.click()
    page.get_by_role("button", name="Expand caption").click()
    page.wait_for_function(
        "() => document.querySelector('#card-text').value.startsWith('a red balloon, ')"
    )
    page.get_by_role("button", name="Add clip").click()
    page.get_by_role("dialog").get_by_role("button", name="a blue boat").click()
    clip = page.locator('[data-lane="clip"] [data-card-id]')
    assert "2 s long" in clip.get_attribute("aria-label")
    page.keyboard.press("Alt+ArrowLeft")
    assert "1.5 s long" in clip.get_attribute("aria-label")
    page.evaluate("scrollTo(0, 0)")
    edge = clip.locator(".card__edge--end").bounding_box()
    lane = page.locator('[data-lane="clip"]').bounding_box()
    page.mouse.move(edge["x"] + 5, edge["y"] + 20)
    page.mouse.down()
    page.mouse.move(edge["x"] + 5 - lane["width"] / 16, edge["y"] + 20, steps=5)
    page.mouse.up()
    assert "1 s long" in clip.get_attribute("aria-label")
    clip.focus()
    page.keyboard.press("End")
    assert "at 7 s" in clip.get_attribute("aria-label")
    page.locator("[data-quote-part=cost]").wait_for()
    page.get_by_label("Title").fill("Balloon and star")
    page.locator("#main").get_by_text("Saved", exact=True).wait_for()
    photograph(page, pictures, "storyboard")
    fits_on_a_phone(page)

    # Its link restores it; a second window is noticed.
    address = page.url
    page.reload()
    assert cards(page).count() == 3
    assert page.get_by_label("Title").input_value() == "Balloon and star"
    other = page.context.new_page()
    other.goto(address)
    other.get_by_label("Title").fill("Star")
    other.locator("#main").get_by_text("Saved", exact=True).wait_for()
    page.get_by_label("Title").fill("Balloon")
    page.get_by_text("saved in another window").wait_for()
    photograph(page, pictures, "conflict")
    page.get_by_role("button", name="Keep mine as a new draft").click()
    page.wait_for_url(lambda url: url != address)
    page.locator("#main").get_by_text("Saved", exact=True).wait_for()

    # A mistake is shown on its card; without it the clip is made.
    cards(page).nth(1).click()
    page.get_by_label("What to see from here on").fill(" ")
    page.get_by_role("button", name="Generate").click()
    page.get_by_text("This card is empty.").wait_for()
    assert cards(page).nth(1).get_attribute("aria-invalid") == "true"
    page.get_by_label("What to see from here on").fill("a yellow star falls")
    page.locator("[data-quote-part=cost]").wait_for()
    with page.expect_response(re.compile("/generations/")) as answered:
        page.get_by_role("button", name="Generate").click()
    assert answered.value.status == 202, answered.value.text()
    plan = answered.value.json()["plan"]
    assert [card["start"] for card in plan["prompts"]] == [0, 4]
    assert plan["keep"][0]["at"] == 7

    page.goto("/storyboards/")
    photograph(page, pictures, "drafts")
    page.get_by_role("button", name="Delete Star").click()
    page.get_by_text("Deleted", exact=False).first.wait_for()
    assert page.get_by_role("link", name="Star", exact=True).count() == 0


def test_clips_are_stitched_in_order(
    enter: Any, owner: tuple[str, str], pictures: Path | None
) -> None:
    page = enter("/sequence/")
    page.goto(f"/sequence/?clip={owner[1]}")
    page.get_by_role("button", name="Add a clip").click()
    page.get_by_role("dialog").get_by_role("button", name="a blue boat").click()
    page.get_by_text("2 parts, 4 s").wait_for()
    page.get_by_role("button", name="Move part 2 up").click()
    assert "a blue boat" in page.locator(".part").first.inner_text()
    page.get_by_role("radio", name="Cross-fade").check()
    page.get_by_text("1 credit", exact=True).wait_for()
    photograph(page, pictures, "stitch")
    fits_on_a_phone(page)
    with page.expect_response(re.compile("/generations/")) as answered:
        page.get_by_role("button", name="Stitch").click()
    assert answered.value.status == 202, answered.value.text()
    assert [span["fade"] for span in answered.value.json()["plan"]["keep"]] == [0, 0.5]


def test_a_sequence_is_kept_its_link_restores_it_and_steps_go_back_and_forth(
    enter: Any, owner: tuple[str, str], pictures: Path | None
) -> None:
    page = enter("/sequence/")
    page.goto(f"/sequence/?clip={owner[1]}")
    page.get_by_role("button", name="Duplicate part 1").click()
    page.get_by_role("slider", name="Part 2: start").press("ArrowRight")
    page.get_by_text("2 parts, 3.75 s").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("2 parts, 4 s").wait_for()
    page.keyboard.press("Control+Shift+Z")
    page.get_by_text("2 parts, 3.75 s").wait_for()
    page.get_by_label("Title").fill("Balloon twice")
    page.locator("#main").get_by_text("Saved", exact=True).wait_for()
    page.wait_for_url(re.compile(r"/sequence/[0-9a-f-]{36}/$"))

    page.goto("/storyboards/")
    page.get_by_role("link", name="Balloon twice").click()
    page.get_by_text("2 parts, 3.75 s").wait_for()
    assert page.get_by_label("Title").input_value() == "Balloon twice"
    photograph(page, pictures, "sequence")
    fits_on_a_phone(page)


def test_on_a_desktop_the_bar_waits_in_the_corner_while_the_tools_show(
    enter: Any, owner: tuple[str, str]
) -> None:
    page = enter(f"/clips/{owner[1]}/", viewport=DESKTOP)
    page.goto(f"{page.url}#extend")
    page.locator("[data-bar].is-aside").wait_for(state="attached")
    page.wait_for_timeout(400)  # it moves aside
    tools, bar = (page.locator(name).bounding_box() for name in ("[data-edit]", "[data-bar] form"))
    assert tools and bar
    assert bar["x"] >= tools["x"] + tools["width"]
    page.keyboard.press("/")
    page.locator("[data-bar].is-open").wait_for()


def test_on_a_phone_the_bar_makes_room_for_the_tools_own_button(
    enter: Any, owner: tuple[str, str], pictures: Path | None
) -> None:
    page = enter(f"/clips/{owner[1]}/", viewport=PHONE)
    own = page.locator("[data-edit] [data-generate]")
    own.scroll_into_view_if_needed()
    page.locator("[data-bar].is-beside").wait_for(state="attached")
    page.wait_for_timeout(400)  # it slides away
    box = own.bounding_box()
    assert box
    top = page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y)?.closest('[data-generate]') !== null"
        " && document.elementFromPoint(x, y)?.closest('[data-bar]') === null",
        [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2],
    )
    assert top
    photograph(page, pictures, "tools-phone")


def test_clips_with_prompts_come_in_as_a_zip_and_what_is_left_out_says_why(
    enter: Any, tmp_path: Path, pictures: Path | None
) -> None:
    table = "file,prompt\ngood.mp4,a red ball\nmissing.mp4,a boat\nbad.mp4,a kite\n"
    archive = tmp_path / "clips.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("prompts.csv", table)
        bundle.write(drawn_video(tmp_path / "good.mp4"), "clips/good.mp4")
        bundle.writestr("clips/bad.mp4", b"%PDF-1.7 no film")
        bundle.writestr("clips/extra.mp4", b"not in the table")
    page = enter("/library/import/")
    page.get_by_role("link", name="Read it").click()
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="I agree").click()
    page.wait_for_url("**/library/import/")

    page.locator("[data-files]").set_input_files(archive)
    page.get_by_role("button", name="Import 2 files").click()
    page.get_by_text("1 file was taken, 3 left out.").first.wait_for(timeout=CLIP_MS)
    left = page.locator("[data-left]").inner_text()
    assert "There is no such file beside the table." in left
    assert "It is not in the table." in left
    assert "PDF" in left
    photograph(page, pictures, "import")
    fits_on_a_phone(page)
    page.get_by_role("link", name="Open its draft").click()
    page.get_by_role("button", name="Clip at 0 s").wait_for()
