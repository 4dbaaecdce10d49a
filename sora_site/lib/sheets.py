"""Text for spreadsheets: a cell that begins like a formula is one, unless it is told not to be."""

from __future__ import annotations

STARTERS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(text: str) -> str:
    """The text as a cell no program runs: an apostrophe goes before what would begin a formula."""
    return f"'{text}" if text.startswith(STARTERS) else text
