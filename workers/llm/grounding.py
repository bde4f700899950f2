"""Checks a model's text against the facts it was given, before anybody reads it.

What is checked: every number; names of the list's other products; statements about behaviour, demand and offers that
need evidence of a kind; links, markup and length. What is not: whether a right number stands for the right thing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scoring.types import ReasonKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from workers.llm.protocol import ExplanationTask, InsightTask, ItemTask

_SHORTEST, _LONGEST = 15, 700  # characters
_DIGITS = re.compile(r"\d+(?:[.,’'\u00a0\u202f]\d+)*")
_SEPARATORS = re.compile(r"[.,’'\u00a0\u202f]")
_MARKUP = re.compile(
    r"<\s*[/!a-z]|\*\*|__|`|^\s*(?:#|[-*•]\s)|\[[^\]]*\]\([^)]*\)|[\x00-\x1f\x7f]", re.IGNORECASE | re.MULTILINE
)
_LINK = re.compile(r"https?:|www\.|\b\w+@\w+|\b[a-z0-9-]+\.(?:com|net|org|io|shop|info|biz|app|co)\b", re.IGNORECASE)

# Written numbers that claim something; "one" and "two" are too often mere words.
_NUMBER_WORDS: dict[str, dict[str, int]] = {
    "en": {
        "twice": 2, "double": 2, "doubled": 2, "thrice": 3, "triple": 3, "tripled": 3, "three": 3, "four": 4, "five": 5,
        "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "dozen": 12, "dozens": 12,
        "twenty": 20, "fifty": 50, "hundred": 100, "hundreds": 100, "thousand": 1000, "thousands": 1000,
        "million": 1_000_000, "millions": 1_000_000,
    }
}  # fmt: skip

_K = ReasonKind
_OWN_PURCHASES = frozenset({_K.SAME_CATEGORY, _K.SAME_BRAND, _K.BUY_AGAIN})
_DEMAND = frozenset({_K.POPULAR, _K.SHOPPERS_LIKE_YOU, _K.TRENDING, _K.BOUGHT_TOGETHER})
_OFFERS = (
    r"\b(?:best[- ]?sell\w*|top[- ]rated|rated|reviews?|stars?|award\w*|discount\w*|on sale|coupon\w*|half price|"
    r"free (?:shipping|delivery|of charge)|cheapest|guarantee\w*|in stock|limited time|hurry|click here)\b"
)
# A statement, and the kinds of evidence of which one must be there; none: no evidence can carry it.
_CLAIMS: dict[str, tuple[tuple[re.Pattern[str], frozenset[ReasonKind]], ...]] = {
    "en": tuple(
        (re.compile(pattern, re.IGNORECASE), kinds)
        for pattern, kinds in (
            (r"\byou(?:['’]ve| have| had)?(?: \w+)? (?:bought|purchased|ordered)\b", _OWN_PURCHASES),
            (
                r"\byou(?:['’]ve| have)?(?: \w+)? (?:viewed|looked at|browsed|clicked)\b",
                frozenset({_K.RECENTLY_VIEWED, _K.SAME_CATEGORY, _K.SAME_BRAND}),
            ),
            (r"\byou(?:['’]ve| have)?(?: \w+)? (?:told|said|stated|named)\b", frozenset({_K.STATED_TASTE})),
            (r"\b(?:trending|on the rise|surging)\b", frozenset({_K.TRENDING})),
            (r"\b(?:popular|favou?rite of)\b", _DEMAND),
            (r"\bshop\b(?: \w+){0,2} (?:chose|chosen|picked|selected|put)\b", frozenset({_K.PROMOTED})),
            (r"\b(?:chosen|picked|selected|put here) by the shop\b", frozenset({_K.PROMOTED})),
            (
                (
                    r"\b(?:(?:chosen|picked|selected|made|right|just|perfect|personali[sz]ed) for you"
                    r"|your (?:taste|habits|preferences|style|interests|history|needs)"
                    r"|you(?:['’]ll| will| may| might)? (?:like|love|enjoy|prefer|often|usually|always|tend))\b"
                ),
                frozenset(_K) - {_K.PROMOTED},
            ),
            (_OFFERS, frozenset()),
        )
    )
}


@dataclass(frozen=True, slots=True)
class Grounds:
    """All that a text may mention."""

    language: str
    numbers: frozenset[float]
    names: tuple[str, ...]  # products, brands, categories, tastes, price and size, longest first
    kinds: frozenset[ReasonKind]
    foreign: tuple[str, ...] = ()  # products of the list's other items


def explanation_grounds(task: ExplanationTask) -> list[Grounds]:
    """What each item's text may mention, in the order of the items."""
    every = {name for item in task.items for name in _products(item)}
    return [_item_grounds(task, item, every) for item in task.items]


def insight_grounds(task: InsightTask) -> Grounds:
    """What the sentence on a shopper may mention."""
    counts = [count for _, count in (*task.categories, *task.brands)] + [task.order_count]
    names = _longest_first([name for name, _ in (*task.categories, *task.brands)] + [task.average_price, *task.tastes])
    return Grounds(task.language, _numbers(counts, names), names, _OWN_PURCHASES | {_K.STATED_TASTE})


def check(text: str, grounds: Grounds) -> list[str]:
    """What is wrong with the text, in words for a log; empty when it may be shown."""
    problems = []
    if not _SHORTEST <= len(text) <= _LONGEST:
        problems.append(f"length {len(text)}")
    if _MARKUP.search(text):
        problems.append("markup")
    rest = _without(text, grounds.names)
    if _LINK.search(rest):
        problems.append("link")
    problems += [f"number {written}" for written, value in _written(rest, grounds) if value not in grounds.numbers]
    problems += [f"other product {name}" for name in grounds.foreign if _mention(name).search(rest)]
    return problems + _unproved_claims(rest, grounds)


def _item_grounds(task: ExplanationTask, item: ItemTask, every: set[str]) -> Grounds:
    product = item.product
    own = _products(item)
    labels = [fact.label for fact in item.facts if fact.label]
    details = [product.brand, product.category, product.price, product.package_size]
    names = _longest_first([*own, *labels, *details, *task.shopper.recent_categories, *task.shopper.tastes])
    values = [number for fact in item.facts for number in (fact.count, fact.value) if number is not None]
    # One-word names ("Bananas") are also plain words, so their use proves nothing.
    foreign = tuple(sorted(name for name in every - set(own) if len(name.split()) > 1))
    return Grounds(task.language, _numbers(values, names), names, frozenset(fact.kind for fact in item.facts), foreign)


def _products(item: ItemTask) -> list[str]:
    return [item.product.name, *(fact.product_name for fact in item.facts if fact.product_name)]


def _longest_first(names: Iterable[str]) -> tuple[str, ...]:
    plain = {" ".join(name.split()) for name in names}
    return tuple(sorted((name for name in plain if name), key=lambda name: (-len(name), name)))


def _numbers(values: Iterable[float], names: Iterable[str]) -> frozenset[float]:
    """The values as they may be rounded, shares also as percentages, and the numbers inside the names."""
    allowed = {rounded for value in values for rounded in _readings(value)}
    for name in names:
        allowed.update(_parsed(match[0]) for match in _DIGITS.finditer(name))
    return frozenset(allowed)


def _readings(value: float) -> Iterator[float]:
    for digits in (0, 1, 2):
        yield float(round(value, digits))
        if 0 < value <= 1:
            yield float(round(value * 100, digits))


def _written(text: str, grounds: Grounds) -> Iterator[tuple[str, float]]:
    """Each number in the text, as it is written and what it means."""
    for match in _DIGITS.finditer(text):
        yield match[0], _parsed(match[0])
    words = _NUMBER_WORDS.get(_primary(grounds.language), {})
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        if word in words:
            yield word, float(words[word])


def _parsed(digits: str) -> float:
    """The number as it stands; which separator a language uses does not matter, groups of three are thousands."""
    first, *rest = _SEPARATORS.split(digits)
    if all(len(group) == 3 for group in rest):
        return float(first + "".join(rest))
    return float(f"{first}{''.join(rest[:-1])}.{rest[-1]}")


def _unproved_claims(text: str, grounds: Grounds) -> list[str]:
    claims = _CLAIMS.get(_primary(grounds.language), ())
    found = ((pattern.search(text), kinds) for pattern, kinds in claims)
    return [f"claim {match[0]}" for match, kinds in found if match and not kinds & grounds.kinds]


def _without(text: str, names: Iterable[str]) -> str:
    for name in names:
        text = _mention(name).sub(" · ", text)
    return text


def _mention(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", re.IGNORECASE)


def _primary(language: str) -> str:
    return language.lower().split("-")[0]
