"""Signing in: same answer for unknown and wrong, limits, second factors, recovery."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail
from django.urls import reverse

from tests.factories import PASSWORD, add_second_factor, make_user

pytestmark = pytest.mark.django_db
URL = "/accounts/login/"


def sign_in(client, email, password=PASSWORD, **extra):
    return client.post(URL, {"login": email, "password": password, **extra})


def current_code(user) -> str:
    secret = Authenticator.objects.get(user=user, type="totp").wrap().instance
    from allauth.mfa.adapter import get_adapter

    plain = get_adapter().decrypt(secret.data["secret"])
    counter = next(iter(yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value(plain, counter))


def test_the_right_password_signs_in_whatever_the_case_of_the_address(client):
    user = make_user("ann@example.com")
    answer = sign_in(client, "ANN@example.com")
    assert answer.status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(client):
    make_user("ann@example.com")
    wrong = sign_in(client, "ann@example.com", "not the password")
    unknown = sign_in(client, "bob@example.com", "not the password")
    assert wrong.status_code == unknown.status_code == 200
    assert wrong.context["form"].errors == unknown.context["form"].errors
    assert "_auth_user_id" not in client.session


def test_guessing_one_persons_password_is_stopped(client):
    make_user("ann@example.com")
    for _ in range(6):
        answer = sign_in(client, "ann@example.com", "guess")
    assert "too many" in str(answer.context["form"].errors).lower()
    answer = sign_in(client, "ann@example.com")  # even the right one, for a while
    assert "_auth_user_id" not in client.session


def test_signing_in_goes_on_to_where_a_person_was_going_but_not_to_other_sites(client):
    make_user("ann@example.com")
    assert sign_in(client, "ann@example.com", next="/library/")["Location"] == "/library/"
    client.logout()
    assert sign_in(client, "ann@example.com", next="//evil.example/")["Location"] == "/create/"


def test_a_deleted_account_does_not_sign_in(client):
    make_user("ann@example.com", is_active=False)
    sign_in(client, "ann@example.com")
    assert "_auth_user_id" not in client.session


def test_resetting_a_password_does_not_tell_who_has_an_account(client):
    make_user("ann@example.com")
    known = client.post(reverse("account_reset_password"), {"email": "ann@example.com"})
    unknown = client.post(reverse("account_reset_password"), {"email": "bob@example.com"})
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert [message.to for message in mail.outbox] == [["ann@example.com"], ["bob@example.com"]]


def test_an_authenticator_app_is_asked_for_and_its_code_signs_in(client):
    user = make_user("ann@example.com")
    add_second_factor(user)
    answer = sign_in(client, "ann@example.com")
    assert answer["Location"] == reverse("mfa_authenticate")
    assert "_auth_user_id" not in client.session
    assert client.get(reverse("mfa_authenticate")).status_code == 200
    client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "_auth_user_id" not in client.session
    client.post(reverse("mfa_authenticate"), {"code": current_code(user)})
    assert client.session["_auth_user_id"] == str(user.pk)


def test_the_secret_of_an_authenticator_app_is_stored_encrypted():
    from allauth.mfa.totp.internal import auth

    user = make_user()
    secret = auth.generate_totp_secret()
    auth.TOTP.activate(user, secret)
    assert secret not in str(Authenticator.objects.values().get(user=user, type="totp"))


def test_a_secret_outlives_a_change_of_the_secret_key(settings):
    from accounts.adapter import MfaAdapter

    stored = MfaAdapter().encrypt("ABCDEF")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-" + "y" * 40
    assert MfaAdapter().decrypt(stored) == "ABCDEF"


def test_setting_up_a_second_factor_asks_for_the_password_again(client):
    user = make_user()
    client.force_login(user)
    answer = client.get(reverse("mfa_activate_totp"))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_reauthenticate"))


def test_an_authenticator_app_is_set_up_in_the_browser(client):
    user = make_user()
    client.force_login(user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    assert secret in page.content.decode()
    code = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
    answer = client.post(reverse("mfa_activate_totp"), {"code": code})
    assert answer["Location"] == reverse("mfa_view_recovery_codes")
    assert Authenticator.objects.filter(user=user, type="totp").exists()
    codes = client.get(answer["Location"]).context["unused_codes"]
    assert len(codes) == 10

    client.post(reverse("account_logout"))
    sign_in(client, user.email)
    client.post(reverse("mfa_authenticate"), {"code": codes[0]})
    assert client.session["_auth_user_id"] == str(user.pk)
    client.post(reverse("account_logout"))
    sign_in(client, user.email)
    client.post(reverse("mfa_authenticate"), {"code": codes[0]})  # each works once
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    "name",
    [
        "account_email",
        "account_change_password",
        "account_logout",
        "account_reauthenticate",
        "mfa_index",
        "mfa_activate_totp",
        "mfa_add_webauthn",
        "mfa_list_webauthn",
        "usersessions_list",
    ],
)
def test_every_security_page_stands_in_the_sites_frame(client, name):
    user = make_user("ann@example.com")
    sign_in(client, user.email)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = client.get(reverse(name))
    assert page.status_code == 200
    text = page.content.decode()
    assert '<main id="main"' in text
    assert text.count("<h1") == 1
    assert "btn" in text


@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_reset_password"])
def test_every_entrance_page_stands_in_the_sites_frame(client, name):
    text = client.get(reverse(name)).content.decode()
    assert '<main id="main"' in text
    assert text.count("<h1") == 1


def test_a_passkey_is_offered_on_the_sign_in_page(client):
    assert 'id="passkey_login"' in client.get(URL).content.decode()
    answer = client.get(reverse("mfa_login_webauthn"), headers={"accept": "application/json"})
    assert answer.status_code == 200
    assert answer.json()["request_options"]["publicKey"]["challenge"]
