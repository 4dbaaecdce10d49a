"""The likeness pilot: a few accounts may bring pictures of adults who agreed to it in so many words.

Off unless SORA_LIKENESS_PILOT=on, and closed all the same where nothing can tell a person, and a child
from an adult (`closed_because`). Staff offers a place, the words of consent make it work, either side
ends it; the first clips of each place wait for a person. Children never.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.models import Membership, User, Workspace
from generation import services as generation
from generation.closed import seen_in_frames
from generation.models import Generation, Upload, Video
from generation.uploads import services as uploads
from moderation import cohorts
from moderation.errors import InvalidGrant, PilotClosed
from moderation.models import LikenessClip, LikenessGrant, LikenessUpload
from moderation.screening.frame_scan import REQUIRED_FOR_PHOTOGRAPHS

Subject, Scope = LikenessGrant.Subject, LikenessGrant.Scope
VERSION = "2026-11-24"
MOST_DAYS = 365
SCOPE_OF = {Upload.Kind.IMAGE: Scope.PHOTO, Upload.Kind.VIDEO: Scope.FOOTAGE}


@dataclass(frozen=True)
class Statement:
    """One sentence of the consent; each is a box to tick."""

    code: str
    text: str


def statements(grant: LikenessGrant) -> tuple[Statement, ...]:
    """The words of consent for this place, as the page shows them."""
    own = grant.subject == Subject.SELF
    who = "me" if own else "the person named below, who is an adult and signed this in writing"
    uses = " and ".join(Scope(name).label.lower() for name in sorted(grant.scope))
    return (
        Statement(
            "adult", f"Every picture I bring shows {who}; nobody under 18 is in any of them."
        ),
        Statement("uses", f"It is agreed to: {uses}, here and until {grant.expires_at:%-d %B %Y}."),
        Statement(
            "kind",
            "I make nothing sexual, humiliating, violent, political or advertising with it, and "
            "nothing that could be taken for a real event.",
        ),
        Statement(
            "review",
            f"A person of this site looks at the first {grant.reviewed_first} clips before I get "
            "them, and may look at any other.",
        ),
        Statement(
            "revoke",
            "I or the person shown can revoke this at any time; the pictures and every clip made "
            "from them are then taken out of reach at once.",
        ),
    )


def statement_text(grant: LikenessGrant, subject_name: str) -> str:
    """Exactly what is signed; its SHA-256 is kept with the grant."""
    lines = [f"Consent to the use of a likeness, version {VERSION}"]
    lines += [f"[{one.code}] {one.text}" for one in statements(grant)]
    lines += [f"Person shown: {subject_name}", f"Account: {grant.person_id}", f"Place: {grant.pk}"]
    return "\n".join(lines)


def closed_because(*, for_visitors: bool = False) -> str:
    """Why the pilot is closed on this site, in a sentence; empty when it is open.

    for_visitors: without the names of settings.
    """
    reason = _closed_because()
    return re.sub(r" \([A-Z_]+\)", "", reason) if for_visitors else reason


def _closed_because() -> str:
    if settings.SORA_LIKENESS_PILOT != "on":
        return "The likeness pilot is switched off (SORA_LIKENESS_PILOT)."
    if settings.SORA_UPLOADS != "photos":
        return "This site takes no photographs (SORA_UPLOADS)."
    seen = seen_in_frames()
    if seen is None:  # only loading a model could tell: the check of the upload itself does
        return ""
    missing = sorted(category.value for category in REQUIRED_FOR_PHOTOGRAPHS - seen)
    if missing:
        return (
            "Nothing here can tell real people and their age in a picture: no model judges "
            f"{', '.join(missing)} (SORA_VISION_MODELS)."
        )
    return ""


# --- Places --------------------------------------------------------------------------------------


def offer(
    workspace: Workspace,
    person: User,
    *,
    cohort: str,
    subject: str,
    scope: Iterable[str],
    days: int,
    by: User,
    reviewed_first: int | None = None,
) -> LikenessGrant:
    """Offer somebody a place. Raises PilotClosed, InvalidGrant (naming the field)."""
    if reason := closed_because():
        raise PilotClosed(reason)
    first = settings.SORA_LIKENESS_REVIEWED if reviewed_first is None else reviewed_first
    scope = sorted(set(scope))
    member = Membership.objects.filter(workspace=workspace, user=person).first()
    if member is None or not member.allows(Membership.Role.CREATOR):
        raise InvalidGrant("This person can't create in this workspace.", param="person")
    if person.is_suspended or not person.is_attested_adult:
        raise InvalidGrant("Only adults in good standing can have a place.", param="person")
    if subject not in Subject.values:
        raise InvalidGrant("Say whose likeness it is.", param="subject")
    if not scope or set(scope) - set(Scope.values):
        raise InvalidGrant("Choose what it may be used for.", param="scope")
    if not 1 <= days <= MOST_DAYS:
        raise InvalidGrant(f"A place lasts 1 to {MOST_DAYS} days.", param="days")
    if not 1 <= first <= 1000:
        raise InvalidGrant("At least the first clip is looked at.", param="reviewed_first")
    try:
        with transaction.atomic():
            grant = LikenessGrant.objects.create(
                workspace=workspace,
                person=person,
                cohort=cohort,
                subject=subject,
                scope=scope,
                reviewed_first=first,
                offered_by=by,
                expires_at=timezone.now() + timedelta(days=days),
            )
            audit.record(
                audit.LIKENESS_OFFERED,
                workspace=workspace,
                actor=by,
                target=grant,
                cohort=cohort,
                scope=scope,
            )
    except IntegrityError as error:
        raise InvalidGrant(
            "This person has a place in this cohort.", param="cohort", remedy="Revoke it first."
        ) from error
    return grant


def consent(
    grant: LikenessGrant, *, by: User, subject_name: str, agreed: Iterable[str], version: str
) -> LikenessGrant:
    """Sign the words of consent. Twice is once. Raises PilotClosed, InvalidGrant."""
    if reason := closed_because():
        raise PilotClosed(reason)
    name = " ".join(subject_name.split())
    if not 3 <= len(name) <= 120 or not name.isprintable():
        raise InvalidGrant("Write the full name of the person shown.", param="subject_name")
    if version != VERSION:
        raise InvalidGrant("This isn't the present text.", param="version", remedy="Read it again.")
    missing = {one.code for one in statements(grant)} - set(agreed)
    if missing:
        raise InvalidGrant(
            f"Not agreed to: {', '.join(sorted(missing))}.",
            param="agreed",
            remedy="The consent needs every statement.",
        )
    with transaction.atomic():
        grant = LikenessGrant.objects.select_for_update(of=("self",)).get(pk=grant.pk)
        if grant.person_id != by.pk or grant.state not in ("offered", "active"):
            raise InvalidGrant("This place isn't open to you any more.")
        if grant.state == "offered":
            grant.subject_name, grant.statement_version = name, VERSION
            grant.statement_sha256 = hashlib.sha256(
                statement_text(grant, name).encode()
            ).hexdigest()
            grant.consented_at = timezone.now()
            grant.save(
                update_fields=[
                    "subject_name",
                    "statement_version",
                    "statement_sha256",
                    "consented_at",
                ]
            )
            audit.record(
                audit.LIKENESS_CONSENTED,
                workspace=grant.workspace,
                actor=by,
                target=grant,
                statement_sha256=grant.statement_sha256,
                version=VERSION,
            )
    return grant


def revoke(grant: LikenessGrant, *, by: User) -> bool:
    """End a place now: its pictures and every clip made from them go out of everybody's reach.

    False: it was revoked before. Whoever asks has been checked: the account itself, or staff.
    """
    with transaction.atomic():
        grant = LikenessGrant.objects.select_for_update(of=("self",)).get(pk=grant.pk)
        if grant.revoked_at is not None:
            return False
        grant.revoked_at, grant.revoked_by = timezone.now(), by
        grant.save(update_fields=["revoked_at", "revoked_by"])
        taken = [row.upload for row in grant.uploads.select_related("upload")]
        clips = list(Video.objects.filter(generation__likeness__grant=grant))
        reason = f"likeness:{grant.pk}"
        for upload in taken:
            uploads.quarantine_upload(upload, by=by, reason=reason)
        for video in clips:
            if video.held_at is not None:
                generation.end_hold(video, by=by, release=False, reason=reason)
            generation.quarantine_video(video, by=by, reason=reason)
        audit.record(
            audit.LIKENESS_REVOKED,
            workspace=grant.workspace,
            actor=by,
            target=grant,
            uploads=len(taken),
            clips=len(clips),
        )
    return True


# --- What generation asks (hooks.Pilot) ----------------------------------------------------------


class Pilot:
    """See generation.hooks.Pilot and generation.likeness."""

    def may_bring(self, person: User, workspace: Workspace, kind: str) -> UUID | None:
        scope = SCOPE_OF.get(Upload.Kind(kind)) if kind else None
        if scope is None or closed_because() or not cohorts.is_on(cohorts.LIKENESS, person):
            return None
        grant = (
            LikenessGrant.objects.active()
            .filter(person=person, workspace=workspace, scope__contains=[scope])
            .order_by("expires_at")
            .last()
        )
        return grant.pk if grant is not None else None

    def took(self, upload: Upload, grant: UUID) -> None:
        LikenessUpload.objects.get_or_create(
            upload=upload, defaults={"workspace_id": upload.workspace_id, "grant_id": grant}
        )

    def may_use(self, person: User, sources: Sequence[Upload | Video]) -> bool:
        if closed_because() or not cohorts.is_on(cohorts.LIKENESS, person):
            return False
        grants = _grants_of(sources)
        return grants is not None and all(g.is_active and g.person_id == person.pk for g in grants)

    def holds(self, generation: Generation, sources: Sequence[Upload | Video]) -> bool:
        """Number the job in its grant, once; the first ones are held. A job that delivered nothing
        doesn't count. Without a grant that can be named it is held."""
        grants = _grants_of(sources)
        if not grants:
            return True
        with transaction.atomic():
            grant = LikenessGrant.objects.select_for_update(of=("self",)).get(pk=grants[0].pk)
            known = LikenessClip.objects.filter(generation=generation).first()
            if known is not None:
                return known.held
            rows = LikenessClip.objects.filter(grant=grant)
            nothing = ("failed", "refused", "cancelled")
            counted = rows.exclude(generation__status__in=nothing).count()
            last = rows.order_by("number").last()
            clip = LikenessClip.objects.create(
                workspace_id=generation.workspace_id,
                grant=grant,
                generation=generation,
                number=last.number + 1 if last is not None else 1,
                held=counted < grant.reviewed_first,
            )
            if clip.held:
                audit.record(
                    audit.LIKENESS_CLIP_HELD,
                    workspace=generation.workspace,
                    target=clip,
                    grant=str(grant.pk),
                    number=clip.number,
                )
        return clip.held

    def delivered(self, video: Video) -> None:
        """The lock makes either this or `revoke` see the other's work."""
        clip = LikenessClip.objects.filter(generation=video.generation_id).first()
        if clip is None:
            return
        grant = LikenessGrant.objects.select_for_update(of=("self",)).get(pk=clip.grant_id)
        if grant.revoked_at is not None:
            generation.quarantine_video(video, by=grant.revoked_by, reason=f"likeness:{grant.pk}")


def _grants_of(sources: Sequence[Upload | Video]) -> list[LikenessGrant] | None:
    """The grant of every source, in their order; None when one has none."""
    found = []
    for source in sources:
        rows = LikenessGrant.objects.all()
        if isinstance(source, Upload):
            grant = rows.filter(uploads__upload=source).first()
        else:
            grant = rows.filter(clips__generation=source.generation_id).first()
        if grant is None:
            return None
        found.append(grant)
    return found
