"""The picker in a real browser: agreement, progress, a lost connection, a refusal, the shelf."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from accounts.models import User
from generation.models import Upload
from generation.uploads import checks as upload_checks
from tests.factories import PASSWORD
from tests.generation.uploading import drawing, encoded, photograph

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def page(live_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    chromium = os.environ.get("SORA_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        pytest.skip("NO CHROMIUM FOUND: the upload picker was not tested in a browser")
    # Playwright keeps an event loop in this thread; the queries below are made between its calls.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(
            base_url=live_server.url, viewport={"width": 1280, "height": 860}
        )
        context.set_default_timeout(120_000)
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on(
            "console",
            lambda message: (
                page.problems.append(message.text) if "Security Policy" in message.text else None
            ),
        )
        yield page
        browser.close()
        connections.close_all()
        assert page.problems == []


@pytest.fixture
def worker(development_ca: None) -> Iterator[None]:
    """Checks uploads as they come, in a thread."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(0.3):
            upload_checks.drain()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    done.set()
    thread.join()


def take_picture(page: Any, name: str) -> None:
    if folder := os.environ.get("SORA_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/uploads-{name}.png")


def give(page: Any, name: str, data: bytes) -> None:
    files = [{"name": name, "mimeType": "image/png", "buffer": data}]
    page.set_input_files(".picker input[type=file]", files)


def test_a_file_is_agreed_to_sent_checked_and_kept(
    page: Any, alice: User, worker: None, settings: Any
) -> None:
    settings.UPLOAD_CHUNK_BYTES = 700
    page.goto("/accounts/login/?next=/uploads/")
    page.fill("[name=login]", alice.email)
    page.fill("[name=password]", PASSWORD)
    page.click("main [type=submit]")
    page.wait_for_url("**/uploads/")
    page.get_by_text("Nothing here yet").wait_for()
    take_picture(page, "empty")

    page.locator("[data-add]").first.click()
    page.get_by_role("heading", name="Choose a picture or a clip").wait_for()
    take_picture(page, "picker")
    give(page, "house.png", encoded(drawing()))
    page.get_by_role("heading", name="Before you upload").wait_for()
    take_picture(page, "agreement")
    agree = page.get_by_role("button", name="I agree")
    agree.click()  # refused by the form itself: no box is ticked
    assert not Upload.objects.exists()
    for box in page.locator(".picker form input[type=checkbox]").all():
        box.check()

    # The connection is lost after the first piece, and comes back.
    lost = {"pieces": 0}

    def sometimes(route: Any) -> None:
        if route.request.method == "PATCH":
            lost["pieces"] += 1
            if lost["pieces"] in (2, 3):
                route.abort("internetdisconnected")
                return
        route.continue_()

    page.route("**/api/v1/uploads/**", sometimes)
    agree.click()
    page.get_by_text("goes on by itself").wait_for()
    page.locator(".upload__picture img").wait_for()
    assert lost["pieces"] > 4
    upload = Upload.objects.get()
    assert (upload.status, upload.name) == ("ready", "house.png")
    page.unroute("**/api/v1/uploads/**")

    # What can't be taken says why and what to do; the picker stays open for another file.
    settings.UPLOAD_CHUNK_BYTES = 4 * 2**20
    page.locator("[data-add]").first.click()
    page.locator(".picker__item").wait_for()
    give(page, "street.jpg", encoded(photograph(), "JPEG"))
    page.get_by_role("alert").get_by_text("Send a drawing in flat colours").wait_for()
    take_picture(page, "refused")
    give(page, "film.gif", b"GIF89a" + bytes(100))
    page.get_by_role("alert").get_by_text("GIF").wait_for()
    page.keyboard.press("Escape")
    page.get_by_text("Not taken").first.wait_for()
    take_picture(page, "page")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)
    take_picture(page, "page-dark-phone")
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide

    # The picker answers with what was chosen.
    chosen = page.evaluate(
        """async ([workspace, url]) => {
          const { openUploadPicker } = await import(url);
          const answer = openUploadPicker({ workspace, kinds: ["image"] });
          while (!document.querySelector(".picker__item")) await new Promise((r) => setTimeout(r, 50));
          document.querySelector(".picker__item").click();
          return answer;
        }""",
        [upload.workspace_id, "/static/js/upload.js"],
    )
    assert chosen["ref"] == f"upload:{upload.pk}"
    assert (chosen["name"], chosen["kind"], chosen["seconds"]) == ("house.png", "image", 0)
    assert chosen["poster_url"].startswith("/media/")

    page.get_by_role("button", name="Remove house.png").click()
    page.get_by_text("In the trash").wait_for()
    upload.refresh_from_db()
    assert upload.trashed_at is not None
