"""Suspended people can sign in, read the notice and sign out, and nothing else."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import reverse
from rest_framework.test import APIClient

from accounts import services
from accounts.middleware import AccountStandingMiddleware, open_to_suspended
from accounts.models import AuditEntry
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def mallory():
    user = make_user("mallory@example.com")
    services.suspend_user(user, by=None, reason="spam")
    return user


@pytest.mark.parametrize(
    "name",
    ["accounts:settings", "generation:composer", "billing:credits", "feeds:recent", "mfa_index"],
)
def test_every_page_leads_to_the_notice(client, mallory, name):
    client.force_login(mallory)
    answer = client.get(reverse(name))
    assert (answer.status_code, answer["Location"]) == (302, reverse("accounts:suspended"))


def test_the_notice_says_what_it_means_and_lets_them_sign_out(client, mallory):
    client.force_login(mallory)
    answer = client.get(reverse("accounts:suspended"))
    assert answer.status_code == 403
    assert "suspended" in answer.content.decode()
    assert client.post(reverse("account_logout")).status_code == 302
    assert "_auth_user_id" not in client.session


def test_they_can_still_sign_in_to_read_it(client, mallory):
    client.post(reverse("account_login"), {"login": mallory.email, "password": PASSWORD})
    assert client.session["_auth_user_id"] == str(mallory.pk)


def test_the_api_answers_with_a_code(mallory):
    api = APIClient()
    api.force_login(mallory)
    answer = api.get("/api/v1/workspaces/")
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "account_suspended"
    assert api.get("/api/v1/me/").json()["user"]["suspended"] is True


def test_a_page_marked_open_stays_open(mallory):
    @open_to_suspended
    def appeal(request):
        return HttpResponse("appeal")

    def closed(request):
        return HttpResponse("closed")

    request = RequestFactory().get("/somewhere/")
    request.user = mallory
    request.resolver_match = type(
        "Match", (), {"view_name": "x", "app_names": [], "url_name": "x"}
    )()
    middleware = AccountStandingMiddleware(lambda request: HttpResponse())
    assert middleware.process_view(request, appeal, (), {}) is None
    assert middleware.process_view(request, closed, (), {}).status_code == 302


def test_reinstating_opens_everything_again(client, mallory):
    client.force_login(mallory)
    assert services.reinstate_user(mallory, by=None, reason="appeal granted")
    assert client.get(reverse("accounts:settings")).status_code == 200
    assert client.get(reverse("accounts:suspended")).status_code == 302


def test_both_are_audited_once_however_often_they_are_asked_for(mallory):
    staff = make_user(is_staff=True)
    assert not services.suspend_user(mallory, by=staff, reason="again")
    assert services.reinstate_user(mallory, by=staff, reason="mistake")
    assert not services.reinstate_user(mallory, by=staff, reason="mistake")
    rows = AuditEntry.objects.filter(target_id=str(mallory.pk)).values_list("event", "data")
    assert list(rows.order_by("id")) == [
        ("user.suspended", {"reason": "spam"}),
        ("user.reinstated", {"reason": "mistake"}),
    ]
