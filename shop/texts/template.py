"""The writer that is always there: true sentences from the evidence alone, the same facts giving the same text."""

from __future__ import annotations

import string
from functools import lru_cache
from typing import TYPE_CHECKING

from scoring.types import ReasonKind
from shop.texts.facts import CROWD, DATED, OFTEN, SOON_DAYS, USUAL, elapsed, rhythm
from shop.texts.sanitize import LONGEST_LABEL, safe_name
from shop.texts.wording import wording_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shop.texts.facts import Fact, InsightTask, ItemTask
    from shop.texts.wording import Wording

_SENTENCES = 3
_FEWEST_TIMES = 2  # from which on a number says something: "once" is what "before" says
_STRIDE = 3  # between the wordings of one text's facts, so that the next item's first one has another
_OF_THE_PRODUCT = frozenset({ReasonKind.BUY_AGAIN, ReasonKind.DUE_AGAIN})
# What a purchase of the product implies, and what it rules out.
_IMPLIED = frozenset({ReasonKind.SAME_CATEGORY, ReasonKind.SAME_BRAND, ReasonKind.EXPLORATION})


def explain_item(item: ItemTask, language: str) -> str:
    """One to three sentences; every number and product in them is in the item's facts."""
    wording = wording_for(language)
    sentences: list[str] = []
    for position, fact in enumerate(_chosen(item.facts)):
        choice = item.turn + _STRIDE * position
        sentence = _fill(wording.reasons[fact.kind], _fact_fields(fact, wording), choice, before=sentences)
        if sentence and sentence not in sentences:
            sentences.append(sentence)
    if not sentences:
        sentences.append(wording.opening)
    if len(sentences) < 2 and (closing := _closing(item, wording, sentences)):
        sentences.append(closing)
    return " ".join(sentences)


def describe_shopper(task: InsightTask) -> str:
    """One sentence on a shopper's taste, from the profile's own numbers."""
    wording = wording_for(task.language)
    fields: dict[str, str] = {}
    if task.order_count >= _FEWEST_TIMES:
        fields["price"] = task.average_price
    categories = [label for name, count in task.categories if count >= _FEWEST_TIMES and (label := _label(name))]
    if categories:
        fields["categories"] = wording.listing(categories[:3])
    if task.brands and task.brands[0][1] >= OFTEN:
        fields["brand"] = _label(task.brands[0][0])
    tastes = [label for taste in task.tastes if (label := _label(taste))]
    if tastes:
        fields["tastes"] = wording.listing(tastes[:3])
    return _fill(wording.insights, _known(fields), 0)


def _chosen(facts: Sequence[Fact]) -> list[Fact]:
    """One fact of each kind first, in their order, then the rest: variety says more than three pairs.

    What another fact has said in other words is left out: a product that is named already, the category and the brand
    of a product that was bought. What was bought before is no discovery, and what was bought twice has no rhythm.
    """
    bought = any(fact.kind in _OF_THE_PRODUCT for fact in facts)
    times = {fact.kind: fact.count or 0 for fact in facts}
    left_out = set(_IMPLIED) if bought else set()
    if times.get(ReasonKind.BUY_AGAIN, USUAL) < USUAL:
        left_out.add(ReasonKind.DUE_AGAIN)
    first: dict[ReasonKind, Fact] = {}
    rest: list[Fact] = []
    named: set[str] = set()
    for fact in facts:
        if fact.kind in left_out or fact.product_name in named:
            continue
        named |= {fact.product_name} if fact.product_name else set()
        if fact.kind in first:
            rest.append(fact)
        else:
            first[fact.kind] = fact
    kinds = list(first.values())
    return (kinds if len(kinds) > 1 else kinds + rest[:1])[:_SENTENCES]


def _fact_fields(fact: Fact, wording: Wording) -> dict[str, str]:
    """All that a message on this fact may name; what is unknown or would mislead is left out."""
    fields = {"partner": _quotable(safe_name(fact.product_name or "")), "label": _quotable(_label(fact.label or ""))}
    if fact.count is not None and fact.count > 0:
        wanted = frozenset[str]().union(*map(_names, wording.reasons[fact.kind]))
        counted = wanted & wording.units.keys() - {"times", "soon"}
        fields |= {name: wording.unit(name, fact.count) for name in counted}
        if fact.count >= _FEWEST_TIMES:
            fields["times"] = wording.unit("times", fact.count)
        if fact.kind is ReasonKind.DUE_AGAIN:
            unit, count = rhythm(fact.count)
            fields["rhythm"] = wording.unit(f"{unit}_rhythm", count)
        if fact.count >= CROWD:
            fields["crowd_have"] = wording.unit("shoppers_have", fact.count)
    if fact.value is not None and fact.value >= 0 and fact.kind in DATED:
        unit, count = elapsed(fact.value)
        fields["ago"] = wording.unit(f"{unit}_ago", count)
    if fact.kind is ReasonKind.DUE_AGAIN and fact.value is not None and fact.value <= SOON_DAYS:
        fields["soon"] = wording.unit("soon", 0)
    return _known(fields)


def _closing(item: ItemTask, wording: Wording, sentences: Sequence[str]) -> str:
    """What the product is, as far as it is not stated yet."""
    product = item.product
    size = product.package_size if any(letter.isdigit() for letter in product.package_size) else ""
    fields = {"brand": product.brand, "category": product.category, "size": size}
    stated = f"{product.name} {' '.join(sentences)}".casefold()
    labels = _known({name: _label(text) for name, text in fields.items()})
    unstated = {name: text for name, text in labels.items() if text.casefold() not in stated}
    return _fill(wording.closings, unstated, item.turn, before=sentences)


def _label(text: str) -> str:
    return safe_name(text, LONGEST_LABEL)


def _quotable(name: str) -> str:
    """A name that may stand between quotation marks has none of the same kind inside."""
    return name.translate(_INNER_QUOTES)


_INNER_QUOTES = str.maketrans(dict.fromkeys('"“”„«»', "'"))


def _known(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in fields.items() if text}


def _fill(messages: Sequence[str], fields: Mapping[str, str], choice: int, before: Sequence[str] = ()) -> str:
    """A message that uses as many of the known fields as any; among equals, `choice` picks. Empty if none fits.

    One that begins otherwise than the sentence before it is preferred.
    """
    usable = [message for message in messages if _names(message) <= fields.keys()]
    if not usable:
        return ""
    richest = max(len(_names(message)) for message in usable)
    best = [_ended(message.format_map(fields)) for message in usable if len(_names(message)) == richest]
    start = before[-1].split(" ", 1)[0] if before else ""
    other = [sentence for sentence in best if sentence.split(" ", 1)[0] != start] or best
    return other[choice % len(other)]


def _ended(sentence: str) -> str:
    """With one full stop: "by Acme, Inc.." ends in the name's own."""
    return sentence[:-1] if sentence.endswith("..") and not sentence.endswith("...") else sentence


@lru_cache(maxsize=1_000)
def _names(message: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(message) if name)
