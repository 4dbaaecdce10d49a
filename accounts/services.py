"""Every write about people: signing up, stating an age, roles, suspension, tokens, leaving."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.text import slugify

from accounts import audit, hooks
from accounts.errors import (
    Forbidden,
    HandleTaken,
    InvalidBirthDate,
    LastOwner,
    TooManyTokens,
    TooYoung,
)
from accounts.models import (
    AgeAttestation,
    AgeRefusal,
    ApiToken,
    Membership,
    StaffRole,
    User,
    Workspace,
)

OLDEST_AGE = 120
REFUSAL_LASTS = timedelta(days=90)
MAX_TOKENS = 20  # usable ones, for one person in one workspace
RESERVED_HANDLES = frozenset(
    {
        *("admin", "administrator", "api", "help", "moderation", "moderator", "official", "root"),
        *("rules", "security", "settings", "staff", "support", "system", "team"),
    }
)


# --- Age -------------------------------------------------------------------------------------


def age_on(date_of_birth: date, today: date) -> int:
    """Completed years of life. Someone born on 29 February has the birthday on 1 March."""
    had_birthday = (today.month, today.day) >= (date_of_birth.month, date_of_birth.day)
    return today.year - date_of_birth.year - (0 if had_birthday else 1)


def _refusal_keys(email: str | None, cookie_id: str | None) -> list[str]:
    """Keyed hashes to store and look up; without SECRET_KEY they can't be tried out."""
    keys = []
    if email:
        address = email.strip().lower()
        keys.append(salted_hmac("accounts.refusal.email", address, algorithm="sha256").hexdigest())
    if cookie_id:
        keys.append(
            salted_hmac("accounts.refusal.cookie", cookie_id, algorithm="sha256").hexdigest()
        )
    return keys


def is_age_refused(*, email: str | None = None, cookie_id: str | None = None) -> bool:
    """True while an earlier stated age below the minimum is remembered for either of the two."""
    keys = _refusal_keys(email, cookie_id)
    return AgeRefusal.objects.filter(key__in=keys, expires_at__gt=timezone.now()).exists()


def remember_age_refusal(*, email: str | None = None, cookie_id: str | None = None) -> None:
    """Remember that somebody stated an age below the minimum, so another date does not help."""
    expires_at = timezone.now() + REFUSAL_LASTS
    delete_expired_age_refusals()
    with transaction.atomic():
        for key in _refusal_keys(email, cookie_id):
            AgeRefusal.objects.update_or_create(key=key, defaults={"expires_at": expires_at})
        audit.record(audit.USER_AGE_REFUSED)


def forget_age_refusal(email: str, *, by: User | None = None) -> bool:
    """Let an address try again, after a person has checked a mistake. False: none remembered."""
    with transaction.atomic():
        deleted, _ = AgeRefusal.objects.filter(key__in=_refusal_keys(email, None)).delete()
        if deleted:
            audit.record(audit.USER_AGE_REFUSAL_FORGOTTEN, actor=by)
    return bool(deleted)


def delete_expired_age_refusals(now: datetime | None = None) -> int:
    """Delete refusals that are no longer remembered. Returns how many."""
    return AgeRefusal.objects.filter(expires_at__lte=now or timezone.now()).delete()[0]


def check_age(
    date_of_birth: date,
    *,
    email: str | None = None,
    cookie_id: str | None = None,
    today: date | None = None,
) -> None:
    """Pass adults. Raises InvalidBirthDate, or TooYoung, which is then remembered.

    A remembered refusal wins over any date: going back and typing another one does not help.
    """
    if is_age_refused(email=email, cookie_id=cookie_id):
        remember_age_refusal(email=email, cookie_id=cookie_id)  # also for the other of the two
        raise TooYoung()
    age = age_on(date_of_birth, today or timezone.localdate())
    if age < 0 or age > OLDEST_AGE:
        raise InvalidBirthDate()
    if age < settings.SORA_MINIMUM_AGE:
        remember_age_refusal(email=email, cookie_id=cookie_id)
        raise TooYoung()


def attest_age(
    user: User,
    date_of_birth: date,
    *,
    source: str = AgeAttestation.Source.SETTINGS,
    cookie_id: str | None = None,
    by: User | None = None,
) -> AgeAttestation:
    """Record that this person stated to be an adult. Repeating it keeps the first attestation.

    Raises InvalidBirthDate or TooYoung (remembered, outside any rollback of ours).
    """
    existing = AgeAttestation.objects.filter(user=user).first()
    if existing is not None:
        return existing
    check_age(date_of_birth, email=user.email, cookie_id=cookie_id)
    with transaction.atomic():
        user.date_of_birth = date_of_birth
        user.save(update_fields=["date_of_birth"])
        attestation, created = AgeAttestation.objects.get_or_create(
            user=user, defaults={"source": source}
        )
        if created:
            audit.record(audit.USER_AGE_ATTESTED, actor=by or user, target=user, source=source)
    return attestation


# --- People ----------------------------------------------------------------------------------


def sign_up(
    user: User,
    *,
    date_of_birth: date | None,
    display_name: str = "",
    source: str = AgeAttestation.Source.SIGN_UP,
) -> User:
    """Save a new person with attestation and personal workspace, all or nothing.

    `user` carries e-mail and password already and is not saved yet. The age was checked when the
    form was read; it is checked once more here, because this is the door that creates the person.
    Only an operator, who vouches for the person by other means, may leave the date out.
    Raises InvalidBirthDate, TooYoung, and IntegrityError when the address was taken meanwhile.
    """
    if date_of_birth is not None:
        check_age(date_of_birth, email=user.email)
    elif source != AgeAttestation.Source.OPERATOR:
        raise InvalidBirthDate()
    with transaction.atomic():
        user.email = user.email.strip().lower()
        user.date_of_birth = date_of_birth
        user.display_name = display_name.strip()
        user.save()
        AgeAttestation.objects.create(user=user, source=source)
        workspace = personal_workspace(user)
        audit.record(audit.USER_SIGNED_UP, workspace=workspace, actor=user, target=user)
        audit.record(audit.USER_AGE_ATTESTED, actor=user, target=user, source=str(source))
    return user


def change_profile(user: User, *, display_name: str, handle: str) -> User:
    """Change how others see this person. Raises HandleTaken."""
    handle = handle.strip().lower()
    if handle != user.handle and handle in RESERVED_HANDLES:
        raise HandleTaken()
    before = user.handle
    try:
        with transaction.atomic():
            user.display_name = display_name.strip()
            user.handle = handle
            user.save(update_fields=["display_name", "handle"])
            audit.record(
                audit.USER_PROFILE_CHANGED, actor=user, target=user, handle_changed=before != handle
            )
    except IntegrityError:
        user.refresh_from_db()
        raise HandleTaken() from None
    return user


def let_others_remix(user: User, *, on: bool) -> bool:
    """Whether clips this person makes from now on may be remixed once they are shared. False: it
    was so already."""
    with transaction.atomic():
        changed = User.objects.filter(pk=user.pk, lets_others_remix=not on).update(
            lets_others_remix=on
        )
        if changed:
            audit.record(audit.USER_REMIXING_CHANGED, actor=user, target=user, allowed=on)
    user.refresh_from_db(fields=["lets_others_remix"])
    return bool(changed)


def suspend_user(user: User, *, by: User | None, reason: str) -> bool:
    """Stop the person from everything but reading the notice. False: already suspended.

    They can still sign in, to read the notice and appeal; their access tokens stop working.
    """
    with transaction.atomic():
        changed = User.objects.filter(pk=user.pk, suspended_at=None).update(
            suspended_at=timezone.now()
        )
        if changed:
            audit.record(audit.USER_SUSPENDED, actor=by, target=user, reason=reason)
    user.refresh_from_db(fields=["suspended_at"])
    return bool(changed)


def reinstate_user(user: User, *, by: User | None, reason: str) -> bool:
    """Undo a suspension. False: was not suspended."""
    with transaction.atomic():
        changed = (
            User.objects.filter(pk=user.pk).exclude(suspended_at=None).update(suspended_at=None)
        )
        if changed:
            audit.record(audit.USER_REINSTATED, actor=by, target=user, reason=reason)
    user.refresh_from_db(fields=["suspended_at"])
    return bool(changed)


def delete_account(user: User, *, by: User | None = None) -> None:
    """Erase what identifies the person; keep the row that the ledger and audit trail point to.

    Raises LastOwner while they own a workspace that others still use. The apps above delete what
    is private of theirs (hooks.leaving).
    """
    from allauth.account.models import EmailAddress
    from allauth.mfa.models import Authenticator
    from allauth.socialaccount.models import SocialAccount

    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        shared = Membership.objects.filter(workspace__owner=user).exclude(user=user)
        if shared.exists():
            raise LastOwner()
        for forget in hooks.leaving:
            forget(user)
        Membership.objects.filter(user=user).delete()
        ApiToken.objects.filter(user=user).delete()
        StaffRole.objects.filter(user=user).delete()
        AgeAttestation.objects.filter(user=user).delete()
        EmailAddress.objects.filter(user_id=user.pk).delete()
        Authenticator.objects.filter(user_id=user.pk).delete()
        SocialAccount.objects.filter(user_id=user.pk).delete()
        user.email = f"deleted-{user.pk}@deleted.invalid"
        user.display_name = "Deleted account"
        user.handle = f"deleted-{secrets.token_hex(5)}"
        user.date_of_birth = None
        user.is_active = False
        user.is_staff = False
        user.is_superuser = False
        user.deleted_at = timezone.now()
        user.set_unusable_password()  # also ends every session
        user.save()
        Workspace.objects.filter(owner=user).update(name="Deleted workspace")
        audit.record(audit.USER_DELETED, actor=by or user, target=user)


# --- Workspaces ------------------------------------------------------------------------------


def _new_slug(name: str) -> str:
    return f"{slugify(name)[:40] or 'workspace'}-{secrets.token_hex(4)}"


def create_workspace(owner: User, name: str, *, personal: bool = False) -> Workspace:
    """A new workspace with its owner as the first member."""
    with transaction.atomic():
        workspace = Workspace.objects.create(
            name=name, slug=_new_slug(name), owner=owner, personal=personal
        )
        Membership.objects.create(workspace=workspace, user=owner, role=Membership.Role.OWNER)
        audit.record(
            audit.WORKSPACE_CREATED,
            workspace=workspace,
            actor=owner,
            target=workspace,
            personal=personal,
        )
    return workspace


def personal_workspace(user: User) -> Workspace:
    """The workspace everybody has for themselves; made on the first call."""
    found = Workspace.objects.filter(owner=user, personal=True).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return create_workspace(user, "Personal", personal=True)
    except IntegrityError:  # another request made it at the same moment
        return Workspace.objects.get(owner=user, personal=True)


def add_member(workspace: Workspace, user: User, *, role: str, by: User) -> Membership:
    """Let somebody into the workspace; someone already in it keeps their role.

    Only an admin may, and never with a role above their own. Raises Forbidden.
    """
    _require_power(workspace, by, role)
    if role == Membership.Role.OWNER:
        raise LastOwner("A workspace has one owner. Add the person first, then hand it over.")
    with transaction.atomic():
        membership, created = Membership.objects.get_or_create(
            workspace=workspace, user=user, defaults={"role": role}
        )
        if created:
            audit.record(
                audit.WORKSPACE_MEMBER_ADDED, workspace=workspace, actor=by, target=user, role=role
            )
    return membership


def change_role(workspace: Workspace, user: User, *, role: str, by: User) -> Membership:
    """Give a member another role. Role owner hands the workspace over; the old owner stays admin.

    Raises Forbidden below admin or above the caller's own role, LastOwner when it would leave the
    workspace without an owner, Membership.DoesNotExist for somebody who is no member.
    """
    _require_power(workspace, by, role)
    with transaction.atomic():
        workspace = Workspace.objects.select_for_update().get(pk=workspace.pk)
        membership = Membership.objects.select_for_update().get(workspace=workspace, user=user)
        before = membership.role
        if before == role:
            return membership
        if before == Membership.Role.OWNER:
            raise LastOwner()
        if role == Membership.Role.OWNER:
            if workspace.personal:
                raise LastOwner("A personal workspace can't be handed over.")
            Membership.objects.filter(workspace=workspace, role=Membership.Role.OWNER).update(
                role=Membership.Role.ADMIN
            )
            workspace.owner = user
            workspace.save(update_fields=["owner"])
        membership.role = role
        membership.save(update_fields=["role"])
        audit.record(
            audit.WORKSPACE_ROLE_CHANGED,
            workspace=workspace,
            actor=by,
            target=user,
            before=before,
            after=role,
        )
    return membership


def remove_member(workspace: Workspace, user: User, *, by: User) -> None:
    """Take somebody out of the workspace, or leave it oneself. Their tokens to it go too.

    Raises Forbidden below admin (unless it is oneself) and LastOwner for the owner.
    """
    if by.pk != user.pk:
        _require_power(workspace, by, Membership.Role.ADMIN)
    with transaction.atomic():
        membership = Membership.objects.select_for_update().get(workspace=workspace, user=user)
        if membership.role == Membership.Role.OWNER:
            raise LastOwner()
        membership.delete()
        ApiToken.objects.filter(workspace=workspace, user=user, revoked_at=None).update(
            revoked_at=timezone.now()
        )
        audit.record(audit.WORKSPACE_MEMBER_REMOVED, workspace=workspace, actor=by, target=user)


def _require_power(workspace: Workspace, by: User, role: str) -> None:
    """`by` must be an admin and at least of the role they hand out. Raises Forbidden."""
    own = Membership.objects.filter(workspace=workspace, user=by).first()
    if own is None or not own.allows(Membership.Role.ADMIN):
        raise Forbidden(Membership.Role.ADMIN)
    if not own.allows(role):
        raise Forbidden(role)


# --- Access tokens ---------------------------------------------------------------------------


def create_token(
    workspace: Workspace,
    user: User,
    *,
    name: str,
    scopes: Iterable[str] = (ApiToken.Scope.READ, ApiToken.Scope.WRITE),
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """A new token and its secret. The secret is returned here and stored nowhere.

    Raises TooManyTokens.
    """
    secret = ApiToken.MARK + secrets.token_urlsafe(32)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)  # so that the limit holds side by side
        if ApiToken.objects.usable().filter(workspace=workspace, user=user).count() >= MAX_TOKENS:
            raise TooManyTokens()
        token = ApiToken.objects.create(
            workspace=workspace,
            user=user,
            name=name.strip(),
            prefix=secret[:13],
            digest=ApiToken.digest_of(secret),
            scopes=sorted({str(scope) for scope in scopes}),
            expires_at=expires_at,
        )
        audit.record(audit.TOKEN_CREATED, workspace=workspace, actor=user, target=token)
    return token, secret


def revoke_token(token: ApiToken, *, by: User) -> bool:
    """End a token now. False: it was revoked before."""
    with transaction.atomic():
        changed = ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(
            revoked_at=timezone.now()
        )
        if changed:
            audit.record(audit.TOKEN_REVOKED, workspace=token.workspace, actor=by, target=token)
    return bool(changed)
