"""Lets any page offer the report form without knowing this app."""

from __future__ import annotations

from django import template

from moderation.reasons import REASONS, ReportReason

register = template.Library()


@register.simple_tag
def report_reasons() -> list[ReportReason]:
    """The reasons in the order the form shows them."""
    return list(REASONS.values())
