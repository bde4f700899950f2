"""Why a product is in a list: typed evidence with numbers, taken from what the model and the shopper's history hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scoring.types import Component, Reason, ReasonKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.demand import Demand
    from scoring.items import ItemIndex
    from scoring.neighbours import Similar, Together
    from scoring.profile import Profile
    from scoring.types import Tastes

MAX_REASONS = 3
_MIN_LIFT = 1.2
_MIN_COSINE = 0.3
_MIN_GROWTH = 1.5
_MIN_SURPRISE = 2.0
_MIN_BRAND_LIFT = 2.0

# The component whose share of the score speaks for each kind of evidence.
_SPEAKER = {
    ReasonKind.BOUGHT_TOGETHER: Component.COLLABORATIVE,
    ReasonKind.SHOPPERS_LIKE_YOU: Component.COLLABORATIVE,
    ReasonKind.SIMILAR_TO: Component.CONTENT,
    ReasonKind.SAME_CATEGORY: Component.CONTENT,
    ReasonKind.SAME_BRAND: Component.CONTENT,
    ReasonKind.TRENDING: Component.CONTEXTUAL,
    ReasonKind.POPULAR: Component.CONTEXTUAL,
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What all shoppers share: the parts of a model that evidence is read from."""

    index: ItemIndex
    together: Together
    similar: Similar
    demand: Demand
    brand_share: NDArray[np.float32]  # (brands,): part of all purchases


class Witness:
    """Finds evidence for products, given one shopper's profile (or the seeds of a page)."""

    def __init__(self, facts: Facts, profile: Profile, tastes: Tastes) -> None:
        self._facts = facts
        self._sources = frozenset(profile.items.tolist())
        index = facts.index
        bought, amounts = profile.items, profile.purchases
        self._category_counts = _counts(index.leaf[bought], amounts)
        self._brand_counts = _counts(index.brand[bought], amounts)
        self._purchases = int(amounts.sum())
        self._tastes = _stated(index, tastes)

    def evidence(self, items: NDArray[np.int32], shares: list[dict[Component, float]]) -> list[tuple[Reason, ...]]:
        """One to three reasons for each item, the strongest first."""
        together = self._first_hits(self._facts.together.items[items])
        alike = self._first_hits(self._facts.similar.items[items])
        return [
            self._rank([*self._own(item, together[place], alike[place]), *self._crowd(item)], shares[place])
            for place, item in enumerate(items.tolist())
        ]

    def _first_hits(self, lists: NDArray[np.int32]) -> list[int]:
        """For each row, the place of the first neighbour that the shopper knows, -1 for none."""
        sources = self._sources
        if not sources:
            return [-1] * len(lists)
        return [next((at for at, other in enumerate(row) if other in sources), -1) for row in lists.tolist()]

    def _own(self, item: int, together: int, alike: int) -> list[Reason]:
        facts, reasons = self._facts, []
        for labels, members in self._tastes:
            if item in members:
                reasons.append(Reason(ReasonKind.STATED_TASTE, label=labels))
                break
        if together >= 0 and facts.together.lifts[item, together] >= _MIN_LIFT:
            partner, count = facts.together.items[item, together], facts.together.counts[item, together]
            lift = float(facts.together.lifts[item, together])
            reasons.append(Reason(ReasonKind.BOUGHT_TOGETHER, item=int(partner), count=int(count), value=lift))
        if alike >= 0 and facts.similar.cosines[item, alike] >= _MIN_COSINE:
            cosine = float(facts.similar.cosines[item, alike])
            reasons.append(Reason(ReasonKind.SIMILAR_TO, item=int(facts.similar.items[item, alike]), value=cosine))
        return [*reasons, *self._habits(item)]

    def _habits(self, item: int) -> list[Reason]:
        index, reasons = self._facts.index, []
        leaf, brand = int(index.leaf[item]), int(index.brand[item])
        in_category, of_brand = self._category_counts.get(leaf, 0), self._brand_counts.get(brand, 0)
        if leaf >= 0 and in_category:
            reasons.append(Reason(ReasonKind.SAME_CATEGORY, label=index.categories.names[leaf], count=in_category))
        # A brand that everybody buys says nothing about this shopper.
        if brand >= 0 and of_brand > _MIN_BRAND_LIFT * self._purchases * self._facts.brand_share[brand]:
            reasons.append(Reason(ReasonKind.SAME_BRAND, label=index.brands.names[brand], count=of_brand))
        return reasons

    def _crowd(self, item: int) -> list[Reason]:
        demand, reasons = self._facts.demand, []
        if demand.growth[item] >= _MIN_GROWTH and demand.surprise[item] >= _MIN_SURPRISE:
            reasons.append(Reason(ReasonKind.TRENDING, value=float(demand.growth[item])))
        buyers = int(demand.buyers[item])
        if self._sources and buyers > 1:
            reasons.append(Reason(ReasonKind.SHOPPERS_LIKE_YOU, count=buyers))
        reasons.append(Reason(ReasonKind.POPULAR, count=buyers))
        return reasons

    def _rank(self, found: list[Reason], shares: dict[Component, float]) -> tuple[Reason, ...]:
        """What speaks loudest first; popularity only where nothing personal is known or it decided most of the score."""

        def loudness(reason: Reason) -> float:
            speaker = _SPEAKER.get(reason.kind)
            return 2.0 if speaker is None else shares.get(speaker, 0.0)

        personal = [reason for reason in found if reason.kind not in {ReasonKind.POPULAR, ReasonKind.SHOPPERS_LIKE_YOU}]
        general = [reason for reason in found if reason not in personal]
        if not personal:
            return (max(general, key=loudness),)
        ranked = sorted(personal, key=loudness, reverse=True)[:MAX_REASONS]
        if len(ranked) < MAX_REASONS and shares.get(Component.CONTEXTUAL, 0.0) > 0.3:
            ranked.append(general[-1])
        return tuple(ranked)


def _counts(codes: NDArray[np.int32], amounts: NDArray[np.int32]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for code, amount in zip(codes.tolist(), amounts.tolist(), strict=True):
        if code >= 0 and amount:
            counts[code] = counts.get(code, 0) + amount
    return counts


def _stated(index: ItemIndex, tastes: Tastes) -> list[tuple[str, frozenset[int]]]:
    """Each stated category, brand or tag with its products."""
    kinds = ((index.categories, tastes.categories), (index.brands, tastes.brands), (index.tags, tastes.tags))
    return [(name, frozenset(labels.members((name,)).tolist())) for labels, names in kinds for name in names]
