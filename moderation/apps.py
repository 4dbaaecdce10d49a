"""Decides about what people made: reports, cases, decisions."""

from __future__ import annotations

from django.apps import AppConfig


class ModerationConfig(AppConfig):
    name = "moderation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from generation import hooks
        from moderation import (
            childsafety,
            cybertip_filing,
            evaluation,
            hash_banks,
            likeness,
            probing,
        )
        from moderation.models import without_open_case
        from moderation.services import hold_for_review

        hooks.holds += [without_open_case, childsafety.without_child_safety_case]
        hooks.reviews.append(hold_for_review)
        hooks.incidents.append(childsafety.take)
        hooks.rounds.append(cybertip_filing.start_if_due)
        hooks.clearings.append(childsafety.clear_expired)
        hooks.pilots.append(likeness.Pilot())
        hooks.hash_banks.append(hash_banks.Banks())
        hooks.hash_matches.append(hash_banks.note_matches)
        hooks.probes.append(probing.open_case)
        hooks.campaigns.append(probing.campaign_of)
        hooks.rounds.append(evaluation.start_if_due)
