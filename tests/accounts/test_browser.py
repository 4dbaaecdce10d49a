"""The account pages in a real browser: refusal, sign-up, a passkey, a token."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from accounts.models import ApiToken, User
from tests.factories import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(live_server, monkeypatch) -> Iterator[Any]:
    """A page with a virtual security key, on http://localhost as passkeys demand."""
    chromium = os.environ.get("SORA_CHROMIUM") or shutil.which("chromium")
    chromium = chromium or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("NO CHROMIUM FOUND: the account pages were not tested in a browser")
    # Playwright keeps an event loop in this thread; the queries below are made between its calls.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(base_url=live_server.url.replace("127.0.0.1", "localhost"))
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on(
            "console",
            lambda message: (
                page.problems.append(message.text) if "Security Policy" in message.text else None
            ),
        )
        devtools = context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        devtools.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        yield page
        browser.close()
        connections.close_all()  # this context's own, opened by the test's queries
        assert page.problems == []


def sign_up(page: Any, *, born: str, email: str = "ann@example.com") -> None:
    page.goto("/accounts/signup/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Display name").fill("Ann")
    page.get_by_label("Date of birth").fill(born)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()


def test_a_minor_is_refused_and_going_back_does_not_help(page):
    sign_up(page, born="2015-06-01")
    assert page.get_by_text("this service is for people aged 18 and over").is_visible()
    page.go_back()
    sign_up(page, born="1990-06-01", email="other@example.com")
    assert page.get_by_text("this service is for people aged 18 and over").is_visible()
    assert User.objects.count() == 0


def test_a_newcomer_signs_up_adds_a_passkey_and_signs_in_with_it(page):
    sign_up(page, born="1990-06-01")
    page.wait_for_url("**/create/")
    assert page.get_by_text("you can go on without it").is_visible()

    page.goto("/settings/")
    page.get_by_role("link", name="Two-step sign-in").click()
    page.get_by_role("link", name="Add").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_url("**/recovery-codes/**")

    page.goto("/accounts/logout/")
    page.locator("main").get_by_role("button", name="Sign Out").click()
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/create/")
    page.goto("/settings/")
    assert page.get_by_role("heading", name="Settings", exact=True).is_visible()


def test_a_token_is_created_copied_and_revoked(page):
    sign_up(page, born="1990-06-01")
    page.wait_for_url("**/create/")
    page.goto("/settings/")
    page.locator("#tokens").get_by_label("Name", exact=True).fill("render script")
    page.get_by_role("button", name="Create token").click()
    secret = page.get_by_label("render script").input_value()
    assert ApiToken.objects.get().digest == ApiToken.digest_of(secret)
    page.get_by_role("link", name="Done, back to settings").click()
    page.get_by_role("button", name="Revoke render script").click()
    assert page.get_by_text("no longer works").is_visible()
    assert not ApiToken.objects.usable().exists()
