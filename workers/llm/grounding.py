"""Checks a model's text against the facts that it was given, before it is shown.

What is checked, in each language that texts are written in: every number, in digits or words, with its unit; names of
other products and brands; statements about behaviour, demand and offers that need evidence of a kind; the language
itself; links, markup, hidden characters, sentences and length. What is not: whether a right number stands for the right
thing, and in German, where all nouns are capital, an unknown name that looks like a noun.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from scoring.types import ReasonKind
from shop.texts.sanitize import LINK, has_hidden_characters, visible
from workers.llm.grounds import DIGITS, PHRASES, PURCHASES, parsed, stems
from workers.llm.lexicon import LEXICONS, NEVER, NEW, QUALITIES, Claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from workers.llm.grounds import Grounds, Phrase

_SHORTEST, _LONGEST = 15, 700  # characters
_WORD = re.compile(r"[^\W\d_]+")
_MARKUP = re.compile(
    r"<\s*[/!a-z]|\*\*|__|`|^\s*(?:#|[-*•]\s)|\[[^\]]*\]\([^)]*\)|[{}\x00-\x1f\x7f]", re.IGNORECASE | re.MULTILINE
)
_PERCENT = re.compile(r"\s*(?:%|percent\b|prozent\b|pour cent\b|por ciento\b)", re.IGNORECASE)
_PERCENT_BEFORE = re.compile(r"(?:%|yüzde)\s*$", re.IGNORECASE)
_QUOTES = "\"'“”„‘’«»"
_MONEY = re.compile(
    r"\s*(?:[$€£₺¥]|(?:usd|eur|gbp|euros?|dollars?|dólares|dolar|pounds?|tl|try|lira)\b)", re.IGNORECASE
)
_MONEY_BEFORE = re.compile(r"[$€£₺¥]\s*$")
_SENTENCE_END = re.compile(r"[.!?]+[\"'”’»)\]]*(?=\s|$)")
_ABBREVIATION = re.compile(
    r"(?:\b\w|\b(?:ca|approx|no|nr|env|aprox|vs|etc|bzw|oz|lb|ct|pk|fl|yakl|mr|mrs|dr|st))\.$", re.IGNORECASE
)
_NAME_MARK = " · "
# Kinds of problems, as their words name them.
_KIND = re.compile(
    r"length|hidden characters|markup|link|symbols|sentences|another script|language|number|other product|name|claim"
)

_K = ReasonKind
_CROWD = frozenset({_K.BOUGHT_TOGETHER, _K.ALSO_BOUGHT, _K.SHOPPERS_LIKE_YOU, _K.POPULAR, _K.TRENDING})
# For each claim, the kinds of evidence of which one must be there; none: no evidence can support it.
_SUPPORT: dict[Claim, frozenset[ReasonKind]] = {
    Claim.BOUGHT: PURCHASES,
    Claim.VIEWED: frozenset({_K.RECENTLY_VIEWED}),
    Claim.LIKED: frozenset({_K.STATED_TASTE}),
    Claim.ACTED: frozenset(),
    Claim.STATED: frozenset({_K.STATED_TASTE}),
    Claim.PERSONAL: frozenset(_K) - {_K.PROMOTED, _K.CATALOGUE},
    Claim.TREND: frozenset({_K.TRENDING}),
    Claim.LIKE_YOU: frozenset({_K.SHOPPERS_LIKE_YOU}),
    Claim.OTHERS: _CROWD,
    Claim.SHOP_CHOICE: frozenset({_K.PROMOTED}),
}


def check(text: str, grounds: Grounds) -> list[str]:
    """What is wrong with the text, in words for the model; empty when it may be shown."""
    problems = []
    if not _SHORTEST <= len(text) <= _LONGEST:
        problems.append(f"length {len(text)}")
    if has_hidden_characters(text):
        problems.append("hidden characters")
    folded = unicodedata.normalize("NFKC", visible(text))
    if _MARKUP.search(text):
        problems.append("markup")
    rest = _without(folded, grounds.names)
    if LINK.search(rest) or "@" in rest:
        problems.append("link")
    if _has_symbols(rest):
        problems.append("symbols that are not text")
    problems += _wrong_form(rest, grounds)
    problems += _unsupported_numbers(rest, grounds)
    problems += [f"other product {name}" for name in grounds.foreign if _mention(name).search(rest)]
    problems += [f"name {word}" for word in _unknown_names(rest, grounds)]
    problems += [f"other product {' '.join(phrase)}" for phrase in _other_shelves(rest, grounds)]
    return problems + _unsupported_claims(rest, grounds)


def kind_of(problem: str) -> str:
    """The problem for a log: without the words of the text that it repeats."""
    found = _KIND.search(problem)
    return found[0] if found else "other"


def count_sentences(text: str) -> int:
    """Sentences of a text, abbreviations aside."""
    ends = 0
    for match in _SENTENCE_END.finditer(text):
        following = text[match.end() :].lstrip()
        starts = not following or not following[0].islower()
        if starts and not (following and _ABBREVIATION.search(text[: match.start() + 1])):
            ends += 1
    return ends + (not _SENTENCE_END.search(text.rstrip()[-3:]))


def language_of(text: str) -> str | None:
    """The language whose function words the text uses; None when that is not clear."""
    (first, most), (_, second) = _function_words(text).most_common(2)
    return first if most >= 3 and most >= 2 * second + 1 else None


def in_language(text: str, grounds: Grounds) -> bool:
    """Whether a text, its names aside, is in the language that was asked for, as far as can be told."""
    return _is_in_language(_without(unicodedata.normalize("NFKC", text), grounds.names), grounds.language)


def _is_in_language(rest: str, language: str) -> bool:
    if not _function_words(rest)[language] and len(_WORD.findall(rest)) >= 8:
        return False
    return language_of(rest) in {None, language}


def _function_words(text: str) -> Counter[str]:
    words = [word.lower() for word in _WORD.findall(text)]
    return Counter({language: sum(word in own for word in words) for language, own in _distinctive_words().items()})


@lru_cache
def _distinctive_words() -> dict[str, frozenset[str]]:
    """Each language's function words that no other one has."""
    languages_with = Counter(word for lexicon in LEXICONS.values() for word in lexicon.function_words)
    return {
        language: frozenset(word for word in lexicon.function_words if languages_with[word] == 1)
        for language, lexicon in LEXICONS.items()
    }


def _other_shelves(rest: str, grounds: Grounds) -> list[Phrase]:
    """What the shop sells elsewhere, named in plain words; words of the item's own names are its own."""
    words = stems(rest)
    phrases = {tuple(words[at : at + size]) for size in PHRASES for at in range(len(words) - size + 1)}
    return sorted(phrase for phrase in phrases & grounds.shelves if not grounds.own.issuperset(phrase))


def _wrong_form(rest: str, grounds: Grounds) -> Iterator[str]:
    """Too few or many sentences, or another language than the one that was asked for."""
    least, most = grounds.sentences
    count = count_sentences(rest)
    if not least <= count <= most:
        yield f"{count} sentences instead of {least}" + (f" to {most}" if most > least else "")
    if any(not _is_latin(char) for char in rest if char.isalpha()):
        yield "letters of another script"
    if not _is_in_language(rest, grounds.language):
        yield f"language {language_of(rest) or 'unknown'} instead of {grounds.language}"


def _unsupported_numbers(rest: str, grounds: Grounds) -> Iterator[str]:
    pairs = _named_pairs(grounds.names)
    for match in DIGITS.finditer(rest):
        value, before, after = parsed(match[0]), rest[: match.start()], rest[match.end() :]
        if not _is_supported(value, before, after, grounds) and not pairs & _beside(value, before, after):
            yield f"number {match[0]}"
    for number in grounds.lexicon.written_numbers(rest):
        after = rest[number.end :]
        if number.ambiguous and grounds.lexicon.unit_after(after) is None:
            continue
        if not _is_supported(number.value, "", after, grounds):
            yield f"number {number.text}"


def _is_supported(value: float, before: str, after: str, grounds: Grounds) -> bool:
    """Whether the evidence has this number with the unit that the words around it name."""
    if _PERCENT.match(after) or _PERCENT_BEFORE.search(before):
        return False
    if _MONEY.match(after) or _MONEY_BEFORE.search(before):
        return value in grounds.prices
    unit = grounds.lexicon.unit_after(after)
    if unit is not None:
        return (unit, value) in grounds.measured
    return value in grounds.numbers or value in grounds.prices


@lru_cache(maxsize=1_000)
def _named_pairs(names: tuple[str, ...]) -> frozenset[tuple[float, str]]:
    """The numbers inside names with the word beside them: "1 gal" says nothing about 1 of anything else."""
    return frozenset(
        pair
        for name in names
        for match in DIGITS.finditer(name)
        for pair in _beside(parsed(match[0]), name[: match.start()], name[match.end() :])
    )


def _beside(value: float, before: str, after: str) -> frozenset[tuple[float, str]]:
    following = re.match(r"[\s-]*(%|[^\W\d_]+)", after)
    leading = re.search(r"([^\W\d_]+)[\s-]*$", before)
    words = ((following, ">"), (leading, "<"))
    return frozenset((value, side + match[1].lower()) for match, side in words if match)


def _unsupported_claims(text: str, grounds: Grounds) -> list[str]:
    problems = []
    for claim, pattern in grounds.lexicon.patterns:
        match = pattern.search(text)
        if match and not _supports(grounds, claim):
            problems.append(f"claim {match[0]}")
        elif match and claim is Claim.OFTEN and not grounds.often and _of_the_shopper(text, pattern, grounds):
            problems.append(f"claim {match[0]} of the shopper")
    problems += [f"claim {match[0]}" for match in NEVER.finditer(text)][:3]
    named = " ".join(grounds.names)
    for quality in QUALITIES:
        match = quality.search(text)
        excused = quality.search(named) or (quality is NEW and _K.EXPLORATION in grounds.kinds)
        if match and not excused:
            problems.append(f"claim {match[0]}")
    return problems


def _of_the_shopper(text: str, often: re.Pattern[str], grounds: Grounds) -> bool:
    """Whether a sentence that says "often" is on what the shopper bought."""
    bought = next(pattern for claim, pattern in grounds.lexicon.patterns if claim is Claim.BOUGHT)
    return any(often.search(sentence) and bought.search(sentence) for sentence in _SENTENCE_END.split(text))


def _supports(grounds: Grounds, claim: Claim) -> bool:
    if claim is Claim.OFTEN:
        return grounds.often or grounds.others_often
    if claim is Claim.USUAL:
        return grounds.often or _K.DUE_AGAIN in grounds.kinds
    if claim is Claim.POPULAR:
        return grounds.popular
    return bool(_SUPPORT[claim] & grounds.kinds)


def _unknown_names(rest: str, grounds: Grounds) -> Iterator[str]:
    """Capital words inside a sentence that no name of the evidence has. In German: only such as are no nouns."""
    lexicon = grounds.lexicon
    known = {word for name in grounds.names for word in _WORD.findall(name.lower())}
    for match in _WORD.finditer(rest):
        word = match[0]
        if lexicon.capital_nouns:
            suspicious = word[1:] != word[1:].lower() or (
                word[0].isupper() and rest[: match.start()].endswith("Marke ")
            )
        else:
            suspicious = word[0].isupper() and not _starts_sentence(rest[: match.start()])
        if suspicious and not _is_known(word.lower(), known | lexicon.polite):
            yield word


def _starts_sentence(before: str) -> bool:
    left = before.rstrip().rstrip("\"'“„«‘(¿¡").rstrip()
    return not left or left[-1] in ".!?:"


def _is_known(word: str, known: Iterable[str]) -> bool:
    """Endings aside: "bananas" for "banana"."""
    long = [name for name in known if len(name) >= 4] if len(word) >= 4 else []
    return word in known or any(name.startswith(word[:-1]) or word.startswith(name) for name in long)


def _has_symbols(text: str) -> bool:
    """Emoji and the like; of the symbols only those of money and arithmetic are text."""
    return any(unicodedata.category(char) == "So" and char not in "°®©™" for char in text)


@lru_cache(maxsize=2_000)
def _is_latin(char: str) -> bool:
    name = unicodedata.name(char, "")
    return name.startswith("LATIN") or char in "ªºµ" or "MODIFIER LETTER" in name


def _without(text: str, names: Iterable[str]) -> str:
    for name in names:
        text = _mention(name).sub(_NAME_MARK, text)
    return text


@lru_cache(maxsize=5_000)
def _mention(name: str) -> re.Pattern[str]:
    """The name as it stands, with whatever quotation marks."""
    quoted = re.compile(f"[{_QUOTES}]")
    words = r"\s+".join(quoted.sub(f"[{_QUOTES}]", re.escape(word)) for word in name.split())
    return re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE)
