"""`./sora manage cybertip`: does the CyberTipline know us, and does its schema still fit what we send?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation import cybertip_report
from moderation.cybertip import CyberTipError
from moderation.cybertip_schema import differences


class Command(BaseCommand):
    help = "Ask the CyberTipline's service for its state and compare its schema. Files nothing."

    def handle(self, **options: Any) -> str:
        if missing := cybertip_report.missing():
            raise CommandError(f"Set {', '.join(missing)} first (docs/child_safety.md).")
        client = cybertip_report.client()
        try:
            client.status()
            found = differences(client.schema())
        except CyberTipError as error:
            raise CommandError(f"{client.base}: {error}") from error
        kind = "production" if cybertip_report.is_production() else "test"
        lines = [f"{client.base} ({kind}) knows this account."]
        lines += found or ["Its schema has what we send, in our order."]
        return "\n".join(lines)
