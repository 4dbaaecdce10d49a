"""What somebody agrees to before their first upload. A changed text needs a new version, and is asked
again."""

from __future__ import annotations

from dataclasses import dataclass

VERSION = "2026-11-24"


@dataclass(frozen=True)
class Statement:
    """One box to tick."""

    code: str
    text: str


STATEMENTS = (
    Statement(
        "rights",
        "I made what I upload myself, or I have the rights to use it here and to have clips made from it.",
    ),
    Statement(
        "consent",
        "Everybody who can be recognised in it agreed to that, and to what I make from it.",
    ),
    Statement("no_minors", "Nobody under 18 is in it, neither filmed nor photographed."),
    Statement(
        "nothing_explicit",
        "It shows no nudity, no sexual acts, no violence, and nothing else that the rules forbid.",
    ),
)
CODES = frozenset(statement.code for statement in STATEMENTS)
