"""Keyset pages: the same cost at any depth, no row twice when new ones arrive."""

from __future__ import annotations

import base64
import json
import math
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


Key = datetime | float


def encode_cursor(key: Key, row_id: UUID) -> str:
    raw = json.dumps([key.isoformat() if isinstance(key, datetime) else key, str(row_id)]).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """A cursor over moments. Raises InvalidCursor for anything encode_cursor did not make."""
    key, row_id = _decode(cursor)
    if not isinstance(key, datetime):
        raise InvalidCursor()
    return key, row_id


def decode_number(cursor: str) -> tuple[float, UUID]:
    """A cursor over numbers. Raises InvalidCursor for anything encode_cursor did not make."""
    key, row_id = _decode(cursor)
    if isinstance(key, datetime):
        raise InvalidCursor()
    return key, row_id


def _decode(cursor: str) -> tuple[Key, UUID]:
    try:
        if len(cursor) > 200:
            raise ValueError
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        key, row_id = json.loads(raw)
        if isinstance(key, int | float) and not isinstance(key, bool):
            if not math.isfinite(key):
                raise ValueError
            return float(key), UUID(row_id)
        parsed = datetime.fromisoformat(key)
        if parsed.tzinfo is None:
            raise ValueError
        return parsed, UUID(row_id)
    except (ValueError, TypeError, OverflowError, AttributeError, RecursionError) as error:
        raise InvalidCursor() from error


def after(rows: QuerySet[Row], keys: tuple[str, str], key: Key, row_id: UUID) -> QuerySet[Row]:
    """The rows that follow (key, row_id) when both `keys` fall.

    The first bound alone lets the index start at the right place; the OR breaks ties.
    """
    first, second = keys
    tie = Q(**{f"{first}__lt": key}) | Q(**{f"{second}__lt": row_id})
    return rows.filter(tie, **{f"{first}__lte": key})


def keyset_page(
    rows: QuerySet[Row], keys: tuple[str, str], cursor: str | None, *, size: int
) -> tuple[list[Row], str | None]:
    """One page, newest first, by (moment, uuid) `keys`, and the cursor of the next or None."""
    moment_key, id_key = keys
    if cursor:
        rows = after(rows, keys, *decode_cursor(cursor))
    found = list(rows.order_by(f"-{moment_key}", f"-{id_key}")[: size + 1])
    if len(found) <= size:
        return found, None
    last = found[size - 1]
    return found[:size], encode_cursor(getattr(last, moment_key), getattr(last, id_key))
