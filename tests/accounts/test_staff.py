"""Staff pages need a staff member with a second factor."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import reverse
from django.views import View
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from accounts import services
from accounts.models import ApiToken
from accounts.permissions import IsStaff, StaffRequiredMixin, staff_required
from tests.factories import add_second_factor, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    user = make_user(is_staff=True)
    add_second_factor(user)
    return user


@staff_required
def queue(request):
    return HttpResponse("queue")


class QueueView(StaffRequiredMixin, View):
    def get(self, request):
        return HttpResponse("queue")


class QueueApi(APIView):
    permission_classes = [IsStaff]

    def get(self, request):
        return Response({"open": 0})


@pytest.fixture(params=[queue, QueueView.as_view()], ids=["function", "class"])
def ask(request, client):
    """Ask for a staff page as `user`."""
    page = request.param

    def call(user):
        asked = RequestFactory().get("/console/")
        asked.user = user
        asked.session = client.session
        from django.contrib.messages.storage.fallback import FallbackStorage

        asked._messages = FallbackStorage(asked)
        return page(asked)

    return call


def ask_api(user, *, auth=None):
    asked = APIRequestFactory().get("/api/v1/queue/")
    if user is not None:
        force_authenticate(asked, user, auth)
    return QueueApi.as_view()(asked)


def test_staff_with_a_second_factor_pass(ask, staff):
    assert ask(staff).content == b"queue"
    assert ask_api(staff).status_code == 200


def test_staff_without_one_are_sent_to_set_it_up(ask):
    answer = ask(make_user(is_staff=True))
    assert (answer.status_code, answer["Location"]) == (302, reverse("mfa_index"))


def test_the_api_tells_them_with_a_code():
    answer = ask_api(make_user(is_staff=True))
    assert answer.status_code == 403
    assert answer.data["error"]["code"] == "mfa_required"
    assert answer.data["error"]["remedy"]


def test_everybody_else_is_refused(ask):
    user = make_user()
    add_second_factor(user)
    with pytest.raises(PermissionDenied):
        ask(user)
    assert ask_api(user).data["error"]["code"] == "staff_only"
    assert ask_api(None).status_code in (401, 403)


def test_suspended_staff_are_refused(ask, staff):
    services.suspend_user(staff, by=None, reason="test")
    with pytest.raises(PermissionDenied):
        ask(staff)
    assert ask_api(staff).data["error"]["code"] == "account_suspended"


def test_an_access_token_never_does_staff_work(staff):
    token, _ = services.create_token(make_workspace(staff), staff, name="script")
    assert isinstance(token, ApiToken)
    assert ask_api(staff, auth=token).data["error"]["code"] == "staff_only"


def test_the_admin_site_asks_for_the_second_factor_too(client):
    admin = make_user(is_staff=True, is_superuser=True)
    client.force_login(admin)
    assert client.get("/admin/")["Location"] == reverse("mfa_index")
    add_second_factor(admin)
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/accounts/auditentry/").status_code == 200
    assert client.get("/admin/billing/ledgerentry/add/").status_code == 403


def test_the_admin_site_has_no_sign_in_page_of_its_own(client):
    answer = client.get("/admin/login/?next=/admin/")
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))
    stranger = make_user()
    client.force_login(stranger)
    assert client.get("/admin/").status_code == 403
