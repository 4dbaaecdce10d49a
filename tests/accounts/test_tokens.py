"""Access tokens: shown once, stored as a hash, narrow, revocable."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services
from accounts.errors import TooManyTokens
from accounts.models import ApiToken, AuditEntry
from tests.factories import make_membership, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_user()


@pytest.fixture
def workspace(user):
    return make_workspace(user)


def bearer(secret: str) -> APIClient:
    return APIClient(headers={"authorization": f"Bearer {secret}"})


def test_the_secret_is_returned_once_and_only_its_hash_is_stored(user, workspace):
    token, secret = services.create_token(workspace, user, name="render script")
    assert secret.startswith("sora_")
    assert len(secret) >= 45
    stored = ApiToken.objects.values().get(pk=token.pk)
    assert secret not in str(stored)
    assert stored["digest"] == ApiToken.digest_of(secret)
    assert secret.startswith(stored["prefix"])


def test_a_token_signs_its_person_in(user, workspace):
    _, secret = services.create_token(workspace, user, name="script")
    answer = bearer(secret).get("/api/v1/me/")
    assert answer.status_code == 200
    assert answer.json()["user"]["email"] == user.email


def test_a_token_sees_its_own_workspace_only(user, workspace):
    other = make_workspace(user, name="Other")
    _, secret = services.create_token(workspace, user, name="script")
    api = bearer(secret)
    rows = api.get("/api/v1/workspaces/").json()["results"]
    assert [row["id"] for row in rows] == [workspace.pk]
    assert api.get(f"/api/v1/workspaces/{workspace.pk}/ledger/").status_code == 200
    assert api.get(f"/api/v1/workspaces/{other.pk}/ledger/").status_code == 404


@pytest.mark.parametrize("header", ["Bearer sora_wrong", "Bearer", "Bearer a b", "Bearer söra_x"])
def test_a_wrong_token_gets_401(header, db):
    answer = APIClient().get("/api/v1/me/", HTTP_AUTHORIZATION=header)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("change", ["revoked", "expired", "deleted person"])
def test_a_token_that_ended_gets_401(user, workspace, change):
    token, secret = services.create_token(workspace, user, name="script")
    if change == "revoked":
        assert services.revoke_token(token, by=user)
        assert not services.revoke_token(token, by=user)
    elif change == "expired":
        ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    else:
        user.is_active = False
        user.save()
    assert bearer(secret).get("/api/v1/me/").status_code == 401


def test_a_token_of_a_suspended_person_gets_403_with_a_code(user, workspace):
    _, secret = services.create_token(workspace, user, name="script")
    services.suspend_user(user, by=None, reason="test")
    answer = bearer(secret).get("/api/v1/workspaces/")
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "account_suspended"


def test_a_person_who_left_the_workspace_reaches_it_no_more(user, workspace):
    member = make_membership(workspace).user
    _, secret = services.create_token(workspace, member, name="script")
    services.remove_member(workspace, member, by=user)
    assert bearer(secret).get("/api/v1/me/").status_code == 401


def test_a_read_only_token_changes_nothing(user, workspace):
    _, secret = services.create_token(workspace, user, name="script", scopes=["read"])
    api = bearer(secret)
    assert api.get("/api/v1/workspaces/").status_code == 200
    answer = api.post(f"/api/v1/workspaces/{workspace.pk}/generations/", {"prompt": "x"})
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "missing_scope"


def test_a_token_can_not_manage_tokens(user, workspace):
    _, secret = services.create_token(workspace, user, name="script")
    assert bearer(secret).get("/api/v1/tokens/").status_code in (401, 403)
    answer = bearer(secret).post("/api/v1/tokens/", {"name": "more", "workspace": workspace.pk})
    assert answer.status_code in (401, 403)
    assert ApiToken.objects.count() == 1


def test_using_a_token_is_noted_but_not_on_every_request(user, workspace):
    token, secret = services.create_token(workspace, user, name="script")
    bearer(secret).get("/api/v1/me/")
    token.refresh_from_db()
    first = token.last_used_at
    assert first is not None
    bearer(secret).get("/api/v1/me/")
    token.refresh_from_db()
    assert token.last_used_at == first


def test_the_api_creates_lists_and_revokes(user, workspace):
    api = APIClient()
    api.force_login(user)
    created = api.post(
        "/api/v1/tokens/", {"name": "ci", "workspace": workspace.pk, "scopes": ["read"]}
    )
    assert created.status_code == 201
    assert created.json()["token"].startswith("sora_")
    listed = api.get("/api/v1/tokens/").json()["results"]
    assert [row["name"] for row in listed] == ["ci"]
    assert "token" not in listed[0]
    assert api.delete(f"/api/v1/tokens/{created.json()['id']}/").status_code == 204
    assert api.get("/api/v1/tokens/").json()["results"] == []
    events = list(AuditEntry.objects.values_list("event", flat=True))
    assert events.count("token.created") == events.count("token.revoked") == 1


def test_a_foreign_token_can_not_be_revoked_or_told_from_an_unknown_one(user, workspace, client):
    token, _ = services.create_token(workspace, user, name="script")
    stranger = make_user()
    api = APIClient()
    api.force_login(stranger)
    assert api.delete(f"/api/v1/tokens/{token.pk}/").status_code == 404
    assert api.delete(f"/api/v1/tokens/{token.pk + 99}/").status_code == 404
    client.force_login(stranger)
    assert client.post(f"/settings/tokens/{token.pk}/revoke/").status_code == 404
    assert ApiToken.objects.usable().count() == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("workspace", "none"),
        ("workspace", 2**70),
        ("scopes", []),
        ("scopes", ["root"]),
        ("expires_at", "2001-01-01T00:00:00Z"),
    ],
)
def test_a_wrong_field_is_named_in_the_answer(user, workspace, field, value):
    api = APIClient()
    api.force_login(user)
    body = {"name": "ci", "workspace": workspace.pk, field: value}
    answer = api.post("/api/v1/tokens/", body, format="json")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].split(".")[0] == field


def test_a_token_for_a_foreign_workspace_is_refused(user):
    foreign = make_workspace()
    api = APIClient()
    api.force_login(user)
    answer = api.post("/api/v1/tokens/", {"name": "ci", "workspace": foreign.pk}, format="json")
    assert answer.status_code == 404


def test_the_number_of_tokens_is_bounded(user, workspace):
    for number in range(services.MAX_TOKENS):
        services.create_token(workspace, user, name=f"t{number}")
    with pytest.raises(TooManyTokens):
        services.create_token(workspace, user, name="one more")
    services.revoke_token(ApiToken.objects.usable()[0], by=user)
    services.create_token(workspace, user, name="one more")


def test_the_settings_page_shows_a_new_secret_once(user, workspace, client):
    client.force_login(user)
    answer = client.post(
        "/settings/tokens/create/",
        {"name": "ci", "workspace": workspace.pk, "scopes": ["read", "write"]},
    )
    assert answer.status_code == 201
    assert "no-store" in answer["Cache-Control"]
    secret = answer.context["secret"]
    assert secret in answer.content.decode()
    assert bearer(secret).get("/api/v1/me/").status_code == 200
    page = client.get("/settings/").content.decode()
    assert secret not in page
    assert secret[:13] in page
    token = ApiToken.objects.get()
    assert client.post(f"/settings/tokens/{token.pk}/revoke/").status_code == 302
    assert bearer(secret).get("/api/v1/me/").status_code == 401


def test_the_settings_page_offers_no_foreign_workspace(user, client):
    foreign = make_workspace()
    client.force_login(user)
    answer = client.post(
        "/settings/tokens/create/", {"name": "ci", "workspace": foreign.pk, "scopes": ["read"]}
    )
    assert answer.status_code == 422
    assert ApiToken.objects.count() == 0
