"""The trained model at work: one query in, one list out. Pure and safe to share between threads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.collaborative import Collaborative, CollaborativeConfig
from scoring.content import Content, ContentConfig
from scoring.contextual import Contextual, ContextualConfig
from scoring.demand import Demand
from scoring.ensemble import COMPONENTS, Calibration, Fusion, breakdowns, fuse, squash, weight_vector
from scoring.interactions import DAY, PURCHASE
from scoring.items import ItemIndex
from scoring.neighbours import Similar, Together
from scoring.neural import Neural, NeuralConfig
from scoring.profile import Profile, last_viewed, profile_of, seeds_profile, session_profile
from scoring.reasons import Facts, Witness
from scoring.rerank import Slot, diversify, explore
from scoring.slate import COLLABORATIVE_ONLY, CONTEXTUAL_ONLY, Slate, best_first, single
from scoring.types import Component, History, ItemFilter, Query, RankedItem, Reason, ReasonKind, Scenario, Tastes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scoring.component import Scorer
    from scoring.state import ModelState

_POOL = 100  # candidates that diversity and exploration choose from
_RERANKED = frozenset({Scenario.FOR_YOU, Scenario.NEXT_IN_SESSION, Scenario.CART})
_NOT_AGAIN = frozenset({Scenario.FOR_YOU, Scenario.NEXT_IN_SESSION})
_SEEDED = frozenset({Scenario.SIMILAR, Scenario.BOUGHT_TOGETHER, Scenario.CART})
_NO_HISTORY = History(np.zeros(0, np.int32), np.zeros(0, np.int8), np.zeros(0, np.int64))

CONFIGS = {
    Component.COLLABORATIVE: (Collaborative, CollaborativeConfig),
    Component.CONTENT: (Content, ContentConfig),
    Component.NEURAL: (Neural, NeuralConfig),
    Component.CONTEXTUAL: (Contextual, ContextualConfig),
}


class Recommender:
    """Ranks the catalogue of one snapshot. Item numbers are indexes into `catalogue_ids`."""

    def __init__(
        self,
        index: ItemIndex,
        scorers: dict[Component, Scorer],
        facts: Facts,
        weights: dict[Component, float],
        calibration: Calibration,
    ) -> None:
        self.index = index
        self.scorers = scorers
        self.facts = facts
        self.weights = weights
        self.calibration = calibration
        self.catalogue_ids = index.ids
        self.index_of = {name: item for item, name in enumerate(index.ids)}
        self.n_items = len(index)
        self.n_users = 0
        self.repeat_gap = 30.0 * DAY
        self._popular_order = np.lexsort((index.ties, -facts.demand.popularity)).astype(np.int32)
        self._routes: dict[Scenario, Callable[[Query, Profile, NDArray[np.bool_]], Slate]] = {
            Scenario.FOR_YOU: self._for_you,
            Scenario.NEXT_IN_SESSION: self._next_in_session,
            Scenario.SIMILAR: self._similar,
            Scenario.BOUGHT_TOGETHER: self._together,
            Scenario.CART: self._together,
            Scenario.POPULAR: self._popular,
            Scenario.TRENDING: self._trending,
            Scenario.BUY_AGAIN: self._buy_again,
            Scenario.RECENTLY_VIEWED: self._recently_viewed,
        }

    @classmethod
    def from_state(cls, state: ModelState) -> Recommender:
        manifest = state.manifest
        index = ItemIndex.from_arrays(state.part("items"))
        scorers: dict[Component, Scorer] = {}
        for component, (kind, config) in CONFIGS.items():
            scorers[component] = kind.from_arrays(state.part(component), config(**manifest["components"][component]))
        facts = Facts(
            index=index,
            together=Together(**state.part("together")),
            similar=Similar(**state.part("similar")),
            demand=Demand.from_arrays(state.part("demand")),
            brand_share=state.arrays["brand_share"],
        )
        weights = {Component(name): float(value) for name, value in manifest["weights"].items()}
        recommender = cls(index, scorers, facts, weights, Calibration(**manifest["calibration"]))
        recommender.n_users = int(manifest["users"])
        recommender.repeat_gap = float(manifest["repeat_gap"])
        return recommender

    def recommend(self, query: Query) -> list[RankedItem]:
        """The list for a query: at most `limit` items, fewer only when the filters leave fewer."""
        if query.limit < 1 or not self.n_items:
            return []
        profile = profile_of(query, self.n_items)
        allowed = self._allowed(query, profile)
        slate = self._routes[query.scenario](query, profile, allowed)
        chosen, slots = self._arrange(slate, query)
        filled = self._fill(chosen, query.limit, allowed, query.scenario)
        slots += [Slot(place, exploration=False, propensity=1.0) for place in range(len(slots), len(filled))]
        return self._present(filled, slots, query, profile)

    def similar(self, item: int, limit: int) -> list[RankedItem]:
        """Products that resemble this one, the same for every shopper."""
        return self._from_seed(Scenario.SIMILAR, item, limit)

    def bought_together(self, item: int, limit: int) -> list[RankedItem]:
        """Products that go into the same baskets more often than chance, the same for every shopper."""
        return self._from_seed(Scenario.BOUGHT_TOGETHER, item, limit)

    def _from_seed(self, scenario: Scenario, item: int, limit: int) -> list[RankedItem]:
        return self.recommend(Query(scenario, _NO_HISTORY, 0, limit, seeds=(item,)))

    def fused(self, profile: Profile, weights: dict[Component, float] | None = None) -> Fusion:
        """All items scored for a profile, before any rule."""
        raw = tuple(self.scorers[component].scores(profile) for component in COMPONENTS)
        return fuse(raw, weight_vector(weights or self.weights))

    def _allowed(self, query: Query, profile: Profile) -> NDArray[np.bool_]:
        mask = None if query.filter == ItemFilter() else self.index.mask(query.filter)
        allowed = np.ones(self.n_items, dtype=bool) if mask is None else mask
        for items in (query.exclude, query.seeds if query.scenario in _SEEDED else ()):
            allowed[[item for item in items if 0 <= item < self.n_items]] = False
        if query.scenario in _NOT_AGAIN and not query.include_purchased:
            allowed[profile.bought] = False
        return allowed

    # Each route gives its own candidates, best first. What it cannot fill, popularity fills.

    def _for_you(self, query: Query, profile: Profile, allowed: NDArray[np.bool_]) -> Slate:
        fusion = self.fused(profile, query.weights)
        np.putmask(fusion.fused, ~allowed, -np.inf)
        items = best_first(fusion.fused, self.index.ties, max(_POOL, query.limit + _POOL // 2)).astype(np.int32)
        return Slate(items, self.calibration(fusion.fused[items]), fusion.parts(items), fusion.weights)

    def _next_in_session(self, query: Query, profile: Profile, allowed: NDArray[np.bool_]) -> Slate:
        return self._for_you(query, session_profile(profile, query.history), allowed)

    def _similar(self, query: Query, profile: Profile, allowed: NDArray[np.bool_]) -> Slate:  # noqa: ARG002
        seeds = self._seeds(query)
        weights = weight_vector(query.weights or self.weights)
        near = self.facts.similar
        items = near.items[seeds].ravel()
        parts = near.parts[seeds].reshape(len(items), len(COMPONENTS)).astype(np.float32)
        known = (items >= 0) & allowed[items]
        items, parts = items[known], parts[known]
        if len(seeds) > 1 and len(items):
            items, places = np.unique(items, return_inverse=True)
            total = np.zeros((len(items), len(COMPONENTS)), dtype=np.float32)
            np.add.at(total, places, parts)
            parts = total / len(seeds)
        fused = parts @ weights
        order = np.lexsort((self.index.ties[items], -fused))
        slate = Slate(items[order], squash(fused[order]), parts[order], weights)
        if len(slate) < query.limit and len(seeds) and (len(slate) < len(known)):
            return self._beyond_lists(slate, query, seeds, allowed)
        return slate

    def _beyond_lists(
        self, slate: Slate, query: Query, seeds: NDArray[np.int32], allowed: NDArray[np.bool_]
    ) -> Slate:
        """A filter left too few listed neighbours: the rest of the catalogue, by content likeness to the seeds."""
        content = self.scorers[Component.CONTENT].scores(seeds_profile(tuple(seeds.tolist()), query.now)).copy()
        content[~allowed] = -np.inf
        content[slate.items] = -np.inf
        content[content <= 0] = -np.inf
        items = best_first(content, self.index.ties, query.limit - len(slate)).astype(np.int32)
        parts = np.zeros((len(items), len(COMPONENTS)), dtype=np.float32)
        parts[:, COMPONENTS.index(Component.CONTENT)] = content[items]
        floor = slate.scores.min(initial=0.5)
        return Slate(
            np.concatenate([slate.items, items]),
            np.concatenate([slate.scores, floor * np.clip(content[items], 0, 1)]),
            np.concatenate([slate.parts, parts]),
            slate.weights,
        )

    def _together(self, query: Query, profile: Profile, allowed: NDArray[np.bool_]) -> Slate:  # noqa: ARG002
        lists = self.facts.together
        seeds = self._seeds(query)
        items, strengths = lists.items[seeds].ravel(), lists.surprises[seeds].ravel()
        known = (items >= 0) & allowed[items]
        items, strengths = items[known], strengths[known]
        if len(seeds) > 1 and len(items):
            items, places = np.unique(items, return_inverse=True)
            strengths = np.bincount(places, strengths).astype(np.float32)
        order = np.lexsort((self.index.ties[items], -strengths))[: query.limit + _POOL]
        items, strengths = items[order], strengths[order]
        return single(items, strengths / (1 + strengths), np.log1p(strengths), COLLABORATIVE_ONLY)

    def _seeds(self, query: Query) -> NDArray[np.int32]:
        return np.array([seed for seed in dict.fromkeys(query.seeds) if 0 <= seed < self.n_items], dtype=np.int32)

    def _popular(self, query: Query, profile: Profile, allowed: NDArray[np.bool_]) -> Slate:  # noqa: ARG002
        items = self._popular_order[allowed[self._popular_order]][: query.limit]
        values = self.facts.demand.popularity[items]
        return single(items, squash(values), values, CONTEXTUAL_ONLY)

    def _trending(self, query: Query, profile: Profile, allowed: NDArray[np.bool_]) -> Slate:  # noqa: ARG002
        surprise = np.where(allowed & (self.facts.demand.growth > 1), self.facts.demand.surprise, -np.inf)
        surprise[surprise <= 0] = -np.inf
        items = best_first(surprise.astype(np.float32), self.index.ties, query.limit).astype(np.int32)
        values = surprise[items].astype(np.float32)
        return single(items, values / (1 + values), values, CONTEXTUAL_ONLY)

    def _buy_again(self, query: Query, profile: Profile, allowed: NDArray[np.bool_]) -> Slate:  # noqa: ARG002
        items, due = repeats(query.history, query.now, self.repeat_gap, self.n_items)
        keep = allowed[items]
        items, due = items[keep], due[keep]
        order = np.lexsort((self.index.ties[items], -due))[: query.limit]
        items, due = items[order], due[order]
        return single(items, due / (1 + due), due, CONTEXTUAL_ONLY)

    def _recently_viewed(self, query: Query, profile: Profile, allowed: NDArray[np.bool_]) -> Slate:  # noqa: ARG002
        items, times = last_viewed(query.history, self.n_items)
        keep = allowed[items]
        items, times = items[keep][: query.limit], times[keep][: query.limit]
        ages = np.maximum(query.now - times, 0) / DAY
        freshness = np.exp2(-ages / 7).astype(np.float32)
        return single(items, freshness, freshness, CONTEXTUAL_ONLY)

    def _arrange(self, slate: Slate, query: Query) -> tuple[Slate, list[Slot]]:
        """The slots of the list; only personal scenarios are diversified and explored."""
        if query.scenario not in _RERANKED:
            chosen = slate.take(np.arange(min(query.limit, len(slate))))
            return chosen, [Slot(place, exploration=False, propensity=1.0) for place in range(len(chosen))]
        vectors = self._vectors(slate.items) if query.diversity > 0 else np.zeros((len(slate), 1), np.float32)
        order = diversify(slate.scores, vectors, query.limit, query.diversity)
        slots = explore(order, len(slate), query.limit, query.exploration_share, query.seed)
        return slate.take(np.array([slot.place for slot in slots], dtype=np.int64)), slots

    def _vectors(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        neural = self.scorers[Component.NEURAL]
        vectors: NDArray[np.float32] = neural.to_arrays()["embeddings"][items]
        return vectors

    def _fill(self, slate: Slate, limit: int, allowed: NDArray[np.bool_], scenario: Scenario) -> Slate:
        """Popular products after the scenario's own, scored below all of them."""
        missing = limit - len(slate)
        if missing <= 0:
            return slate
        del scenario
        taken = set(slate.items.tolist())
        filler: list[int] = []
        # Walked in pieces: a fallback rarely needs more than the first.
        for start in range(0, self.n_items, 1_024):
            piece = self._popular_order[start : start + 1_024]
            filler += [item for item in piece[allowed[piece]].tolist() if item not in taken]
            if len(filler) >= missing:
                break
        items = np.array(filler[:missing], dtype=np.int32)
        values = self.facts.demand.popularity[items]
        below = float(slate.scores.min(initial=0.5))
        parts = np.zeros((len(items), len(COMPONENTS)), dtype=np.float32)
        parts[:, COMPONENTS.index(Component.CONTEXTUAL)] = values
        return Slate(
            np.concatenate([slate.items, items]),
            np.concatenate([slate.scores, below * squash(values)]).astype(np.float32),
            np.concatenate([slate.parts, parts]),
            slate.weights,
        )

    def _present(self, slate: Slate, slots: list[Slot], query: Query, profile: Profile) -> list[RankedItem]:
        pieces = breakdowns(slate.parts, slate.weights)
        if query.scenario in _SEEDED:
            profile = seeds_profile(tuple(self._seeds(query).tolist()), query.now)
        witness = Witness(self.facts, profile, query.tastes)
        shares = [{component: part.share for component, part in piece.items()} for piece in pieces]
        reasons = witness.evidence(slate.items, shares)
        return [
            RankedItem(
                item=item,
                score=min(max(score, 0.0), 1.0),
                breakdown=piece,
                reasons=own,
                exploration=slot.exploration,
                propensity=slot.propensity,
            )
            for item, score, piece, own, slot in zip(
                slate.items.tolist(), slate.scores.tolist(), pieces, reasons, slots, strict=True
            )
        ]


def repeats(history: History, now: int, usual_gap: float, n_items: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Bought products with how due they are: decayed number of shopping days, times the chance that the gap is over."""
    bought = (history.events == PURCHASE) & (history.items >= 0) & (history.items < n_items)
    items, times = history.items[bought].astype(np.int64), history.times[bought]
    if not len(items):
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    days = np.unique(np.stack([items, times // DAY]), axis=1)
    distinct, starts, counts = np.unique(days[0], return_index=True, return_counts=True)
    ages = np.maximum(now / DAY - days[1], 0.0)
    decayed = np.add.reduceat(np.exp2(-ages * DAY / (3 * usual_gap)), starts)
    newest = np.minimum.reduceat(ages, starts)
    oldest = np.maximum.reduceat(ages, starts)
    gaps = (oldest - newest + usual_gap / DAY) / counts
    due = 1 - np.exp2(-(newest + 1) / gaps)
    return distinct.astype(np.int32), (decayed * due).astype(np.float32)


__all__ = ["CONFIGS", "Recommender", "replace", "Tastes", "Reason", "ReasonKind"]
