"""Decides about what people made: reports, cases, decisions."""

from __future__ import annotations

from django.apps import AppConfig


class ModerationConfig(AppConfig):
    name = "moderation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from generation import hooks
        from moderation import childsafety, cybertip_filing, probing
        from moderation.models import without_open_case

        hooks.holds += [without_open_case, childsafety.without_child_safety_case]
        hooks.incidents.append(childsafety.take)
        hooks.rounds.append(cybertip_filing.start_if_due)
        hooks.clearings.append(childsafety.clear_expired)
        hooks.probes.append(probing.open_case)
        hooks.campaigns.append(probing.campaign_of)
