"""One word, many spellings: what a person reads the same must compare the same.

`fold` undoes disguises of single characters (full width, look-alike letters, accents, invisible
characters, bidirectional overrides). `Lexicon.forms` undoes disguises of words (leet, dots between
letters, spaced letters, stretched letters, masked letters, encodings) against a known word list, so
that an innocent "coffee" or "4k" is not bent into something it is not.

Sources: Unicode Technical Standard 39 (skeletons of confusable characters), Unicode Annex 15 (NFKC),
Unicode Annex 9 (bidirectional overrides). The look-alike table is our own, by eye.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import unquote

# Characters that take no ink although their category says letter, symbol or mark.
_BLANK = "\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u2800\u3164\uffa0\u034f"


def _pairs(*rows: str) -> dict[int, str]:
    """Each row is "latin letter(s)" + space + look-alikes without separators."""
    table: dict[int, str] = {}
    for row in rows:
        latin, alikes = row.split(" ")
        for character in alikes:
            table[ord(character)] = latin
    return table


# Upper-case look-alikes are applied before casefold: Greek Η looks like H but folds to η.
_LOOK_ALIKES = _pairs(
    "a аɑɐαᴀᗩ卂ΑАᎪΔΛꭺӑ∀ạªɒ",
    "b ьƅɓʙвβᗷ乃฿ΒВᏼБбҍᏏ",
    "c сϲƈɕᴄᑕ匚¢₵ςϹСᏟҁ¢ɔↄ",
    "d ԁđɖɗᴅᗪ∂Ꭰժðδ",
    "e еєҽəǝɛɇᴇᗴ乇∈℮εξ€ΕЕᎬэϵ∑Σ",
    "f ƒꜰᖴ千ғϝɟ",
    "g ɡɠɢᘜᎶԍցƃᏀԌ",
    "h һħʜɦᕼ卄нңћђհɥΗНᎻң",
    "i іıɩɨɪιᎥᴉι¡ΙІӀ丨ɾ",
    "j јϳȷɉᴊᒍᎫյЈﾌ",
    "k кκƙᴋқҡҝᏦKΚКҜʞ",
    "l ӏłƚɭʟɫᒪㄥᏞ£ℓԼ",
    "m мᴍɱᗰ爪ᎷΜМɯ",
    "n пηƞɲŋɴᑎ几∩∏ΝиոΠПή",
    "o оοσөøɵᴏ口φθΟОՕօסഠ○◯",
    "p рρƥᴘᑭ卩ᏢΡРþק",
    "q ԛզɋʠᑫɊ",
    "r ɍɽʀɹгᖇ尺ᎡяЯ®",
    "s ѕʂꜱƨᔕ丂Ꮪ§ЅՏ",
    "t тτŧƭʈᴛㄒᎢΤТʇ†",
    "u υʉʊᴜᑌㄩ∪սμµџՍ",
    "v νѵʋᴠⱱᐯᏙ√ʌ∨",
    "w ѡԝωᴡʍⱳᗯ山ᎳшщШϖ",
    "x хχ᙭乂ΧХ×",
    "y уγʏƴɏʎүұㄚΥУ¥Ү",
    "z ƶȥʐᴢ乙ᏃΖᘔ",
    "ae æ",
    "oe œ",
    "ss ß",
)
# Letters in boxes and discs, and the two halves of a flag.
for _first in (0x1F150, 0x1F170, 0x1F1E6):
    for _index in range(26):
        _LOOK_ALIKES[_first + _index] = chr(ord("a") + _index)

# Pictures that stand for a word of an unsafe prompt; between letters they are mere separators.
_PICTURES = {
    "🔪": "knife", "🗡": "dagger", "⚔": "swords", "🪓": "axe", "🪚": "saw", "🔫": "gun", "💣": "bomb",
    "🧨": "explosive", "🩸": "blood", "💉": "syringe", "💊": "pills", "🍆": "penis", "🍑": "buttocks",
    "💦": "squirting", "🔞": "adult only", "👙": "bikini", "🩲": "underwear", "🫦": "lips", "👅": "tongue",
    "☠": "skull", "💀": "skull", "⚰": "coffin", "🪦": "grave", "🚬": "cigarette", "🍼": "baby",
    "👶": "baby", "🧒": "child", "👦": "boy", "👧": "girl", "🔥": "fire", "卐": "swastika", "卍": "swastika",
}  # fmt: skip
_PICTURE = re.compile(r"(?<!\w)(?:[" + "".join(_PICTURES) + r"]\ufe0f?)+(?!\w)")

_UPSIDE_DOWN = frozenset("ɐɔǝɟɥᴉɯɹʇʌʍʎƃʞɾ")
_TURNED = str.maketrans("ɐqɔpǝɟƃɥᴉɾʞɯudbɹʇnʌʍʎ", "abcdefghijkmnpqrtuvwy")
_TRADE_MARKS = str.maketrans("", "", "™®©℠")

_LEET_I = str.maketrans("013456789@$!|+", "oieasgtbgasiit")
_LEET_L = str.maketrans("013456789@$!|+", "oleasgtbgaslit")
_SKELETON = str.maketrans("013456789@$!|+l", "oieasgtbgasiiti")
_MASKS = "*#?%•●×"
_QUOTES = "\"'()[]{}<>«»“”„‚‘’‹›…–—"
_LEFT_EDGE = ".,;:?-_~#%•●×" + _QUOTES
_RIGHT_EDGE = ".,;:?!-_~#%•●×" + _QUOTES
_STRONG_LOOK_ALIKES = frozenset("асеорхуіјѕһԁԛԝкмтнвαοινρτυκηбзгпɑɡıѡѵ")

_WORD = re.compile(r"[^\W_]+")
_STRETCHED = re.compile(r"([^\W\d_])\1\1")
_DOUBLED = re.compile(r"([^\W\d_])\1")
_REPEATS = re.compile(r"(.)\1+")
_REPEATS_OR_ONE = re.compile(r"((.)\2*)")
# "70" for "to" or "3x" for "ex": leet only in a text that is leet anyway.
_MAYBE_LEET = re.compile(r"[0-9@$!|+]{1,2}|(?=.*[0-9@$!|+])[\w@$!|+]{2,3}")
_LEETISH = re.compile(r"[0-9@$!|+]")
_LETTER = re.compile(r"[^\W\d_]")
_ENCODED = re.compile(r"%[0-9a-fA-F]{2}|&#?\w{2,8};|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[ :]?){6,}")
_SUBSTRING_SCRIPTS = re.compile(r"[぀-ヿ㐀-鿿가-힯฀-๿]")


def is_invisible(character: str) -> bool:
    """True for characters that show nothing: format characters, fillers, variation selectors."""
    code = ord(character)
    return (
        character in _BLANK
        or unicodedata.category(character) == "Cf"
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0100 <= code <= 0xE01EF
    )


def strip_invisible(text: str) -> str:
    """`text` without characters that show nothing (see `is_invisible`)."""
    if text.isascii():
        return text
    return "".join(c for c in text if not is_invisible(c))


def _reorder_overrides(text: str) -> str:
    """Show a right-to-left override the way a reader sees it: the run behind U+202E, reversed."""
    if "\u202e" not in text:
        return text
    return re.sub("\u202e([^\u202c\u202d\u202e\n]*)", lambda m: m.group(1)[::-1], text)


def native(text: str) -> str:
    """NFKC, visible characters only, casefolded; letters stay in their own script."""
    text = unicodedata.normalize("NFKC", text.translate(_TRADE_MARKS))
    return strip_invisible(_reorder_overrides(text)).casefold()


def fold(text: str) -> str:
    """The Latin reading of `text`: casefolded, without accents, look-alikes replaced.

    Linear in the length. Does not touch ASCII except for its case.
    """
    if text.isascii():
        return text.casefold()
    text = _PICTURE.sub(_pictured, text)
    text = unicodedata.normalize("NFKC", text.translate(_TRADE_MARKS))
    text = strip_invisible(_reorder_overrides(text))
    text = unicodedata.normalize("NFKD", text.translate(_LOOK_ALIKES))
    text = "".join(c for c in text if unicodedata.category(c) not in ("Mn", "Me"))
    text = text.translate(_LOOK_ALIKES).casefold().translate(_LOOK_ALIKES)
    return unicodedata.normalize("NFC", text)


def _pictured(match: re.Match[str]) -> str:
    """The words a run of emoji stands for."""
    return " ".join(_PICTURES[c] for c in match.group() if c in _PICTURES)


def words_of(folded: str) -> str:
    """Words between single spaces, with one at each end, so that " term " is a whole-word test."""
    return " " + " ".join(_WORD.findall(folded.replace("’", "'"))) + " "


def normalise(text: str) -> str:
    """The one plain form classifiers read: folded, un-leeted, letters joined, runs shortened."""
    spelled = _join_spaced(fold(text))
    dotted = any(_DOTTED.fullmatch(chunk.strip(_LEFT_EDGE)) for chunk in spelled)
    chunks: list[str] = []
    for chunk in spelled:
        if _is_leet(chunk):
            chunk = _core(chunk).translate(_LEET_I)
        core = chunk.strip(_LEFT_EDGE)
        if _DOTTED.fullmatch(core) or (dotted and _DOTTED_PAIR.fullmatch(core)):
            chunk = "".join(_LETTER.findall(core))
        chunks.append(_LONG_RUN.sub(r"\1\1", chunk))
    return words_of(" ".join(chunks)).strip()


_DOTTED = re.compile(r"(?:[^\W_][\W_]+){2,}[^\W_]")
_DOTTED_PAIR = re.compile(r"[^\W_][\W_]+[^\W_]")  # "i.n", in a text that is dotted anyway
_LONG_RUN = re.compile(r"([^\W\d_])\1{2,}")
_ORDINARY_MIX = re.compile(r"\d+(?:st|nd|rd|th|s|k|d|p|x|m|mm|cm|km|fps|am|pm|yo|y|c|f|g|h)?")


def _core(chunk: str) -> str:
    """A whitespace chunk without punctuation at its edges; a leading @, $ or ! may be a letter."""
    return chunk.lstrip(_LEFT_EDGE).rstrip(_RIGHT_EDGE)


def _is_leet(chunk: str) -> bool:
    core = _core(chunk)
    return bool(
        _LEETISH.search(core) and _LETTER.search(core) and not _ORDINARY_MIX.fullmatch(core)
    )


def _single(chunk: str) -> str:
    """The one letter or digit a chunk such as "n", "n." or "(3)" shows, or ""."""
    core = chunk.strip(_LEFT_EDGE)
    return core if len(core) == 1 and core.translate(_LEET_I).isalpha() else ""


def _join_spaced(folded: str) -> list[str]:
    """Whitespace chunks; runs of three or more single letters become words.

    Inside a run, a gap wider than its narrowest gap ends a word: "n u d e   m a n" -> nude, man.
    """
    parts = re.split(r"(\s+)", folded)
    chunks, gaps = parts[0::2], parts[1::2]
    out: list[str] = []
    index = 0
    while index < len(chunks):
        letters: list[str] = []
        end = index
        while end < len(chunks) and (letter := _single(chunks[end])):
            letters.append(letter)
            end += 1
        if len(letters) < 3:
            out.extend(c for c in chunks[index : max(end, index + 1)] if c)
            index = max(end, index + 1)
            continue
        inner = gaps[index : end - 1]
        narrow = min(len(gap) for gap in inner)
        word = letters[0]
        for gap, letter in zip(inner, letters[1:], strict=True):
            if len(gap) > narrow:
                out.append(word)
                word = letter
            else:
                word += letter
        out.append(word)
        index = end
    return out


def _key(word: str) -> str:
    """What survives leet, stretching and i/l/1 mix-ups. Two words with one key read the same."""
    letters = "".join(c for c in word.translate(_SKELETON) if c.isalnum())
    return _REPEATS.sub(r"\1", letters)


def decoded(text: str) -> list[str]:
    """Readable texts hidden in `text` by an encoding: escapes, base64, hex, ROT13."""
    found: list[str] = []
    if _ENCODED.search(text):
        plain = _ESCAPE.sub(
            lambda m: chr(int(m.group(1) or m.group(2), 16)), html.unescape(unquote(text))
        )
        if plain != text:
            found.append(plain)
    for match in _BASE64.findall(text):
        try:
            standard = match.replace("-", "+").replace("_", "/")
            hidden = base64.b64decode(standard + "=" * (-len(match) % 4)).decode("ascii")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            continue
        if hidden.isprintable():
            found.append(hidden)
    for match in _HEX.findall(text):
        try:
            hidden = bytes.fromhex(match.replace(":", " ")).decode("ascii")
        except (UnicodeDecodeError, ValueError):
            continue
        if hidden.isprintable():
            found.append(hidden)
    return found


def rot13(folded: str) -> str:
    return codecs.encode(folded, "rot13")


def readings(text: str) -> list[str]:
    """What a classifier should read besides `text` itself; empty for an ordinary prompt.

    The undisguised form where it differs, what an encoding hides, and the text backwards or in
    ROT13 where that reads more like English than the text does.
    """
    found: dict[str, None] = {}
    plain = normalise(text)
    if plain != words_of(text.casefold()).strip():
        found[plain] = None
    for hidden in decoded(text):
        found.setdefault(normalise(hidden))
    own = _function_words(plain)
    for other in (rot13(plain), plain[::-1]):
        if _function_words(other) > own + 1:
            found.setdefault(other)
    return list(found)


def _function_words(plain: str) -> int:
    english = _foreign_function_words()["en"]
    return sum(word in english for word in plain.split())


class Lexicon:
    """The words and phrases a disguise may hide; built once from the blocklists.

    forms(text) gives every reading of the text worth matching, each as words between single
    spaces. The first is the plain one; an ordinary prompt has no other.
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        self._words: dict[str, list[str]] = {}
        self._glued: dict[str, str] = {}
        self._by_length: dict[int, list[str]] = {}
        self._phrases = sorted(set(phrases))
        words: set[str] = set()
        for phrase in self._phrases:
            parts = phrase.split()
            words.update(parts)
            if len(parts) > 1:
                self._glued["".join(parts)] = phrase
        self._known = frozenset(words)
        for word in sorted(words):
            self._words.setdefault(_key(word), []).append(word)
            self._by_length.setdefault(len(word), []).append(word)
        for glued, phrase in self._glued.items():
            self._words.setdefault(_key(glued), []).append(phrase)

    def forms(self, text: str) -> list[str]:
        readings = [fold(text)]
        readings.extend(fold(hidden) for hidden in decoded(text))
        if not _UPSIDE_DOWN.isdisjoint(text):
            readings.append(fold(native(text).translate(_TURNED)[::-1]))
        found: dict[str, None] = {}
        for reading in readings:
            for form in self._readings(reading):
                found.setdefault(form)
        return list(found)

    def spaced_runs(self, text: str) -> list[str]:
        """Runs of single letters with even gaps, for a search without word bounds.

        With uneven gaps the words are known and `forms` has them.
        """
        runs: list[str] = []
        run, gaps = "", set[int]()
        parts = re.split(r"(\s+)", fold(text).strip())
        for chunk, gap in zip(parts[0::2], [*parts[1::2], ""], strict=True):
            letter = _single(chunk)
            if letter:
                run += letter.translate(_LEET_I)
            if letter and gap:
                gaps.add(len(gap))
                continue
            if len(run) >= 4 and len(gaps) <= 1 and run not in self._known:
                runs.append(run)
            run, gaps = "", set()
        return runs

    def _readings(self, folded: str) -> list[str]:
        plain: list[str] = []
        glued: list[str] = []
        leet_i: list[str] = []
        leet_l: list[str] = []
        repaired: list[list[str]] = [[], [], []]
        chunks = _join_spaced(folded)
        leet_text = any(_is_leet(chunk) for chunk in chunks)
        for chunk in chunks:
            base = words_of(chunk)[1:-1]
            plain.append(base)
            core = _core(chunk)
            if core.isalpha() and not _suspicious_letters(core):
                whole = self._glued.get(core, base)
                glued.append(whole)
                leet_i.append(base)
                leet_l.append(base)
                for row in repaired:
                    row.append(whole)
                continue
            letters = "".join(_WORD.findall(chunk))
            glued.append(self._glued.get(letters, letters))
            if _is_leet(chunk) or (leet_text and _MAYBE_LEET.fullmatch(core)):
                first = words_of(core.translate(_LEET_I))[1:-1]
                second = words_of(core.translate(_LEET_L))[1:-1]
            else:
                first = second = base
            leet_i.append(first)
            leet_l.append(second)
            options = self._repair(core, chunk.lstrip(_LEFT_EDGE), letters) or [first]
            for index, row in enumerate(repaired):
                row.append(options[min(index, len(options) - 1)])
        forms: dict[str, None] = {}
        for row in (plain, glued, leet_i, leet_l, *repaired):
            forms.setdefault(" " + " ".join(filter(None, row)) + " ")
        return list(forms)

    def _repair(self, core: str, *more: str) -> list[str]:
        """Known words a disguised one may stand for, only the most alike."""
        tiers: dict[int, dict[str, None]] = {}
        for candidate in dict.fromkeys((core, *more)):
            if len(candidate) < 3:
                continue
            for word in self._words.get(_key(candidate), ()):
                tiers.setdefault(_unlikeness(candidate, word.replace(" ", "")), {}).setdefault(word)
        options = list(tiers[min(tiers)]) if tiers else []
        if any(mask in core for mask in _MASKS) and len(core) >= 3:
            pattern = "".join("." if c in _MASKS else re.escape(c) for c in core.translate(_LEET_I))
            if sum(c.isalpha() for c in core) * 2 >= len(core):
                compiled = re.compile(pattern)
                options += [w for w in self._by_length.get(len(core), ()) if compiled.fullmatch(w)]
        return options


def _unlikeness(candidate: str, word: str) -> int:
    """0: same letters, stretched only where the candidate stretches; 1: same letters; 2: i for l."""
    best = 2
    for table in (_LEET_I, _LEET_L):
        letters = "".join(c for c in candidate.translate(table) if c.isalpha())
        if _REPEATS.sub(r"\1", letters) != _REPEATS.sub(r"\1", word):
            continue
        runs = zip(_REPEATS_OR_ONE.findall(letters), _REPEATS_OR_ONE.findall(word), strict=True)
        even = all(len(theirs) <= max(1, len(ours)) for (ours, _), (theirs, _) in runs)
        best = min(best, 0 if even else 1)
    return best


def _suspicious_letters(core: str) -> bool:
    return bool(_STRETCHED.search(core)) or len(_DOUBLED.findall(core)) >= 2


def has_unspaced_script(term: str) -> bool:
    """True for scripts written without spaces between words, where a term is a substring."""
    return bool(_SUBSTRING_SCRIPTS.search(term))


@lru_cache(maxsize=1)
def _foreign_function_words() -> dict[str, frozenset[str]]:
    rows = {
        "en": "the a an and of in on with is are to at from his her its by into over under as it",
        "de": "der die das und ein eine einer einem mit auf ist im den dem nicht wie zu von sich",
        "fr": "le la les des une dans avec et sur est qui du au aux ses pour pas en",
        "es": "el los las una con por del que y en su sobre para se está como",
        "it": "il lo gli della con che una nel sulla di e su mentre sono dei",
        "pt": "o os as uma com do da no na em e que para sobre um seu",
        "nl": "de het een van met en op in zijn haar niet dat",
        "pl": "i w na z się jest do nie po przez",
        "tr": "bir ve ile bu için olan",
    }
    return {language: frozenset(words.split()) for language, words in rows.items()}


def language_hint(text: str) -> str:
    """ "en", "other" or "unknown": a light guess, only to say what the lists can't judge.

    "other": most letters are outside the Latin script, or function words of another language
    clearly outnumber the English ones.
    """
    marked = unicodedata.normalize("NFKD", native(text))
    words = _WORD.findall("".join(c for c in marked if unicodedata.category(c) not in ("Mn", "Me")))
    letters = sum(len(word) for word in words if word.isalpha())
    if not letters:
        return "unknown"
    foreign = sum(len(word) for word in words if word.isalpha() and _is_foreign(word))
    if foreign * 3 > letters:
        return "other"
    tokens = [word for word in words if len(word) > 1]
    tables = _foreign_function_words()
    english = sum(t in tables["en"] for t in tokens)
    best = max(
        sum(t in words for t in tokens) for language, words in tables.items() if language != "en"
    )
    if best >= 2 and best > english:
        return "other"
    return "en" if english else "unknown"


def _is_foreign(word: str) -> bool:
    """Written in another script, and not merely with letters that look Latin."""
    if any(ord(c) < 0x2B0 or 0x1D00 <= ord(c) < 0x2000 for c in word):
        return False
    return not all(c in _STRONG_LOOK_ALIKES or ord(c) >= 0x1F000 for c in word)
