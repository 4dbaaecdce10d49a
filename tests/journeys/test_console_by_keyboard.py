"""A reviewer clears a queue of twenty cases by keyboard alone, past password and second factor."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.factories import PASSWORD
from tests.journeys.people import Visit, one_time_code
from tests.ops.sites import Site, manage

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EMAIL = "keyboard-reviewer@example.com"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
VIEW = "language=eo"  # a language no other journey writes in: their cases stay out of this view
CASES = 20

SEED = f"""
import itertools, json
from pathlib import Path
import numpy as np
from allauth.mfa.totp.internal import auth
from django.conf import settings
from PIL import Image
from generation import media
from moderation import services
from moderation.models import Case
from tests import factories
factories._numbers = itertools.count(900_000)
reviewer = factories.make_user({EMAIL!r}, handle="keyboard-reviewer", is_staff=True)
auth.TOTP.activate(reviewer, {SECRET!r})
maker = factories.make_user("keyboard-maker@example.com", handle="keyboard-maker")
frames = np.zeros((12, 288, 512, 3), np.uint8)
for number, frame in enumerate(frames):
    frame[..., 0], frame[..., 1] = 20 * number, np.arange(288)[:, None] // 2
cases = []
for number in range({CASES}):
    video = factories.make_video(by=maker, frames=12, prompt=f"Case number {{number}}, a drawn lake")
    file = Path(settings.SORA_MEDIA_ROOT) / "private" / video.media_key
    file.parent.mkdir(parents=True, exist_ok=True)
    with media.Encoder(file, width=512, height=288, fps=12) as encoder:
        for frame in frames:
            encoder.write(frame)
    Image.fromarray(frames[0]).save(file.parent / "poster.webp")
    report = services.file_report(video, reason="deceptive", address=f"203.0.113.{{number}}")
    cases.append(report.case_id)
Case.objects.filter(pk__in=cases).update(language="eo")
print("cases:", json.dumps(cases))
"""

OUTCOME = """
import json
from moderation.models import Case, CaseLook, Decision
rows = Decision.objects.filter(case__in={cases}).order_by("pk")
print("outcome:", json.dumps({{
    "open": Case.objects.filter(pk__in={cases}, status="open").count(),
    "by": sorted(set(rows.values_list("decided_by__handle", flat=True))),
    "removed": rows.filter(action="remove").count(),
    "left": rows.filter(action="dismiss").count(),
    "notes": all(rows.values_list("note", flat=True)),
    "gone": Case.objects.filter(pk__in={cases}, video__quarantined_at__isnull=False).count(),
    "looked": CaseLook.objects.filter(case__in={cases}, what="opened").values("case").distinct().count(),
    "uncovered": CaseLook.objects.filter(case__in={cases}, what="revealed").count(),
}}))
"""


def run(site: Site, script: str, word: str) -> Any:
    """What a script prints behind `word:`, run inside the site."""
    done = manage(site.folder, "shell", "-c", script, **site.environment)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith(f"{word}:"))
    return json.loads(line.removeprefix(f"{word}:"))


def signed_in(visit: Visit) -> Any:
    """The reviewer before the view with the twenty cases, past password and second factor."""
    page = visit(f"/accounts/login/?next=/console/%3F{VIEW}")
    page.get_by_label("Email", exact=True).fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/accounts/2fa/authenticate/**")
    page.get_by_role("textbox").first.fill(one_time_code(SECRET))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/console/?{VIEW}")
    return page


def test_a_reviewer_clears_twenty_cases_by_keyboard_alone(site: Site, visit: Visit) -> None:
    cases = run(site, SEED, "cases")
    page = signed_in(visit)
    keys = page.keyboard
    assert page.locator("[data-row]").count() == CASES

    keys.press("?")
    page.get_by_role("heading", name="Keys of the console").wait_for()
    keys.press("Escape")
    keys.press("j")
    keys.press("j")
    assert page.evaluate("document.activeElement.closest('[data-row]') !== null")
    keys.press("s")
    page.wait_for_url("**/console/cases/**")

    for number in range(CASES):
        here = page.url
        page.get_by_role("heading", name="Case ", exact=False).first.wait_for()
        if number == 0:
            keys.press("r")  # a slip, stopped in time
            page.locator(".pending").wait_for()
            keys.press("Escape")
            assert page.locator(".pending").count() == 0
        if number % 5 == 1:
            keys.press("v")
            page.get_by_text("Uncovered", exact=True).wait_for()
        if number == 2:
            keys.press("i")
            keys.type("Drawn, and nobody could take it for news.")
            keys.press("Escape")
        keys.press("r" if number % 4 == 3 else "l")
        keys.press("Enter")
        page.wait_for_url(lambda url, before=here: url != before)

    page.get_by_role("heading", name="Nothing in this view").wait_for()
    found = run(site, OUTCOME.format(cases=cases), "outcome")
    assert found == {
        "open": 0,
        "by": ["keyboard-reviewer"],
        "removed": CASES // 4,
        "left": CASES - CASES // 4,
        "notes": True,
        "gone": CASES // 4,
        "looked": CASES,
        "uncovered": 4,
    }
