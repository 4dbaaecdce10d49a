"""May this be done with somebody's likeness? The rules over a text and pictures that show a real person.

With an invented person a sentence may be a film scene; with a real one the same sentence is a false
accusation or an intimate forgery. So beside pictures of a person nothing counts as nearly allowed: a
text that any check would only guard is refused, and so are the words below, which are harmless
everywhere else. Pure: no model is asked here, the signals of the text checks come in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from moderation.screening.normalise import fold, words_of
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

# Category -> words at whose beginning one of these stands; "kiss" is also "kissing".
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
    """Categories of which a listed beginning stands in the text."""
    plain = words_of(fold(text))
    return frozenset(
        category
        for category, beginnings in _BEGINNINGS.items()
        if any(f" {beginning}" in plain for beginning in beginnings)
    )
