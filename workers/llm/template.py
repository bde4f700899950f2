"""The writer that is always there: true sentences from the evidence alone, the same facts giving the same text."""

from __future__ import annotations

import re
import string
import zlib
from typing import TYPE_CHECKING

from shop.entities.explanations import TextSource
from workers.llm.messages import wording_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

    from scoring.types import ReasonKind
    from workers.llm.messages import Wording
    from workers.llm.protocol import ExplanationTask, Fact, InsightTask, ItemTask, ProductFacts

TEMPLATE_VERSION = "template-1"

_SENTENCES = 3
_LONGEST_NAME = 120
_MARKUP = re.compile(r"<[^>]*>|[\x00-\x1f\x7f]")
_LEAST_FACTOR = 1.1  # below it, "times as often" would say nothing, or the opposite


class TemplateProvider:
    """The template as a provider; it needs nothing and never fails."""

    source = TextSource.TEMPLATE
    model = None
    prompt_version = TEMPLATE_VERSION

    async def explain(self, task: ExplanationTask) -> list[str]:
        return [explain_item(item, task.language) for item in task.items]

    async def insight(self, task: InsightTask) -> str:
        return describe_shopper(task)

    async def stream(self, task: ExplanationTask) -> AsyncGenerator[str, None]:
        for text in await self.explain(task):
            yield text

    async def aclose(self) -> None:
        return None


def explain_item(item: ItemTask, language: str) -> str:
    """Two or three sentences; every number and product in them is in the item's facts."""
    wording = wording_for(language)
    sentences: list[str] = []
    for position, fact in enumerate(_telling(item.facts)):
        # The position keeps two facts of one kind from being told in the same words.
        choice = zlib.crc32(f"{item.product.name}|{fact.kind}".encode()) + position
        sentence = _fill(wording.reasons[fact.kind], _fact_fields(fact, wording), choice)
        if sentence and sentence not in sentences:
            sentences.append(sentence)
    if len(sentences) < 2:
        choice = zlib.crc32(item.product.name.encode())
        known = {name: text for name, text in _product_fields(item.product).items() if text not in " ".join(sentences)}
        sentences.append(_fill(wording.closings, known, choice))
    if len(sentences) < 2:
        sentences.insert(0, wording.opening)
    return " ".join(sentences)


def describe_shopper(task: InsightTask) -> str:
    """One sentence on a shopper's taste, from the profile's own numbers."""
    wording = wording_for(task.language)
    fields: dict[str, str] = {}
    if task.categories:
        parts = [f"{_plain(name)} ({wording.unit('purchases', count)})" for name, count in task.categories[:3]]
        fields["categories"] = wording.listing(parts)
    if task.brands:
        fields["brand"] = _plain(task.brands[0][0])
    if task.order_count > 1:
        fields["orders"] = wording.unit("orders", task.order_count)
    if task.average_price:
        fields["price"] = _plain(task.average_price)
    if task.tastes:
        fields["tastes"] = wording.listing([_plain(taste) for taste in task.tastes[:3]])
    return _fill(wording.insights, fields, 0)


def _telling(facts: Iterable[Fact]) -> list[Fact]:
    """One fact of each kind first, in their order, then the rest: variety tells more than three pairs."""
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
    fields = {"partner": _plain(fact.product_name or ""), "label": _plain(fact.label or "")}
    if fact.count is not None and fact.count > 0:
        fields |= {name: wording.unit(name, fact.count) for name in ("times", "shoppers_have")}
    if fact.value is not None:
        fields |= _value_fields(fact.value, wording)
    return {name: text for name, text in fields.items() if text}


def _value_fields(value: float, wording: Wording) -> dict[str, str]:
    """The value as a factor, a share and days; a message names the one that its reason means."""
    fields: dict[str, str] = {}
    if value >= _LEAST_FACTOR:
        fields["factor"] = wording.number(round(value) if value >= 10 else round(value, 1))
    if 0.0001 <= value <= 1:
        percent = round(value * 100) if value >= 0.01 else round(value * 100, 2)
        fields["percent"] = wording.units["percent"]["other"].format(n=wording.number(percent))
    if value >= 0:
        fields["ago"] = wording.unit("ago", round(value))
    return fields


def _product_fields(product: ProductFacts) -> dict[str, str]:
    fields = {"brand": product.brand, "category": product.category, "size": product.package_size}
    return {name: _plain(text) for name, text in fields.items() if _plain(text)}


def _fill(messages: Sequence[str], fields: Mapping[str, str], choice: int) -> str:
    """A message that uses as many of the known fields as any; among equals, `choice` picks. Empty if none fits."""
    needs = {message: _names(message) for message in messages}
    usable = [message for message in messages if needs[message] <= fields.keys()]
    if not usable:
        return ""
    richest = max(len(needs[message]) for message in usable)
    best = [message for message in usable if len(needs[message]) == richest]
    return best[choice % len(best)].format_map(fields)


def _names(message: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(message) if name}


def _plain(text: str) -> str:
    """Names are strangers' text: no markup, no line breaks, a bounded length."""
    clean = " ".join(_MARKUP.sub(" ", text).split())
    return clean if len(clean) <= _LONGEST_NAME else f"{clean[: _LONGEST_NAME - 1].rstrip()}…"
