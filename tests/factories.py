"""Rows for tests: plain functions with keyword defaults, through the services where one exists."""

from __future__ import annotations

from datetime import date
from itertools import count
from typing import Any

from accounts import services as accounts
from accounts.models import AgeAttestation, Membership, StaffRole, User, Workspace

PASSWORD = "correct horse battery"
_numbers = count(1)


def make_user(
    email: str | None = None,
    *,
    attested: bool = True,
    verified: bool = True,
    roles: tuple[str, ...] = ("reviewer", "senior", "curator"),
    **fields: Any,
) -> User:
    """A person who can sign in with PASSWORD; an adult with a verified address by default.

    `roles` are those of staff; others get none.
    """
    from allauth.account.models import EmailAddress

    number = next(_numbers)
    email = email or f"person{number}@example.com"
    fields.setdefault("handle", f"person-{number}")
    fields.setdefault("date_of_birth", date(1990, 5, 21) if attested else None)
    user = User.objects.create_user(email, PASSWORD, **fields)
    if attested:
        AgeAttestation.objects.create(user=user, source=AgeAttestation.Source.SIGN_UP)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=verified)
    if user.is_staff and not user.is_superuser:
        StaffRole.objects.bulk_create(StaffRole(user=user, role=role) for role in roles)
    return user


def make_workspace(owner: User | None = None, *, name: str = "Studio") -> Workspace:
    """A workspace with its owner as the first member."""
    return accounts.create_workspace(owner or make_user(), name)


def make_membership(
    workspace: Workspace, user: User | None = None, *, role: str = Membership.Role.CREATOR
) -> Membership:
    """One more member of the workspace."""
    return Membership.objects.create(workspace=workspace, user=user or make_user(), role=role)


def make_generation(
    workspace: Workspace | None = None, *, by: User | None = None, **fields: Any
) -> Any:
    """A job as it lies in the database; queued unless told otherwise. No credits are held."""
    from django.utils import timezone

    from generation.models import Generation

    by = by or (workspace.owner if workspace else make_user())
    values = {
        "workspace": workspace or accounts.personal_workspace(by),
        "requested_by": by,
        "request_key": f"made-{next(_numbers)}",
        "prompt": "A red balloon rises over the ocean at sunset",
        "seconds": 2,
        "width": 512,
        "height": 288,
        "seed": 7,
        "steps": 4,
        "cost_credits": 10,
        **fields,
    }
    if values.get("status", "queued") not in Generation.OPEN:
        values.setdefault("finished_at", timezone.now())
    return Generation.objects.create(**values)


def make_video(
    workspace: Workspace | None = None,
    *,
    by: User | None = None,
    shared: bool = True,
    prompt: str = "A red balloon rises over the ocean at sunset",
    **fields: Any,
) -> Any:
    """A delivered clip with its job. Its files do not exist: pages and rules need none."""
    import uuid

    from django.utils import timezone

    from generation.models import Generation, Video

    job = make_generation(workspace, by=by, prompt=prompt, status=Generation.Status.SUCCEEDED)
    video_id = fields.pop("id", None) or uuid.uuid4()
    values = {
        "workspace": job.workspace,
        "creator": job.requested_by,
        "generation": job,
        "media_key": f"{job.workspace_id}/{video_id}/clip.mp4",
        "poster_key": f"{job.workspace_id}/{video_id}/poster.webp",
        "width": job.width,
        "height": job.height,
        "frames": 24,
        "fps": 12,
        "bytes": 1000,
        "sha256": "0" * 64,
        "manifest": b"manifest",
        "credentials": {"state": "trusted", "issuer": "Test", "claims": {}, "failures": []},
        "shared_at": timezone.now() if shared else None,
        **fields,
    }
    return Video.objects.create(id=video_id, **values)


def add_second_factor(user: User) -> None:
    """An authenticator app, so that staff pages open."""
    from allauth.mfa.totp.internal import auth

    auth.TOTP.activate(user, auth.generate_totp_secret())
