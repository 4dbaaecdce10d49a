"""Lets any page offer the report form without knowing this app."""

from __future__ import annotations

from uuid import UUID

from django import template

from generation.models import Video
from moderation import policies, services
from moderation.reasons import REASONS, ReportReason

register = template.Library()


@register.simple_tag
def report_reasons() -> list[ReportReason]:
    """The reasons in the order the form shows them."""
    return list(REASONS.values())


@register.simple_tag
def kept_private(video_id: str) -> dict[str, object] | None:
    """Why a clip is only for its workspace, and what its owner can do: {rule, remedy, asked, closed}.

    None for a clip nothing keeps private.
    """
    video = Video.objects.select_related("generation").get(pk=UUID(str(video_id)))
    if not services.may_release(video):
        return None
    checks = video.generation.safety_checks.exclude(action="allow").order_by("-created_at")
    codes = [code for check in checks for code in check.verdict.get("categories", ())]
    rule = policies.first_policy(codes) if codes else None
    cases = list(video.cases.all())
    return {
        "rule": rule,
        "asked": any(case.is_open for case in cases),
        "closed": any(case.origin == "guarded" and not case.is_open for case in cases),
    }
