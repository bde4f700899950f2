"""Text as search compares it: one function for what is stored and for what is asked.

Folded are case (also Turkish ı and İ, and ß), accents, width, ligatures and the ways in which Unicode can write one
letter. Scripts that put no spaces between words are cut into single characters and pairs of neighbours.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

LONGEST_WORD = 64  # characters; what is longer is cut at both ends alike

# Accents, Hebrew points, Arabic vowel signs: written or not, the word is the same. Signs of other scripts are letters.
_ACCENTS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_UNSEEN = "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ud800-\udfff"
_DROPPED = re.compile(f"[{_ACCENTS}{_UNSEEN}]")
# Letters that Unicode does not take apart into a letter and its accent, and letters that are typed for each other.
_LETTERS = str.maketrans(
    {
        "ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ŧ": "t", "ŋ": "n",
        "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ـ": "",
    }
)  # fmt: skip
_MARKS = "".join(sign for sign in map(chr, range(0x300, 0x2000)) if unicodedata.category(sign).startswith("M"))
_WORD = rf"[^\W_](?:[^\W_]|[{_MARKS}])*"
_COMPOUND = re.compile(rf"{_WORD}(?:[-_'’.&/+·]{_WORD})*")  # as T-shirt, l'eau, M&M, 14.5, AB/12-X
_PART = re.compile(_WORD)
_NUMBER_AND_UNIT = re.compile(r"(\d+)([^\W\d_]+)|([^\W\d_]+)(\d+)")
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7ff\U00020000-\U0003ffff"
)
_RUN = re.compile(f"([{_UNSPACED}]+)|([^{_UNSPACED}]+)")
_PLURAL = re.compile(r"[a-z]{2,}[a-hj-rtv-z]s")


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a text, and the forms under which it may stand elsewhere."""

    word: str
    also: tuple[str, ...] = ()  # T-shirt: `t` and `shirt`, each also `tshirt`; olives: also `olive`
    unspaced: bool = False  # a piece of a script without spaces, not a word


def fold(text: str) -> str:
    """Letters that a shopper takes for the same become the same. Folding twice changes nothing."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFKC", _DROPPED.sub("", apart).translate(_LETTERS))


def tokens(text: str) -> list[Token]:
    """The words of a text in its order, folded."""
    return [token for compound in _COMPOUND.findall(fold(text)) for token in _tokens_of(compound)]


def words(text: str) -> list[str]:
    """Every form under which a word of this text is to be found, none twice."""
    return list(dict.fromkeys(chain.from_iterable(map(_forms, _COMPOUND.findall(fold(text))))))


def _forms(compound: str) -> tuple[str, ...]:
    """Words repeat and are kept; what is written without spaces hardly ever does, and has many forms."""
    short = compound.isascii() and len(compound) <= LONGEST_WORD
    return _kept_forms(compound) if short else _stored_forms(compound)


def _stored_forms(compound: str) -> tuple[str, ...]:
    """Of scripts without spaces also the single characters: a search may have just one."""
    forms = ((token.word, *(token.word if token.unspaced else token.also)) for token in _tokens_of(compound))
    return tuple(chain.from_iterable(forms))


_kept_forms = lru_cache(maxsize=50_000)(_stored_forms)


def key(text: str) -> str:
    """The letters and digits alone: equal for texts that differ in case, accents, spaces and punctuation."""
    return "".join(_PART.findall(fold(text)))


def _tokens_of(compound: str) -> tuple[Token, ...]:
    pieces = [piece for part in _PART.findall(compound) for piece in _RUN.findall(part)]
    if not any(unspaced for unspaced, _ in pieces):
        return _of_words([word for _, word in pieces])
    found = (_of_unspaced(unspaced) if unspaced else _of_words([word]) for unspaced, word in pieces)
    return tuple(chain.from_iterable(found))


def _of_unspaced(text: str) -> tuple[Token, ...]:
    pairs = [text[start : start + 2] for start in range(len(text) - 1)]
    return tuple(Token(pair, unspaced=True) for pair in pairs or [text])


def _of_words(compound: list[str]) -> tuple[Token, ...]:
    parts = [part for word in compound for part in _number_and_unit(word)]
    whole = "".join(parts)[:LONGEST_WORD]
    return tuple(Token(part[:LONGEST_WORD], _other_forms(part, whole)) for part in parts)


def _number_and_unit(word: str) -> list[str]:
    found = _NUMBER_AND_UNIT.fullmatch(word)
    return [part for part in found.groups() if part] if found else [word]


def _other_forms(part: str, whole: str) -> tuple[str, ...]:
    word = part[:LONGEST_WORD]
    forms = (whole, *_singulars(word), *_singulars(whole))
    return tuple(form for form in dict.fromkeys(forms) if form != word)


def _singulars(word: str) -> tuple[str, ...]:
    """What may be the word without the plural -s of English, French, Spanish and others."""
    if not _PLURAL.fullmatch(word):
        return ()
    if word.endswith("ies"):
        return word[:-1], f"{word[:-3]}y"
    if word.endswith(("oes", "ches", "shes", "xes", "zes", "sses")):
        return word[:-1], word[:-2]
    return (word[:-1],)
