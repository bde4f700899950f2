"""The writer that is always there: true sentences from the evidence alone, the same facts giving the same text."""

from __future__ import annotations

import string
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

from shop.texts.facts import DATED, elapsed
from shop.texts.sanitize import LONGEST_LABEL, safe_name
from shop.texts.wording import wording_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scoring.types import ReasonKind
    from shop.texts.facts import Fact, InsightTask, ItemTask, ProductFacts
    from shop.texts.wording import Wording

_SENTENCES = 3
_LEAST_FACTOR = 1.1  # below it, "times as often" would say nothing, or the opposite


def explain_item(item: ItemTask, language: str) -> str:
    """Two or three sentences; every number and product in them is in the item's facts."""
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
    if len(sentences) < 2:
        sentences.append(_closing(item.product, wording, stated=sentences[0]))
    return " ".join(sentences)


def describe_shopper(task: InsightTask) -> str:
    """One sentence on a shopper's taste, from the profile's own numbers."""
    wording = wording_for(task.language)
    fields: dict[str, str] = {}
    categories = [(label, count) for name, count in task.categories if (label := _label(name))]
    if categories:
        parts = [f"{label} ({wording.unit('purchases', count)})" for label, count in categories[:3]]
        fields["categories"] = wording.listing(parts)
    if task.brands:
        fields["brand"] = _label(task.brands[0][0])
    if task.order_count > 1:
        fields["orders"] = wording.unit("orders", task.order_count)
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
        fields |= {name: wording.unit(name, fact.count) for name in wanted & {"times", "shoppers_have", "rhythm"}}
    if fact.value is not None:
        fields |= _value_fields(fact.kind, fact.value, wording)
    return _known(fields)


def _value_fields(kind: ReasonKind, value: float, wording: Wording) -> dict[str, str]:
    """The value as days, or as a factor and a share; a message names the one that its reason means."""
    if kind in DATED:
        unit, count = elapsed(value)
        return {"ago": wording.unit(f"{unit}_ago", count)} if value >= 0 else {}
    fields: dict[str, str] = {}
    if value >= _LEAST_FACTOR:
        fields["factor"] = wording.number(round(value) if value >= 10 else round(value, 1))
    if 0.0001 <= value <= 1:
        fields["percent"] = wording.percent(value)
    return fields


def _closing(product: ProductFacts, wording: Wording, stated: str) -> str:
    """What the product is, as far as it is not stated yet."""
    fields = {"brand": product.brand, "category": product.category, "size": product.package_size}
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
