"""Versions of the screening policy: made whole, switched on, gone back from; every step with a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Q, QuerySet

from accounts import audit
from accounts.models import User
from accounts.permissions import check_staff
from accounts.staff_roles import Role, has_role
from generation.models import PolicyActivation, PolicyVersion
from generation.models.policies import PERMISSION
from generation.policies import active_policy, policy_of
from moderation.errors import (
    NoteMissing,
    PolicyInvalid,
    PolicyNotYours,
    PolicyUnchanged,
    SecondPersonNeeded,
)
from moderation.screening.policy import Policy, PolicyProblem, default_policy, with_changes

MAX_DOCUMENT = 64_000  # characters
MAX_NOTE = 500
LOCK = 7_301_117  # advisory: versions and activations are numbered one after the other


def may_change(user: User) -> bool:
    """Staff with the role policy, or with the permission generation.change_screening_policy."""
    return has_role(user, Role.POLICY) or user.has_perm(f"generation.{PERMISSION}")


def others_who_may(user: User) -> QuerySet[User]:
    """Everybody else who may change the policy: where there is nobody, one person has to suffice."""
    permission = Q(user_permissions__codename=PERMISSION) | Q(
        groups__permissions__codename=PERMISSION
    )
    return (
        User.objects.filter(is_active=True, is_staff=True, suspended_at=None)
        .filter(permission | Q(is_superuser=True) | Q(staff_roles__role=Role.POLICY))
        .exclude(pk=user.pk)
        .distinct()
    )


def policy_named(version: str) -> Policy | None:
    """The shipped policy or a stored version by its name; None when there is none or it can't be read."""
    if version == default_policy().version:
        return default_policy()
    row = PolicyVersion.objects.filter(version=version).first()
    if row is None:
        return None
    try:
        return policy_of(row)
    except PolicyProblem:
        return None


def read_document(text: str) -> Policy:
    """A proposed policy from the JSON somebody typed: whole, or only what differs from the active one.

    Raises PolicyInvalid with every problem, each with its field and remedy.
    """
    if len(text) > MAX_DOCUMENT:
        raise PolicyInvalid(
            f"The document has {len(text):,} characters; {MAX_DOCUMENT:,} are allowed.",
            param="document",
        )
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PolicyInvalid(
            "The document is no JSON.", param="document", remedy=f"{error}."[:200]
        ) from error
    if not isinstance(data, Mapping):
        raise PolicyInvalid("The document must be one JSON object.", param="document")
    try:
        return with_changes(active_policy(), data, version="proposal")
    except PolicyProblem as error:
        raise PolicyInvalid(
            "This policy breaks a bound.",
            param="document",
            remedy=error.problems[0],
            problems=error.problems[:50],
        ) from error


def create_version(document: str, *, note: str, by: User) -> PolicyVersion:
    """Store a whole new version. It decides nothing until it is activated.

    Raises PolicyNotYours, NoteMissing, PolicyInvalid.
    """
    check_may(by)
    return store(read_document(document), note=note_of(note), by=by)


def store(policy: Policy, *, note: str, by: User) -> PolicyVersion:
    """Keep a policy as the next version, whole. The caller has checked who asks."""
    with transaction.atomic():
        _lock()
        number = (PolicyVersion.objects.aggregate(last=Max("number"))["last"] or 0) + 1
        name = f"{default_policy().version}.{number}"
        whole: dict[str, Any] = {**policy.to_json(), "version": name}
        version = PolicyVersion.objects.create(
            number=number,
            version=name,
            based_on=active_policy().version,
            document=whole,
            note=note,
            made_by=by,
        )
        audit.record(audit.POLICY_CREATED, actor=by, target=version, version=name, note=note)
    return version


def activate(version: PolicyVersion | None, *, note: str, by: User) -> PolicyActivation:
    """Let a version decide from now on, everywhere; None for the shipped policy.

    Its author may only while nobody else could. Raises PolicyNotYours, SecondPersonNeeded,
    NoteMissing, PolicyUnchanged, and PolicyInvalid for a stored version that breaks a bound of this
    release.
    """
    check_may(by)
    note = note_of(note)
    if version is not None and version.made_by_id == by.pk and others_who_may(by).exists():
        raise SecondPersonNeeded()
    return switch_on(version, note=note, by=by)


def switch_on(version: PolicyVersion | None, *, note: str, by: User) -> PolicyActivation:
    """Switch, once it is clear who may. Raises PolicyUnchanged and PolicyInvalid."""
    if version is not None:
        try:
            policy_of(version)
        except PolicyProblem as error:
            raise PolicyInvalid(
                "This version breaks a bound of this release.", problems=error.problems[:50]
            ) from error
    with transaction.atomic():
        _lock()
        latest = PolicyActivation.objects.order_by("-pk").first()
        if (latest.version_id if latest else None) == (version.pk if version else None):
            raise PolicyUnchanged()
        return _switch(version, note=note, by=by, rolled_back=False)


def roll_back(*, note: str, by: User) -> PolicyActivation:
    """Let what decided before the latest activation decide again.

    Raises PolicyNotYours, NoteMissing, PolicyUnchanged when nothing was ever activated.
    """
    check_may(by)
    note = note_of(note)
    with transaction.atomic():
        _lock()
        steps = list(PolicyActivation.objects.order_by("-pk").select_related("version")[:2])
        if not steps:
            raise PolicyUnchanged("Nothing was ever activated: the shipped policy decides.")
        before = steps[1].version if len(steps) > 1 else None
        return _switch(before, note=note, by=by, rolled_back=True)


def _switch(
    version: PolicyVersion | None, *, note: str, by: User, rolled_back: bool
) -> PolicyActivation:
    step = PolicyActivation.objects.create(
        version=version, rolled_back=rolled_back, note=note, by=by
    )
    audit.record(
        audit.POLICY_ROLLED_BACK if rolled_back else audit.POLICY_ACTIVATED,
        actor=by,
        target=step,
        version=version.version if version else default_policy().version,
        note=note,
    )
    return step


def check_may(user: User) -> None:
    """Raises PolicyNotYours, and what check_staff raises."""
    check_staff(user)
    if not may_change(user):
        raise PolicyNotYours()


def note_of(text: str) -> str:
    text = text.replace("\0", "").strip()[:MAX_NOTE]
    if not text:
        raise NoteMissing()
    return text


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
