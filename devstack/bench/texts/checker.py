"""Finds products, brands and numbers in shown texts that are not in their evidence.

It shares no code with the check that texts pass before they are shown (`workers.llm`), so that one may judge the other.
That one accepts what the evidence allows; this one starts from all names of the catalogue and looks for them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scoring.types import ReasonKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shop.entities.catalog import Product
    from shop.entities.evidence import Evidence

Words = tuple[str, ...]

_DATED = frozenset({ReasonKind.BUY_AGAIN, ReasonKind.RECENTLY_VIEWED})

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
# "One" and "two" are left out: as words they rarely count anything ("the two match").
_NUMBERS = {
    "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0, "eight": 8.0, "nine": 9.0,
    "ten": 10.0, "twice": 2.0, "thrice": 3.0, "dozen": 12.0, "hundred": 100.0, "thousand": 1000.0, "million": 1e6,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ungrounded:
    """What a text mentions and its evidence does not."""

    products: tuple[str, ...]
    brands: tuple[str, ...]
    numbers: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.products or self.brands or self.numbers)


class Checker:
    """Searches for names of products, whole and without what follows a comma or a bracket, and for brands."""

    def __init__(self, products: Mapping[str, Product], categories: Mapping[str, str]) -> None:
        """`categories` are names by id."""
        self._products = products
        self._categories = categories
        names = {product.name for product in products.values()}
        self._names = _index(names | {re.split(r"[,(]", name)[0] for name in names}, min_words=2)
        self._brands = _index({product.brand for product in products.values()}, min_words=1)

    def ungrounded(
        self, text: str, product_id: str, evidence: Iterable[Evidence], shopper: Iterable[str]
    ) -> Ungrounded:
        """`shopper` is what the writer was told of the shopper: names of categories and stated tastes."""
        facts = tuple(evidence)
        known = [_words(line) for line in (*self._lines(product_id, facts), *shopper)]
        words = _words(text)
        allowed = set(_values(known)) | {reading for fact in facts for reading in _readings(fact)}
        return Ungrounded(
            tuple(" ".join(name) for name in _names_in(words, self._names) if not _is_in(name, known)),
            tuple(" ".join(name) for name in _names_in(words, self._brands) if not _is_in(name, known)),
            tuple(word for word in words if (value := _value(word)) is not None and value not in allowed),
        )

    def _lines(self, product_id: str, facts: tuple[Evidence, ...]) -> Iterator[str]:
        """All that is known in words of the product and its evidence."""
        product = self._products[product_id]
        yield from (product.name, product.brand, product.package_size, product.description)
        yield from (self._categories.get(id_, id_) for id_ in product.category_path)
        if product.price is not None:
            yield str(product.price.amount)
        for fact in facts:
            if fact.product_id is not None and fact.product_id in self._products:
                yield self._products[fact.product_id].name
            if fact.label is not None:
                yield self._categories.get(fact.label, fact.label)


def _words(text: str) -> Words:
    return tuple(_WORD.findall(text.lower()))


def _index(names: Iterable[str], min_words: int) -> Mapping[str, frozenset[Words]]:
    """Names of so many words by their first one."""
    found: dict[str, set[Words]] = defaultdict(set)
    for words in map(_words, names):
        if len(words) >= min_words:
            found[words[0]].add(words)
    return {first: frozenset(group) for first, group in found.items()}


def _names_in(words: Words, index: Mapping[str, frozenset[Words]]) -> Iterator[Words]:
    """The longest name at each position of the text."""
    for at, word in enumerate(words):
        here = [name for name in index.get(word, ()) if words[at : at + len(name)] == name]
        if here:
            yield max(here, key=len)


def _is_in(name: Words, known: Iterable[Words]) -> bool:
    return any(line[at : at + len(name)] == name for line in known for at in range(len(line) - len(name) + 1))


def _values(lines: Iterable[Words]) -> Iterator[float]:
    return (value for line in lines for word in line if (value := _value(word)) is not None)


def _value(word: str) -> float | None:
    """The number that a word stands for: a comma before three digits groups, elsewhere it is a decimal point."""
    if not word[0].isdigit():
        return _NUMBERS.get(word)
    plain = re.sub(r",(?=\d{3}(?:\D|$))", "", word)
    whole, *rest = re.split(r"[.,]", plain)
    return float(f"{whole}.{''.join(rest)}" if rest else whole)


def _readings(fact: Evidence) -> Iterator[float]:
    """Count and value as a text may round them, a share also in percent, a time ago also in longer units."""
    if fact.kind in _DATED and fact.value is not None:
        yield from (float(round(fact.value / days)) for days in (7, 30.44, 365.25))
    for number in (fact.count, fact.value):
        if number is not None:
            for scaled in (number, number * 100) if 0 < number <= 1 else (number,):
                yield from (float(round(scaled, digits)) for digits in (0, 1, 2))
