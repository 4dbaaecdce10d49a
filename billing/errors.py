"""What billing refuses, as API codes. Add codes, never rename one."""

from __future__ import annotations

from sora_site.lib.errors import SoraError


class InsufficientCredits(SoraError):
    """The workspace has fewer free credits than this costs. Nothing was reserved."""

    code = "insufficient_credits"
    http_status = 402
    message = "There are not enough credits for this video."
    remedy = "Choose a shorter or smaller video, or ask whoever runs this site for more credits."

    def __init__(self, *, needed: int, available: int) -> None:
        super().__init__(
            f"This costs {needed} credits; {available} are free in this workspace.",
            needed=needed,
            available=available,
        )


class LedgerConflict(SoraError):
    """The ledger already says something else about this reference."""

    code = "ledger_conflict"
    http_status = 409
    message = "The credit ledger already has a different entry for this."


class NotPriced(SoraError):
    """The price table has no cell for this size or length."""

    code = "not_priced"
    http_status = 422
    message = "Videos of this size and length are not offered."


class UnknownPlan(SoraError):
    """There is no plan of that name."""

    code = "unknown_plan"
    http_status = 400
    message = "There is no plan of that name."
