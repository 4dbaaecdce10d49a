"""Decides about what people made: reports, cases, decisions."""

from __future__ import annotations

from django.apps import AppConfig


class ModerationConfig(AppConfig):
    name = "moderation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts import hooks as account_hooks
        from accounts import restrictions
        from feeds import hooks as feeds_hooks
        from generation import hooks
        from moderation import (
            canaries,
            childsafety,
            cohorts,
            cybertip_filing,
            evaluation,
            hash_banks,
            likeness,
            notices,
            policy_drafts,
            policy_sets,
            probing,
            removals,
            services,
        )
        from moderation.models import without_open_case

        hooks.holds += [
            without_open_case,
            childsafety.without_child_safety_case,
            removals.without_removal,
        ]
        hooks.reviews.append(services.hold_for_review)
        hooks.clearings += [
            restrictions.end_expired,
            removals.move_waiting,
            removals.delete_expired,
            notices.send_due_mail,
        ]
        account_hooks.account_holds.append(services.now_closed)
        feeds_hooks.objections.append(services.objection)
        feeds_hooks.bars.append(services.bar)
        hooks.incidents.append(childsafety.take)
        hooks.rounds.append(cybertip_filing.start_if_due)
        hooks.clearings.append(childsafety.clear_expired)
        hooks.policy_rollouts.append(policy_drafts.version_for)
        hooks.clearings += [policy_drafts.advance, cohorts.check_guards]
        hooks.pilots.append(likeness.Pilot())
        hooks.hash_banks.append(hash_banks.Banks())
        hooks.hash_matches += [hash_banks.note_matches, services.note_hash_matches]
        hooks.probes += [probing.open_case, services.note_probing]
        hooks.campaigns.append(probing.campaign_of)
        hooks.rounds.append(evaluation.start_if_due)
        hooks.rounds += [canaries.start_if_due, policy_sets.start_if_due]
