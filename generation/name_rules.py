"""What of a prompt names somebody or something, and by which rule that was seen.

Listed names come first; then the ones nobody listed: a name behind a style cue, a person by given
name, family name and what stands around, a brand by its logo, a character by the story it is from.
Where a rule could go both ways, harmless words win: a lake is not a person.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from generation import gazetteer
from generation.gazetteer import Entry
from generation.name_words import (
    ADJECTIVES,
    ART_NOUNS,
    AT_PERSON,
    BODY,
    BRAND_NOUNS,
    COMMON_GIVEN,
    COMMON_SURNAMES,
    DETERMINERS,
    EVERYDAY,
    FUNCTION_WORDS,
    HEROES,
    NOT_SURNAMES,
    PARTICLES,
    PERSON_VERBS,
    PRODUCTS,
    RELATIONS,
    STORY_BEFORE,
    STYLE_WORDS,
    TITLE_PREFIXES,
    TITLES,
)
from generation.naming import Key, Names, Token, in_other_scripts, joined, names, tokens_of

Kind = Literal["public_figure", "private_person", "artist_style", "brand", "character"]
STYLE_FALLBACK = "a carefully drawn illustration"


@dataclass(frozen=True)
class Match:
    """A piece of the text, [start, end), and what takes its place.

    identity: the same for two mentions of one name. with_by: the piece includes a "by" in front.
    drop: the name goes, nothing takes its place ("my friend NAME" -> "my friend").
    """

    start: int
    end: int
    kind: Kind
    rule: str
    description: str
    identity: str
    with_by: bool = False
    drop: bool = False
    avoid: str = ""


def find(text: str) -> list[Match]:
    """Every name to be replaced, in order, none overlapping another."""
    return _Finder(text).matches()


_HAS_BRANDING = re.compile(
    r"\b(?:logos?|brand(?:ed|ing|s)?|slogan|trademark|packaging|merchandise)\b", re.IGNORECASE
)
_STYLE_CUES = re.compile(
    r"(?:in (?:the |an? )?(?:style|manner|spirit|vein|fashion|aesthetic) of|(?:art|artwork|painting|"
    r"painted|illustration|illustrated|drawing|drawn|sketch|sketched|photo|photograph|photographed|"
    r"photography|film|movie|directed|animation|animated|designed|design|sculpture|sculpted|poster|"
    r"mural|render|rendered|concept art|portrait|comic|cover|print|shot|created|made|piece|work|works|"
    r"collage|cartoon) by|(?:painted|drawn|looks?|styled|made|rendered) like|styles? of|inspired by|"
    r"reminiscent of|influenced by|influence of|homage to|tribute to|evocative of|evoking|channeling|"
    r"à la|a la|(?:works?|paintings?|films?|art|artworks?|photographs?|photography|designs?|"
    r"aesthetics?|palette|brushwork|oeuvre|imagination|world) of)"
    r"(?: the)?(?: (?:artist|painter|illustrator|director|photographer|architect|designer|filmmaker|"
    r"sculptor|cartoonist|animator)s?)?\s*$",
    re.IGNORECASE,
)
_ARTIST_LIST = re.compile(
    r"\b(?:(?:art|artwork|painting|painted|illustration|illustrated|drawing|drawn|concept art|digital art|"
    r"designed|rendered|photo|photograph|photography|shot|portrait|work)\s+by|(?:in the )?style of|"
    r"(?<=[,;.] )by|^by)\s+",
    re.IGNORECASE,
)
_LIST_JOINT = re.compile(r"\s*(?:,|;|&|\+|\band\b|\|)\s*(?:and\s+|by\s+|art by\s+)?", re.IGNORECASE)
_PORTRAIT_CUES = re.compile(
    r"(?:portrait|headshot|caricature|likeness|mugshot|biopic|deepfake|impersonation|impression|selfie|bust|"
    r"waxwork|close-?up|photograph|picture|image|photo|video|clip|footage|sketch|drawing|painting|"
    r"statue|depiction|portrayal|"
    r"image capturing|speech|interview|life|face|starring|featuring|actor|actress|singer|celebrity|"
    r"politician|"
    r"footballer|lookalike|impersonator)(?: of| by| with| like)?(?: the)?(?: (?:actor|actress|singer|"
    r"celebrity|politician|president|rapper|model|leader))?\s+$",
    re.IGNORECASE,
)
_STRONG_PORTRAIT = re.compile(
    r"(?:(?:portrait|headshot|caricature|likeness|mugshot|biopic|deepfake|impersonation|bust|portrayal|"
    r"depiction|sketch|oil painting) of|image capturing|starring|speech by|speech of|interview with|"
    r"face of|looks like|(?:actor|actress|singer|celebrity|politician|president|rapper|dictator|"
    r"chancellor))\s+$",
    re.IGNORECASE,
)
_AFTER_PERSON = re.compile(
    r"\s+(?:in an official (?:photo|portrait)|at a (?:public event|press conference|rally|summit|podium|"
    r"debate)|giving a speech|in a suit|from (?:accounting|marketing|sales|hr|work|school|church|"
    r"the office|next door|my class)|who|whose|said|says)\b",
    re.IGNORECASE,
)
# A camera or a film behind such words is how a picture was taken, not what it shows.
_TAKEN_WITH = re.compile(
    r"(?:shot|filmed|taken|captured|photographed|recorded|photo|photograph|picture|image|footage|video)"
    r"[ ,]+(?:on|with|by|using|through|from)(?: an?| the)?(?: [\w'-]+)?\s+$",
    re.IGNORECASE,
)
_TAG_BEFORE = re.compile(r"[,;|(]\s*$")
_CAMERAS = frozenset(
    {
        "canon eos",
        "nikon",
        "kodak",
        "fujifilm",
        "leica",
        "hasselblad",
        "gopro hero",
        "sony",
        "panasonic",
    }
)
_FILM = re.compile(
    r"\s+(?:portra|ektachrome|kodachrome|ektar|tri-?x|vision ?3|velvia|superia|provia|gold \d|film|"
    r"[a-z]{0,3}\d\w*)",
    re.IGNORECASE,
)
# Where a text is about old tales, gods keep their names.
_OF_MYTHS = re.compile(
    r"\b(?:norse|myths?|mythology|mythological|mythical|edda|odin|asgardian gods?|vikings?|"
    r"(?:thunder|trickster) god|god of (?:thunder|mischief))\b",
    re.IGNORECASE,
)
_OF_OLD_TALES = frozenset({"thor", "loki", "hercules"})
# Behind somebody dead: a place that bears the name ("Charles de Gaulle airport").
_NAMED_AFTER = frozenset(
    [
        "airport",
        "city",
        "street",
        "avenue",
        "boulevard",
        "square",
        "bridge",
        "stadium",
        "library",
        "museum",
        "university",
        "school",
        "memorial",
        "monument",
        "station",
        "park",
        "island",
        "canal",
        "dam",
        "mausoleum",
    ]
)
_BRAND_MODELS = frozenset(
    [
        "pro",
        "max",
        "plus",
        "ultra",
        "mini",
        "air",
        "gt",
        "xl",
        "gti",
        "series",
        "turbo",
        "lite",
        "classic",
    ]
)


class _Finder:
    """One pass over one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: Names = names()
        self.tokens = tokens_of(text)
        letters = [t for t in self.tokens if t.text.isalpha() and len(t.text) > 3]
        capitals = sum(t.capitalised for t in letters)
        self.title_case = len(letters) >= 5 and capitals > 0.8 * len(letters)
        self.branding = bool(_HAS_BRANDING.search(text))
        self.of_myths = bool(_OF_MYTHS.search(text))
        self.of_this_text: dict[Key, tuple[Kind, str, str]] = {}  # found by a story or a logo

    def matches(self) -> list[Match]:
        taken = [
            Match(start, end, self._kind(entry), "other_script", entry.description, entry.name)
            for start, end, entry in in_other_scripts(self.text, self.names)
        ]
        self._names_from_stories()
        self._artist_lists()
        index = 0
        while index < len(self.tokens):
            match, used = self._at(index)
            if match is not None:
                taken.append(match)
            index += max(used, 1)
        taken.extend(self._handles())
        found: list[Match] = []
        for match in sorted(taken, key=lambda m: (m.start, -m.end)):
            if not found or match.start >= found[-1].end:
                found.append(match)
        return found

    # --- One place ---------------------------------------------------------------------------------

    def _at(self, first: int) -> tuple[Match | None, int]:
        """(match, words used). A name that has to stay is used up without a match."""
        for rule in (self._listed, self._of_this_text, self._misspelt, self._style, self._portrait,
                     self._branded, self._private, self._beside):  # fmt: skip
            match, used = rule(first)
            if match is not None or used:
                return match, used
        return None, 0

    def _span(self, first: int, length: int) -> Key | None:
        if first + length > len(self.tokens):
            return None
        words = self.tokens[first : first + length]
        for left, right in pairwise(words):
            if not joined(self.text, left, right):
                return None
        return tuple(word.key for word in words)

    def _listed(self, first: int) -> tuple[Match | None, int]:
        token = self.tokens[first]
        if token.key not in self.names.starts and token.key[:-1] not in self.names.starts:
            return None, 0
        for length in range(min(self.names.longest, len(self.tokens) - first), 0, -1):
            key = self._span(first, length)
            if key is None:
                continue
            if key in self.names.untouchable and (length > 1 or token.capitalised):
                return None, length
            entry = self.names.entries.get(key)
            if entry is None and length == 1:
                entry = self.names.glued.get(token.key) or self._plural(token)
            if entry is None:
                continue
            if self._usable(first, length, key, entry):
                return self._replace(first, length, entry, "listed"), length
        return None, 0

    def _plural(self, token: Token) -> Entry | None:
        if len(token.key) < 6 or not token.key.endswith("s"):
            return None
        entry = self.names.entries.get((token.key[:-1],))
        if entry is None or entry.exact or entry.kind not in ("character", "brand"):
            return None
        return entry

    def _usable(self, first: int, length: int, key: Key, entry: Entry) -> bool:
        text, last = self.text, first + length - 1
        written = text[self.tokens[first].start : self.tokens[last].end]
        following = self._key(last + 1)
        if following in _NOT_BEFORE.get(key[-1], frozenset()):
            return False
        if entry.status == "past" and following in _NAMED_AFTER:
            return False
        if self.of_myths and entry.name.casefold() in _OF_OLD_TALES:
            return False
        if entry.kind == "brand" and self._is_technique(first, last):
            return False
        if entry.exact:
            same = written == entry.spelling or (written.isupper() and length > 1)
            if not same or (self.title_case and length == 1):
                return False
            acronym = written.isupper() or not written[1:].islower()
            if acronym or length > 2 or not self._opens_sentence(first):
                return True
            return self._acts(last)
        if length > 1 and len("".join(key)) <= 6:  # "Jet Li", "To Lam": words in lower case
            return all(
                t.capitalised or t.key in PARTICLES or t.key == "s" or t.text[0].isdigit()
                for t in self.tokens[first : first + length]
            )
        return not (entry.kind == "public_figure" and length == 1 and self._own_name(first))

    def _is_technique(self, first: int, last: int) -> bool:
        """ "shot on Kodak Portra", ", Nikon D850, 85mm": said of the picture, not of what is in it."""
        start, end = self.tokens[first].start, self.tokens[last].end
        name = " ".join(t.key for t in self.tokens[first : last + 1])
        if name not in _CAMERAS or (self._key(last + 1) in PRODUCTS and not self.branding):
            return self.tokens[first].key in _CAMERAS and bool(_FILM.match(self.text, end))
        if self.branding:
            return False
        before = self.text[:start]
        model = bool(_FILM.match(self.text, end))
        tag = not before.strip() or bool(_TAG_BEFORE.search(before))
        return bool(_TAKEN_WITH.search(before)) or (model and tag)

    def _own_name(self, first: int) -> bool:
        """A single listed name behind another given name, as in a namesake's full name."""
        before = self._beside_left(first)
        return (
            before is not None
            and before.capitalised
            and before.key in self.names.given
            and self.tokens[first].capitalised
            and before.key not in COMMON_GIVEN
        )

    def _replace(self, first: int, length: int, entry: Entry, rule: str) -> Match:
        last = first + length - 1
        start, end = self.tokens[first].start, self.tokens[last].end
        kind, description = self._kind(entry), entry.description
        following = self._beside_right(last)
        if entry.kind in ("brand", "franchise"):
            while (model := self._beside_right(last)) is not None and self._is_model(model, entry):
                last += 1
                end = model.end
            following = self._beside_right(last)
            if self._quoted(start, end):
                description = "brand name"
            elif entry.kind == "franchise" and self._is_noun(following):
                description = STORY_BEFORE.get(description, description.split(" ", 1)[1])
            elif following is not None and (following.key in PRODUCTS or following.key == "style"):
                description = entry.beside or description.split(" ", 1)[1]
            return Match(start, end, kind, rule, description, entry.name)
        if entry.kind == "artist_style":
            return self._styled(first, last, description, entry.name, rule)
        end = self._with_junior(last)
        return Match(start, end, kind, rule, description, entry.name, avoid=entry.avoid)

    @staticmethod
    def _is_noun(token: Token | None) -> bool:
        return (
            token is not None
            and token.text.isalpha()
            and token.text.islower()
            and token.key not in FUNCTION_WORDS
            and token.key not in PERSON_VERBS
        )

    def _is_model(self, token: Token, entry: Entry) -> bool:
        if entry.kind != "brand" or entry.beside not in _WITH_MODELS:
            return False
        number = any(c.isdigit() for c in token.text) and len(token.text) <= 5
        return number or (token.key in _BRAND_MODELS and token.key not in PRODUCTS)

    def _with_junior(self, last: int) -> int:
        end = self.tokens[last].end
        if self.tokens[last].key in {"jr", "sr"} and self.text[end : end + 1] == ".":
            end += 1
        return end

    @staticmethod
    def _kind(entry: Entry) -> Kind:
        return "brand" if entry.kind == "franchise" else entry.kind

    # --- Learned from the text itself ---------------------------------------------------------------

    def _names_from_stories(self) -> None:
        """ "NAME from TITLE", "TITLE's NAME": a character, at every mention in this text."""
        for index, token in enumerate(self.tokens):
            if token.key not in {"from", "of", "in"} or index == 0:
                continue
            story = self._story_at(index + 1)
            if story is None or (token.key != "from" and not self._named_character(index - 1)):
                continue
            length = self._run_back(index - 1)
            if not length:
                continue
            first = index - length
            key = self._span(first, length)
            if key is None or key in self.names.untouchable or all(k in ADJECTIVES for k in key):
                continue
            if any(k in ART_NOUNS or k in BODY for k in key[-1:]):
                continue
            self.of_this_text.setdefault(
                key, ("character", HEROES.get(story, "a character"), "story")
            )

    def _named_character(self, last: int) -> bool:
        """Before "of" and "in" a title follows many things; only a name in front makes a character."""
        return False

    def _story_at(self, first: int) -> str | None:
        while first < len(self.tokens) and self.tokens[first].key in {
            "the",
            "disney",
            "disneys",
            "s",
            "marvel",
        }:
            first += 1
        for length in range(min(6, len(self.tokens) - first), 0, -1):
            for start in (first, first - 1):
                key = self._span(start, length + (first - start)) if start >= 0 else None
                entry = self.names.entries.get(key) if key else None
                if entry is None or not self.tokens[start].capitalised:
                    continue
                if entry.kind == "franchise":
                    return entry.description
                if entry.kind == "character" or entry.name.startswith("Disney"):
                    return "an animated film"
        return None

    def _run_back(self, last: int) -> int:
        """Length of the capitalised run that ends at `last`; "the", "and", "of" may stand inside."""
        length, pending = 0, 0
        while last >= 0 and length + pending < 5:
            token = self.tokens[last]
            if length and not joined(self.text, token, self.tokens[last + 1]):
                break
            if token.capitalised and token.key not in FUNCTION_WORDS:
                length, pending = length + pending + 1, 0
            elif length and token.key in {"and", "of", "the", "n"}:
                pending += 1
            else:
                break
            last -= 1
        return length

    def _of_this_text(self, first: int) -> tuple[Match | None, int]:
        if not self.of_this_text:
            return None, 0
        for length in range(min(5, len(self.tokens) - first), 0, -1):
            key = self._span(first, length)
            known = self.of_this_text.get(key) if key else None
            if key is None or known is None or not self.tokens[first].capitalised:
                continue
            kind, description, rule = known
            start, end = self.tokens[first].start, self.tokens[first + length - 1].end
            if kind == "artist_style":
                by = self._key(first - 1) == "by"
                start = self.tokens[first - 1].start if by else start
                return Match(start, end, kind, rule, description, " ".join(key), with_by=by), length
            if kind == "brand" and self._quoted(start, end):
                description = "brand name"
            return Match(start, end, kind, rule, description, " ".join(key)), length
        return None, 0

    def _artist_lists(self) -> None:
        """ "art by A and B and C" with one known artist in it: the others are artists as well."""
        self._listed_artists: list[tuple[int, int]] = []
        for cue in _ARTIST_LIST.finditer(self.text):
            at, spans = cue.end(), list[tuple[int, int, Key]]()
            while at < len(self.text) and len(spans) < 12:
                joint = _LIST_JOINT.search(self.text, at)
                end = joint.start() if joint else len(self.text)
                piece = re.sub(r"[\s'\".!?)\]]+$", "", self.text[at:end])
                words = tuple(t for t in tokens_of(piece))
                if not 1 <= len(words) <= 4 or "." in piece.rstrip(".")[2:]:
                    break
                spans.append((at, at + len(piece), tuple(w.key for w in words)))
                if joint is None:
                    break
                at = joint.end()
            known = [key for _, _, key in spans if self._is_artist(key)]
            if not known:
                continue
            for start, end, key in spans:
                unlisted = key not in self.names.entries and key not in self.names.untouchable
                plain = any(
                    k in STYLE_WORDS or k in FUNCTION_WORDS or k in ART_NOUNS or k in ADJECTIVES
                    for k in key
                )
                if unlisted and not plain and 2 <= len(key) <= 3 and all(k.isalpha() for k in key):
                    self._listed_artists.append((start, end))

    def _is_artist(self, key: Key) -> bool:
        entry = self.names.entries.get(key)
        return (entry is not None and entry.kind == "artist_style") or key in self.names.untouchable

    # --- Rules for names nobody listed ----------------------------------------------------------------

    def _style(self, first: int) -> tuple[Match | None, int]:
        """A name behind or before a style cue, not known to be dead. Denied unless known to be dead:
        a list of the living can't be complete."""
        token = self.tokens[first]
        for start, end in self._listed_artists:
            if token.start == start:
                used = sum(start <= t.start < end for t in self.tokens)
                return self._styled(
                    first, first + used - 1, STYLE_FALLBACK, token.key, "artist_list"
                ), used
        length = self._run(first, limit=4)
        if length < 2 or self.title_case:
            return None, 0
        words = [t.key for t in self.tokens[first : first + length]]
        while length > 2 and (words[length - 1] in STYLE_WORDS or words[length - 1] in ART_NOUNS):
            length -= 1
        words = words[:length]
        if any(
            w in STYLE_WORDS or (w in NOT_SURNAMES and w not in self.names.given) for w in words
        ):
            return None, 0
        before, last = self.text[: token.start], first + length - 1
        identity = " ".join(words)
        by = self._key(first - 1) == "by"
        if _STYLE_CUES.search(before):
            return self._styled(first, last, STYLE_FALLBACK, identity, "style_cue"), length
        following = self._beside_right(last)
        gap = self.text[self.tokens[last].end : following.start] if following else ""
        if (
            following is not None
            and gap in (" ", "-")
            and following.key in {"style", "styled", "inspired", "esque"}
        ):
            return self._styled(first, last, STYLE_FALLBACK, identity, "style_cue"), length
        if self._key(last + 1) == "s" and self._key(last + 2) in ART_NOUNS:
            return self._styled(first, last, STYLE_FALLBACK, identity, "style_cue"), length
        opens = by and (
            first == 1 or self.text[: self.tokens[first - 1].start].rstrip()[-1:] in (",", ";", "")
        )
        if opens:
            return self._styled(first, last, STYLE_FALLBACK, identity, "style_cue"), length
        return None, 0

    def _styled(self, first: int, last: int, description: str, identity: str, rule: str) -> Match:
        start, end = self.tokens[first].start, self.tokens[last].end
        following = self._beside_right(last)
        bare = (
            description.split(" ", 1)[1] if description.startswith(("a ", "an ")) else description
        )
        if following is not None and following.key == bare.rsplit(" ", 1)[-1]:
            description = description.rsplit(" ", 1)[0]
            bare = bare.rsplit(" ", 1)[0]
        if following is not None and following.key in {"style", "styled", "inspired", "esque"}:
            if rule != "listed":
                bare = "illustrated"
            return Match(start, end, "artist_style", rule, bare, identity)
        possessive = self._key(last + 1) == "s" and self._key(last + 2) in ART_NOUNS
        if possessive and self.text[end] in "'’":
            noun = self.tokens[last + 1].end
            return Match(
                start, noun, "artist_style", rule, f"the {bare.rsplit(' ', 1)[0]}", identity
            )
        by = first > 0 and self.tokens[first - 1].key == "by" and rule != "artist_list"
        if by:
            start = self.tokens[first - 1].start
        return Match(start, end, "artist_style", rule, description, identity, with_by=by)

    def _portrait(self, first: int) -> tuple[Match | None, int]:
        """ "portrait of Firstname Lastname", "Firstname Lastname in an official photo"."""
        if self.title_case:
            return None, 0
        length = self._run(first, limit=4)
        if length < 2:
            return None, 0
        words = [t.key for t in self.tokens[first : first + length]]
        if any(w in STYLE_WORDS or w in NOT_SURNAMES or w in ADJECTIVES for w in words):
            return None, 0
        last = first + length - 1
        start, end = self.tokens[first].start, self._with_junior(last)
        strong = bool(_STRONG_PORTRAIT.search(self.text[:start]))
        official = bool(
            re.match(
                r"\s+(?:in an official|at a (?:public event|press conference|rally|podium))",
                self.text[end:],
            )
        )
        if strong or official:
            return (
                Match(
                    start,
                    end,
                    "public_figure",
                    "portrait_cue",
                    self._person(first, last),
                    " ".join(words),
                ),
                length,
            )
        return None, 0

    def _branded(self, first: int) -> tuple[Match | None, int]:
        """ "the Somebrand logo"; and in a text about a logo, "a Somebrand product"."""
        token = self.tokens[first]
        if self.title_case or not (token.capitalised or token.text[0].isdigit()):
            return None, 0
        length = self._brand_run(first)
        while length and self.tokens[first].key in ADJECTIVES | FUNCTION_WORDS:
            return None, 0
        if not length:
            return None, 0
        last = first + length - 1
        words = [t.key for t in self.tokens[first : first + length]]
        if any(w in ADJECTIVES for w in words) or all(w in STYLE_WORDS for w in words):
            return None, 0
        if length > 1 and all(w in NOT_SURNAMES for w in words):
            return None, 0
        following = self._beside_right(last)
        at = last + 1
        if (
            following is None
            and self._key(last + 1) == "s"
            and self.text[self.tokens[last].end] in "'’"
        ):
            at = last + 2  # "SYSCO's logo"
            following = self.tokens[at] if at < len(self.tokens) else None
        opening = self._opens_sentence(first)
        direct = following is not None and following.key in {"logo", "logos", "branded", "branding"}
        about = self.branding and following is not None and following.key in BRAND_NOUNS
        about = about or (
            self.branding
            and bool(
                re.search(
                    r"\b(?:logo|brand|name) (?:of|for|featuring)\s+$",
                    self.text[: token.start],
                    re.IGNORECASE,
                )
            )
        )
        if (direct and (not opening or at == last + 2 or length > 1)) or (about and not opening):
            start, end = token.start, self.tokens[last].end
            key = self._span(first, length)
            if key is not None:
                self.of_this_text.setdefault(key, ("brand", "plain", "brand_cue"))
            description = "abstract" if direct else "plain"
            if following is not None and following.key == "branded":
                description = "plain"
            if at == last + 2:
                description = "the company"
            return Match(start, end, "brand", "brand_cue", description, " ".join(words)), length
        return None, 0

    def _brand_run(self, first: int) -> int:
        length = 0
        while length < 6 and first + length < len(self.tokens):
            token = self.tokens[first + length]
            if not (
                token.capitalised or token.text.isdigit() or (length and token.text[0].isdigit())
            ):
                break
            if length and not joined(self.text, self.tokens[first + length - 1], token):
                break
            if token.key == "s" or (token.key in BRAND_NOUNS and length):
                break
            length += 1
        return length

    def _private(self, first: int) -> tuple[Match | None, int]:
        """A full name with a common given name, a name behind "my friend", or a title with a name."""
        token = self.tokens[first]
        if not token.capitalised:
            return self._private_in_lower_case(first)
        before = self._beside_left(first)
        length = self._run(first, limit=4)
        if not length:
            return None, 0
        place = length > 1 and self.tokens[first + length - 1].key in NOT_SURNAMES
        if place and not self._is_hill(first, length):
            return None, length
        last = first + length - 1
        end = self._with_junior(last)
        person = self.names.given.get(token.key, "")
        words = [t.key for t in self.tokens[first : last + 1]]
        identity = " ".join(words)
        family = words[-1] in self.names.surnames or words[0] in self.names.surnames
        if self.title_case:
            if (
                person
                and length >= 2
                and words[-1] in self.names.surnames
                and words[-1] not in COMMON_SURNAMES
            ):
                return self._private_match(first, last, identity), length
            return None, 0
        if (
            before is not None
            and before.key in {"named", "called"}
            and self._surnamed(words, person)
        ):
            start = self._beside_left(first).start  # type: ignore[union-attr]
            return Match(start, end, "private_person", "named", "", identity, drop=True), length
        if (
            before is not None
            and before.key in RELATIONS
            and self._related(first - 1)
            and (person or (length >= 2 and self._is_name(words)))
        ):
            return Match(
                token.start, end, "private_person", "relation", "", identity, drop=True
            ), length
        if token.key in TITLES and length >= 2 and words[1] not in NOT_SURNAMES:
            known = words[1] in self.names.given or length >= 3 or words[1] in self.names.surnames
            if known or (token.key in {"mr", "mrs", "ms", "miss"} and words[1] not in EVERYDAY):
                start = token.start
                if before is not None and before.key in TITLE_PREFIXES:
                    start = before.start
                return Match(
                    start, end, "private_person", "title", TITLES[token.key], identity
                ), length
        if before is not None and before.key in TITLES and length >= 2 and (person or family):
            return Match(
                token.start, end, "private_person", "title", "", identity, drop=True
            ), length
        if length < 2 or (len(words[1]) < 2 and length == 2):
            return None, 0
        if any(w in NOT_SURNAMES or w in ADJECTIVES for w in words[: length - place]):
            return None, 0
        if self._is_everyday(words):
            return None, 0
        if person:
            return self._private_match(first, last, identity), length
        if not self._is_name(words):
            return None, 0
        if self._is_person(first, last) if family else self._does_something(first, last):
            return self._private_match(first, last, identity), length
        return None, 0

    def _is_everyday(self, words: list[str]) -> bool:
        """Does the name end in, or without a known given name begin with, a word nobody is called?"""
        known = self.names.surnames
        if words[-1] in EVERYDAY and words[-1] not in known:
            return True
        return words[0] in EVERYDAY and words[0] not in self.names.given and words[-1] not in known

    def _surnamed(self, words: list[str], person: str) -> bool:
        """Behind "named": a first name alone names nobody, nor does "Captain Whiskers"."""
        return len(words) >= 2 and (bool(person) or not self._is_everyday(words))

    def _related(self, relation: int) -> bool:
        """ "my friend NAME", "Tom's boss NAME", but not "Grandma Betty": that is all one name."""
        word = self._key(relation - 1)
        return not self.tokens[relation].capitalised or word in DETERMINERS or word == "s"

    def _is_hill(self, first: int, length: int) -> bool:
        """ "Karen Hill" is a person where the text around says so; else she is a hill."""
        last, before = first + length - 1, self._beside_left(first)
        return (
            self.tokens[first].key in self.names.given
            and self.tokens[last].key in self.names.surnames
            and (
                self._does_something(first, last)
                or (before is not None and before.key in RELATIONS | {"named", "called"})
            )
        )

    def _does_something(self, first: int, last: int) -> bool:
        """What no thing does: needed where neither name is known to be one."""
        if self._opens_sentence(first) and self.tokens[first].key in FUNCTION_WORDS:
            return False
        if self._key(last + 1) == "s" and self._key(last + 2) in BODY:
            return True
        following = self._beside_right(last)
        return (
            following is not None
            and following.key in PERSON_VERBS
            and (following.key not in _THINGS_DO or self._is_doing(last))
        ) or bool(_AFTER_PERSON.match(self.text, self.tokens[last].end))

    def _is_doing(self, last: int) -> bool:
        """ "is riding", but not "is standing": a hill stands too."""
        doing = self._key(last + 2)
        return (
            self._key(last + 1) in {"is", "was"}
            and doing.endswith("ing")
            and doing in PERSON_VERBS
            and doing not in _THINGS_DO
        )

    def _is_name(self, words: list[str]) -> bool:
        return not any(
            w not in PARTICLES
            and w in NOT_SURNAMES | STYLE_WORDS | ADJECTIVES | FUNCTION_WORDS | PRODUCTS
            for w in words
        )

    def _is_person(self, first: int, last: int) -> bool:
        """Does the text around say that this is a person?"""
        start, end = self.tokens[first].start, self.tokens[last].end
        if self._acts(last) or _AFTER_PERSON.match(self.text, end):
            return True
        if self._key(last + 1) == "s" and self._key(last + 2) in BODY:
            return True
        return (
            bool(_PORTRAIT_CUES.search(self.text[:start]))
            and self.tokens[last].key in self.names.surnames
        )

    def _private_in_lower_case(self, first: int) -> tuple[Match | None, int]:
        token, following = self.tokens[first], self._beside_right(first)
        if following is None or following.capitalised or token.key not in self.names.given:
            return None, 0
        if token.key in COMMON_GIVEN or following.key not in self.names.surnames:
            return None, 0
        if following.key in COMMON_SURNAMES or len(token.key) < 4 or len(following.key) < 4:
            return None, 0
        return self._private_match(first, first + 1, f"{token.key} {following.key}"), 2

    def _private_match(self, first: int, last: int, identity: str) -> Match:
        end = self._with_junior(last)
        description = self._person(first, last)
        return Match(
            self.tokens[first].start, end, "private_person", "full_name", description, identity
        )

    def _person(self, first: int, last: int) -> str:
        """A woman, a man or a person: by the given name, else by the words that point back."""
        person = self.names.given.get(self.tokens[first].key, "a person")
        if person != "a person":
            return person
        for token in self.tokens[last + 1 : last + 14]:
            if token.key in {"she", "her", "hers", "herself"}:
                return "a woman"
            if token.key in {"he", "his", "him", "himself"}:
                return "a man"
        return "a person"

    def _misspelt(self, first: int) -> tuple[Match | None, int]:
        if self.tokens[first].key in FUNCTION_WORDS or self.tokens[first].key in DETERMINERS:
            return None, 0
        for length in range(min(4, len(self.tokens) - first), 0, -1):
            key = self._span(first, length)
            if key is None or key in self.names.untouchable or key[-1] in FUNCTION_WORDS:
                continue
            entry = self.names.misspelt(key)
            if entry is None:
                continue
            words = self.tokens[first : first + length]
            if not all(w.capitalised for w in words) and len("".join(key)) < 9:
                continue
            return self._replace(first, length, entry, "misspelt"), length
        return None, 0

    def _beside(self, first: int) -> tuple[Match | None, int]:
        token = self.tokens[first]
        beside = gazetteer.BESIDE.get(token.key)
        following = self._beside_right(first)
        if beside is None or following is None or following.key not in beside[1].split():
            return None, 0
        return Match(token.start, token.end, "brand", "beside_noun", beside[0], token.key), 1

    def _handles(self) -> list[Match]:
        """ "@name": of somebody listed, or of somebody else. Mail addresses have a word in front."""
        found = []
        for match in re.finditer(r"(?<![\w.@])([@#])([A-Za-z][\w.]{2,30})(?<!\.)", self.text):
            word = "".join(c for c in match.group(2).casefold() if c.isalnum())
            entry = self.names.handle(word)
            if entry is not None:
                start = match.start() if match.group(1) == "@" else match.start(2)
                found.append(
                    Match(
                        start,
                        match.end(),
                        self._kind(entry),
                        "handle",
                        entry.description,
                        entry.name,
                        avoid=entry.avoid,
                    )
                )
            elif match.group(1) == "@":
                found.append(
                    Match(match.start(), match.end(), "private_person", "handle", "a person", word)
                )
        return found

    # --- What stands around ---------------------------------------------------------------------------

    def _run(self, first: int, *, limit: int) -> int:
        """Length of the run of capitalised words from `first`; "de", "van", "bin" may stand inside."""
        length, pending = 0, 0
        while length + pending < limit and first + length + pending < len(self.tokens):
            token = self.tokens[first + length + pending]
            if length and not joined(self.text, self.tokens[first + length + pending - 1], token):
                break
            if token.capitalised and token.text.isalpha():
                length, pending = length + pending + 1, 0
            elif length and token.key in PARTICLES:
                pending += 1
            else:
                break
        return length

    def _key(self, index: int) -> str:
        return self.tokens[index].key if 0 <= index < len(self.tokens) else ""

    def _beside_left(self, index: int) -> Token | None:
        if index == 0:
            return None
        before = self.tokens[index - 1]
        gap = self.text[before.end : self.tokens[index].start]
        return before if gap in (" ", ". ", "-") else None

    def _beside_right(self, index: int) -> Token | None:
        if index + 1 >= len(self.tokens):
            return None
        following = self.tokens[index + 1]
        gap = self.text[self.tokens[index].end : following.start]
        return following if gap in (" ", "-") else None

    def _opens_sentence(self, index: int) -> bool:
        before = self.text[: self.tokens[index].start].rstrip(" \t\"'“‘(*")
        return not before or before[-1] in ".!?\n:;"

    def _acts(self, last: int) -> bool:
        """What follows is what a person does, or has."""
        following = self._beside_right(last)
        if following is not None and (following.key in PERSON_VERBS or following.key in AT_PERSON):
            return True
        end = self.tokens[last].end
        return self.text[end : end + 1] in "'’" and self._key(last + 1) == "s"

    def _quoted(self, start: int, end: int) -> bool:
        left, right = self.text[start - 1 : start], self.text[end : end + 1]
        return bool(left and right) and left in "'\"“‘«" and right in "'\"”’»"


_WITH_MODELS = frozenset({"plain", "luxury", "sporty", "family", "classic", "gaming", "heavy"})
_THINGS_DO = frozenset(
    [
        "is",
        "was",
        "has",
        "had",
        "runs",
        "running",
        "flies",
        "flying",
        "falls",
        "falling",
        "turns",
        "turning",
        "stands",
        "standing",
        "opens",
        "opening",
        "closes",
        "closing",
        "works",
        "working",
        "rests",
        "resting",
        "lies",
        "sits",
        "sitting",
        "crashes",
        "crashing",
        "waves",
        "rises",
    ]
)
_NOT_BEFORE: dict[str, frozenset[str]] = {
    "trump": frozenset({"card", "cards", "suit", "suits"}),
    "edward": frozenset({"island"}),
    "charles": frozenset({"spaniel", "river", "bridge"}),
    "madonna": frozenset({"and"}),
    "ice": frozenset({"cream"}),
    "vespa": frozenset(),
    "churchill": frozenset({"downs", "manitoba"}),
    "diego": frozenset({"garcia"}),
    "meiji": frozenset({"shrine", "era", "period", "restoration", "jingu"}),
    "garden": frozenset({"of"}),
}
