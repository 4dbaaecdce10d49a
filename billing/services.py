"""Every movement of credits. Each call is idempotent by its reference and safe side by side.

All of them first lock the workspace's account row, so two calls for one workspace follow each
other. The database keeps the sums (see models.Account), so no path can spend what is not there.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from accounts import audit
from accounts.models import User, Workspace
from billing.errors import InsufficientCredits, LedgerConflict
from billing.models import Account, LedgerEntry
from billing.plans import FREE, UNMETERED, Plan, get_plan

Kind = LedgerEntry.Kind


@dataclass(frozen=True, slots=True)
class Balance:
    """Credits of one workspace: free to spend, and set aside for videos under way."""

    available: int
    held: int


def is_off() -> bool:
    """True when nobody pays here: credits are counted, but never run out."""
    return bool(settings.BILLING_PROVIDER == "off")


def _account(workspace: Workspace) -> Account:
    """The workspace's account; the first call opens it with the free plan's starting grant.

    Account and grant are committed together, so an account without its grant is never seen.
    """
    account = Account.objects.filter(workspace=workspace).first()
    if account is not None:
        return account
    with transaction.atomic():
        account, created = Account.objects.get_or_create(workspace=workspace)
        if created:
            LedgerEntry.objects.create(
                workspace=workspace,
                kind=Kind.GRANT,
                amount=FREE.start_grant,
                reference=f"start-grant:{workspace.pk}",
                note=f"Start of the {FREE.title} plan",
            )
            account.refresh_from_db()
    return account


def _locked_account(workspace: Workspace) -> Account:
    """The account with its row locked until the end of the caller's transaction."""
    account = _account(workspace)
    return Account.objects.select_for_update().get(pk=account.pk)


def balance(workspace: Workspace) -> Balance:
    """Free and held credits right now."""
    account = _account(workspace)
    return Balance(available=account.available, held=account.held)


def plan_of(workspace: Workspace) -> Plan:
    """The plan the workspace is on; with billing switched off, the one without limits."""
    return UNMETERED if is_off() else _account(workspace).plan


def _same(entry: LedgerEntry, workspace: Workspace, amount: int) -> LedgerEntry:
    """The stored entry, when the repeated call asks for exactly what it says."""
    if entry.workspace_id != workspace.pk or entry.amount != amount:
        raise LedgerConflict(
            f"{entry.kind} {entry.reference!r} is already in the ledger with another amount."
        )
    return entry


def grant_credits(
    workspace: Workspace,
    amount: int,
    reference: str,
    *,
    kind: str = Kind.GRANT,
    by: User | None = None,
    note: str = "",
) -> LedgerEntry:
    """Add credits: kind grant, purchase or adjust (adjust may be negative).

    Repeating a reference returns the first entry. Raises LedgerConflict when it asks for another
    amount or workspace, InsufficientCredits when a correction takes more than is free, ValueError
    for an amount or kind that can't be one.
    """
    if kind not in (Kind.GRANT, Kind.PURCHASE, Kind.ADJUST):
        raise ValueError(f"{kind!r} adds no credits")
    if amount == 0 or (amount < 0 and kind != Kind.ADJUST):
        raise ValueError(f"{amount} is no amount for {kind}")
    with transaction.atomic():
        account = _locked_account(workspace)
        stored = LedgerEntry.objects.filter(kind=kind, reference=reference).first()
        if stored is not None:
            return _same(stored, workspace, amount)
        if account.available + amount < 0:
            raise InsufficientCredits(needed=-amount, available=account.available)
        entry = LedgerEntry.objects.create(
            workspace=workspace,
            kind=kind,
            amount=amount,
            reference=reference,
            note=note,
            created_by=by,
        )
        audit.record(
            audit.CREDITS_GRANTED,
            workspace=workspace,
            actor=by,
            target=entry,
            amount=amount,
            kind=str(kind),
        )
    return entry


def reserve_credits(workspace: Workspace, amount: int, reference: str) -> LedgerEntry:
    """Set `amount` credits aside. Repeating a reference returns the first hold, ended or not.

    Raises InsufficientCredits, and LedgerConflict when the reference belongs to another hold.
    """
    if amount <= 0:
        raise ValueError(f"{amount} is no amount to hold")
    with transaction.atomic():
        account = _locked_account(workspace)
        stored = LedgerEntry.objects.filter(kind=Kind.HOLD, reference=reference).first()
        if stored is not None:
            return _same(stored, workspace, -amount)
        if account.available < amount and is_off():
            grant_credits(
                workspace,
                amount - account.available,
                f"unmetered:{reference}",
                note="Billing is switched off",
            )
        elif account.available < amount:
            raise InsufficientCredits(needed=amount, available=account.available)
        return LedgerEntry.objects.create(
            workspace=workspace,
            kind=Kind.HOLD,
            amount=-amount,
            held_change=amount,
            reference=reference,
        )


def settle_credits(reference: str) -> LedgerEntry:
    """Spend what the hold set aside. A repeated call returns the first capture.

    Raises LedgerConflict when there is no such hold or it was released.
    """
    return _end_hold(reference, Kind.CAPTURE)


def release_credits(reference: str) -> LedgerEntry:
    """Give back what the hold set aside. A repeated call returns the first release.

    Raises LedgerConflict when there is no such hold or it was spent.
    """
    return _end_hold(reference, Kind.RELEASE)


def _end_hold(reference: str, kind: str) -> LedgerEntry:
    with transaction.atomic():
        hold = (
            LedgerEntry.objects.select_related("workspace")
            .filter(kind=Kind.HOLD, reference=reference)
            .first()
        )
        if hold is None:
            raise LedgerConflict(f"No credits are held for {reference!r}.")
        _locked_account(hold.workspace)
        ended = LedgerEntry.objects.filter(
            kind__in=LedgerEntry.ENDS_A_HOLD, reference=reference
        ).first()
        if ended is not None:
            if ended.kind != kind:
                raise LedgerConflict(f"The hold {reference!r} already ended with a {ended.kind}.")
            return ended
        return LedgerEntry.objects.create(
            workspace=hold.workspace,
            kind=kind,
            amount=0 if kind == Kind.CAPTURE else hold.held_change,
            held_change=-hold.held_change,
            reference=reference,
        )


def change_plan(
    workspace: Workspace, plan_code: str, *, by: User | None = None, reference: str = ""
) -> Plan:
    """Put the workspace on a plan and give that plan's starting credits once.

    `reference` tells two starts of one plan apart (a payment, a month); empty means once ever.
    """
    plan = get_plan(plan_code)
    with transaction.atomic():
        account = _locked_account(workspace)
        if account.plan_code != plan.code:
            before, account.plan_code = account.plan_code, plan.code
            account.save(update_fields=["plan_code"])
            audit.record(
                audit.PLAN_CHANGED,
                workspace=workspace,
                actor=by,
                target=account,
                before=before,
                after=plan.code,
            )
        if plan is not FREE:
            grant_credits(
                workspace,
                plan.start_grant,
                f"plan-grant:{workspace.pk}:{plan.code}:{reference}",
                by=by,
                note=f"Start of the {plan.title} plan",
            )
    return plan
