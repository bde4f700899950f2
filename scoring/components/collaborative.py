"""Collaborative component: what shoppers with a like history took, with fold-in of any history at request time.

Five models that fail in different places: EASE (linear, strong on the well known), basket neighbours (strong on what
completes a visit), the nearest shoppers (strong on short histories), factors (smooth tastes), and a shopper's own
habits (strong where people buy the same again). Validation decides which of their signals a list listens to.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scoring.components.component import mixed
from scoring.components.cooccurrence import Cooccurrence, bought_together
from scoring.components.ease import Crowd, DualEase, PrimalEase, fit_ease, from_arrays, to_arrays
from scoring.components.factors import Factors, FactorsConfig, Method
from scoring.components.head import MOST
from scoring.components.user_knn import UserNeighbours
from scoring.data.profile import View

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet
    from scoring.data.profile import Habits, Profile

_EASE = {f"ease.{view}": view for view in View}
_KIN = {"kin.season": UserNeighbours.taken, "kin.habit": UserNeighbours.habits}
_HABITS = {"habit.4": 4.0, "habit.12": 12.0, "habit.36": 36.0}  # half-life in shopping days


@dataclass(frozen=True, slots=True)
class CollaborativeConfig:
    regularisation: float = 200.0  # of EASE
    max_rank: int = 4_000  # the largest matrix that is inverted, and the most shoppers that others are compared with
    neighbours: int = 100  # nearest shoppers
    factors: FactorsConfig = field(default_factory=FactorsConfig)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> CollaborativeConfig:
        """From its JSON form."""
        factors = {**stored["factors"], "method": Method(stored["factors"]["method"])}
        return cls(**{**stored, "factors": FactorsConfig(**factors)})


@dataclass(frozen=True, slots=True)
class Collaborative:
    SIGNALS: ClassVar[tuple[str, ...]] = (
        *_EASE,
        "together.session",
        "together.recent",
        "follow.session",
        "follow.season",
        *_KIN,
        "factors.season",
        "factors.whole",
        *_HABITS,
    )
    DEFAULTS: ClassVar[dict[str, float]] = {"ease.recent": 0.5, "together.session": 0.5}

    config: CollaborativeConfig
    ease: DualEase | PrimalEase
    crowd: Crowd
    kin: UserNeighbours  # of the crowd
    together: Cooccurrence
    factors: Factors

    @classmethod
    def fit(cls, data: TrainingSet, config: CollaborativeConfig, rng: Generator) -> Collaborative:
        ease, users = fit_ease(data.matrix, config.regularisation, config.max_rank)
        factors = Factors.fit(data.matrix, data.ties, config.factors, rng)
        rows = data.matrix[users]
        return cls(
            config, ease, Crowd.of(rows, MOST), UserNeighbours.of(rows, users, data), bought_together(data), factors
        )

    def refitted(self, data: TrainingSet, regularisation: float) -> Collaborative:
        """EASE fitted again to the same data with another regularisation; the rest is kept."""
        if regularisation == self.config.regularisation:
            return self
        ease, _ = fit_ease(data.matrix, regularisation, self.config.max_rank)
        return replace(self, config=replace(self.config, regularisation=regularisation), ease=ease)

    def with_factors(self, data: TrainingSet, factors: FactorsConfig, rng: Generator) -> Collaborative:
        """Factors fitted again to the same data in another way; the rest is kept."""
        return replace(
            self,
            config=replace(self.config, factors=factors),
            factors=Factors.fit(data.matrix, data.ties, factors, rng),
        )

    def blend(self, profile: Profile, weights: Mapping[str, float]) -> NDArray[np.float32]:
        return mixed(self.signals(profile, weights), weights)

    def signals(self, profile: Profile, wanted: Collection[str]) -> dict[str, NDArray[np.float32]]:
        found = self._linear(profile, [name for name in _EASE if name in wanted])
        found |= self._of_kin(profile, [name for name in _KIN if name in wanted])
        for name in self.SIGNALS:
            if name not in wanted or name in found:
                continue
            kind, _, depth = name.partition(".")
            if kind == "habit":
                found[name] = _habit(profile.habits, _HABITS[name], len(self.together.items))
                continue
            items, weights = profile.seen(View(depth))
            by = {"together": self.together.scores, "follow": self.together.follow_scores}.get(
                kind, self.factors.scores
            )
            found[name] = by(items, weights)
        return found

    def _linear(self, profile: Profile, names: list[str]) -> dict[str, NDArray[np.float32]]:
        if not names:
            return {}
        histories = [profile.seen(_EASE[name]) for name in names]
        if isinstance(self.ease, PrimalEase):
            rows = self.ease.predict(histories)
        else:
            pulls = self.ease.pulls(self.crowd.kinship(histories))
            rows = self.ease.finish(self.crowd.spread(pulls), histories)
        return dict(zip(names, rows, strict=True))

    def _of_kin(self, profile: Profile, names: list[str]) -> dict[str, NDArray[np.float32]]:
        if not names:
            return {}
        (kinship,) = self.crowd.kinship([profile.seen(View.SEASON)])
        near, likeness = self.kin.nearest(kinship, self.config.neighbours)
        return {name: _KIN[name](self.kin, near, likeness, len(self.together.items)) for name in names}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        together = {f"together_{one.name}": getattr(self.together, one.name) for one in fields(Cooccurrence)}
        return to_arrays(self.ease) | self.kin.to_arrays() | together | {"factors_products": self.factors.products}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], config: CollaborativeConfig) -> Collaborative:
        together = Cooccurrence(**{one.name: arrays[f"together_{one.name}"] for one in fields(Cooccurrence)})
        kin = UserNeighbours.from_arrays(arrays)
        crowd = Crowd.of(kin.rows.matrix(len(together.items)), MOST)
        products = arrays["factors_products"]
        factors = Factors.over(products, np.diff(crowd.rows.starts), config.factors)
        return cls(config, from_arrays(arrays), crowd, kin, together, factors)


def _habit(habits: Habits, half_life: float, n_items: int) -> NDArray[np.float32]:
    """How often each product was bought, halved every `half_life` shopping days, shape (items,).

    The personal frequency of Hu et al., "Modeling Personalized Item Frequency Information for Next-basket
    Recommendation" (SIGIR 2020, TIFU-KNN), with exponential fading instead of steps; like theirs it counts visits, so
    that who comes daily and who comes monthly are told apart by what they take, not by how often they come.
    """
    faded = np.exp2(-habits.visits / np.float32(half_life))
    # The root changes no order, and leaves room for the other signals beside a strong habit.
    return np.sqrt(np.bincount(habits.items, faded, n_items)).astype(np.float32)
