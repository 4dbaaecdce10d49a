"""Only adults: in the sign-up form, on the age page, and at every door of the API."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import services
from accounts.errors import InvalidBirthDate, TooYoung
from accounts.models import AgeAttestation, AgeRefusal, AuditEntry, User, Workspace
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
URL = "/accounts/signup/"
REFUSAL = "people aged 18 and over"


def years_ago(years: int, days: int = 0) -> date:
    today = timezone.localdate()
    try:
        then = today.replace(year=today.year - years)
    except ValueError:  # 29 February
        then = date(today.year - years, 3, 1)
    return then + timedelta(days=days)


def form(**changed: object) -> dict[str, object]:
    return {
        "email": "young@example.com",
        "password1": PASSWORD,
        "date_of_birth": years_ago(15).isoformat(),
        **changed,
    }


# --- Counting years --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "today", "age"),
    [
        (date(2000, 6, 15), date(2018, 6, 14), 17),
        (date(2000, 6, 15), date(2018, 6, 15), 18),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2008, 12, 31), date(2026, 1, 1), 17),
        (date(2030, 1, 1), date(2026, 1, 1), -4),
    ],
)
def test_years_are_completed_on_the_birthday(born, today, age):
    assert services.age_on(born, today) == age


# --- Sign-up ---------------------------------------------------------------------------------


def test_someone_under_18_is_refused_kindly_and_nothing_is_created(client):
    answer = client.post(URL, form())
    assert answer.status_code == 200
    page = answer.content.decode()
    assert REFUSAL in page
    assert "Thank you for your interest" in page
    assert User.objects.count() == Workspace.objects.count() == 0
    assert AgeAttestation.objects.count() == 0
    assert "_auth_user_id" not in client.session


def test_the_day_before_the_birthday_is_too_early_and_the_birthday_is_not(client):
    client.post(URL, form(date_of_birth=years_ago(18, days=1).isoformat()))
    assert User.objects.count() == 0
    other = type(client)()
    other.post(URL, form(email="adult@example.com", date_of_birth=years_ago(18).isoformat()))
    assert User.objects.count() == 1


def test_going_back_and_changing_the_date_does_not_help(client):
    client.post(URL, form())
    answer = client.post(URL, form(date_of_birth="1980-01-01"))
    assert REFUSAL in answer.content.decode()
    assert User.objects.count() == 0


def test_another_address_in_the_same_browser_does_not_help(client):
    client.post(URL, form())
    answer = client.post(URL, form(email="other@example.com", date_of_birth="1980-01-01"))
    assert REFUSAL in answer.content.decode()
    assert User.objects.count() == 0


def test_another_browser_with_the_same_address_does_not_help(client):
    client.post(URL, form())
    client.cookies.clear()
    answer = client.post(URL, form(email="YOUNG@example.com", date_of_birth="1980-01-01"))
    assert REFUSAL in answer.content.decode()
    assert User.objects.count() == 0


def test_leaving_the_other_fields_wrong_does_not_hide_the_refusal(client):
    client.post(URL, form(password1="short"))
    answer = client.post(URL, form(date_of_birth="1980-01-01"))
    assert REFUSAL in answer.content.decode()
    assert User.objects.count() == 0


def test_a_forged_cookie_refuses_nobody(client):
    client.cookies["age_check"] = "made-up:signature"
    client.post(URL, form(email="adult@example.com", date_of_birth="1980-01-01"))
    assert User.objects.count() == 1


def test_an_adult_gets_no_refusal_cookie(client):
    client.post(URL, form(email="adult@example.com", date_of_birth="1980-01-01"))
    assert "age_check" not in client.cookies


def test_the_cookie_is_signed_and_out_of_reach_of_scripts(client):
    client.post(URL, form())
    cookie = client.cookies["age_check"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie.value.count(":") == 2


def test_what_is_remembered_names_nobody(client):
    client.post(URL, form())
    stored = list(AgeRefusal.objects.values_list("key", flat=True))
    assert len(stored) == 2  # the address and the browser
    assert all(len(key) == 64 and "young" not in key for key in stored)
    entry = AuditEntry.objects.get(event="user.age_refused")
    assert (entry.actor, entry.target_id, entry.data) == (None, "", {})


def test_a_refusal_is_forgotten_after_its_time(client):
    client.post(URL, form())
    AgeRefusal.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert not services.is_age_refused(email="young@example.com")
    assert services.delete_expired_age_refusals() == 2
    assert AgeRefusal.objects.count() == 0


def test_an_operator_can_forget_a_mistyped_date():
    with pytest.raises(TooYoung):
        services.check_age(years_ago(9), email="typo@example.com")
    assert services.forget_age_refusal("Typo@example.com")
    assert not services.forget_age_refusal("typo@example.com")
    services.check_age(date(1990, 1, 1), email="typo@example.com")


@pytest.mark.parametrize("born", ["2190-01-01", "1850-01-01", "yesterday", ""])
def test_a_date_that_can_not_be_one_is_refused_without_consequences(client, born):
    answer = client.post(URL, form(email="adult@example.com", date_of_birth=born))
    assert answer.context["form"].errors["date_of_birth"]
    assert AgeRefusal.objects.count() == 0
    client.post(URL, form(email="adult@example.com", date_of_birth="1980-01-01"))
    assert User.objects.count() == 1


def test_the_service_refuses_too_so_no_other_door_creates_a_minor():
    with pytest.raises(TooYoung):
        services.sign_up(User(email="young@example.com"), date_of_birth=years_ago(17))
    with pytest.raises(InvalidBirthDate):
        services.sign_up(User(email="odd@example.com"), date_of_birth=date(1700, 1, 1))
    assert User.objects.count() == 0


def test_only_an_operator_may_vouch_without_a_date():
    with pytest.raises(InvalidBirthDate):
        services.sign_up(User(email="none@example.com"), date_of_birth=None)
    user = services.sign_up(
        User(email="operator@example.com"),
        date_of_birth=None,
        source=AgeAttestation.Source.OPERATOR,
    )
    assert AgeAttestation.objects.get(user=user).source == "operator"
    assert user.date_of_birth is None


def test_the_limit_can_be_raised_but_not_lowered(settings):
    settings.SORA_MINIMUM_AGE = 21
    with pytest.raises(TooYoung):
        services.check_age(years_ago(20))


# --- An account without an attestation -------------------------------------------------------


def test_pages_for_creating_ask_for_the_date_of_birth_first(client):
    client.force_login(make_user(attested=False))
    answer = client.get(reverse("generation:composer"))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("accounts:age"))


def test_the_age_page_lets_an_adult_through_to_where_they_were_going(client):
    user = make_user(attested=False)
    client.force_login(user)
    answer = client.post(
        reverse("accounts:age"), {"date_of_birth": "1980-01-01", "next": "/library/?page=2"}
    )
    assert answer["Location"] == "/library/?page=2"
    assert user.is_attested_adult
    assert AgeAttestation.objects.get(user=user).source == "settings"


def test_the_age_page_does_not_send_people_to_other_sites(client):
    client.force_login(make_user(attested=False))
    answer = client.post(
        reverse("accounts:age"), {"date_of_birth": "1980-01-01", "next": "https://evil.example/"}
    )
    assert answer["Location"] == reverse("generation:composer")


def test_the_age_page_remembers_a_refusal(client):
    user = make_user(attested=False)
    client.force_login(user)
    answer = client.post(reverse("accounts:age"), {"date_of_birth": years_ago(16).isoformat()})
    assert answer.status_code == 422
    assert REFUSAL in answer.content.decode()
    answer = client.post(reverse("accounts:age"), {"date_of_birth": "1980-01-01"})
    assert REFUSAL in answer.content.decode()
    assert not user.is_attested_adult


def test_the_api_answers_403_with_a_code_until_the_age_is_known():
    api = APIClient()
    api.force_login(make_user(attested=False))
    answer = api.get("/api/v1/workspaces/")
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "age_not_attested"
    assert answer.json()["error"]["remedy"]
    me = api.get("/api/v1/me/")
    assert me.status_code == 200
    assert me.json()["user"]["age_attested"] is False


def test_the_api_lets_an_attested_adult_through():
    api = APIClient()
    api.force_login(make_user())
    assert api.get("/api/v1/workspaces/").status_code == 200
