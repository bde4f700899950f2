"""The lists that do not rank the whole catalogue for one shopper: a page's own products, what sells, and the shopper's
past. Each scenario has its own candidates, best first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scoring.data.interactions import DAY
from scoring.data.profile import last_viewed
from scoring.ranking.ensemble import COMPONENTS, squash, weight_vector
from scoring.ranking.repeats import repeats
from scoring.ranking.slate import Slate, best_first, by_one
from scoring.types import Component, ItemFilter, Query

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.components.content import Content
    from scoring.data.items import ItemIndex
    from scoring.ranking.reasons import Facts

_POOL = 100
_NO_FILTER = ItemFilter()


class Scenarios:
    """Over the facts of one snapshot. `allowed`: which products may appear, (items,)."""

    def __init__(self, facts: Facts, content: Content, weights: dict[Component, float]) -> None:
        self._facts = facts
        self._index: ItemIndex = facts.index
        self._content = content
        self._weights = weights
        self._popular_order = np.lexsort((facts.index.ties, -facts.demand.popularity)).astype(np.int32)

    def similar(self, query: Query, allowed: NDArray[np.bool_]) -> Slate:
        seeds, near = self.seeds(query), self._facts.similar
        weights = weight_vector(query.weights or self._weights)
        listed = near.items[seeds].ravel()
        keep = (listed >= 0) & allowed[listed]
        parts = near.parts[seeds].reshape(-1, len(COMPONENTS))[keep].astype(np.float32)
        items = listed[keep]
        if len(seeds) > 1:
            items, places = np.unique(items, return_inverse=True)
            sums = np.zeros((len(items), len(COMPONENTS)), dtype=np.float32)
            np.add.at(sums, places, parts / len(seeds))
            parts = sums
        fused = parts @ weights
        order = np.lexsort((self._index.ties[items], -fused))
        rows = np.broadcast_to(weights, (len(items), len(COMPONENTS)))
        slate = Slate(items[order], squash(fused[order]), parts[order], rows)
        filtered = len(slate) < query.limit and query.filter != _NO_FILTER
        return slate.followed_by(self._lookalikes(slate, query, seeds, allowed)) if filtered else slate

    def _lookalikes(self, slate: Slate, query: Query, seeds: NDArray[np.int32], allowed: NDArray[np.bool_]) -> Slate:
        """Where a filter leaves too few listed neighbours: all that it admits, by likeness of content."""
        likeness = self._content.similarity(seeds)
        outside = allowed.copy()
        outside[slate.items] = False
        likeness = np.where(outside & (likeness > 0), likeness, -np.inf).astype(np.float32)
        items = best_first(likeness, self._index.ties, query.limit - len(slate))
        values = np.clip(likeness[items], 0.0, 1.0)
        return by_one(Component.CONTENT, items, values, values)

    def together(self, query: Query, allowed: NDArray[np.bool_]) -> Slate:
        seeds, lists = self.seeds(query), self._facts.together
        items, affinities = lists.items[seeds].ravel(), lists.affinities[seeds].ravel()
        keep = (items >= 0) & allowed[items]
        items, affinities = items[keep], affinities[keep]
        if len(seeds) > 1:
            items, places = np.unique(items, return_inverse=True)
            affinities = np.bincount(places, affinities, len(items)).astype(np.float32)
        order = np.lexsort((self._index.ties[items], -affinities))[: query.limit + _POOL]
        values = affinities[order] / np.float32(max(len(seeds), 1))
        # The square root spreads cosines, most of which are small, over the unit interval.
        return by_one(Component.COLLABORATIVE, items[order], np.sqrt(np.clip(values, 0.0, 1.0)), values)

    def seeds(self, query: Query) -> NDArray[np.int32]:
        return np.array([seed for seed in dict.fromkeys(query.seeds) if 0 <= seed < len(self._index)], dtype=np.int32)

    def popular(self, query: Query, allowed: NDArray[np.bool_]) -> Slate:
        items = self._most_popular(query.limit, allowed)
        values = self._facts.demand.popularity[items]
        return by_one(Component.CONTEXTUAL, items, squash(values), values)

    def trending(self, query: Query, allowed: NDArray[np.bool_]) -> Slate:
        demand = self._facts.demand
        rising = allowed & (demand.growth > 1) & (demand.surprise > 0)
        items = best_first(np.where(rising, demand.surprise, np.float32(-np.inf)), self._index.ties, query.limit)
        values = demand.surprise[items]
        return by_one(Component.CONTEXTUAL, items, values / (1 + values), values)

    def buy_again(self, query: Query, allowed: NDArray[np.bool_]) -> Slate:
        found = repeats(query.history, query.now, self._facts.repeat_gap, len(self._index))
        open_ = allowed[found.items]
        items, wanted = found.items[open_], found.wanted[open_]
        order = np.lexsort((self._index.ties[items], -wanted))[: query.limit]
        values = wanted[order]
        return by_one(Component.CONTEXTUAL, items[order], values / (1 + values), values)

    def recently_viewed(self, query: Query, allowed: NDArray[np.bool_]) -> Slate:
        items, times = last_viewed(query.history, len(self._index))
        keep = np.flatnonzero(allowed[items])[: query.limit]
        days = np.maximum(query.now - times[keep], 0) / DAY
        freshness = np.exp2(-days / 7).astype(np.float32)
        return by_one(Component.CONTEXTUAL, items[keep], freshness, freshness)

    def _most_popular(self, count: int, allowed: NDArray[np.bool_]) -> NDArray[np.int32]:
        found: list[int] = []
        # Walked in pieces: the first is nearly always enough.
        for start in range(0, len(self._index), 1_024):
            piece = self._popular_order[start : start + 1_024]
            found += piece[allowed[piece]].tolist()
            if len(found) >= count:
                break
        return np.array(found[:count], dtype=np.int32)
