"""Collaborative component: what shoppers with a similar history took, with fold-in of any history at request time.

Models that fail in different cases: EASE and SLIM (linear, strong on popular products), co-occurrence in baskets and
transitions (strong on what completes a visit), a random walk and user neighbours (strong on short histories), matrix
factors (smooth preferences), and a shopper's own habits and a model of repurchases (strong where people buy the same
again). Validation decides which of their signals a list uses.
Of a product that hardly any shopper met they know nothing: what one household buys is no recommendation to another.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scoring.components.component import mixed
from scoring.components.cooccurrence import Cooccurrence, count_cooccurrences
from scoring.components.ease import DualEase, PrimalEase, ReferenceUsers, fit_ease, from_arrays, to_arrays
from scoring.components.factors import Factors, FactorsConfig, Method
from scoring.components.head import HEAD_SIZE
from scoring.components.random_walk import WalkConfig, fit_walk
from scoring.components.repurchase import Repurchase
from scoring.components.slim import SlimConfig, fit_slim
from scoring.components.transitions import count_transitions
from scoring.components.user_knn import UserNeighbours
from scoring.data.postings import Postings
from scoring.data.profile import View

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet
    from scoring.data.profile import Habits, Profile

# Snapshots and plans hold the signals under these names: `together` and `follow` are the two lists of co-occurrence,
# `kin` are user neighbours.
_EASE_VIEWS = {f"ease.{view}": view for view in View}
_SLIM_VIEWS = {f"slim.{view}": view for view in View}
_NEIGHBOUR_SIGNALS = {"kin.season": UserNeighbours.taken, "kin.habit": UserNeighbours.habits}
_ITEM_LISTS = ("slim", "transitions", "walk")  # models that are sparse lists of other products
_HABIT_HALF_LIVES = {"habit.4": 4.0, "habit.12": 12.0, "habit.36": 36.0}  # half-life in shopping days


@dataclass(frozen=True, slots=True)
class CollaborativeConfig:
    regularisation: float = 200.0  # of EASE
    max_rank: int = 4_000  # the largest matrix that is inverted, and the most shoppers that others are compared with
    neighbours: int = 100  # nearest shoppers
    factors: FactorsConfig = field(default_factory=FactorsConfig)
    slim: SlimConfig = field(default_factory=SlimConfig)
    walk: WalkConfig = field(default_factory=WalkConfig)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> CollaborativeConfig:
        """From its JSON form."""
        factors = {**stored["factors"], "method": Method(stored["factors"]["method"])}
        slim, walk = SlimConfig(**stored["slim"]), WalkConfig(**stored["walk"])
        return cls(**{**stored, "factors": FactorsConfig(**factors), "slim": slim, "walk": walk})


@dataclass(frozen=True, slots=True)
class Collaborative:
    SIGNALS: ClassVar[tuple[str, ...]] = (
        *_EASE_VIEWS,
        *_SLIM_VIEWS,
        "together.last",
        "together.last3",
        "together.session",
        "together.recent",
        "follow.last",
        "follow.last3",
        "follow.session",
        "follow.season",
        "next.last",
        "next.last3",
        "next.session",
        "next.season",
        "walk.last3",
        "walk.season",
        *_NEIGHBOUR_SIGNALS,
        "factors.season",
        "factors.whole",
        *_HABIT_HALF_LIVES,
        "again.visit",
    )
    DEFAULTS: ClassVar[dict[str, float]] = {"ease.recent": 0.5, "together.session": 0.5}

    config: CollaborativeConfig
    ease: DualEase | PrimalEase
    reference: ReferenceUsers
    neighbours: UserNeighbours  # among the reference users
    cooccurrence: Cooccurrence
    factors: Factors
    slim: Postings
    transitions: Postings
    walk: Postings
    repurchase: Repurchase

    @classmethod
    def fit(cls, data: TrainingSet, config: CollaborativeConfig, rng: Generator) -> Collaborative:
        ease, users = fit_ease(data.shared_matrix, config.regularisation, config.max_rank)
        factors = Factors.fit(data.shared_matrix, data.ties, config.factors, rng)
        rows = data.shared_matrix[users]
        return cls(
            config,
            ease,
            ReferenceUsers.of(rows, HEAD_SIZE),
            UserNeighbours.of(rows, users, data),
            count_cooccurrences(data),
            factors,
            Postings.of(fit_slim(data.shared_matrix, config.slim)),
            Postings.of(count_transitions(data)),
            Postings.of(fit_walk(data.shared_matrix, config.walk)),
            Repurchase.fit(data, rng),
        )

    def refitted(self, data: TrainingSet, regularisation: float) -> Collaborative:
        """EASE fitted again to the same data with another regularisation; the rest is kept."""
        if regularisation == self.config.regularisation:
            return self
        ease, _ = fit_ease(data.shared_matrix, regularisation, self.config.max_rank)
        return replace(self, config=replace(self.config, regularisation=regularisation), ease=ease)

    def with_slim(self, data: TrainingSet, slim: SlimConfig) -> Collaborative:
        """SLIM fitted again to the same data with another setting; the rest is kept."""
        return replace(
            self, config=replace(self.config, slim=slim), slim=Postings.of(fit_slim(data.shared_matrix, slim))
        )

    def with_factors(self, data: TrainingSet, factors: FactorsConfig, rng: Generator) -> Collaborative:
        """Factors fitted again to the same data in another way; the rest is kept."""
        return replace(
            self,
            config=replace(self.config, factors=factors),
            factors=Factors.fit(data.shared_matrix, data.ties, factors, rng),
        )

    def blend(self, profile: Profile, weights: Mapping[str, float]) -> NDArray[np.float32]:
        return mixed(self.signals(profile, weights), weights)

    def signals(self, profile: Profile, wanted: Collection[str]) -> dict[str, NDArray[np.float32]]:
        found = self._ease_signals(profile, [name for name in _EASE_VIEWS if name in wanted])
        found |= self._neighbour_signals(profile, [name for name in _NEIGHBOUR_SIGNALS if name in wanted])
        for name in self.SIGNALS:
            if name not in wanted or name in found:
                continue
            kind, _, depth = name.partition(".")
            if name == "again.visit":
                found[name] = self.repurchase.scores(profile.habits)
                continue
            if kind == "habit":
                found[name] = _habit(profile.habits, _HABIT_HALF_LIVES[name], len(self.cooccurrence.items))
                continue
            found[name] = self._scores_of(kind, *profile.seen(View(depth)))
        return found

    def _scores_of(self, kind: str, items: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of all products by one of the models that read a weighted history, shape (items,)."""
        if kind == "together":
            return self.cooccurrence.scores(items, weights)
        if kind == "follow":
            return self.cooccurrence.follow_scores(items, weights)
        if kind == "factors":
            return self.factors.scores(items, weights)
        lists = {"slim": self.slim, "next": self.transitions, "walk": self.walk}[kind]
        return lists.combine(items, weights, len(self.cooccurrence.items))

    def _ease_signals(self, profile: Profile, names: list[str]) -> dict[str, NDArray[np.float32]]:
        if not names:
            return {}
        histories = [profile.seen(_EASE_VIEWS[name]) for name in names]
        if isinstance(self.ease, PrimalEase):
            rows = self.ease.predict(histories)
        else:
            dual_weights = self.ease.dual_weights(self.reference.inner_products(histories))
            rows = self.ease.finish(self.reference.to_items(dual_weights), histories)
        return dict(zip(names, rows, strict=True))

    def _neighbour_signals(self, profile: Profile, names: list[str]) -> dict[str, NDArray[np.float32]]:
        if not names:
            return {}
        (inner_products,) = self.reference.inner_products([profile.seen(View.SEASON)])
        near, similarities = self.neighbours.nearest(inner_products, self.config.neighbours)
        n_items = len(self.cooccurrence.items)
        return {name: _NEIGHBOUR_SIGNALS[name](self.neighbours, near, similarities, n_items) for name in names}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        found = {"factors_products": self.factors.products}
        for name in _ITEM_LISTS:
            lists: Postings = getattr(self, name)
            found |= {f"{name}_{one.name}": getattr(lists, one.name) for one in fields(Postings)}
        parts = (self.neighbours, self.cooccurrence, self.repurchase)
        for part in parts:
            found |= part.to_arrays()
        return to_arrays(self.ease) | found

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], config: CollaborativeConfig) -> Collaborative:
        cooccurrence = Cooccurrence.from_arrays(arrays)
        neighbours = UserNeighbours.from_arrays(arrays)
        reference = ReferenceUsers.of(neighbours.rows.matrix(len(cooccurrence.items)), HEAD_SIZE)
        products = arrays["factors_products"]
        factors = Factors.over(products, np.diff(reference.rows.starts), config.factors)
        item_lists = {
            name: Postings(**{one.name: arrays[f"{name}_{one.name}"] for one in fields(Postings)})
            for name in _ITEM_LISTS
        }
        return cls(
            config=config,
            ease=from_arrays(arrays),
            reference=reference,
            neighbours=neighbours,
            cooccurrence=cooccurrence,
            factors=factors,
            repurchase=Repurchase.from_arrays(arrays),
            **item_lists,
        )


def _habit(habits: Habits, half_life: float, n_items: int) -> NDArray[np.float32]:
    """How often each product was bought, halved every `half_life` shopping days, shape (items,).

    The personal frequency of Hu et al., "Modeling Personalized Item Frequency Information for Next-basket
    Recommendation" (SIGIR 2020, TIFU-KNN), with exponential decay instead of steps; like theirs it counts visits, so
    that daily and monthly shoppers differ by what they take, not by how often they come.
    """
    faded = np.exp2(-habits.visits / np.float32(half_life))
    # The root changes no order, and keeps a strong habit from outweighing the other signals.
    return np.sqrt(np.bincount(habits.items, faded, n_items)).astype(np.float32)
