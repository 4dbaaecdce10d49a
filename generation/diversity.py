"""Describe people nobody described, so that "a doctor" is not always the same one.

Seeded: the same text and seed give the same person. Only people without a stated gender, age, origin
or look; never children, never in a historical or named role, never where no person is in the text.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterator

# Roles anybody may have. None of them says who somebody is.
_ROLES = (
    "person|doctor|nurse|surgeon|dentist|teacher|professor|scientist|engineer|programmer|developer|lawyer|"
    "judge|chef|cook|waiter|baker|farmer|gardener|pilot|astronaut|firefighter|mechanic|electrician|plumber|"
    "carpenter|builder|architect|artist|painter|musician|singer|dancer|pianist|guitarist|photographer|"
    "journalist|reporter|writer|librarian|cashier|shopkeeper|manager|ceo|entrepreneur|accountant|secretary|"
    "athlete|runner|swimmer|cyclist|skateboarder|surfer|skier|climber|hiker|traveler|traveller|tourist|"
    "driver|passenger|commuter|worker|cleaner|tailor|barista|bartender|fisher|diver|"
    "scuba diver|neighbor|neighbour|"
    "stranger|pedestrian|customer|patient|researcher|coach|referee|magician|juggler|violinist|drummer"
)
_ONE = re.compile(rf"\b(an?|one)\s+((?:{_ROLES}))\b(?!['’-])", re.IGNORECASE)
ROLE = re.compile(rf"\b(?:{_ROLES})s?\b", re.IGNORECASE)
_GENDERED = re.compile(r"\b(an?|one)\s+(man|woman)\b(?!['’-])", re.IGNORECASE)

_STATED = re.compile(
    r"\b(?:he|she|his|her|him|hers|male|female|man|men|woman|women|lady|gentleman|guy|boys?|"
    r"girls?|child|children|kids?|"
    r"baby|toddler|teen\w*|student|pupil|young|old|elderly|older|aged|middle-aged|year-old|"
    r"asian|african|european|american|"
    r"black|white|brown|latin\w*|hispanic|arab\w*|indian|chinese|japanese|korean|blonde?|bearded|beard|bald|"
    r"hijab|turban|kimono|sari|skin|skinned|hair|haired|mother|father|mom|dad|wife|husband|brother|sister|"
    r"grandm\w+|grandf\w+|son|daughter|queen|king|prince\w*|actor|actress)\b",
    re.IGNORECASE,
)
_STATED_BESIDES_GENDER = re.compile(
    r"\b(?:boys?|girls?|child|children|kids?|baby|toddler|teen\w*|student|pupil|young|old|"
    r"elderly|older|aged|middle-aged|"
    r"year-old|asian|african|european|american|black|white|brown|latin\w*|hispanic|arab\w*|"
    r"indian|chinese|japanese|"
    r"korean|blonde?|bearded|beard|bald|hijab|turban|kimono|sari|skin|skinned|hair|haired|"
    r"queen|king|prince\w*)\b",
    re.IGNORECASE,
)
# A role or a time that says who somebody was.
_HISTORICAL = re.compile(
    r"\b(?:viking|samurai|knight|pharaoh|gladiator|pirate|cowboy|emperor|empress|geisha|pope|"
    r"monk|nun|imam|rabbi|"
    r"medieval|ancient|victorian|roman|egyptian|renaissance|colonial|edwardian|feudal|"
    r"historical|century|world war|civil war|"
    r"18\d\d|17\d\d|1[0-6]\d\d|19[0-6]\d|pilgrim|crusader|conquistador|aztec|inca|maya\w*|"
    r"greek|spartan|celtic|ottoman|"
    r"president|prime minister|jesus|buddha|moses|prophet|robot|alien|cartoon|statue|doll|"
    r"puppet|stick figure|silhouette)s?\b",
    re.IGNORECASE,
)

ORIGINS = (
    "Black", "East Asian", "South Asian", "white", "Latina or Latino", "Middle Eastern",
    "Southeast Asian", "Indigenous",
)  # fmt: skip
AGES = (
    "in their thirties",
    "in their forties",
    "in their fifties",
    "in their sixties",
    "in their twenties",
)
GENDERS = ("woman", "man")


def describe_people(text: str, seed: int) -> Iterator[tuple[int, int, str]]:
    """(start, end, new words) for each person of `text` nobody described. Nothing for most texts."""
    if _HISTORICAL.search(text):
        return
    if not _STATED.search(text):
        for number, match in enumerate(_ONE.finditer(text)):
            pick = _picker(text, seed, number)
            gender, origin, age = pick.choice(GENDERS), pick.choice(ORIGINS), pick.choice(AGES)
            origin = _of(origin, gender)
            role = match.group(2)
            who = gender if role.casefold() == "person" else f"{gender} {role}"
            yield (
                match.start(),
                match.end(),
                f"{_article(match, origin)} {origin} {who} {_their(age, gender)}",
            )
    elif not _STATED_BESIDES_GENDER.search(text):
        for number, match in enumerate(_GENDERED.finditer(text)):
            pick = _picker(text, seed, number)
            origin = _of(pick.choice(ORIGINS), match.group(2).casefold())
            age = _their(pick.choice(AGES), match.group(2).casefold())
            yield (
                match.start(),
                match.end(),
                f"{_article(match, origin)} {origin} {match.group(2)} {age}",
            )


def _picker(text: str, seed: int, number: int) -> random.Random:
    return random.Random(zlib.crc32(f"{seed}:{number}:{text.casefold()}".encode()))


def _of(origin: str, gender: str) -> str:
    if origin == "Latina or Latino":
        return "Latina" if gender == "woman" else "Latino"
    return origin


def _their(age: str, gender: str) -> str:
    return age.replace("their", "her" if gender == "woman" else "his")


def _article(match: re.Match[str], word: str) -> str:
    fitted = "an" if word[0] in "AEIOaeio" else "a"
    return fitted.capitalize() if match.group(1)[0].isupper() else fitted
