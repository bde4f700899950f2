"""All that a text may mention, read from the facts that it is written from."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from scoring.types import ReasonKind
from shop.texts.facts import CROWD, DATED, OFTEN, elapsed, rhythm
from shop.texts.sanitize import LONGEST_LABEL, LONGEST_NAME, safe_name, sanitize, visible
from shop.texts.wording import text_language
from workers.llm.lexicon import LEXICONS, QUALITIES, Lexicon, Unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from workers.llm.protocol import ExplanationTask, Fact, InsightTask, ItemTask

Phrase = tuple[str, ...]
PHRASES = range(2, 5)  # words
DIGITS = re.compile(r"\d+(?:[.,’']\d+|[\u00a0\u202f ]\d{3}(?!\d))*")
_SEPARATORS = re.compile(r"[.,’'\u00a0\u202f ]")
_WORD = re.compile(r"[^\W\d_]+")
_LISTED = re.compile(r"[/,&>›()]| - ")

_K = ReasonKind
PURCHASES = frozenset({_K.SAME_CATEGORY, _K.SAME_BRAND, _K.BUY_AGAIN, _K.DUE_AGAIN})  # rest on what the shopper bought
# Their count is one of people.
_PEOPLE = frozenset({_K.SHOPPERS_LIKE_YOU, _K.POPULAR, _K.BOUGHT_TOGETHER, _K.ALSO_BOUGHT})
_TIMES = frozenset({_K.SAME_CATEGORY, _K.SAME_BRAND, _K.BUY_AGAIN})  # their count is one of times


@dataclass(frozen=True, slots=True)
class Grounds:
    """All that a text may mention."""

    language: str
    names: tuple[str, ...]  # products, brands, categories, tastes, price and size, longest first
    kinds: frozenset[ReasonKind]
    often: bool = False  # whether the shopper bought something often
    others_often: bool = False  # whether enough others did
    popular: bool = False  # whether many bought it, or more do than usual
    numbers: frozenset[float] = frozenset()
    prices: frozenset[float] = frozenset()
    measured: frozenset[tuple[Unit, float]] = frozenset()  # numbers of people, and of days, weeks … ago
    foreign: tuple[str, ...] = ()  # products of the list's other items
    shelves: frozenset[Phrase] = frozenset()  # what the shop sells, in words like "tomato sauce"
    own: frozenset[str] = frozenset()  # words of this item's own names
    sentences: tuple[int, int] = (1, 3)  # least and most

    @property
    def lexicon(self) -> Lexicon:
        return LEXICONS[self.language]


def explanation_grounds(task: ExplanationTask) -> list[Grounds]:
    """What each item's text may mention, in the order of the items."""
    listed = {name for item in task.items for name in _products(item)}
    return [_item_grounds(task, item, listed) for item in task.items]


def insight_grounds(task: InsightTask) -> Grounds:
    """What the sentence on a shopper may mention."""
    counted = (*task.categories, *task.brands)
    counts = [count for _, count in counted] + [task.order_count]
    return Grounds(
        language=text_language(task.language),
        names=_names([*(name for name, _ in counted), *task.tastes], [task.average_price]),
        kinds=(PURCHASES | {_K.STATED_TASTE}) - {_K.DUE_AGAIN},  # a profile has no rhythms
        often=any(count >= OFTEN for _, count in counted),
        numbers=frozenset(map(float, counts)),
        prices=_prices(task.average_price),
        sentences=(1, 1),
    )


def _item_grounds(task: ExplanationTask, item: ItemTask, listed: set[str]) -> Grounds:
    product = item.product
    own = _products(item)
    labels = [fact.label for fact in item.facts if fact.label]
    details = [product.brand, product.category, product.package_size]
    # A taste for what is vegan makes no product vegan.
    shopper = (*task.shopper.recent_categories, *task.shopper.tastes)
    interests = [name for name in shopper if not any(quality.search(name) for quality in QUALITIES)]
    # One-word names ("Bananas") are also plain words, so their use is no sign of another product.
    foreign = tuple(sorted(name for name in listed - set(own) if len(name.split()) > 1))
    return Grounds(
        language=text_language(task.language),
        names=_names([*own, *labels, *details, *interests], [product.price]),
        kinds=frozenset(fact.kind for fact in item.facts),
        often=any(fact.kind in _TIMES and (fact.count or 0) >= OFTEN for fact in item.facts),
        others_often=any(fact.kind in _PEOPLE and (fact.count or 0) >= OFTEN for fact in item.facts),
        popular=any(fact.kind is _K.TRENDING or _is_crowd(fact) for fact in item.facts),
        numbers=frozenset(number for fact in item.facts for number in _numbers(fact)),
        prices=_prices(product.price),
        measured=frozenset(measure for fact in item.facts for measure in _measures(fact)),
        foreign=tuple(unicodedata.normalize("NFKC", visible(name)) for name in foreign),
        shelves=_phrases(task.shelves),
        own=frozenset(word for name in (*own, *labels, *details) for word in stems(name)),
    )


@lru_cache(maxsize=8)
def _phrases(shelves: frozenset[str]) -> frozenset[Phrase]:
    """Names of two to four words; a single one ("home", "snacks") may mean anything."""
    parts = (part for name in shelves for part in _LISTED.split(name))
    return frozenset(phrase for part in parts if len(phrase := tuple(stems(part))) in PHRASES)


def stems(text: str) -> list[str]:
    words = (word.lower() for word in _WORD.findall(text))
    return [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words]


def _products(item: ItemTask) -> list[str]:
    return [item.product.name, *(fact.product_name for fact in item.facts if fact.product_name)]


def _names(untrusted: Iterable[str], own: Iterable[str]) -> tuple[str, ...]:
    """Each name as it is and as the template shortens it. One that contains more than a name does not count."""
    names = {" ".join(text.split()) for text in own}
    for text in untrusted:
        if safe_name(text):
            names |= {
                " ".join(visible(text).split()),
                *(sanitize(text, most) for most in (LONGEST_NAME, LONGEST_LABEL)),
            }
    folded = {unicodedata.normalize("NFKC", name) for name in names if name}
    return tuple(sorted(folded, key=lambda name: (-len(name), name)))


def _numbers(fact: Fact) -> Iterator[float]:
    """The fact's count, and a time ago in the unit that fits; what else a value measures is nothing to tell.

    A number of people or of days is none of times or baskets: it is told with its unit alone.
    """
    if fact.count is not None and fact.kind in _TIMES:
        yield float(fact.count)
    if fact.value is not None and fact.kind in DATED:
        yield float(elapsed(fact.value)[1])


def _is_crowd(fact: Fact) -> bool:
    return fact.kind in _PEOPLE and (fact.count or 0) >= CROWD


def _measures(fact: Fact) -> Iterator[tuple[Unit, float]]:
    if fact.count is not None and fact.kind in _PEOPLE:
        yield Unit.PEOPLE, float(fact.count)
    if fact.count is not None and fact.kind is _K.DUE_AGAIN:
        yield Unit.DAYS, float(fact.count)
        unit, count = rhythm(fact.count)
        yield Unit(unit), float(count)
    if fact.value is not None and fact.kind in DATED:
        unit, count = elapsed(fact.value)
        yield Unit(unit), float(count)
        yield from ((Unit.DAYS, float(days)) for days in (int(fact.value), int(fact.value) + 1))


def _prices(text: str) -> frozenset[float]:
    return frozenset(parsed(match[0]) for match in DIGITS.finditer(text))


def parsed(digits: str) -> float:
    """The number as it stands; which separator a language uses does not matter, groups of three are thousands."""
    first, *rest = _SEPARATORS.split(digits)
    if all(len(group) == 3 for group in rest):
        return float(first + "".join(rest))
    return float(f"{first}{''.join(rest[:-1])}.{rest[-1]}")
