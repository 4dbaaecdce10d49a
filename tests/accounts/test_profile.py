"""The settings page: how others see a person, and leaving."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from accounts import services
from accounts.errors import LastOwner
from accounts.models import AgeAttestation, ApiToken, AuditEntry, Membership, User
from tests.factories import add_second_factor, make_membership, make_user, make_workspace

pytestmark = pytest.mark.django_db
URL = "/settings/"


@pytest.fixture
def ann(client):
    user = make_user("ann@example.com", handle="ann", display_name="Ann")
    client.force_login(user)
    return user


def test_the_page_shows_profile_security_tokens_and_credits(client, ann):
    page = client.get(URL).content.decode()
    for link in ("mfa_index", "account_email", "account_change_password", "usersessions_list"):
        assert reverse(link) in page
    assert 'value="ann"' in page
    assert "Access tokens" in page
    assert f"/settings/credits/{services.personal_workspace(ann).pk}/" in page


def test_name_and_handle_can_be_changed(client, ann):
    answer = client.post(URL, {"display_name": "  Ann B.  ", "handle": "ann-b"})
    assert answer.status_code == 302
    ann.refresh_from_db()
    assert (ann.display_name, ann.handle) == ("Ann B.", "ann-b")
    entry = AuditEntry.objects.get(event="user.profile_changed")
    assert entry.data == {"handle_changed": True}


@pytest.mark.parametrize("handle", ["", "a", "Ann B", "-ann", "ann!", "x" * 31, "änn", "admin"])
def test_a_handle_that_can_not_be_one_is_explained(client, ann, handle):
    answer = client.post(URL, {"display_name": "Ann", "handle": handle})
    assert answer.status_code == 422
    assert answer.context["profile_form"].errors["handle"]
    ann.refresh_from_db()
    assert ann.handle == "ann"


def test_a_taken_handle_is_refused_and_nothing_changes(client, ann):
    make_user(handle="bob")
    answer = client.post(URL, {"display_name": "Changed", "handle": "bob"})
    assert answer.status_code == 422
    assert "taken" in answer.content.decode()
    ann.refresh_from_db()
    assert (ann.display_name, ann.handle) == ("Ann", "ann")


@pytest.mark.parametrize("name", ["x" * 61, "A\u202enn", "A\u200bnn", "A\x07nn"])
def test_a_name_with_tricks_is_refused(client, ann, name):
    answer = client.post(URL, {"display_name": name, "handle": "ann"})
    assert answer.status_code == 422
    assert answer.context["profile_form"].errors["display_name"]


def test_a_name_with_a_joined_emoji_is_fine(client, ann):
    family = "\U0001f469\u200d\U0001f467"
    assert client.post(URL, {"display_name": family, "handle": "ann"}).status_code == 302


def test_a_name_is_shown_as_text_never_as_markup(client, ann):
    services.change_profile(ann, display_name="<script>alert(1)</script>", handle="ann")
    page = client.get(URL).content.decode()
    assert "<script>alert(1)" not in page


def test_a_generated_handle_says_nothing_about_the_person():
    user = User.objects.create_user("secret.name@example.com")
    assert user.handle.startswith("maker-")
    user.clean_fields(exclude=["password"])
    assert str(user) == user.handle
    assert "secret" not in user.public_name


def test_the_model_explains_a_wrong_handle():
    with pytest.raises(ValidationError, match="lower-case letters"):
        User(email="a@example.com", handle="No Way").clean_fields(exclude=["password"])


# --- Leaving ---------------------------------------------------------------------------------


def test_deleting_asks_for_the_address(client, ann):
    answer = client.post("/settings/delete/", {"email": "other@example.com"})
    assert answer.status_code == 422
    assert User.objects.get(pk=ann.pk).is_active


def test_deleting_erases_what_names_the_person_and_signs_out(client, ann):
    from allauth.account.models import EmailAddress
    from allauth.mfa.models import Authenticator

    workspace = services.personal_workspace(ann)
    services.create_token(workspace, ann, name="script")
    add_second_factor(ann)
    answer = client.post("/settings/delete/", {"email": "ann@example.com"})
    assert answer.status_code == 302
    assert "_auth_user_id" not in client.session
    ann.refresh_from_db()
    assert ann.email == f"deleted-{ann.pk}@deleted.invalid"
    assert (ann.display_name, ann.date_of_birth) == ("Deleted account", None)
    assert not ann.is_active
    assert not ann.has_usable_password()
    assert ann.handle != "ann"
    for model in (EmailAddress, Authenticator, ApiToken, AgeAttestation, Membership):
        assert not model.objects.filter(user_id=ann.pk).exists()
    assert AuditEntry.objects.filter(event="user.deleted", target_id=str(ann.pk)).exists()


def test_a_deleted_persons_other_sessions_end(client, ann):
    other = type(client)()
    other.force_login(ann)
    client.post("/settings/delete/", {"email": "ann@example.com"})
    assert other.get(URL).status_code == 302


def test_an_owner_of_a_shared_workspace_hands_it_over_first(client, ann):
    workspace = make_workspace(ann)
    member = make_membership(workspace, role="admin").user
    answer = client.post("/settings/delete/", {"email": "ann@example.com"})
    assert answer.status_code == 422
    assert "owner" in answer.content.decode()
    services.change_role(workspace, member, role="owner", by=ann)
    services.delete_account(ann)
    assert not User.objects.get(pk=ann.pk).is_active


def test_the_address_is_free_again_after_deleting(client, ann):
    services.delete_account(ann)
    make_user("ann@example.com", handle="ann")


def test_the_service_refuses_while_others_use_the_workspace(ann):
    make_membership(make_workspace(ann))
    with pytest.raises(LastOwner):
        services.delete_account(ann)
