"""The whole site as a newcomer starts it, and a real browser in front of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from generation.engine.capabilities import TABLE
from generation.engine.integrity import SUMS
from tests.ops.sites import ROOT, Site, new_state_folder

playwright = pytest.importorskip("playwright.sync_api")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
WEIGHTS = ROOT / "generation" / "engine" / "weights"
FEW_STEPS = 6


def find_browser() -> str | None:
    """SORA_CHROMIUM, or the first Chromium on the path."""
    if chosen := os.environ.get("SORA_CHROMIUM"):
        return chosen
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`up` with the shipped model in an empty state folder: web server, worker, engine, all real."""
    running = Site(
        new_state_folder(),
        SORA_ENGINE="generation.engine.diffusers_engine.DiffusersEngine",
        SORA_MODEL_DIR=str(in_few_steps(tmp_path_factory.mktemp("model"))),
    )
    try:
        running.start()
        yield running
    finally:
        running.remove()


def in_few_steps(folder: Path) -> Path:
    """The shipped model, drawing in few steps where nobody asks for more: clips are many here, and
    small. SORA_JOURNEYS_MODEL names another folder to walk through, before it is shipped."""
    model = Path(os.environ.get("SORA_JOURNEYS_MODEL") or WEIGHTS)
    for part in model.iterdir():
        if part.name not in (TABLE, SUMS):  # with the hashes, the changed table would be refused
            (folder / part.name).symlink_to(part)
    table = json.loads((model / TABLE).read_text())
    (folder / TABLE).write_text(json.dumps({**table, "default_steps": FEW_STEPS}))
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Closed with its module: Playwright keeps an event loop in this thread, which other tests mind."""
    path = find_browser()
    if path is None:
        pytest.skip(
            "NO BROWSER: the journeys did not run. Install chromium, or set SORA_CHROMIUM.",
            allow_module_level=False,
        )
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(site: Site, browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a page as a new person: own cookies, own storage. Script errors fail the test."""
    with ExitStack() as people:

        def start(path: str = "/", **options: Any) -> Any:
            page = people.enter_context(newcomer_of(site, browser, **options))
            page.goto(path)
            return page

        yield start


@contextmanager
def newcomer_of(site: Site, browser: Any, **options: Any) -> Iterator[Any]:
    """An empty page with cookies and storage of its own. Its script errors fail at the end."""
    complaints: list[str] = []
    options.setdefault("viewport", DESKTOP)
    context = browser.new_context(base_url=f"http://localhost:{site.port}", **options)
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda message: (
            complaints.append(f"{page.url}: {message.text}")
            if "Content Security Policy" in message.text
            else None
        ),
    )
    yield page
    context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def pictures() -> Path | None:
    """Where to put screenshots, when somebody asked for them with SORA_SCREENSHOTS."""
    folder = os.environ.get("SORA_SCREENSHOTS")
    if not folder:
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder)
