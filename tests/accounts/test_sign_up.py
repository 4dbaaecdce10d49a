"""Creating an account in the browser."""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from django.core import mail
from django.core.management import call_command
from django.db import IntegrityError
from django.urls import reverse

from accounts import services
from accounts.models import AgeAttestation, AuditEntry, Membership, User, Workspace
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
URL = "/accounts/signup/"


def form(**changed: str) -> dict[str, str]:
    return {
        "email": "New.Person@Example.com",
        "password1": PASSWORD,
        "display_name": "New Person",
        "date_of_birth": "1990-05-21",
        **changed,
    }


@pytest.fixture
def real_mail(settings):
    """As on a site with a mail server: the address must be confirmed first."""
    settings.EMAIL_URL = "smtp://mail.example.com"
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    settings.ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True


def test_the_form_asks_for_everything_with_a_label_each(client):
    page = client.get(URL).content.decode()
    for label in ("Email", "Display name", "Date of birth", "Password"):
        assert label in page
    assert 'type="date"' in page
    assert 'autocomplete="new-password"' in page


def test_signing_up_creates_person_attestation_and_personal_workspace(client):
    answer = client.post(URL, form())
    assert answer.status_code == 302
    user = User.objects.get()
    assert user.email == "new.person@example.com"
    assert user.display_name == "New Person"
    assert user.date_of_birth == date(1990, 5, 21)
    assert user.is_attested_adult
    workspace = Workspace.objects.get(owner=user, personal=True)
    assert Membership.objects.get(workspace=workspace).role == "owner"
    events = set(AuditEntry.objects.values_list("event", flat=True))
    assert events == {"user.signed_up", "user.age_attested", "workspace.created"}


def test_without_a_mail_server_a_newcomer_can_go_on_at_once(client, settings):
    answer = client.post(URL, form())
    assert answer["Location"] == reverse("generation:composer")
    assert client.session["_auth_user_id"] == str(User.objects.get().pk)
    hint = client.get(reverse("accounts:settings")).content.decode()
    assert settings.EMAIL_FILE_PATH in hint
    assert len(mail.outbox) == 1  # the confirmation is written all the same


def test_with_a_mail_server_the_code_from_the_mail_lets_a_person_in(client, real_mail):
    answer = client.post(URL, form())
    assert answer["Location"] == reverse("account_email_verification_sent")
    assert "_auth_user_id" not in client.session
    assert client.get(answer["Location"]).status_code == 200
    body = mail.outbox[0].body
    code = next(line.strip() for line in body.splitlines() if 6 <= len(line.strip()) <= 9)
    answer = client.post(reverse("account_email_verification_sent"), {"code": code})
    assert answer.status_code == 302
    assert client.session["_auth_user_id"] == str(User.objects.get().pk)


def test_the_mail_carries_no_words_of_the_person_who_typed_the_address(client, settings):
    client.post(URL, form(display_name="Cheap pills at evil.example"))
    message = mail.outbox[0]
    assert message.to == ["new.person@example.com"]
    assert "pills" not in message.subject + message.body
    assert message.subject == f"[{settings.SITE_NAME}] Confirm your e-mail address"
    assert settings.PUBLIC_URL in message.body


def test_the_link_from_the_mail_confirms_the_address(client):
    client.post(URL, form())
    link = re.search(r"http://\S+/confirm-email/\S+", mail.outbox[0].body).group()
    path = urlsplit(link).path
    assert client.get(path).status_code == 200
    client.post(path)
    assert EmailAddress.objects.get().verified


def test_a_known_address_gets_the_same_answer_as_a_new_one(client, real_mail):
    make_user("taken@example.com")
    known = client.post(URL, form(email="taken@example.com"))
    client.cookies.clear()
    unknown = client.post(URL, form(email="free@example.com"))
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert User.objects.filter(email="taken@example.com").count() == 1
    to_known = next(message for message in mail.outbox if message.to == ["taken@example.com"])
    assert "already" in to_known.body.lower()


def test_the_pages_behind_both_answers_look_the_same(client, real_mail):
    make_user("taken@example.com")
    pages = []
    for email in ("taken@example.com", "brand@example.com"):
        client.cookies.clear()
        answer = client.post(URL, form(email=email), follow=True)
        page = answer.content.decode().replace(email, "ADDRESS")
        pages.append(
            [line for line in page.splitlines() if "csrf" not in line and "nonce" not in line]
        )
    assert pages[0] == pages[1]


def test_an_address_taken_in_the_same_instant_gets_that_answer_too(real_mail, rf):
    from allauth.account.forms import SignupForm

    request = rf.post(URL)
    with context.request_context(request):
        checked = SignupForm(form())
        assert checked.is_valid()
        make_user("new.person@example.com")  # another request was faster
        with pytest.raises(ImmediateHttpResponse) as answer:
            checked.save(request)
    assert answer.value.response["Location"] == reverse("account_email_verification_sent")
    assert User.objects.count() == 1
    assert Workspace.objects.count() == 0


def test_nothing_is_left_when_the_last_step_fails(monkeypatch):
    def broken(user: User) -> Workspace:
        raise RuntimeError("no workspace today")

    monkeypatch.setattr(services, "personal_workspace", broken)
    with pytest.raises(RuntimeError):
        services.sign_up(User(email="a@example.com"), date_of_birth=date(1990, 1, 1))
    assert User.objects.count() == 0
    assert AgeAttestation.objects.count() == 0


def test_the_database_keeps_addresses_unique_in_any_case():
    make_user("ann@example.com")
    with pytest.raises(IntegrityError):
        User.objects.bulk_create([User(email="ANN@example.com", handle="other-ann")])


@pytest.mark.parametrize("password", ["short", "password123", "new.person@example.com"])
def test_a_weak_password_is_refused(client, password):
    answer = client.post(URL, form(password1=password))
    assert answer.status_code == 200
    assert answer.context["form"].errors["password1"]
    assert User.objects.count() == 0


@pytest.mark.parametrize("email", ["", "no-at-sign", "a@b", "x" * 260 + "@example.com"])
def test_a_wrong_address_is_refused(client, email):
    answer = client.post(URL, form(email=email))
    assert answer.context["form"].errors["email"]
    assert User.objects.count() == 0


def test_sign_up_is_rate_limited_by_address_of_the_visitor(client):
    codes = [client.post(URL, form(email="", password1="")).status_code for _ in range(25)]
    assert codes[0] == 200
    assert codes[-1] == 429


def test_the_models_and_the_migrations_say_the_same():
    call_command("makemigrations", "accounts", "billing", check=True, dry_run=True, verbosity=0)
