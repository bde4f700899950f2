"""Why a product is in a list: typed evidence with numbers, read from what the model and the shopper's history hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scoring.data.interactions import DAY
from scoring.ranking.ensemble import COMPONENTS
from scoring.types import Component, Reason, ReasonKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.components.cooccurrence import Cooccurrence
    from scoring.components.demand import Demand
    from scoring.components.neighbours import Similar
    from scoring.data.items import ItemIndex
    from scoring.data.profile import Profile
    from scoring.ranking.repeats import Repeats
    from scoring.types import Tastes

MAX_REASONS = 3
_MAX_SOURCES = 200  # history products that evidence is sought from, the weightiest first
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
    """What is the same for all shoppers: the parts of a model that evidence is read from."""

    index: ItemIndex
    together: Cooccurrence
    similar: Similar
    demand: Demand
    brand_share: NDArray[np.float32]  # (brands,): part of all events
    repeat_gap: float  # seconds between two purchases of one product by one shopper, typically

    def popular(self, item: int) -> Reason:
        return Reason(ReasonKind.POPULAR, count=int(self.demand.buyers[item]))

    def trending(self, item: int) -> Reason:
        return Reason(ReasonKind.TRENDING, value=float(self.demand.growth[item]))

    def in_demand(self, item: int) -> Reason:
        """The truest thing to say of a product about which nothing personal is known."""
        rising = self.demand.growth[item] >= _MIN_GROWTH and self.demand.surprise[item] >= _MIN_SURPRISE
        return self.trending(item) if rising else self.popular(item)


@dataclass(frozen=True, slots=True)
class Sources:
    """The products that evidence may point at, with their weight: a shopper's history, or the seeds of a page."""

    items: NDArray[np.int32]
    weights: NDArray[np.float32]

    def strongest(
        self, lists: NDArray[np.int32], bonds: NDArray[np.floating], picks: NDArray[np.int32]
    ) -> list[tuple[int, int]]:
        """For each pick the (source, place in its list) with the greatest weight * bond; (-1, -1) for none.

        lists, bonds: (items, length), neighbours of every product and how close they are.
        """
        found = [(-1, -1)] * len(picks)
        if not len(self.items) or not len(picks):
            return found
        kept = self.items
        weights = self.weights
        if len(kept) > _MAX_SOURCES:
            top = np.sort(np.argsort(-weights, kind="stable")[:_MAX_SOURCES])
            kept, weights = kept[top], weights[top]
        place_of = np.zeros(len(lists) + 1, dtype=np.int16)  # from 1; the last entry serves the padding
        place_of[picks] = np.arange(1, len(picks) + 1)
        hits = place_of[lists[kept]]
        rows, columns = np.nonzero(hits)
        strength = bonds[kept[rows], columns] * weights[rows]
        for at in np.argsort(strength, kind="stable").tolist():
            found[hits[rows[at], columns[at]] - 1] = (int(kept[rows[at]]), int(columns[at]))
        return found


class Witness:
    """Finds evidence for the products of one list."""

    def __init__(self, facts: Facts, profile: Profile, sources: Sources, tastes: Tastes) -> None:
        self._facts = facts
        self._profile = profile
        self._sources = sources
        self._tastes = _stated(facts.index, tastes)
        index = facts.index
        self._categories = _counts(index.leaf[profile.items], profile.purchases)
        self._brands = _counts(index.brand[profile.items], profile.purchases)
        self._purchases = int(profile.purchases.sum())

    def evidence(self, items: NDArray[np.int32], shares: NDArray[np.float32]) -> list[list[Reason]]:
        """One to three reasons for each product, the strongest first. shares: (items, 4), of the components."""
        facts = self._facts
        together = self._sources.strongest(facts.together.items, facts.together.affinities, items)
        alike = self._sources.strongest(facts.similar.items, facts.similar.cosines, items)
        reasons = []
        for place, item in enumerate(items.tolist()):
            share = dict(zip(COMPONENTS, shares[place].tolist(), strict=True))
            found = [*self._stated(item), *self._bond(*together[place]), *self._likeness(*alike[place])]
            reasons.append(self._rank(item, [*found, *self._habits(item)], share))
        return reasons

    def bought_before(self, item: int) -> list[Reason]:
        """How often and how long ago the shopper bought this product, if they did."""
        profile = self._profile
        if not len(profile):
            return []
        at = int(np.searchsorted(profile.items, item))
        if at == len(profile) or profile.items[at] != item or not profile.purchases[at]:
            return []
        days = max(0.0, (profile.now - int(profile.bought_at[at])) / DAY)
        return [Reason(ReasonKind.BUY_AGAIN, count=int(profile.purchases[at]), value=days)]

    def _stated(self, item: int) -> list[Reason]:
        return [Reason(ReasonKind.STATED_TASTE, label=label) for label, members in self._tastes if item in members][:1]

    def _bond(self, source: int, place: int) -> list[Reason]:
        together = self._facts.together
        if source < 0 or together.lifts[source, place] < _MIN_LIFT:
            return []
        count, lift = int(together.counts[source, place]), float(together.lifts[source, place])
        return [Reason(ReasonKind.BOUGHT_TOGETHER, item=source, count=count, value=lift)]

    def _likeness(self, source: int, place: int) -> list[Reason]:
        if source < 0 or self._facts.similar.cosines[source, place] < _MIN_COSINE:
            return []
        return [Reason(ReasonKind.SIMILAR_TO, item=source, value=float(self._facts.similar.cosines[source, place]))]

    def _habits(self, item: int) -> list[Reason]:
        index = self._facts.index
        leaf, brand = int(index.leaf[item]), int(index.brand[item])
        in_category, of_brand = self._categories.get(leaf, 0), self._brands.get(brand, 0)
        reasons = []
        if in_category:
            reasons.append(Reason(ReasonKind.SAME_CATEGORY, label=index.categories.names[leaf], count=in_category))
        # A brand that everybody buys says nothing about this shopper.
        if of_brand and of_brand > _MIN_BRAND_LIFT * self._purchases * self._facts.brand_share[brand]:
            reasons.append(Reason(ReasonKind.SAME_BRAND, label=index.brands.names[brand], count=of_brand))
        return reasons

    def _rank(self, item: int, personal: list[Reason], share: dict[Component, float]) -> list[Reason]:
        """The loudest first: what was stated or bought before, then by the share of the component it speaks for."""
        personal = [*self.bought_before(item), *personal]
        if not personal:
            return [self._impersonal(item, share)]
        ranked = sorted(personal, key=lambda reason: _loudness(reason, share), reverse=True)
        if len(ranked) < MAX_REASONS and share[Component.CONTEXTUAL] > 0.25:
            ranked.append(self._facts.in_demand(item))
        return ranked[:MAX_REASONS]

    def _impersonal(self, item: int, share: dict[Component, float]) -> Reason:
        buyers = int(self._facts.demand.buyers[item])
        crowd = share[Component.COLLABORATIVE] + share[Component.NEURAL]
        if len(self._profile) and buyers and crowd > share[Component.CONTEXTUAL]:
            return Reason(ReasonKind.SHOPPERS_LIKE_YOU, count=buyers)
        return self._facts.in_demand(item)


def due_again(again: Repeats, item: int) -> list[Reason]:
    """When the shopper's own rhythm has them buy it next; nothing is said from a single purchase."""
    at = int(np.searchsorted(again.items, item))
    if at == len(again.items) or again.items[at] != item or again.counts[at] < 2:
        return []
    return [Reason(ReasonKind.DUE_AGAIN, count=max(round(again.gaps[at]), 1), value=round(float(again.due[at]), 1))]


def _loudness(reason: Reason, share: dict[Component, float]) -> float:
    speaker = _SPEAKER.get(reason.kind)
    return 1.0 if speaker is None else share[speaker]


def _counts(codes: NDArray[np.int32], amounts: NDArray[np.int32]) -> dict[int, int]:
    """Purchases per code; -1 (no category, no brand) is left out."""
    if not len(codes):
        return {}
    known = (codes >= 0) & (amounts > 0)
    distinct, places = np.unique(codes[known], return_inverse=True)
    totals = np.bincount(places, amounts[known], len(distinct)).astype(np.int64)
    return dict(zip(distinct.tolist(), totals.tolist(), strict=True))


def _stated(index: ItemIndex, tastes: Tastes) -> list[tuple[str, frozenset[int]]]:
    """Each stated category, brand or tag with its products."""
    kinds = ((index.categories, tastes.categories), (index.brands, tastes.brands), (index.tags, tastes.tags))
    return [(name, frozenset(labels.members((name,)).tolist())) for labels, names in kinds for name in names]
