"""Lets any page offer the report form without knowing this app."""

from __future__ import annotations

from uuid import UUID

from django import template

from generation.models import Video
from moderation import childsafety, policies, services
from moderation.childsafety_models import ChildSafetyCase
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
    video = (
        Video.objects.select_related("generation")
        .defer("manifest", "credentials")
        .get(pk=UUID(str(video_id)))
    )
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


@register.simple_tag(takes_context=True)
def may_review_child_safety(context: template.Context) -> bool:
    """Whether the tab of the child-safety queue is shown."""
    return childsafety.may_review(context["request"].user)


@register.simple_tag
def child_safety_waiting() -> int:
    """How many child-safety cases wait; a number is all that staff without the permission learn."""
    return ChildSafetyCase.objects.waiting().count()
