"""Lets any page offer the report form without knowing this app."""

from __future__ import annotations

from uuid import UUID

from django import template

from accounts.models import User
from accounts.staff_roles import roles_of
from generation.models import Video
from moderation import childsafety, effectiveness, notices, policies, reasons, services
from moderation.childsafety_models import ChildSafetyCase
from moderation.models import VideoLabel
from moderation.reasons import REASONS, ReportReason

register = template.Library()


@register.simple_tag
def report_reasons() -> list[ReportReason]:
    """The reasons in the order the form shows them."""
    return list(REASONS.values())


@register.simple_tag
def report_tree() -> list[tuple[str, list[ReportReason]]]:
    """The reasons by group, in the order the form shows them."""
    return reasons.tree()


@register.simple_tag(takes_context=True)
def notices_unread(context: template.Context) -> int:
    """The number on the bell. From the cache: no query for most pages."""
    request = context.get("request")
    user = getattr(request, "user", None)
    return notices.unread(user) if isinstance(user, User) else 0


@register.simple_tag
def video_labels(video_id: str) -> list[str]:
    """What stands on a clip for everybody who sees it."""
    rows = VideoLabel.objects.filter(video=UUID(str(video_id)), removed_at=None)
    return [label.get_code_display() for label in rows.order_by("created_at")]


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


@register.simple_tag(takes_context=True)
def staff_roles_of_viewer(context: template.Context) -> frozenset[str]:
    """The staff roles of whoever looks at the page: asked once a page."""
    request = context["request"]
    if not hasattr(request, "staff_roles_held"):
        request.staff_roles_held = roles_of(request.user)
    held: frozenset[str] = request.staff_roles_held
    return held


@register.simple_tag
def canaries_drifted() -> int:
    """How many known prompts got a wrong answer that nobody has taken note of."""
    return effectiveness.drifted()
