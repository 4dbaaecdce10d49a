"""What people do on the pages, in the words of the pages."""

from __future__ import annotations

import base64
import hmac
import struct
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tests.ops.sites import Site

PROMPT = "a red balloon rises over the ocean at sunset"
PASSWORD = "a long and quiet evening"
CLIP_MS = 420_000  # generous: the machine may be busy with other tests
Visit = Callable[..., Any]


def fill_sign_up(page: Any, *, born: str, email: str | None = None) -> None:
    page.get_by_label("Email", exact=True).fill(email or f"{uuid4().hex[:10]}@example.com")
    page.get_by_label("Display name").fill("Test creator")
    page.get_by_label("Date of birth").fill(born)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()


def newcomer(visit: Visit, **options: Any) -> Any:
    """Somebody who just signed up and stands before the composer."""
    page = visit("/accounts/signup/?next=/create/", **options)
    fill_sign_up(page, born="1990-05-21")
    page.wait_for_url("**/create/")
    return page


def quick_settings(page: Any) -> None:
    """The shortest clip in few steps."""
    page.get_by_role("radio", name="2 s").check()
    page.get_by_text("Expert settings").click()
    page.get_by_label("Seed", exact=True).fill("7")
    page.get_by_label("Steps", exact=True).fill("6")


def generate(page: Any, prompt: str = PROMPT, *, share: bool = False) -> Any:
    """Ask for a quick clip; its card."""
    page.locator("[data-prompt]").fill(prompt)
    quick_settings(page)
    if share:
        page.get_by_text("Share to Recent when ready").click()
    page.get_by_role("button", name="Generate").click()
    card = page.locator("[data-card]").first
    card.wait_for()
    return card


def wait_until(card: Any, status: str) -> None:
    """Wait for the job's end, and that it is this one."""
    card.page.wait_for_function(
        "card => !['queued', 'running'].includes(card.dataset.status)",
        arg=card.element_handle(),
        timeout=CLIP_MS,
    )
    assert card.get_attribute("data-status") == status, card.inner_text()


def watch_cards(page: Any) -> None:
    """From now on the page notes what its job cards show, however short."""
    page.evaluate(
        """() => {
            window.seen = new Set();
            const note = () => {
                for (const card of document.querySelectorAll("[data-card]")) {
                    seen.add(card.dataset.status);
                    const preview = card.querySelector('[data-slot="preview"]');
                    if (!preview.hidden) seen.add(preview.src.slice(0, 11));
                    seen.add(card.querySelector('[data-slot="stage"]').textContent.split(":")[0]);
                }
            };
            new MutationObserver(note).observe(document.body, {
                subtree: true, childList: true, attributes: true, characterData: true,
            });
        }"""
    )


def seen_on_cards(page: Any) -> set[str]:
    return set(page.evaluate("() => [...window.seen]"))


def staff_member(site: Site, visit: Visit) -> Any:
    """The first operator, signed in, with a second factor set up on the way to the queue."""
    password = (site.folder / "secrets" / "first-admin").read_text().strip()
    page = visit("/accounts/login/?next=/console/")
    page.get_by_label("Email", exact=True).fill("admin@localhost")
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/accounts/2fa/**")
    page.goto("/accounts/2fa/totp/activate/")
    if "/reauthenticate/" in page.url:
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Confirm").click()
    secret = page.get_by_label("Authenticator secret").input_value()
    page.get_by_label("Authenticator code").fill(one_time_code(secret))
    page.get_by_role("button", name="Activate").click()
    page.wait_for_url("**/accounts/2fa/recovery-codes/**")
    return page


def one_time_code(secret: str, *, at: float | None = None) -> str:
    """RFC 6238 with SHA-1, 30 seconds, six digits: what an authenticator app shows."""
    counter = struct.pack(">Q", int((time.time() if at is None else at) // 30))
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"
