"""Keyset pages: the same cost at any depth, no row twice when new ones arrive."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from sora_site.lib.errors import SoraError

Row = TypeVar("Row", bound=Model)


class InvalidCursor(SoraError):
    code = "invalid_cursor"
    http_status = 400
    param = "cursor"
    message = "This page marker can't be read."
    remedy = "Start again without a cursor."


def encode_cursor(moment: datetime, row_id: UUID) -> str:
    raw = json.dumps([moment.isoformat(), str(row_id)]).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Raises InvalidCursor for anything encode_cursor did not make."""
    try:
        if len(cursor) > 200:
            raise ValueError
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        moment, row_id = json.loads(raw)
        parsed = datetime.fromisoformat(moment)
        if parsed.tzinfo is None:
            raise ValueError
        return parsed, UUID(row_id)
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidCursor() from error


def keyset_page(
    rows: QuerySet[Row], keys: tuple[str, str], cursor: str | None, *, size: int
) -> tuple[list[Row], str | None]:
    """One page, newest first, by (moment, uuid) `keys`, and the cursor of the next or None.

    The first bound alone lets the index start at the right place; the OR breaks ties.
    """
    moment_key, id_key = keys
    if cursor:
        moment, row_id = decode_cursor(cursor)
        rows = rows.filter(
            Q(**{f"{moment_key}__lt": moment}) | Q(**{f"{id_key}__lt": row_id}),
            **{f"{moment_key}__lte": moment},
        )
    found = list(rows.order_by(f"-{moment_key}", f"-{id_key}")[: size + 1])
    if len(found) <= size:
        return found, None
    last = found[size - 1]
    return found[:size], encode_cursor(getattr(last, moment_key), getattr(last, id_key))
