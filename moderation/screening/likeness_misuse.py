"""May this be done with somebody's likeness? The rules over a text and pictures that show a real person.

With an invented person a sentence may be a film scene; with a real one the same sentence is a false
accusation or an intimate forgery. So beside pictures of a person nothing counts as nearly allowed: a
text that any check would only guard is refused, and so are the words below, which are harmless
everywhere else. Pure: no model is asked here, the signals of the text checks come in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from moderation.screening.normalise import fold, has_unspaced_script, native, words_of
from moderation.screening.protocol import Category
from moderation.screening.signals import Signal

# What a text may be stopped for beside a picture of a person; a language we read badly among it.
HARMFUL = frozenset(
    {
        Category.SEXUAL,
        Category.SEXUAL_MINORS,
        Category.VIOLENCE_GORE,
        Category.SELF_HARM,
        Category.HATE,
        Category.HARASSMENT,
        Category.ILLEGAL,
        Category.DANGEROUS,
        Category.DECEPTIVE,
        Category.PRIVACY,
    }
)

WORLD = Path(__file__).parent / "likeness_words.txt"

# Category -> English words at whose beginning one of these stands; "kiss" is also "kissing". Other
# languages: likeness_words.txt.
_BEGINNINGS: dict[Category, tuple[str, ...]] = {
    Category.SEXUAL: (
        *("undress", "strip off", "stripping", "striptease", "take off her", "take off his"),
        *(
            "takes off her",
            "takes off his",
            "taking off her",
            "taking off his",
            "remove her clothes",
        ),
        *("remove his clothes", "removes her", "removes his", "without clothes", "no clothes"),
        *(
            "lingerie",
            "underwear",
            "bikini",
            "topless",
            "shirtless",
            "in the shower",
            "in a shower",
        ),
        *("in bed with", "making out", "make out with", "kiss", "french kiss", "seduc", "flirt"),
        *(
            "sexy",
            "sensual",
            "lap dance",
            "twerk",
            "pole danc",
            "revealing",
            "cleavage",
            "intimate",
        ),
    ),
    Category.HARASSMENT: (
        *("humiliat", "mugshot", "arrested", "handcuff", "in handcuffs", "in prison", "in jail"),
        *("behind bars", "drunk", "wasted", "vomit", "throws up", "wets", "soils", "on her knees"),
        *(
            "on his knees",
            "begging for",
            "begs for",
            "slapped",
            "slaps her",
            "slaps him",
            "spat on",
        ),
        *(
            "fat version",
            "make her fat",
            "make him fat",
            "make them fat",
            "ugly",
            "clown of herself",
        ),
        *(
            "clown of himself",
            "crying and begging",
            "fired from",
            "laughed at",
            "bullied",
            "mocked",
        ),
        *("cheating on", "affair with", "caught with"),
    ),
    Category.DECEPTIVE: (
        *("confess", "admits to", "admitting", "apologizes for", "apologises for", "endors"),
        *(
            "campaign ad",
            "vote for",
            "announces that",
            "announcing that",
            "resigns",
            "declares war",
        ),
        *(
            "security camera",
            "surveillance",
            "cctv",
            "body cam",
            "bodycam",
            "dash cam",
            "hidden camera",
        ),
        *(
            "leaked",
            "caught on camera",
            "news report",
            "breaking news",
            "news anchor",
            "live on tv",
        ),
        *("press conference", "on the news", "court hearing", "on trial", "testif", "real footage"),
        *("recommends buying", "promotes crypto", "advertis", "invest in", "giveaway"),
    ),
    Category.ILLEGAL: (
        *(
            "shoplift",
            "stealing",
            "steals",
            "robbing",
            "robs",
            "taking drugs",
            "takes drugs",
            "snort",
        ),
        *("smoking crack", "smoking weed", "dealing drugs", "deals drugs", "bribe", "forg"),
    ),
    Category.VIOLENCE_GORE: (
        *("shoot", "stab", "strangl", "beaten", "beats up", "punch", "kill", "murder", "dying"),
        *(
            "dies",
            "dead body",
            "corpse",
            "burning alive",
            "hit by a",
            "falls off a",
            "blood",
            "hanged",
        ),
    ),
    Category.HATE: ("nazi", "swastika", "hitler", "klan", "blackface", "salutes the"),
}


def misused(
    texts: Iterable[str], signals: Sequence[Signal] = (), *, named: bool = False
) -> tuple[Category, ...]:
    """What the texts of a job would do to the person its pictures show; empty for a kind use.

    signals: of the text checks, judged with the profile people_upload. named: a text names somebody;
    whether that is who is shown can't be known, so a name and a face never go together.
    """
    found = {
        signal.category
        for signal in signals
        if signal.action != "allow" and signal.category in HARMFUL
    }
    found |= {category for text in texts for category in listed(text)}
    if named or any(s.category == Category.LIKENESS and s.action != "allow" for s in signals):
        found.add(Category.LIKENESS)
    return tuple(category for category in Category if category in found)


def listed(text: str) -> frozenset[Category]:
    """Categories of which a listed beginning stands in the text, in any of the lists' languages."""
    latin, own = words_of(fold(text)), words_of(native(text))
    found = {
        category
        for category, beginnings in _BEGINNINGS.items()
        if any(f" {beginning}" in latin for beginning in beginnings)
    }
    for category, folded, scripts, anywhere in _world():
        if (
            any(beginning in latin for beginning in folded)
            or any(beginning in own for beginning in scripts)
            or any(piece in own for piece in anywhere)
        ):
            found.add(category)
    return frozenset(found)


@lru_cache(maxsize=1)
def _world() -> tuple[tuple[Category, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...]:
    """(category, beginnings in Latin letters, in other alphabets, pieces in scripts without spaces).

    Raises ValueError for a line that names no category: a list that is not read would be worse
    than none.
    """
    latin: dict[Category, list[str]] = {}
    scripts: dict[Category, list[str]] = {}
    anywhere: dict[Category, list[str]] = {}
    for line in WORLD.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        category = Category(name.strip())
        for word in rest.split(","):
            word = native(word.strip())
            if has_unspaced_script(word):
                anywhere.setdefault(category, []).append(word)
            elif any("\u0370" <= c < "\u1e00" for c in word):
                scripts.setdefault(category, []).append(f" {words_of(word).strip()}")
            else:
                latin.setdefault(category, []).append(f" {words_of(fold(word)).strip()}")
    return tuple(
        (c, tuple(latin.get(c, ())), tuple(scripts.get(c, ())), tuple(anywhere.get(c, ())))
        for c in Category
        if c in latin or c in scripts or c in anywhere
    )
