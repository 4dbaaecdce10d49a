"""Every tool of the editor by hand, on the model that is loaded: what was asked for arrives, and keeps
what it says it keeps. A tool that the model lacks is shown closed with its reason, and refused."""

from __future__ import annotations

import itertools
import re
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from generation import media
from generation.editing.offers import LONG
from generation.editing.tools import SEAMS, STRENGTHS
from generation.engine.protocol import Frames
from generation.presets import with_presets
from generation.provenance.c2pa import CredentialsReport, read_credentials
from generation.provenance.development_ca import CaFiles
from tests.factories import PASSWORD
from tests.generation.uploading import drawing, write
from tests.journeys.conftest import DESKTOP, PHONE, newcomer_of
from tests.journeys.people import CLIP_MS
from tests.ops.sites import Site, manage

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.slow]

FILL = """
from django.core.management import call_command
from accounts.services import personal_workspace
from tests.factories import make_user
who = make_user({email!r}, handle={handle!r}, display_name="Ann")
print("shelf", personal_workspace(who).pk)
call_command("change_plan", {email!r}, "pro")
"""
BALLOON = "a red balloon rises over the ocean at sunset"
BOAT = "a blue boat drifts on a calm lake"
KEPT_DB = 28.0  # least PSNR of what is kept, after delivery


# --- What arrives --------------------------------------------------------------------------------


@dataclass
class Clip:
    """A delivered job, its file, and its frames uint8 [n, h, w, 3], the moving mark included."""

    job: dict[str, Any]
    file: Path
    _frames: Frames | None = None

    @property
    def ref(self) -> str:
        return f"video:{self.job['video']['id']}"

    @property
    def page(self) -> str:
        return str(self.job["video"]["page_url"])

    @property
    def plan(self) -> dict[str, Any]:
        return dict(self.job["plan"])

    @property
    def frames(self) -> Frames:
        if self._frames is None:
            shown = [media.planes_to_rgb(planes) for planes in media.decode_planes(self.file)]
            self._frames = np.stack(shown)
        return self._frames


def alike(one: Frames, two: Frames) -> float:
    """PSNR in dB without the tenth of the pixels that differ most: two moving marks lie there."""
    error = np.square(one.astype(np.float64) - two).mean(-1).ravel()
    kept = np.sort(error)[: int(0.9 * len(error))].mean()
    return float(10 * np.log10(255**2 / max(kept, 1e-9)))


def apart(one: Frames, two: Frames) -> float:
    """Mean difference without that tenth."""
    error = np.abs(one.astype(np.float64) - two).mean(-1).ravel()
    return float(np.sort(error)[: int(0.9 * len(error))].mean())


def keeps(made: Clip, at: int, source: Clip, start: int = 0, count: int | None = None) -> None:
    """Frames of `source` are those of `made` from frame `at` on: its first, middle and last one."""
    count = len(source.frames) - start if count is None else count
    for index in (0, count // 2, count - 1):
        found = alike(made.frames[at + index], source.frames[start + index])
        assert found >= KEPT_DB, (index, found)


# --- A person at work ----------------------------------------------------------------------------


@dataclass
class Studio:
    """One person's browser, and what they have made so far."""

    page: Any
    folder: Path
    roots: Path
    shelf: int
    engine: dict[str, Any]
    made: dict[str, Clip] = field(default_factory=dict)

    def offers(self, tool: str) -> bool:
        return bool(self.engine["tools"][tool]["able"])

    def reason(self, tool: str) -> str:
        return str(self.engine["tools"][tool]["reason"])

    def open(self, path: str) -> Any:
        self.page.goto(path)
        return self.page

    def create(self, prompt: str) -> Any:
        """The composer without what was left in it, set to a short clip."""
        self.page.evaluate("localStorage.clear(); sessionStorage.clear()")
        self.open("/create/").get_by_label("Prompt", exact=True).fill(prompt)
        self.page.get_by_role("radio", name="2 s", exact=True).check()
        return self.page

    def asks(self, press: Callable[[], None]) -> list[str]:
        """The ids of the jobs that pressing makes."""
        with self.page.expect_response(is_request) as answered:
            press()
        assert answered.value.status == 202, answered.value.text()
        job = answered.value.json()
        return [one["id"] for one in job.get("variations", [job])]

    def delivered(self, job_id: str, name: str = "") -> Clip:
        """Wait for the clip of a job; remember it as `name`."""
        body = self.ended(job_id)
        assert body["status"] == "succeeded", body["reason"]
        assert body["credit_state"] == "captured"
        file = self.folder / f"{job_id}.mp4"
        file.write_bytes(self.page.request.get(body["video"]["media_url"]).body())
        clip = Clip(body, file)
        report = self.credentials(file)
        assert report.state == "trusted"
        assert len(report.claims["ingredients"]) == len(body["sources"])
        if name:
            self.made[name] = clip
        return clip

    def ended(self, job_id: str) -> dict[str, Any]:
        until = time.monotonic() + CLIP_MS / 1000
        while time.monotonic() < until:
            body: dict[str, Any] = self.page.request.get(f"/api/v1/generations/{job_id}/").json()
            if body["status"] not in ("queued", "running"):
                return body
            self.page.wait_for_timeout(200)
        raise AssertionError(f"job {job_id} did not end")

    def credentials(self, file: Path) -> CredentialsReport:
        return read_credentials(file, self.roots)

    def tool(self, clip: Clip, tool: str) -> Any:
        """The tab of a tool on the page of a clip."""
        if clip.page in self.page.url:
            self.open("about:blank")  # another anchor alone opens no page anew
        self.open(f"{clip.page}#{tool}")
        panel = self.page.locator("[data-edit]")
        panel.locator(f"#tool-{tool}").wait_for()
        return panel

    def press(self, panel: Any) -> Callable[[], None]:
        return lambda: panel.get_by_role("button", name="Generate").click()

    def post(self, body: dict[str, Any], *, key: str = "") -> Any:
        """The same request as a page sends it, without a page."""
        cookies = {c["name"]: c["value"] for c in self.page.context.cookies()}
        return self.page.request.post(
            f"/api/v1/workspaces/{self.shelf}/generations/",
            data=body,
            headers={
                "X-CSRFToken": cookies["csrftoken"],
                "Referer": self.page.url,
                "Idempotency-Key": key or uuid4().hex,
            },
        )

    def balance(self) -> dict[str, Any]:
        return dict(
            self.page.request.get(f"/api/v1/workspaces/{self.shelf}/ledger/").json()["balance"]
        )


def is_request(response: Any) -> bool:
    return response.request.method == "POST" and response.url.endswith("/generations/")


@pytest.fixture(scope="module")
def studio(site: Site, browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    handle = f"ann-{uuid4().hex[:8]}"
    address = f"{handle}@example.com"
    done = manage(site.folder, "shell", "-c", FILL.format(email=address, handle=handle))
    found = re.search(r"shelf (\d+)", done.stdout)
    assert found, done.stderr
    # Still pages leave the processor to the worker.
    with newcomer_of(site, browser, reduced_motion="reduce") as page:
        page.goto("/accounts/login/?next=/create/")
        page.get_by_label("Email", exact=True).fill(address)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/create/")
        yield Studio(
            page,
            tmp_path_factory.mktemp("clips"),
            CaFiles.under(site.folder / "pki").root,
            int(found[1]),
            page.request.get("/api/v1/engine/").json(),
        )


@pytest.fixture(scope="module")
def drafts(studio: Studio) -> list[Clip]:
    """Two variations from words, with style, camera and the expert panel; the other tools edit them."""
    page = studio.create(BALLOON)
    page.get_by_role("radio", name="2", exact=True).check()
    style, camera = chosen_presets(studio)
    page.get_by_label("Style", exact=True).select_option(style)
    if camera:
        page.get_by_label("Camera").select_option(camera)
    page.get_by_text("Expert settings").click()
    page.get_by_label("Seed", exact=True).fill("7")
    page.get_by_label("Steps", exact=True).fill("8")
    if "negative_prompt" in studio.engine["operations"]:
        page.get_by_label("Leave out").fill("rain")
    page.locator('[data-quote-part="cost"]').get_by_text("credits").wait_for()
    jobs = studio.asks(lambda: page.get_by_role("button", name="Generate", exact=True).click())
    return [studio.delivered(job, f"draft {number}") for number, job in enumerate(jobs)]


def chosen_presets(studio: Studio) -> tuple[str, str]:
    """A style and a camera move of those the model knows; "" where it knows none."""
    styles, cameras = studio.engine["styles"], studio.engine["cameras"]
    return (styles or [""])[-1], (cameras or [""])[-1]


def closed(studio: Studio, tool: str, body: dict[str, Any]) -> bool:
    """True when the model lacks the tool; then its tab says why, and a request is refused with it."""
    if studio.offers(tool):
        return False
    reason = studio.reason(tool)
    assert reason.startswith(studio.engine["title"]) and "can't" in reason
    panel = studio.tool(studio.made["draft 0"], tool)
    assert panel.get_by_text(reason).locator("visible=true").count() == 1
    assert not panel.get_by_role("button", name="Generate").is_visible()
    error = refused(studio, {"tool": tool, "prompt": BALLOON, **body})
    assert error["message"].startswith(studio.engine["title"])
    return True


def refused(studio: Studio, body: dict[str, Any], status: int = 400) -> dict[str, Any]:
    answer = studio.post(body)
    assert answer.status == status, answer.text()
    return dict(answer.json()["error"])


def photograph(studio: Studio, pictures: Path | None, name: str) -> None:
    """Light, dark and on a phone; nothing is wider than the screen."""
    page = studio.page
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
    if pictures is not None:
        for look, scheme, size in (
            ("phone", "light", PHONE),
            ("dark", "dark", DESKTOP),
            ("light", "light", DESKTOP),
        ):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size(size)
            page.wait_for_timeout(400)
            page.screenshot(path=pictures / f"tool-{name}-{look}.png", full_page=True)
    page.set_viewport_size(DESKTOP)


# --- From words ----------------------------------------------------------------------------------


def test_words_style_camera_and_expert_settings_make_two_variations(
    studio: Studio, drafts: list[Clip], pictures: Path | None
) -> None:
    first, second = (clip.plan for clip in drafts)
    style, camera = chosen_presets(studio)
    assert (first["style"], first["camera"], first["steps"]) == (style, camera, 8)
    assert (first["seed"], second["seed"]) == (7, 8)
    assert first["prompts"][0]["text"] == with_presets(BALLOON, style=style, camera=camera)
    if "negative_prompt" in studio.engine["operations"]:
        assert first["negative_prompt"] == "rain"
    assert len(drafts[0].frames) == 2 * studio.engine["fps"]
    assert apart(drafts[0].frames[0], drafts[1].frames[0]) > 1

    page = studio.open(drafts[0].page)
    assert page.get_by_role("navigation", name="Variations").get_by_role("link").count() == 2
    width, height = studio.engine["default_size"]
    assert page.get_by_text(f"{width}×{height}", exact=True).is_visible()
    native = studio.credentials(drafts[0].file).claims["resampled"]
    if native:  # the page, the manifest and the price say the same
        assert page.locator(".facts").get_by_text(native.removeprefix("drawn ")).is_visible()
    photograph(studio, pictures, "clip")

    # Its settings are a click away.
    page.get_by_role("link", name="Copy settings").click()
    page.wait_for_url("**/create/**")
    assert page.get_by_label("Seed", exact=True).input_value() == "7"
    assert page.get_by_label("Style", exact=True).input_value() == style


def test_every_size_and_length_is_offered_as_what_it_is(
    studio: Studio, drafts: list[Clip], pictures: Path | None
) -> None:
    page, engine = studio.create(BALLOON), studio.engine
    shown = page.get_by_role("group", name="Shape and size").get_by_role("radio")
    assert shown.count() == len(engine["sizes"])
    longer = [s for s in LONG if max(engine["seconds"]) < s <= engine["longest_seconds"]]
    for seconds in longer:
        pill = page.get_by_title("Made in several passes").get_by_text(f"{seconds} s", exact=True)
        assert pill.is_visible()
    assert bool(longer) == studio.offers("extend")
    for seconds in LONG:
        too_long = seconds > engine["longest_seconds"]
        pill = page.get_by_role("radio", name=f"{seconds} s", exact=True)
        assert pill.is_disabled() == too_long
        why = f"{engine['title']} makes up to {engine['longest_seconds']} s"
        said = page.get_by_title(why).get_by_text(f"{seconds} s", exact=True)
        assert (said.count() == 1) == too_long
    shapes = {"16:9": 16 / 9, "1:1": 1, "9:16": 9 / 16}
    for name, shape in shapes.items():
        made = any(abs(w / h / shape - 1) < 0.03 for w, h in engine["sizes"])
        lacking = page.locator(".pills__row", has_text=f"{engine['title']} makes no clips")
        assert (lacking.filter(has_text=name).count() == 0) == made

    # The largest one of each shape, at the greatest length: what it is made of is said before it runs.
    for width, height in {ratio(size): size for size in engine["sizes"]}.values():
        page.locator(f'input[name="size"][value="{width}x{height}"]').check()
        page.locator("input[name=seconds]:not(:disabled)").last.check()
        said = page.locator("[data-warnings]")
        said.get_by_text(f"enlarged to {width}x{height}").wait_for()
        if longer:
            said.get_by_text("passes that go on from each other").wait_for()
    photograph(studio, pictures, "sizes")
    error = refused(studio, {"prompt": BALLOON, "seconds": engine["longest_seconds"] + 1})
    assert error["param"] == "seconds"


def ratio(size: list[int]) -> float:
    return round(size[0] / size[1], 1)


def test_a_style_of_ones_own_follows_the_prompt(
    studio: Studio, drafts: list[Clip], pictures: Path | None
) -> None:
    page = studio.create(BOAT)
    page.get_by_role("button", name="Your styles").click()
    dialog = page.get_by_role("dialog", name="Your styles")
    dialog.get_by_label("Name").fill("Harbour")
    dialog.get_by_label("Words that follow the prompt").fill("in film noir style at night")
    photograph(studio, pictures, "styles")
    dialog.get_by_role("button", name="Keep this style").click()
    dialog.wait_for(state="detached")
    chosen = page.get_by_label("Style", exact=True)
    assert chosen.locator("option:checked").inner_text() == "Harbour"
    job = studio.asks(lambda: page.get_by_role("button", name="Generate", exact=True).click())[0]
    made = studio.delivered(job, "boat")
    assert made.plan["prompts"][0]["text"] == f"{BOAT}, in film noir style at night"

    # The name can't be given twice, and what is thrown away is no longer offered.
    page.get_by_role("button", name="Your styles").click()
    dialog.get_by_label("Name").fill("harbour")
    dialog.get_by_label("Words that follow the prompt").fill("at noon")
    dialog.get_by_role("button", name="Keep this style").click()
    dialog.get_by_role("alert").wait_for()
    dialog.get_by_role("button", name="Delete Harbour").click()
    dialog.get_by_text("A style is a few words").wait_for()
    dialog.get_by_role("button", name="Close").click()
    assert chosen.input_value() == ""


# --- From pictures -------------------------------------------------------------------------------


def upload(studio: Studio, file: Path) -> None:
    """Through the dialog that is open; the agreement is asked for before the first one."""
    page = studio.page
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files(file)
    page.wait_for_function(
        "() => !document.querySelector('dialog[open]')"
        " || document.querySelector('#agreement-title, dialog [role=alert]')",
        timeout=60_000,
    )
    if dialog.get_by_role("heading", name="Before you upload").count():
        for box in dialog.get_by_role("checkbox").all():
            box.check()
        dialog.get_by_role("button", name="I agree").click()
        page.wait_for_function(
            "() => !document.querySelector('dialog[open]')"
            " || document.querySelector('dialog [role=alert]')",
            timeout=60_000,
        )
    assert dialog.count() == 0, dialog.inner_text()


def attach(studio: Studio, file: Path) -> None:
    studio.page.get_by_role("button", name="Picture or clip").click()
    upload(studio, file)


def test_pictures_become_first_last_and_key_frames(
    studio: Studio, drafts: list[Clip], pictures: Path | None, tmp_path: Path
) -> None:
    if closed(studio, "image", {"edit": {"image": drafts[0].ref}}):
        return
    width, height = studio.engine["default_size"]
    files = []
    for number in range(3):
        file = tmp_path / f"drawing-{number}.png"
        drawing(width, height, shift=40 * number).save(file)
        files.append(file)

    page = studio.create("a house on a meadow at noon")
    jobs = {}
    for count, tool in ((1, "image"), (2, "keyframes"), (3, "keyframes")):
        if not studio.offers(tool):
            page.get_by_role("button", name="Picture or clip").click()
            page.get_by_text(f"One picture: {studio.reason(tool)}").wait_for()
            break
        attach(studio, files[count - 1])
        page.locator("[data-quote-part=cost]").get_by_text("credits").wait_for()
        if count == 3:
            photograph(studio, pictures, "keyframes")
        # What was attached stays for the next one.
        jobs[count] = studio.asks(page.get_by_role("button", name="Generate", exact=True).click)[0]
    last = 2 * studio.engine["fps"] - 1
    places = {1: [0], 2: [0, last], 3: [0, (last + 1) // 2, last]}
    for count, job in jobs.items():
        made = studio.delivered(job, f"{count} pictures")
        assert made.plan["tool"] == ("image" if count == 1 else "keyframes")
        assert len(made.job["sources"]) == count
        for number, frame in enumerate(places[count]):
            shown = np.asarray(drawing(width, height, shift=40 * number))
            assert alike(made.frames[frame], shown) >= KEPT_DB, (count, number)


# --- Clips again ---------------------------------------------------------------------------------


def test_a_remix_changes_more_with_every_strength(
    studio: Studio, drafts: list[Clip], pictures: Path | None
) -> None:
    if closed(studio, "remix", {"edit": {"clip": drafts[0].ref}}):
        return
    panel = studio.tool(drafts[0], "remix")
    jobs = {}
    for strength, share in (*STRENGTHS.items(), ("custom", 0.95)):
        panel.get_by_role("radio", name=strength.capitalize()).check()
        if strength == "custom":
            panel.get_by_label("Strength").fill(str(share))
        jobs[share] = studio.asks(studio.press(panel))[0]
    photograph(studio, pictures, "remix")
    changed = []
    for share, job in jobs.items():
        made = studio.delivered(job, f"remix {share}")
        assert made.plan["redraw"]["strength"] == pytest.approx(share)
        assert len(made.frames) == len(drafts[0].frames)
        changed.append(apart(made.frames, drafts[0].frames))
    assert changed == sorted(changed), changed
    assert changed[-1] > 1.5 * changed[0], changed


def test_a_clip_goes_on_behind_its_end_and_before_its_beginning(
    studio: Studio, drafts: list[Clip], pictures: Path | None
) -> None:
    draft, fps = drafts[0], studio.engine["fps"]
    if closed(studio, "extend", {"edit": {"clip": draft.ref, "after": 1}}):
        return
    panel = studio.tool(draft, "extend")
    panel.get_by_label("After").fill("0")
    studio.press(panel)()
    panel.locator("[data-field-error]", has_text="There is nothing to add.").wait_for()
    panel.get_by_label("After").fill("1")
    photograph(studio, pictures, "extend")
    after = studio.asks(studio.press(panel))[0]
    panel.get_by_label("After").fill("0")
    panel.get_by_label("Before").fill("1")
    before = studio.asks(studio.press(panel))[0]

    longer, earlier = studio.delivered(after, "longer"), studio.delivered(before)
    assert len(longer.frames) == len(earlier.frames) == 3 * fps
    keeps(longer, 0, draft)
    keeps(earlier, fps, draft)
    # No jump where what is new begins.
    for clip, edge in ((longer, 2 * fps), (earlier, fps)):
        steps = [apart(a, b) for a, b in itertools.pairwise(clip.frames)]
        assert steps[edge - 1] <= 2 * max(float(np.mean(steps)), 0.5), steps


def mark(studio: Studio, part: str, edge: str, seconds: float) -> None:
    """Put a handle of a strip of time where it is wanted, with the arrow keys."""
    handle = studio.page.get_by_role("slider", name=f"{part}: {edge}")
    handle.focus()
    for _ in range(40):
        missing = seconds - float(handle.get_attribute("aria-valuenow"))
        if abs(missing) < 0.02:
            return
        studio.page.keyboard.press("ArrowRight" if missing > 0 else "ArrowLeft")
    raise AssertionError(f"{part}: {edge} does not reach {seconds} s")


def test_a_marked_part_is_drawn_anew_and_the_rest_stays(
    studio: Studio, drafts: list[Clip], pictures: Path | None
) -> None:
    source = studio.made.get("longer", drafts[0])
    fps, count = studio.engine["fps"], len(source.frames)
    if closed(studio, "fill", {"edit": {"clip": source.ref, "from": 0.5, "to": 1.5}}):
        return
    panel = studio.tool(source, "fill")
    mark(studio, "Part to draw anew", "start", 0)
    mark(studio, "Part to draw anew", "end", count / fps)
    studio.press(panel)()
    panel.get_by_role("alert").get_by_text("The whole clip is marked").wait_for()
    mark(studio, "Part to draw anew", "start", 1)
    mark(studio, "Part to draw anew", "end", 2 if count > 2 * fps else 1.5)
    panel.locator("textarea[name=prompt]").fill("a yellow star falls over the ocean")
    photograph(studio, pictures, "fill")
    made = studio.delivered(studio.asks(studio.press(panel))[0], "filled")
    assert len(made.frames) == count
    keeps(made, 0, source, 0, fps)
    behind = 2 * fps if count > 2 * fps else round(1.5 * fps)
    keeps(made, behind, source, behind)
    assert made.plan["prompts"][0]["text"] == "a yellow star falls over the ocean"


def test_the_good_part_goes_on_in_both_directions_on_a_new_timeline(
    studio: Studio, drafts: list[Clip], pictures: Path | None
) -> None:
    draft, fps = drafts[1], studio.engine["fps"]
    if closed(studio, "recut", {"edit": {"clip": draft.ref, "at": 1}, "seconds": 3}):
        return
    panel = studio.tool(draft, "recut")
    mark(studio, "Good part", "start", 0.5)
    mark(studio, "Good part", "end", 1.5)
    panel.get_by_label("New length").fill("3")
    panel.get_by_label("It begins at").fill("1")
    photograph(studio, pictures, "recut")
    made = studio.delivered(studio.asks(studio.press(panel))[0])
    assert len(made.frames) == 3 * fps
    keeps(made, fps, draft, fps // 2, fps)


def test_two_clips_are_blended_in_every_way(
    studio: Studio, drafts: list[Clip], pictures: Path | None
) -> None:
    draft, boat = drafts[0], studio.made["boat"]
    if closed(studio, "blend", {"edit": {"clip": draft.ref, "second": boat.ref}}):
        return
    panel = studio.tool(draft, "blend")
    studio.press(panel)()
    panel.locator("[data-field-error]", has_text="The second clip is missing.").wait_for()
    panel.get_by_role("button", name="Choose a clip").click()
    studio.page.get_by_role("dialog").get_by_role("button", name=BOAT).first.click()
    jobs = {}
    for mode in ("Transition", "Mix", "Sample"):
        panel.get_by_role("radio", name=mode).check()
        jobs[mode] = studio.asks(studio.press(panel))[0]
    # A curve of one's own: the second clip from the beginning, the first at the end; both trimmed.
    for point, key in ((0, "End"), (100, "Home")):
        panel.get_by_role("slider", name=f"Influence at {point} % of the time").press(key)
    assert panel.get_by_role("radio", name="Drawn curve").is_checked()
    mark(studio, "Part of this clip", "end", 1.5)
    mark(studio, "Part of the second clip", "start", 0.5)
    photograph(studio, pictures, "blend")
    jobs["Drawn"] = studio.asks(studio.press(panel))[0]

    made = {mode: studio.delivered(job) for mode, job in jobs.items()}
    assert len(made["Drawn"].frames) == 1.5 * studio.engine["fps"]

    def nearer_the_second(clip: Clip, frame: int, cut: int = 0) -> bool:
        """Is this frame more like the second clip at that moment than like the first one?"""
        one, two = draft.frames[frame], boat.frames[frame + cut]
        return apart(clip.frames[frame], two) < apart(clip.frames[frame], one)

    last = len(draft.frames) - 1
    assert not nearer_the_second(made["Transition"], 0)
    assert nearer_the_second(made["Transition"], last)
    assert not nearer_the_second(made["Sample"], 0)
    assert not nearer_the_second(made["Sample"], last)
    assert nearer_the_second(made["Drawn"], 0, cut=studio.engine["fps"] // 2)
    assert {len(clip.job["sources"]) for clip in made.values()} == {2}


def test_a_loop_has_no_visible_seam(
    studio: Studio, drafts: list[Clip], pictures: Path | None
) -> None:
    draft = drafts[0]
    if closed(studio, "loop", {"edit": {"clip": draft.ref}}):
        return
    panel = studio.tool(draft, "loop")
    jobs = {}
    for seam in SEAMS:
        panel.get_by_role("radio", name=re.compile(seam, re.I)).check()
        jobs[seam] = studio.asks(studio.press(panel))[0]
    photograph(studio, pictures, "loop")
    for seam, job in jobs.items():
        made = studio.delivered(job)
        keeps(made, 0, draft)
        assert alike(made.frames[-1], made.frames[0]) >= KEPT_DB, "the last frame is the first one"
        steps = [apart(a, b) for a, b in itertools.pairwise(made.frames)]
        # Where the clip goes over into the seam, and the seam into the first frame again.
        for edge in (len(draft.frames) - 1, len(steps) - 1):
            assert steps[edge] <= 1.5 * max(float(np.mean(steps)), 0.5), (seam, edge, steps)


# --- Several cards and several clips -------------------------------------------------------------


def cards(page: Any) -> Any:
    return page.locator("[data-card-id]")


def drag(page: Any, card: Any, seconds: float, total: float) -> None:
    page.evaluate("scrollTo(0, 0)")
    lane = page.locator('[data-lane="text"]').bounding_box()
    box = card.bounding_box()
    x, y = box["x"] + 12, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + seconds * lane["width"] / total, y, steps=6)
    page.mouse.up()


def test_a_storyboard_is_laid_out_kept_and_made(
    studio: Studio, drafts: list[Clip], pictures: Path | None
) -> None:
    page = studio.open("/storyboard/new/")
    page.get_by_label("What to see from here on").fill(BALLOON)
    page.get_by_label("Length (s)").fill("3")
    if not studio.offers("storyboard"):
        assert page.get_by_text("One text card works; several need another model.").is_visible()
    page.get_by_role("button", name="Add text").click()
    page.get_by_label("What to see from here on").fill(BOAT)
    second = cards(page).nth(1)
    drag(page, second, 0.9, total=3)
    second.focus()
    page.keyboard.press("ArrowLeft")
    assert "at 1.5 s" in (second.get_attribute("aria-label") or ""), "snaps to half seconds"
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+Shift+Z")
    assert "at 1.5 s" in (second.get_attribute("aria-label") or "")
    if studio.offers("extend"):
        page.get_by_role("button", name="Add clip").click()
        page.get_by_role("dialog").get_by_role("button", name=BOAT).first.click()
        clip = page.locator('[data-lane="clip"] [data-card-id]')
        for _ in range(3):
            page.keyboard.press("Alt+ArrowLeft")
        page.keyboard.press("End")
        assert "at 2.5 s, 0.5 s long" in (clip.get_attribute("aria-label") or "")
    page.get_by_label("Seed", exact=True).fill("7")
    page.locator("#main").get_by_text("Saved", exact=True).wait_for()
    photograph(studio, pictures, "storyboard")

    # The address alone brings it back.
    count = cards(page).count()
    page.reload()
    assert cards(page).count() == count
    generate = page.get_by_role("button", name="Generate")
    if not studio.offers("storyboard"):
        generate.click()
        page.get_by_text(studio.reason("storyboard")).first.wait_for()
        return
    made = studio.delivered(studio.asks(generate.click)[0])
    fps = studio.engine["fps"]
    assert len(made.frames) == 3 * fps
    assert [card["start"] for card in made.plan["prompts"]] == [0, 1.5]
    keeps(made, round(2.5 * fps), studio.made["boat"], 0, fps // 2)


def test_clips_are_stitched_by_cut_and_by_cross_fade(
    studio: Studio, drafts: list[Clip], pictures: Path | None
) -> None:
    draft, boat, fps = drafts[0], studio.made["boat"], studio.engine["fps"]
    page = studio.open(draft.page)
    page.get_by_role("link", name="Stitch", exact=True).click()
    page.wait_for_url("**/sequence/**")
    page.get_by_role("button", name="Add a clip").click()
    page.get_by_role("dialog").get_by_role("button", name=BOAT).first.click()
    page.get_by_role("slider", name="Part 2: end").wait_for()  # the list is drawn anew with it
    mark(studio, "Part 1", "end", 1)
    page.get_by_text("1 credit", exact=True).wait_for()
    stitch = page.get_by_role("button", name="Stitch", exact=True)
    cut = studio.asks(stitch.click)[0]

    studio.open(f"/sequence/?clip={draft.job['video']['id']}")
    page.get_by_role("button", name="Add a clip").click()
    page.get_by_role("dialog").get_by_role("button", name=BOAT).first.click()
    page.get_by_role("slider", name="Part 2: end").wait_for()
    page.get_by_role("radio", name="Cross-fade").check()
    photograph(studio, pictures, "stitch")
    fade = studio.asks(stitch.click)[0]

    one, two = studio.delivered(cut), studio.delivered(fade)
    assert (one.job["cost_credits"], two.job["cost_credits"]) == (1, 1)
    assert len(one.frames) == 3 * fps and len(two.frames) == 3.5 * fps
    keeps(one, 0, draft, 0, fps)
    keeps(one, fps, boat)
    keeps(two, 2 * fps, boat, fps // 2)


def test_a_draft_is_made_again_at_full_size(
    studio: Studio, drafts: list[Clip], pictures: Path | None
) -> None:
    panel = studio.tool(drafts[1], "upgrade")
    size = panel.get_by_label("Size")
    bigger = [o.get_attribute("value") for o in size.locator("option:not([disabled])").all()]
    wanted = bigger[1] or ""
    size.select_option(wanted)
    panel.get_by_label("Steps").fill("10")
    photograph(studio, pictures, "upgrade")
    made = studio.delivered(studio.asks(studio.press(panel))[0])
    assert f"{made.job['width']}x{made.job['height']}" == wanted
    assert (made.job["steps"], made.job["seed"]) == (10, drafts[1].job["seed"])
    assert made.plan["upgraded_from"] == drafts[1].ref
    assert made.plan["prompts"] == drafts[1].plan["prompts"]
    assert f"to {wanted}" in (studio.credentials(made.file).claims["resampled"] or wanted)


# --- What leaves, and where it came from ---------------------------------------------------------


def test_every_format_leaves_with_its_credentials(
    studio: Studio, drafts: list[Clip], pictures: Path | None
) -> None:
    page = studio.open(drafts[0].page)
    for code, suffix, starts in (
        ("mp4", "mp4", b"ftyp"),
        ("gif", "gif", b"GIF89a"),
        ("webp", "webp", b"RIFF"),
        ("poster", "webp", b"RIFF"),
        ("spritesheet", "jpg", b"\xff\xd8"),
    ):
        if not page.locator(f'[data-format="{code}"]').is_visible():
            page.get_by_label("Other formats").click()
        with page.expect_download(timeout=120_000) as waiting:
            page.locator(f'[data-format="{code}"]').click()
        file = studio.folder / f"export-{code}.{suffix}"
        waiting.value.save_as(file)
        assert starts in file.read_bytes()[:16], code
        report = studio.credentials(file)
        assert report.state == "trusted", (code, report.failures)
        assert str(report.claims["digital_source_type"]).endswith("trainedAlgorithmicMedia")
    photograph(studio, pictures, "formats")


def test_three_generations_stand_in_one_tree_with_credit(
    studio: Studio, drafts: list[Clip], pictures: Path | None
) -> None:
    """Words, then a longer clip, then a part of that one drawn anew; stitched where a model can't."""
    ancestors = ["draft 0", "longer"]
    youngest = studio.made.get("filled")
    if youngest is None:
        ancestors = ["draft 0", "stitched"]
        form = {"parts": [{"media": drafts[0].ref}, {"media": drafts[0].ref}]}
        middle = studio.post({"tool": "stitch", "edit": form, "prompt": BALLOON}).json()["id"]
        studio.delivered(middle, "stitched")
        form = {"parts": [{"media": studio.made["stitched"].ref}, {"media": drafts[1].ref}]}
        last = studio.post({"tool": "stitch", "edit": form, "prompt": BALLOON}).json()["id"]
        youngest = studio.delivered(last)
    page = studio.open(youngest.page)
    tree = page.locator(".lineage", has_text="Made from")
    shown = [a.get_attribute("href") for a in tree.locator(".tree__link").all()]
    assert [studio.made[name].page for name in reversed(ancestors)] == [
        path for path in shown if path in {studio.made[name].page for name in ancestors}
    ]
    assert tree.get_by_text("by Ann").count() >= 2
    page.get_by_role("heading", name="Lineage").scroll_into_view_if_needed()
    photograph(studio, pictures, "lineage")
    report = studio.credentials(youngest.file)
    assert (report.state, report.failures) == ("trusted", [])
    studio.open(drafts[0].page)
    page.get_by_role("heading", name="Became").wait_for()
    below = [a.get_attribute("href") for a in page.locator(".tree__link").all()]
    assert youngest.page in below


# --- What can't be made --------------------------------------------------------------------------


def test_what_makes_no_sense_is_refused_by_its_card_and_costs_nothing(
    studio: Studio, drafts: list[Clip]
) -> None:
    clip, second = drafts[0].ref, drafts[1].ref
    before = studio.balance()
    text = {"type": "text", "text": BALLOON}
    part = {"type": "clip", "media": clip, "end": 1}
    for tool, edit, body, param in (
        ("storyboard", {"cards": [part, {**part, "at": 0.5}]}, {}, "plan.keep[1].at"),
        ("storyboard", {"cards": [{**part, "at": 1.5}]}, {"seconds": 2}, "plan.keep[0].at"),
        ("storyboard", {"cards": [text, {**text, "at": 3}]}, {"seconds": 2}, "plan.prompts[1]"),
        ("keyframes", {"pictures": [{"media": clip, "at": 9}]}, {}, "plan.pictures[0].at"),
        ("recut", {"clip": clip, "at": 0}, {"seconds": 1}, "plan.keep[0]"),
        ("fill", {"clip": clip, "from": 1, "to": 1}, {}, "edit.to"),
        ("remix", {"clip": clip, "start": 1, "end": 1}, {}, "edit.end"),
        ("blend", {"clip": clip, "second": clip}, {}, "plan.redraw.second"),
        ("stitch", {"parts": [{"media": clip}]}, {}, "edit.parts"),
        ("stitch", {"parts": [{"media": clip, "end": 9}, {"media": second}]}, {}, "edit.parts[0]"),
        (
            "stitch",
            {"parts": [{"media": clip}, {"media": second}]},
            {"width": 1080, "height": 1080, "fit": "strict"},
            "size" if [1080, 1080] not in studio.engine["sizes"] else "plan.keep[0].media",
        ),
        ("text", None, {"plan": {**drafts[0].plan, "fps": 25}}, "plan.fps"),
    ):
        error = refused(studio, {"tool": tool, "edit": edit, "prompt": BALLOON, **body})
        assert error["param"].startswith(param), (tool, error)
        assert error["message"], (tool, error)
    assert studio.balance() == before


def test_a_source_that_is_thrown_away_while_the_job_waits_ends_it_without_a_charge(
    studio: Studio, drafts: list[Clip]
) -> None:
    parts = [{"media": drafts[0].ref}, {"media": drafts[1].ref}]
    gone = studio.delivered(
        studio.post({"tool": "stitch", "edit": {"parts": parts}, "prompt": BOAT}).json()["id"]
    )
    before = studio.balance()["available"]
    ahead = studio.post({"prompt": BALLOON, "seconds": 2, "variations": 4}).json()
    edit = {"parts": [{"media": gone.ref}, {"media": drafts[0].ref}]}
    waiting = studio.post({"tool": "stitch", "edit": edit, "prompt": BOAT}).json()["id"]
    page = studio.open("/library/")
    page.locator("[data-clip]", has=page.locator(f'a[href="{gone.page}"]')).locator(
        "input[name=videos]"
    ).check()
    page.get_by_role("toolbar", name="Chosen clips").get_by_role("button", name="Trash").click()
    page.get_by_text("Moved 1 clip to the trash").wait_for()
    studio.open("/activity/")
    for job in ahead["variations"][1:]:
        card = page.locator(f'[data-job="{job["id"]}"]')
        if card.get_by_role("button", name="Cancel").is_visible():
            card.get_by_role("button", name="Cancel").click()
    body = studio.ended(waiting)
    assert (body["status"], body["reason"]["code"]) == ("failed", "source_gone")
    assert body["credit_state"] == "released"
    card = page.locator(f'[data-job="{waiting}"]')
    card.get_by_text(body["reason"]["message"]).wait_for()
    spent = sum(
        job["cost_credits"]
        for job in (studio.ended(one["id"]) for one in ahead["variations"])
        if job["credit_state"] == "captured"
    )
    assert studio.balance()["available"] == before - spent


def phone_video(path: Path) -> Path:
    """As a phone films it: held upright, so stored lying with a quarter turn in the track's header;
    frames at uneven times; with sound."""
    times = [round(1000 * at) for at in np.cumsum([0.0, *([0.05, 0.15] * 11)])]
    write(path, size=(320, 192), times=times, rate=10, audio=True)
    data = path.read_bytes()
    at = data.index(b"tkhd") + 4 + 40
    turn = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 192 << 16, 0, 1 << 30)
    path.write_bytes(data[:at] + turn + data[at + 36 :])
    return path


def test_a_phone_video_stands_upright_keeps_its_time_and_loses_its_sound(
    studio: Studio, drafts: list[Clip], pictures: Path | None, tmp_path: Path
) -> None:
    page = studio.open(f"/sequence/?clip={drafts[0].job['video']['id']}")
    page.get_by_role("button", name="Add a clip").click()
    upload(studio, phone_video(tmp_path / "phone.mp4"))
    page.get_by_text("2 parts").wait_for()
    tall = page.get_by_label("Size").locator("option:not([disabled])", has_text="9:16")
    if tall.count():
        page.get_by_label("Size").select_option(tall.first.get_attribute("value"))
    page.get_by_label("Clips of another shape").select_option("pad")
    made = studio.delivered(
        studio.asks(page.get_by_role("button", name="Stitch", exact=True).click)[0]
    )

    taken = page.request.get(f"/api/v1/workspaces/{studio.shelf}/uploads/?ready=1").json()
    phone = next(row for row in taken["results"] if row["kind"] == "video")
    assert phone["width"] < phone["height"]
    assert phone["had_audio"], "and the sound is not kept"
    assert phone["seconds"] == pytest.approx(2.2, abs=0.2)
    assert len(made.frames) == pytest.approx((2 + phone["seconds"]) * studio.engine["fps"], abs=1)
    shown = made.frames[-2].astype(int)
    if tall.count():
        assert shown.shape[0] > shown.shape[1]
    # The sun of the drawing stands at the top; turned clockwise with the rest, it is low on the right.
    sun = (shown[..., 0] > 200) & (shown[..., 1] > 180) & (shown[..., 2] < 130)
    rows, columns = np.nonzero(sun)
    assert len(rows) > 100
    assert rows.mean() > shown.shape[0] / 2 and columns.mean() > shown.shape[1] / 2
