"""Signing in through an OpenID provider that answers over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from accounts.models import User
from tests.factories import make_user

pytestmark = pytest.mark.django_db


class Provider(ThreadingHTTPServer):
    """The four addresses of a provider that a sign-in needs."""

    person = {"sub": "42", "email": "ann@example.com", "email_verified": True, "name": "Ann"}

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        root = self.server.address
        if self.path == "/.well-known/openid-configuration":
            self._answer(
                {
                    "issuer": root,
                    "authorization_endpoint": f"{root}/authorize",
                    "token_endpoint": f"{root}/token",
                    "userinfo_endpoint": f"{root}/userinfo",
                    "jwks_uri": f"{root}/keys",
                }
            )
        elif self.headers["Authorization"] == "Bearer an-access-token":
            self._answer(self.server.person)
        else:
            self.send_error(401)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append(f"{self.path}?{body}")
        self._answer({"access_token": "an-access-token", "token_type": "Bearer"})

    def _answer(self, data: dict[str, object]) -> None:
        text = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def provider(settings) -> Iterator[Provider]:
    server = Provider()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "sso",
                    "name": "Example Works",
                    "client_id": "this-site",
                    "secret": "a-secret",
                    "settings": {"server_url": server.address},
                }
            ],
        }
    }
    yield server
    server.shutdown()
    server.server_close()


def come_back(client, *, state: str | None = None):
    """Go to the provider and return from it with a code, as the browser would."""
    there = client.post("/accounts/oidc/sso/login/")
    asked = parse_qs(urlsplit(there["Location"]).query)
    assert asked["client_id"] == ["this-site"]
    assert asked["code_challenge_method"] == ["S256"]
    query = {"code": "a-code", "state": state or asked["state"][0]}
    return client.get("/accounts/oidc/sso/login/callback/", query)


def test_the_sign_in_page_offers_it_only_where_it_is_set_up(client, settings, request):
    assert "Sign in with Example Works" not in client.get("/accounts/login/").content.decode()
    request.getfixturevalue("provider")
    assert "Sign in with Example Works" in client.get("/accounts/login/").content.decode()


def test_a_new_person_is_asked_for_the_date_of_birth_before_anything_exists(client, provider):
    answer = come_back(client)
    assert answer["Location"] == reverse("socialaccount_signup")
    page = client.get(answer["Location"]).content.decode()
    assert "Date of birth" in page
    assert "Example Works" in page
    assert User.objects.count() == 0


def test_a_minor_is_refused_here_too_and_nothing_is_created(client, provider):
    come_back(client)
    url = reverse("socialaccount_signup")
    answer = client.post(url, {"email": "ann@example.com", "date_of_birth": "2015-01-01"})
    assert "people aged 18 and over" in answer.content.decode()
    answer = client.post(url, {"email": "ann@example.com", "date_of_birth": "1990-01-01"})
    assert "people aged 18 and over" in answer.content.decode()
    assert User.objects.count() == 0


def test_an_adult_gets_an_account_and_is_known_the_next_time(client, provider):
    come_back(client)
    form = {"email": "ann@example.com", "display_name": "Ann", "date_of_birth": "1990-01-01"}
    client.post(reverse("socialaccount_signup"), form)
    user = User.objects.get()
    assert user.is_attested_adult
    assert user.owned_workspaces.get().personal
    assert not user.has_usable_password()
    assert client.session["_auth_user_id"] == str(user.pk)
    client.logout()
    come_back(client)
    assert client.session["_auth_user_id"] == str(user.pk)
    assert User.objects.count() == 1
    sent = next(line for line in provider.asked if line.startswith("/token"))
    assert "code_verifier=" in sent


def test_the_address_of_somebody_else_does_not_open_their_account(client, provider):
    victim = make_user("ann@example.com")
    come_back(client)
    assert client.session.get("_auth_user_id") != str(victim.pk)
    form = {"email": "ann@example.com", "date_of_birth": "1990-01-01"}
    client.post(reverse("socialaccount_signup"), form)
    assert "_auth_user_id" not in client.session
    assert User.objects.count() == 1


def test_coming_back_with_a_foreign_state_signs_nobody_in(client, provider):
    answer = come_back(client, state="made-up")
    assert answer.status_code in (200, 302, 401, 403)
    assert "_auth_user_id" not in client.session
    assert not [line for line in provider.asked if line.startswith("/token")]
