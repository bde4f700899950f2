"""Evidence for one product in one shopper's list, read from what the model and the shopper's history hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scoring.data.interactions import DAY
from scoring.ranking.ensemble import COMPONENTS
from scoring.ranking.request import stated_labels
from scoring.types import Component, Reason, ReasonKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.data.profile import Profile
    from scoring.ranking.model import SnapshotFacts
    from scoring.ranking.repeats import Repeats
    from scoring.types import Tastes

Ground = int | tuple[ReasonKind, str | None]  # a product of the history, or a reason without one
MAX_REASONS = 3
_MAX_SOURCES = 200  # history products that evidence is sought from, those of the greatest weight first
_MIN_LIFT = 1.2
_RHYTHM = 3  # days with a purchase that a rhythm is told of
_MIN_COSINE = 0.4  # below, products share a shop more than a kind
_FEWEST_MET = 3  # products of a history from which on others can be said to be like this shopper
_MIN_GROWTH = 1.5
_MIN_SURPRISE = 2.0
_MIN_BRAND_LIFT = 2.0
_NAMED = frozenset({ReasonKind.SAME_CATEGORY, ReasonKind.SAME_BRAND, ReasonKind.STATED_TASTE})
_MIN_CONTEXTUAL_SHARE = 0.25  # from which on demand is named beside personal evidence

# The component whose share of the score is the strength of each kind of evidence.
_COMPONENT_OF = {
    ReasonKind.BOUGHT_TOGETHER: Component.COLLABORATIVE,
    ReasonKind.ALSO_BOUGHT: Component.COLLABORATIVE,
    ReasonKind.SHOPPERS_LIKE_YOU: Component.COLLABORATIVE,
    ReasonKind.SIMILAR_TO: Component.CONTENT,
    ReasonKind.SAME_CATEGORY: Component.CONTENT,
    ReasonKind.SAME_BRAND: Component.CONTENT,
    ReasonKind.TRENDING: Component.CONTEXTUAL,
    ReasonKind.POPULAR: Component.CONTEXTUAL,
}


@dataclass(frozen=True, slots=True)
class Sources:
    """The products that evidence may point at, with their weight: a shopper's history, or the seeds of a page."""

    items: NDArray[np.int32]
    weights: NDArray[np.float32]

    def strongest(
        self, lists: NDArray[np.int32], affinities: NDArray[np.floating], picks: NDArray[np.int32]
    ) -> list[tuple[int, int]]:
        """For each pick the (source, column in its list) with the greatest weight * affinity; (-1, -1) for none.

        lists, affinities: (items, length), neighbours of every product and how close they are.
        """
        found = [(-1, -1)] * len(picks)
        if not len(self.items) or not len(picks):
            return found
        kept = self.items
        weights = self.weights
        if len(kept) > _MAX_SOURCES:
            top = np.sort(np.argsort(-weights, kind="stable")[:_MAX_SOURCES])
            kept, weights = kept[top], weights[top]
        pick_of = np.zeros(len(lists) + 1, dtype=np.int16)  # from 1; the last entry serves the padding
        pick_of[picks] = np.arange(1, len(picks) + 1)
        hits = pick_of[lists[kept]]
        rows, columns = np.nonzero(hits)
        strength = affinities[kept[rows], columns] * weights[rows]
        for hit in np.argsort(strength, kind="stable").tolist():
            found[hits[rows[hit], columns[hit]] - 1] = (int(kept[rows[hit]]), int(columns[hit]))
        return found


class EvidenceFinder:
    """Finds evidence for the products of one list."""

    def __init__(self, facts: SnapshotFacts, profile: Profile, sources: Sources, tastes: Tastes) -> None:
        self._facts = facts
        self._profile = profile
        self._sources = sources
        index = facts.index
        self._stated = [
            (label, frozenset(items.tolist()))
            for labels, names in stated_labels(index, tastes)
            for label, items in labels.named(names)
        ]
        self._bought = profile.bought_habits
        dated = np.isin(self._bought.items, profile.undated, invert=True)
        self._categories = _times(index.leaf[self._bought.items], self._bought.visits, dated)
        self._brands = _times(index.brand[self._bought.items], self._bought.visits, dated)
        self._of_brand = Counter(index.brand[self._bought.items].tolist())

    def evidence(self, items: NDArray[np.int32], shares: NDArray[np.float32]) -> list[list[Reason]]:
        """One to three reasons for each product, the strongest first. shares: (items, 4), of the components."""
        cooccurrence, similar = self._facts.cooccurrence, self._facts.similar
        partners = self._sources.strongest(cooccurrence.items, cooccurrence.affinities, items)
        resembled = self._sources.strongest(similar.items, similar.cosines, items)
        reasons = []
        for row, item in enumerate(items.tolist()):
            share = dict(zip(COMPONENTS, shares[row].tolist(), strict=True))
            found = [*self._stated_label(item), *self._bought_together(*partners[row]), *self._similar(*resembled[row])]
            reasons.append(self._rank(item, [*found, *self._habits(item)], share))
        return reasons

    def ground(self, reason: Reason) -> Ground | None:
        """What a product with this first reason rests on; None for what the shopper buys anyway, and for what speaks
        for it with everybody. A category or brand of which one product alone was bought rests on that product."""
        if reason.item is not None:
            return reason.item
        if reason.kind in _NAMED:
            sole = self._sole.get((reason.kind, reason.label))
            return (reason.kind, reason.label) if sole is None else sole
        return None

    @cached_property
    def _sole(self) -> dict[tuple[ReasonKind, str | None], int]:
        """By category and by brand: the product, where one alone was bought."""
        profile, index = self._profile, self._facts.index
        bought = profile.items[profile.purchases > 0]
        sole: dict[tuple[ReasonKind, str | None], int] = {}
        named = (
            (ReasonKind.SAME_CATEGORY, index.leaf, index.categories),
            (ReasonKind.SAME_BRAND, index.brand, index.brands),
        )
        for kind, codes, labels in named:
            distinct, rows, counts = np.unique(codes[bought], return_index=True, return_counts=True)
            for code, row in zip(distinct[counts == 1].tolist(), rows[counts == 1].tolist(), strict=True):
                if code >= 0:
                    sole[kind, labels.names[code]] = int(bought[row])
        return sole

    def bought_before(self, item: int) -> list[Reason]:
        """How often and how long ago the shopper bought this product, if they did."""
        profile = self._profile
        if not len(profile):
            return []
        row = int(np.searchsorted(profile.items, item))
        if row == len(profile) or profile.items[row] != item or not profile.purchases[row]:
            return []
        times = int(np.count_nonzero(self._bought.items == item))
        days = None if item in profile.undated else max(0.0, (profile.now - int(profile.bought_at[row])) / DAY)
        return [Reason(ReasonKind.BUY_AGAIN, count=times, value=days)]

    def _stated_label(self, item: int) -> list[Reason]:
        return [Reason(ReasonKind.STATED_TASTE, label=label) for label, members in self._stated if item in members][:1]

    def _bought_together(self, source: int, column: int) -> list[Reason]:
        cooccurrence = self._facts.cooccurrence
        if source < 0 or cooccurrence.lifts[source, column] < _MIN_LIFT:
            return []
        shoppers, lift = int(cooccurrence.shoppers[source, column]), float(cooccurrence.lifts[source, column])
        # In a shop that sells nothing yet pairs are looked at together, not bought.
        if min(shoppers, int(self._facts.demand.buyers[source])) < self._facts.fewest_shoppers:
            return []
        kind = ReasonKind.BOUGHT_TOGETHER if cooccurrence.at_once[0] else ReasonKind.ALSO_BOUGHT
        return [Reason(kind, item=source, count=shoppers, value=lift)]

    def _similar(self, source: int, column: int) -> list[Reason]:
        if source < 0 or self._facts.similar.cosines[source, column] < _MIN_COSINE:
            return []
        return [Reason(ReasonKind.SIMILAR_TO, item=source, value=float(self._facts.similar.cosines[source, column]))]

    def _habits(self, item: int) -> list[Reason]:
        index = self._facts.index
        leaf, brand = int(index.leaf[item]), int(index.brand[item])
        in_category, of_brand = self._categories.get(leaf, 0), self._brands.get(brand, 0)
        reasons = []
        if in_category:
            reasons.append(Reason(ReasonKind.SAME_CATEGORY, label=index.categories.names[leaf], count=in_category))
        # Purchases of a brand that everybody buys are no evidence on this shopper.
        if of_brand and self._of_brand[brand] > _MIN_BRAND_LIFT * len(self._bought) * self._facts.brand_share[brand]:
            reasons.append(Reason(ReasonKind.SAME_BRAND, label=index.brands.names[brand], count=of_brand))
        return reasons

    def _rank(self, item: int, personal: list[Reason], share: dict[Component, float]) -> list[Reason]:
        """The strongest first: what was stated or bought before, then by the share of the component behind it."""
        personal = [*self.bought_before(item), *personal]
        if not personal:
            return [self._impersonal(item, share)]
        ranked = sorted(personal, key=lambda reason: _strength(reason, share), reverse=True)
        if len(ranked) < MAX_REASONS and share[Component.CONTEXTUAL] > _MIN_CONTEXTUAL_SHARE:
            crowd = in_demand(self._facts, item)
            ranked += [] if crowd.kind is ReasonKind.CATALOGUE else [crowd]
        return ranked[:MAX_REASONS]

    def _impersonal(self, item: int, share: dict[Component, float]) -> Reason:
        buyers = int(self._facts.demand.buyers[item])
        behaviour = share[Component.COLLABORATIVE] + share[Component.NEURAL]
        enough = buyers >= self._facts.fewest_shoppers
        if len(self._profile) >= _FEWEST_MET and enough and behaviour > share[Component.CONTEXTUAL]:
            return Reason(ReasonKind.SHOPPERS_LIKE_YOU, count=buyers)
        return in_demand(self._facts, item)


def popular(facts: SnapshotFacts, item: int) -> Reason:
    """How many bought it; of what hardly anybody did, only that the shop has it."""
    buyers = int(facts.demand.buyers[item])
    if buyers >= facts.fewest_shoppers:
        return Reason(ReasonKind.POPULAR, count=buyers)
    leaf = int(facts.index.leaf[item])
    return Reason(ReasonKind.CATALOGUE, label=facts.index.categories.names[leaf] if leaf >= 0 else None)


def trending(facts: SnapshotFacts, item: int) -> Reason:
    """That it sells better than usual; of what hardly anybody bought, however many looked at it, no more than that."""
    if facts.demand.buyers[item] < facts.fewest_shoppers:
        return popular(facts, item)
    return Reason(ReasonKind.TRENDING, value=float(facts.demand.growth[item]))


def in_demand(facts: SnapshotFacts, item: int) -> Reason:
    """The reason for a product about which nothing personal is known."""
    demand = facts.demand
    rising = demand.growth[item] >= _MIN_GROWTH and demand.surprise[item] >= _MIN_SURPRISE
    rising = rising and demand.recent[item] >= facts.fewest_shoppers
    return trending(facts, item) if rising else popular(facts, item)


def due_again(again: Repeats, item: int) -> list[Reason]:
    """When the shopper's own rhythm has them buy it next. Two purchases are no rhythm, and neither is a habit that is
    over; the shop's usual gap, which the order of the list knows, is not this shopper's."""
    row = int(np.searchsorted(again.items, item))
    if row == len(again.items) or again.items[row] != item or again.counts[row] < _RHYTHM or again.lapsed[row]:
        return []
    gap = float(again.own_gaps[row])
    value = round(gap - float(again.since[row]), 1)
    return [Reason(ReasonKind.DUE_AGAIN, count=max(round(gap), 1), value=value)]


def _strength(reason: Reason, share: dict[Component, float]) -> float:
    component = _COMPONENT_OF.get(reason.kind)
    return 1.0 if component is None else share[component]


def _times(codes: NDArray[np.int32], visits: NDArray[np.int32], dated: NDArray[np.bool_]) -> dict[int, int]:
    """By code, on how many shopping days it was bought, once at least; -1 (no category, no brand) is left out.

    What has no date may belong to any of the days, and adds none.
    """
    times = dict.fromkeys(codes[codes >= 0].tolist(), 1)
    known = dated & (codes >= 0)
    days = np.unique(codes[known] * np.int64(1 << 32) + visits[known])
    distinct, counts = np.unique(days >> 32, return_counts=True)
    return times | dict(zip(distinct.tolist(), counts.tolist(), strict=True))
