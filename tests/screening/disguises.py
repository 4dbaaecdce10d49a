"""Ways to write a word so that a person still reads it. Each is text -> text."""

from __future__ import annotations

import base64
import html
import random
from collections.abc import Callable
from urllib.parse import quote

Disguise = Callable[[str], str]

_CYRILLIC = str.maketrans("aceopxyijskmth", "асеорхуіјѕкмтһ")
_GREEK = str.maketrans("aoinuvpt", "αοιηυνρτ")
_LEET = str.maketrans("aeiost", "431057")
_SMALL_CAPITALS = str.maketrans(
    "abcdefghijklmnopqrtuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀᴛᴜᴠᴡʏᴢ".replace("ǫ", "q")
)
_SYMBOLS = str.maketrans("asi", "@$!")
_UPSIDE_DOWN = str.maketrans("abcdefghijkmnpqrtuvwyl", "ɐqɔpǝɟƃɥᴉɾʞɯudbɹʇnʌʍʎl")
_STROKES = str.maketrans("dhlot", "đħłøŧ")


def _alphabet(lower: int, upper: int | None = None) -> Disguise:
    upper = lower if upper is None else upper

    def change(text: str) -> str:
        return "".join(
            chr(lower + ord(c) - 97)
            if "a" <= c <= "z"
            else chr(upper + ord(c) - 65)
            if "A" <= c <= "Z"
            else c
            for c in text
        )

    return change


def _between(separator: str, *, words: str = " ") -> Disguise:
    """Put something between the letters of each word."""
    return lambda text: words.join(separator.join(word) for word in text.split())


def _accents(text: str) -> str:
    return "".join(c + "\u0301" if c in "aeiou" else c for c in text)


def _zalgo(text: str) -> str:
    rng = random.Random(5)
    marks = [chr(code) for code in range(0x300, 0x34E)]
    return "".join(c + "".join(rng.sample(marks, 6)) if c.isalpha() else c for c in text)


def _stretch(text: str) -> str:
    return "".join(c * 4 if c in "aeiou" else c for c in text)


def _alternate(text: str) -> str:
    return "".join(c.upper() if i % 2 else c for i, c in enumerate(text))


def _leet_symbols(text: str) -> str:
    """The last letter of a word stays: "lol!" is more often a shout than a disguise."""
    return " ".join(word[:-1].translate(_SYMBOLS) + word[-1] for word in text.split(" "))


DISGUISES: dict[str, Disguise] = {
    "upper case": str.upper,
    "alternating case": _alternate,
    "full width": _alphabet(0xFF41, 0xFF21),
    "mathematical bold": _alphabet(0x1D41A, 0x1D400),
    "mathematical sans italic": _alphabet(0x1D622, 0x1D608),
    "mathematical monospace": _alphabet(0x1D68A, 0x1D670),
    "circled letters": _alphabet(0x24D0, 0x24B6),
    "parenthesised letters": _alphabet(0x249C),
    "boxed letters": _alphabet(0x1F170, 0x1F170),
    "regional indicators": _alphabet(0x1F1E6, 0x1F1E6),
    "small capitals": lambda t: t.translate(_SMALL_CAPITALS),
    "cyrillic look-alikes": lambda t: t.translate(_CYRILLIC),
    "greek look-alikes": lambda t: t.translate(_GREEK),
    "letters with strokes": lambda t: t.translate(_STROKES),
    "accents": _accents,
    "combining flood": _zalgo,
    "zero-width spaces": _between("\u200b"),
    "zero-width joiners": _between("\u200d"),
    "soft hyphens": _between("\u00ad"),
    "variation selectors": _between("\ufe0f"),
    "tag characters": _between("\U000e0061"),
    "bidirectional marks": _between("\u200f"),
    "right-to-left override": lambda t: "\u202e" + t[::-1] + "\u202c",
    "upside down": lambda t: t.translate(_UPSIDE_DOWN)[::-1],
    "dots": _between("."),
    "hyphens": _between("-"),
    "underscores": _between("_"),
    "middle dots": _between("·"),
    "emoji between letters": _between("😀"),
    "spaced letters": _between(" ", words="   "),
    "leet digits": lambda t: t.translate(_LEET),
    "leet symbols": _leet_symbols,
    "leet and dots": lambda t: _between(".")(t.translate(_LEET)),
    "leet and full width": lambda t: _alphabet(0xFF41)(t.translate(_LEET)),
    "stretched vowels": _stretch,
    "stretched and upper case": lambda t: _stretch(t).upper(),
    "no-break spaces": lambda t: t.replace(" ", "\u00a0"),
    "line breaks between words": lambda t: t.replace(" ", "\n"),
    "url encoding": lambda t: "".join(f"%{ord(c):02X}" if c.isalpha() else quote(c) for c in t),
    "html entities": lambda t: "".join(f"&#{ord(c)};" for c in t),
    "html named and hex": lambda t: html.escape("".join(f"&#x{ord(c):x};" for c in t)).replace(
        "&amp;", "&"
    ),
    "backslash escapes": lambda t: "".join(f"\\u{ord(c):04x}" for c in t),
    "base64": lambda t: base64.b64encode(f"please {t} now".encode()).decode(),
    "hash tag": lambda t: "#" + t.replace(" ", " #"),
    "quotation marks": lambda t: f"«{t}»",
}
