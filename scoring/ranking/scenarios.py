"""The table of scenarios: for each one, which products it may list, best first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scoring.data.interactions import DAY
from scoring.data.profile import last_viewed
from scoring.ranking.ensemble import COMPONENTS, squash, weight_vector
from scoring.ranking.repeats import repeats
from scoring.ranking.slate import POOL, Slate, best_first, by_one_component, unknown
from scoring.types import Component, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scoring.ranking.model import RankingModel
    from scoring.ranking.personal import PersonalRanking
    from scoring.ranking.request import Request


class Scenarios:
    """Candidates over one model. Each takes a request and gives some of its allowed products."""

    def __init__(self, model: RankingModel, personal: PersonalRanking) -> None:
        self._facts = model.facts
        self._index = model.facts.index
        self._content = model.scorers.content
        self._weights = model.weights
        self._popular_order = np.lexsort((self._index.ties, -model.facts.demand.popularity)).astype(np.int32)
        self._table: dict[Scenario, Callable[[Request], Slate]] = {
            Scenario.FOR_YOU: personal.for_you,
            Scenario.NEXT_IN_SESSION: personal.next_in_session,
            Scenario.SIMILAR: self._similar,
            Scenario.BOUGHT_TOGETHER: self._bought_together,
            Scenario.CART: self._bought_together,
            Scenario.POPULAR: self.popular,
            Scenario.TRENDING: self._trending,
            Scenario.BUY_AGAIN: self._buy_again,
            Scenario.RECENTLY_VIEWED: self._recently_viewed,
        }

    def candidates(self, request: Request) -> Slate:
        """The candidates of the request's scenario, best first."""
        return self._table[request.query.scenario](request)

    def popular(self, request: Request) -> Slate:
        items = self._most_popular(request.query.limit, request.allowed)
        values = self._facts.demand.popularity[items]
        return by_one_component(Component.CONTEXTUAL, items, squash(values), values)

    def _similar(self, request: Request) -> Slate:
        seeds, similar = request.seeds, self._facts.similar
        weights = weight_vector(request.query.weights or self._weights)
        listed = similar.items[seeds].ravel()
        keep = (listed >= 0) & request.allowed[listed]
        parts = similar.parts[seeds].reshape(-1, len(COMPONENTS))[keep].astype(np.float32)
        items = listed[keep]
        if len(seeds) > 1:
            items, rows = np.unique(items, return_inverse=True)
            sums = np.zeros((len(items), len(COMPONENTS)), dtype=np.float32)
            np.add.at(sums, rows, parts / len(seeds))
            parts = sums
        fused = parts @ weights
        order = np.lexsort((self._index.ties[items], -fused))
        same = np.broadcast_to(weights, (len(items), len(COMPONENTS)))
        slate = Slate(items[order], squash(fused[order]), unknown(len(order)), parts[order], same)
        if request.filtered and len(slate) < request.query.limit:
            return slate.append_below(self._similar_by_content(slate, request))
        return slate

    def _similar_by_content(self, slate: Slate, request: Request) -> Slate:
        """Where a filter leaves too few listed neighbours: all that it admits, by similarity of content."""
        similarity = self._content.similarity(request.seeds)
        outside = request.allowed.copy()
        outside[slate.items] = False
        similarity = np.where(outside & (similarity > 0), similarity, -np.inf).astype(np.float32)
        items = best_first(similarity, self._index.ties, request.query.limit - len(slate))
        values = np.clip(similarity[items], 0.0, 1.0)
        return by_one_component(Component.CONTENT, items, values, values)

    def _bought_together(self, request: Request) -> Slate:
        seeds, lists = request.seeds, self._facts.cooccurrence
        items, affinities = lists.items[seeds].ravel(), lists.affinities[seeds].ravel()
        keep = (items >= 0) & request.allowed[items]
        items, affinities = items[keep], affinities[keep]
        if len(seeds) > 1:
            items, rows = np.unique(items, return_inverse=True)
            affinities = np.bincount(rows, affinities, len(items)).astype(np.float32)
        order = np.lexsort((self._index.ties[items], -affinities))[: request.query.limit + POOL]
        values = affinities[order] / np.float32(max(len(seeds), 1))
        # The square root spreads cosines, most of which are small, over the unit interval.
        return by_one_component(Component.COLLABORATIVE, items[order], np.sqrt(np.clip(values, 0.0, 1.0)), values)

    def _trending(self, request: Request) -> Slate:
        demand = self._facts.demand
        rising = request.allowed & (demand.growth > 1) & (demand.surprise > 0)
        rising &= demand.recent >= self._facts.fewest_shoppers
        surprise = np.where(rising, demand.surprise, np.float32(-np.inf))
        items = best_first(surprise, self._index.ties, request.query.limit)
        values = demand.surprise[items]
        return by_one_component(Component.CONTEXTUAL, items, values / (1 + values), values)

    def _buy_again(self, request: Request) -> Slate:
        query = request.query
        found = repeats(query.history, query.now, self._facts.repeat_gap, self._index.ties)
        rows = found.order[request.allowed[found.items[found.order]]][: query.limit]
        passed = 1 - found.due[rows] / found.gaps[rows]
        values = np.minimum.accumulate(passed).astype(np.float32)  # no score rises along the list
        return by_one_component(Component.CONTEXTUAL, found.items[rows], values / (1 + values), values)

    def _recently_viewed(self, request: Request) -> Slate:
        query = request.query
        items, times = last_viewed(query.history, len(self._index))
        keep = np.flatnonzero(request.allowed[items])[: query.limit]
        days = np.maximum(query.now - times[keep], 0) / DAY
        freshness = np.exp2(-days / 7).astype(np.float32)
        return by_one_component(Component.CONTEXTUAL, items[keep], freshness, freshness)

    def _most_popular(self, count: int, allowed: NDArray[np.bool_]) -> NDArray[np.int32]:
        found: list[int] = []
        # Walked in pieces: the first is nearly always enough.
        for start in range(0, len(self._index), 1_024):
            piece = self._popular_order[start : start + 1_024]
            found += piece[allowed[piece]].tolist()
            if len(found) >= count:
                break
        return np.array(found[:count], dtype=np.int32)
