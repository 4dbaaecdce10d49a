"""Writes around probing: a case for a human, red-team campaigns and what their testers find."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from generation import probing as detector
from generation.models import Friction, RequestTrace
from moderation.errors import (
    CampaignInvalid,
    CaseClosed,
    FindingInvalid,
    NoteMissing,
    NotYourCampaign,
)
from moderation.models import Campaign, ProbingCase, RedTeamFinding, RedTeamRun
from moderation.screening.protocol import Category

MAX_NOTE = 2000
MAX_TEXT = 8000


def open_case(friction: Friction) -> ProbingCase | None:
    """A hook of the detector: what gives somebody a second look is shown to a human."""
    if friction.level != Friction.Level.SECOND_LOOK:
        return None
    with transaction.atomic():
        case, opened = ProbingCase.objects.get_or_create(
            about=friction.user,
            status=ProbingCase.Status.OPEN,
            defaults={"workspace": friction.workspace},
        )
        case.frictions.add(friction)
        if opened:
            audit.record(
                audit.PROBING_CASE_OPENED,
                workspace=friction.workspace,
                target=case,
                rule=friction.rule,
            )
    return case


def close_case(case: ProbingCase, *, outcome: str, note: str, by: User) -> ProbingCase:
    """Say whether we misread somebody; then what slows them ends. Raises CaseClosed, NoteMissing."""
    found = ProbingCase.Outcome(outcome)
    note = note.replace("\0", "").strip()[:MAX_NOTE]
    if not note:
        raise NoteMissing()
    with transaction.atomic():
        case = ProbingCase.objects.select_for_update().get(pk=case.pk)
        if not case.is_open:
            raise CaseClosed()
        case.status, case.outcome, case.note = ProbingCase.Status.CLOSED, found, note
        case.closed_at, case.closed_by = timezone.now(), by
        case.save()
        if found == ProbingCase.Outcome.MISREAD:
            detector.lift(Friction.objects.filter(user=case.about, lifted_at=None))
        audit.record(
            audit.PROBING_CASE_CLOSED,
            workspace=case.workspace,
            actor=by,
            target=case,
            outcome=str(found),
        )
    return case


def attempts_of(case: ProbingCase) -> list[RequestTrace]:
    """The cluster the case rests on, oldest first, each once."""
    return list(
        RequestTrace.objects.filter(pk__in=case.frictions.values("traces")).order_by(
            "created_at", "id"
        )
    )


# --- Red-team campaigns ----------------------------------------------------------------------------


def campaign_of(user: User) -> str:
    """A hook of the detector: the campaign somebody tests for now; empty for everybody else."""
    now = timezone.now()
    running = Campaign.objects.filter(testers=user, starts_at__lte=now, ends_at__gt=now)
    return running.order_by("starts_at").values_list("name", flat=True).first() or ""


def save_campaign(
    campaign: Campaign | None,
    *,
    by: User,
    name: str,
    title: str,
    brief: str,
    starts_at: datetime,
    ends_at: datetime,
    testers: list[str],
) -> Campaign:
    """Make or change a campaign. `testers`: handles. Raises CampaignInvalid naming the field."""
    handles = {handle.strip().removeprefix("@").lower() for handle in testers if handle.strip()}
    people = list(User.objects.filter(handle__in=handles, is_active=True))
    if missing := sorted(handles - {person.handle for person in people}):
        raise CampaignInvalid(
            f"Nobody here is called @{', @'.join(missing)[:200]}.",
            param="testers",
            remedy="Check the spelling; testers need an account first.",
        )
    if ends_at <= starts_at:
        raise CampaignInvalid(
            "It ends before it starts.", param="ends_at", remedy="Choose a later end."
        )
    values = {
        "name": name,
        "title": title.strip(),
        "brief": brief.replace("\0", "").strip(),
        "starts_at": starts_at,
        "ends_at": ends_at,
    }
    try:
        with transaction.atomic():
            if campaign is None:
                campaign = Campaign.objects.create(created_by=by, **values)
            else:
                for field, value in values.items():
                    setattr(campaign, field, value)
                campaign.save()
            campaign.testers.set(people)
            audit.record(
                audit.CAMPAIGN_SAVED,
                actor=by,
                target=campaign,
                testers=sorted(person.pk for person in people),
            )
    except IntegrityError as error:
        raise CampaignInvalid(
            "There is a campaign of this name.", param="name", remedy="Choose another name."
        ) from error
    return campaign


def report_finding(
    campaign: Campaign, *, by: User, kind: str, text: str, category: str, note: str = ""
) -> RedTeamFinding:
    """A tester says what they found. The same finding twice is one. Raises NotYourCampaign,
    FindingInvalid."""
    if not campaign.is_running or not campaign.testers.filter(pk=by.pk).exists():
        raise NotYourCampaign()
    return write_finding(
        campaign=campaign, tester=by, kind=kind, text=text, category=category, note=note
    )


def write_finding(
    *,
    campaign: Campaign | None,
    tester: User | None,
    kind: str,
    text: str,
    category: str,
    note: str = "",
) -> RedTeamFinding:
    """Raises FindingInvalid naming the field."""
    text, note = text.replace("\0", "").strip(), note.replace("\0", "").strip()
    if not text or len(text) > MAX_TEXT:
        raise FindingInvalid(
            param="text", remedy=f"Give the prompt, at most {MAX_TEXT} characters."
        )
    if kind not in RedTeamFinding.Kind.values:
        raise FindingInvalid(param="kind", remedy="Choose one of the offered kinds.")
    if category not in Category._value2member_map_:
        raise FindingInvalid(param="category", remedy="Choose one of the listed categories.")
    finding, _ = RedTeamFinding.objects.get_or_create(
        campaign=campaign,
        key=hashlib.sha256(f"{kind}\0{text}".encode()).hexdigest(),
        defaults={
            "tester": tester,
            "kind": kind,
            "text": text,
            "category": category,
            "note": note[:MAX_NOTE],
        },
    )
    return finding


def finding_of(run: RedTeamRun, index: int) -> RedTeamFinding:
    """One wrong answer of a run as a finding. Raises IndexError for one it does not have."""
    if index < 0:
        raise IndexError(index)
    item = run.passed[index]
    kind = RedTeamFinding.Kind
    return write_finding(
        campaign=None,
        tester=None,
        kind=kind.OVER_REFUSED if item["harmless"] else kind.GOT_THROUGH,
        text=item["text"],
        category=item["category"],
        note=f"Red-team run {run.pk}: {item['transform']}, seed {item['seed']}.",
    )
