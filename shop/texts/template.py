"""The writer that is always there: true sentences from the evidence alone, the same facts giving the same text."""

from __future__ import annotations

import string
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

from scoring.types import ReasonKind
from shop.texts.facts import DATED, elapsed
from shop.texts.sanitize import LONGEST_LABEL, safe_name
from shop.texts.wording import wording_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shop.texts.facts import Fact, InsightTask, ItemTask, ProductFacts
    from shop.texts.wording import Wording

_SENTENCES = 3
_FEWEST_TIMES = 2  # from which on a number says something: "once" is what "before" says
_SOON_DAYS = 3


def explain_item(item: ItemTask, language: str) -> str:
    """One to three sentences; every number and product in them is in the item's facts."""
    wording = wording_for(language)
    sentences: list[str] = []
    for position, fact in enumerate(_chosen(item.facts)):
        # The position keeps two facts of one kind from being put in the same words.
        choice = zlib.crc32(f"{item.product.name}|{fact.kind}".encode()) + position
        sentence = _fill(wording.reasons[fact.kind], _fact_fields(fact, wording), choice)
        if sentence and sentence not in sentences:
            sentences.append(sentence)
    if not sentences:
        sentences.append(wording.opening)
    if len(sentences) < 2 and (closing := _closing(item.product, wording, stated=sentences[0])):
        sentences.append(closing)
    return " ".join(sentences)


def describe_shopper(task: InsightTask) -> str:
    """One sentence on a shopper's taste, from the profile's own numbers."""
    wording = wording_for(task.language)
    fields: dict[str, str] = {}
    categories = [_label(name) for name, count in task.categories if count >= _FEWEST_TIMES]
    if any(categories):
        fields["categories"] = wording.listing([label for label in categories if label][:3])
    if task.brands and task.brands[0][1] >= _FEWEST_TIMES:
        fields["brand"] = _label(task.brands[0][0])
    fields["price"] = task.average_price
    tastes = [label for taste in task.tastes if (label := _label(taste))]
    if tastes:
        fields["tastes"] = wording.listing(tastes[:3])
    return _fill(wording.insights, _known(fields), 0)


def _chosen(facts: Iterable[Fact]) -> list[Fact]:
    """One fact of each kind first, in their order, then the rest: variety says more than three pairs."""
    first: dict[ReasonKind, Fact] = {}
    rest: list[Fact] = []
    for fact in facts:
        if fact.kind in first:
            rest.append(fact)
        else:
            first[fact.kind] = fact
    kinds = list(first.values())
    return (kinds if len(kinds) > 1 else kinds + rest[:1])[:_SENTENCES]


def _fact_fields(fact: Fact, wording: Wording) -> dict[str, str]:
    """All that a message on this fact may name; what is unknown or would mislead is left out."""
    fields = {"partner": safe_name(fact.product_name or ""), "label": _label(fact.label or "")}
    if fact.count is not None and fact.count > 0:
        wanted = frozenset[str]().union(*map(_names, wording.reasons[fact.kind]))
        fields |= {name: wording.unit(name, fact.count) for name in wanted & {"shoppers_have", "rhythm"}}
        if fact.count >= _FEWEST_TIMES:
            fields["times"] = wording.unit("times", fact.count)
    if fact.value is not None and fact.value >= 0 and fact.kind in DATED:
        unit, count = elapsed(fact.value)
        fields["ago"] = wording.unit(f"{unit}_ago", count)
    if fact.kind is ReasonKind.DUE_AGAIN and fact.value is not None and fact.value <= _SOON_DAYS:
        fields["soon"] = wording.unit("soon", 0)
    return _known(fields)


def _closing(product: ProductFacts, wording: Wording, stated: str) -> str:
    """What the product is, as far as it is not stated yet."""
    size = product.package_size if any(letter.isdigit() for letter in product.package_size) else ""
    fields = {"brand": product.brand, "category": product.category, "size": size}
    labels = _known({name: _label(text) for name, text in fields.items()})
    unstated = {name: text for name, text in labels.items() if text not in stated}
    return _fill(wording.closings, unstated, zlib.crc32(product.name.encode()))


def _label(text: str) -> str:
    return safe_name(text, LONGEST_LABEL)


def _known(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in fields.items() if text}


def _fill(messages: Sequence[str], fields: Mapping[str, str], choice: int) -> str:
    """A message that uses as many of the known fields as any; among equals, `choice` picks. Empty if none fits."""
    usable = [message for message in messages if _names(message) <= fields.keys()]
    if not usable:
        return ""
    richest = max(len(_names(message)) for message in usable)
    best = [message for message in usable if len(_names(message)) == richest]
    return best[choice % len(best)].format_map(fields)


@lru_cache(maxsize=1_000)
def _names(message: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(message) if name)
