"""Every write on banks of known material, and what the checks read of them.

A bank is fed from files (`manage.py import_hashes`), matched by the worker through one index
(generation.vision), and looked after in the console. What a hash matches is kept; one that suddenly
matches the work of many people is quarantined, because a list with a mistake in it can stop a site:
clips like it are then held for a person instead of refused, until staff confirm or switch it off.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Count, Max
from django.utils import timezone

from accounts import audit
from accounts.models import User, Workspace
from generation.models import Fingerprint
from generation.provenance.fingerprint import FULL
from moderation.errors import InvalidBank
from moderation.models import HashBank, HashEntry, HashImport, HashMatch
from moderation.screening.hash_formats import Bad, Row, read
from moderation.screening.hash_index import HASH_BYTES, words_of
from moderation.screening.known_hashes import PROVIDER, Bank, BankRows, KnownHashes

Status = HashEntry.Status

BATCH = 5000
BAD_ROWS_KEPT = 100
FLOOD_WORKSPACES = 5
"""So many workspaces whose work one hash matches within FLOOD_WINDOW: it is quarantined."""
FLOOD_WINDOW = timedelta(days=1)
FLOOD_CLIPS = 3
"""So many clips delivered here that a new hash matches when it is imported: the same."""
CLIPS_COMPARED = 2000
SEARCH_MATCHES = 50
SEARCH_CHUNK = 50_000


# --- What the checks read ------------------------------------------------------------------------


class Banks:
    """The enabled banks, for generation.hooks.hash_banks."""

    def state(self) -> object:
        return HashBank.objects.aggregate(count=Count("pk"), changed=Max("changed_at"))

    def rows(self) -> Iterator[BankRows]:
        first_video = 0
        for bank in HashBank.objects.filter(enabled=True).order_by("pk"):
            rows, first_video = _columns(bank, first_video)
            yield rows


def _columns(bank: HashBank, first_video: int) -> tuple[BankRows, int]:
    """One bank as columns; videos are numbered from `first_video`, the next free number comes back."""
    ids: list[int] = []
    values: list[bytes] = []
    quarantined: list[bool] = []
    videos: list[int] = []
    numbers: dict[str, int] = {}
    rows = bank.entries.exclude(status=Status.DISABLED).order_by("pk")
    for pk, value, status, video in rows.values_list("pk", "value", "status", "video").iterator(
        chunk_size=20_000
    ):
        ids.append(pk)
        values.append(bytes(value))
        quarantined.append(status == Status.QUARANTINED)
        videos.append(numbers.setdefault(video, first_video + len(numbers)) if video else -1)
    provider = PROVIDER if bank.harm == HashBank.Harm.CHILD_ABUSE else f"hashes:{bank.name}"
    return (
        BankRows(
            bank=Bank(bank.pk, provider, bank.kind == HashBank.Kind.NEGATIVE),
            words=words_of(values),
            entries=np.array(ids, np.int64),
            quarantined=np.array(quarantined, np.bool_),
            videos=np.array(videos, np.int64),
        ),
        first_video + len(numbers),
    )


# --- Feeding -------------------------------------------------------------------------------------


def open_bank(
    name: str, *, title: str = "", source: str, kind: str, harm: str, by: User | None = None
) -> HashBank:
    """The bank of that name; made when there is none.

    Raises InvalidBank for a name, kind or harm that is none, or a bank of that name of another kind
    or harm: hashes of different weight never share one.
    """
    if kind not in HashBank.Kind.values or harm not in HashBank.Harm.values:
        raise InvalidBank(
            f"kind is one of {', '.join(HashBank.Kind.values)}, "
            f"harm one of {', '.join(HashBank.Harm.values)}."
        )
    if not name or len(name) > 60 or not name.replace("-", "").replace("_", "").isalnum():
        raise InvalidBank("A bank's name has letters, digits and dashes, 60 at most.")
    with transaction.atomic():
        bank, made = HashBank.objects.get_or_create(
            name=name,
            defaults={
                "title": (title or name)[:120],
                "source": source[:60],
                "kind": kind,
                "harm": harm,
            },
        )
        if made:
            audit.record(audit.HASH_BANK_CHANGED, actor=by, target=bank, made=True, kind=kind)
    if (bank.kind, bank.harm) != (kind, harm):
        raise InvalidBank(
            f"{name} is a bank of kind {bank.kind} and harm {bank.harm}; choose another name."
        )
    return bank


def import_file(
    bank: HashBank, path: Path, *, form: str = "auto", by: User | None = None
) -> HashImport:
    """Read a list into a bank and say what became of every row.

    Rows go in by batches, each whole or not at all; a reading that was cut off is simply repeated.
    Raises hash_formats.UnreadableList for a file that is no list.
    """
    started, began = timezone.now(), time.monotonic()
    counts: dict[str, Any] = dict.fromkeys(
        ("read", "added", "known", "removed", "quarantined", "bad"), 0
    )
    bad_rows: list[list[str]] = []
    rows = read(path, form)
    try:
        while batch := list(islice(rows, BATCH)):
            good = [item for item in batch if isinstance(item, Row)]
            for item in batch:
                if isinstance(item, Bad) and len(bad_rows) < BAD_ROWS_KEPT:
                    bad_rows.append([item.where[:100], item.why[:200]])
            counts["read"] += len(batch)
            counts["bad"] += len(batch) - len(good)
            with transaction.atomic():
                counts["removed"] += _remove(bank, [row for row in good if row.removed])
                wanted = {(row.video, row.value): row for row in good if not row.removed}
                added = _add(bank, wanted.values())
                counts["added"] += len(added)
                counts["known"] += len([row for row in good if not row.removed]) - len(added)
    finally:
        _changed(bank.pk)  # once: every change makes the workers build their index anew
    if bank.kind == HashBank.Kind.BLOCK and counts["added"]:
        counts["quarantined"] = _quarantine_common(bank, since=started)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with transaction.atomic():
        report = HashImport.objects.create(
            bank=bank,
            file_name=path.name[:200],
            form=form,
            sha256=digest,
            bad_rows=bad_rows,
            seconds=time.monotonic() - began,
            imported_by=by,
            **counts,
        )
        audit.record(audit.HASH_LIST_IMPORTED, actor=by, target=bank, report=report.pk, **counts)
    return report


def list_removed(name: str, rows: Iterable[Row], *, by: User) -> int:
    """Add what was removed here to a bank of its own: how many hashes are new. In the caller's
    transaction. An entry that an earlier decision listed and took back is listed again."""
    bank = open_bank(
        name,
        title="Removed here",
        source="moderation",
        kind=HashBank.Kind.BLOCK,
        harm=HashBank.Harm.OTHER,
        by=by,
    )
    rows = list(rows)
    added = _add(bank, rows)
    videos = {row.video for row in rows}
    again = bank.entries.filter(video__in=videos, status=Status.DISABLED)
    count = len(added) + again.update(
        status=Status.ACTIVE, reference=rows[0].reference if rows else ""
    )
    _changed(bank.pk)
    return count


def unlist_removed(name: str, reference: str, *, by: User) -> int:
    """Switch off what one decision listed."""
    entries = HashEntry.objects.filter(bank__name=name, reference=reference)
    bank = HashBank.objects.filter(name=name).first()
    count = entries.exclude(status=Status.DISABLED).update(status=Status.DISABLED)
    if bank is not None and count:
        _changed(bank.pk)
        audit.record(audit.HASH_BANK_CHANGED, actor=by, target=bank, unlisted=count)
    return count


def _add(bank: HashBank, rows: Iterable[Row]) -> list[HashEntry]:
    """What of it was not in the bank yet. What was switched off by staff stays off."""
    rows = list(rows)
    there = {
        (video, bytes(value))
        for video, value in bank.entries.filter(value__in=[row.value for row in rows]).values_list(
            "video", "value"
        )
    }
    new = [
        HashEntry(
            bank=bank,
            value=row.value,
            video=row.video,
            at_ms=min(2**31 - 1, round(row.seconds * 1000)),
            reference=row.reference,
        )
        for row in rows
        if (row.video, row.value) not in there
    ]
    HashEntry.objects.bulk_create(new, batch_size=BATCH, ignore_conflicts=True)
    return new


def _remove(bank: HashBank, rows: Sequence[Row]) -> int:
    """Switch off what the source took back."""
    live = bank.entries.exclude(status=Status.DISABLED)
    removed = live.filter(value__in=[row.value for row in rows if row.value]).update(
        status=Status.DISABLED
    )
    references = [row.reference for row in rows if not row.value and row.reference]
    removed += live.filter(reference__in=references).update(status=Status.DISABLED)
    return removed


def _quarantine_common(bank: HashBank, *, since: datetime) -> int:
    """Quarantine new entries that match several of the latest clips delivered here."""
    fresh = list(
        bank.entries.filter(added_at__gte=since, status=Status.ACTIVE, video="").values_list(
            "pk", "value"
        )
    )
    index = KnownHashes(
        banks=[
            BankRows(
                Bank(),
                words_of(bytes(value) for _, value in fresh),
                np.array([pk for pk, _ in fresh], np.int64),
                np.zeros(len(fresh), np.bool_),
                np.full(len(fresh), -1, np.int64),
            )
        ]
    )
    clips: dict[int, set[Any]] = {}
    delivered = Fingerprint.objects.filter(variant=FULL, video__quarantined_at=None)
    for video, value in delivered.order_by("-pk").values_list("video_id", "hash")[:CLIPS_COMPARED]:
        for match in index.matches(bytes(value)):
            clips.setdefault(match.entry, set()).add(video)
    common = [entry for entry, seen in clips.items() if len(seen) >= FLOOD_CLIPS]
    for entry in common:
        quarantine(entry, reason="matches clips made here")
    return len(common)


# --- What matched --------------------------------------------------------------------------------


def note_matches(workspace: Workspace, subject: str, matches: Sequence[dict[str, Any]]) -> None:
    """Keep what matched; quarantine what matches the work of too many. For hooks.hash_matches."""
    entries = HashEntry.objects.in_bulk([int(match["entry"]) for match in matches])
    for match in matches:
        entry = entries.get(int(match["entry"]))
        if entry is None:
            continue
        HashMatch.objects.get_or_create(
            entry=entry,
            subject=subject[:60],
            defaults={"workspace": workspace, "distance": int(match["distance"])},
        )
        if entry.status == Status.ACTIVE and entry.confirmed_at is None:
            recent = HashMatch.objects.filter(
                entry=entry, created_at__gte=timezone.now() - FLOOD_WINDOW
            )
            if recent.values("workspace").distinct().count() >= FLOOD_WORKSPACES:
                quarantine(entry.pk, reason="matches the work of many people")


def quarantine(entry_id: int, *, reason: str) -> bool:
    """Take an entry out of plain refusing. False: it was no longer in use."""
    with transaction.atomic():
        rows = HashEntry.objects.filter(pk=entry_id, status=Status.ACTIVE, confirmed_at=None)
        if not rows.update(status=Status.QUARANTINED):
            return False
        entry = HashEntry.objects.get(pk=entry_id)
        _changed(entry.bank_id)
        audit.record(audit.HASH_ENTRY_QUARANTINED, target=entry, reason=reason)
    return True


# --- What staff do -------------------------------------------------------------------------------


def set_entry(entry: HashEntry, *, status: str, by: User, note: str) -> None:
    """Confirm an entry (in use, no flood quarantines it again) or switch it off.

    Raises InvalidBank for another status, or without a note.
    """
    if status not in (Status.ACTIVE, Status.DISABLED):
        raise InvalidBank("An entry is confirmed or switched off.")
    _note(note)
    with transaction.atomic():
        HashEntry.objects.filter(pk=entry.pk).update(
            status=status,
            confirmed_at=timezone.now() if status == Status.ACTIVE else None,
        )
        _changed(entry.bank_id)
        audit.record(
            audit.HASH_ENTRY_CHANGED,
            actor=by,
            target=entry,
            before=entry.status,
            after=status,
            note=note[:500],
        )
    entry.refresh_from_db()


def switch(bank: HashBank, *, enabled: bool, by: User, note: str) -> None:
    """Switch a whole bank on or off. Raises InvalidBank without a note."""
    _note(note)
    with transaction.atomic():
        HashBank.objects.filter(pk=bank.pk).update(enabled=enabled, changed_at=timezone.now())
        audit.record(
            audit.HASH_BANK_CHANGED, actor=by, target=bank, enabled=enabled, note=note[:500]
        )
    bank.refresh_from_db()


def _note(note: str) -> None:
    if not note.strip():
        raise InvalidBank("Say why, in a sentence. It stays in the audit trail.")


def _changed(bank_id: int) -> None:
    HashBank.objects.filter(pk=bank_id).update(changed_at=timezone.now())


def search(hashes: Sequence[bytes], *, by: User, radius: int) -> list[tuple[HashEntry, int]]:
    """(entry, distance) of everything in any bank near any of these hashes, nearest first; also what
    is switched off. Reads the table in pieces, so memory stays flat; who searched is audited.

    Raises ValueError for a hash of another length.
    """
    wanted = words_of(hashes)
    found: dict[int, int] = {}
    rows = (
        HashEntry.objects.order_by("pk")
        .values_list("pk", "value")
        .iterator(chunk_size=SEARCH_CHUNK)
    )
    while piece := list(islice(rows, SEARCH_CHUNK)):
        words = np.frombuffer(b"".join(bytes(v) for _, v in piece), np.uint64).reshape(-1, 4)
        nearest = np.full(len(piece), 8 * HASH_BYTES, np.int64)
        for mine in wanted:
            nearest = np.minimum(
                nearest, np.bitwise_count(words ^ mine).sum(axis=1, dtype=np.int64)
            )
        for row in np.flatnonzero(nearest <= radius).tolist():
            found[piece[row][0]] = int(nearest[row])
    best = sorted(found.items(), key=lambda item: (item[1], item[0]))[:SEARCH_MATCHES]
    entries = HashEntry.objects.select_related("bank").in_bulk([pk for pk, _ in best])
    audit.record(audit.HASH_BANKS_SEARCHED, actor=by, found=len(found))
    return [(entries[pk], distance) for pk, distance in best if pk in entries]
