"""Collaborative component: what shoppers with a like history took, with fold-in of any history at request time.

Five models that fail in different places: EASE (linear, strong on the well known), basket neighbours (strong on what
completes a visit), the nearest shoppers (strong on short histories), factors (smooth tastes), and a shopper's own
habits (strong where people buy the same again). Validation decides which of their signals a list listens to.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scoring.component import mixed
from scoring.ease import Crowd, DualEase, PrimalEase, fit_ease, from_arrays, to_arrays
from scoring.factors import Factors, FactorsConfig, Method
from scoring.postings import Postings
from scoring.profile import View
from scoring.together import Together, bought_together

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.interactions import TrainingSet
    from scoring.profile import Habits, Profile

_EASE = {f"ease.{view}": view for view in View}
_KIN = "kin.season"
_HABITS = {"habit.14": 14.0, "habit.60": 60.0, "habit.240": 240.0}  # half-life in days


@dataclass(frozen=True, slots=True)
class CollaborativeConfig:
    regularisation: float = 200.0  # of EASE
    max_rank: int = 4_000  # the largest matrix that is inverted, and the most shoppers that others are compared with
    neighbours: int = 300  # nearest shoppers
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
        _KIN,
        "factors.season",
        "factors.whole",
        *_HABITS,
    )
    DEFAULTS: ClassVar[dict[str, float]] = {"ease.recent": 0.5, "together.session": 0.5}

    config: CollaborativeConfig
    ease: DualEase | PrimalEase
    crowd: Crowd
    together: Together
    factors: Factors

    @classmethod
    def fit(cls, data: TrainingSet, config: CollaborativeConfig, rng: Generator) -> Collaborative:
        ease, crowd = fit_ease(data.matrix, config.regularisation, config.max_rank)
        factors = Factors.fit(data.matrix, data.ties, config.factors, rng)
        return cls(config, ease, crowd, bought_together(data), factors)

    def refitted(self, data: TrainingSet, regularisation: float) -> Collaborative:
        """EASE fitted again to the same data with another regularisation; the rest is kept."""
        if regularisation == self.config.regularisation:
            return self
        ease, crowd = fit_ease(data.matrix, regularisation, self.config.max_rank)
        return replace(self, config=replace(self.config, regularisation=regularisation), ease=ease, crowd=crowd)

    def with_factors(self, data: TrainingSet, factors: FactorsConfig, rng: Generator) -> Collaborative:
        """Factors fitted again to the same data in another way; the rest is kept."""
        return replace(
            self,
            config=replace(self.config, factors=factors),
            factors=Factors.fit(data.matrix, data.ties, factors, rng),
        )

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        return mixed(self.signals(profile, self.DEFAULTS), self.DEFAULTS)

    def signals(self, profile: Profile, wanted: Collection[str]) -> dict[str, NDArray[np.float32]]:
        found = self._linear(profile, [name for name in (*_EASE, _KIN) if name in wanted])
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
        """The signals that go through the crowd, in as few passes over it as can be."""
        histories = [profile.seen(_EASE.get(name, View.SEASON)) for name in names]
        linear = [name for name in names if name in _EASE]
        if isinstance(self.ease, PrimalEase):
            found = dict(zip(linear, self.ease.predict(histories[: len(linear)]), strict=True)) if linear else {}
            if _KIN in names:
                found[_KIN] = self.crowd.spread(self._nearest(self.crowd.kinship(histories[-1:])))[0]
            return found
        if not names:
            return {}
        kinship = self.crowd.kinship(histories)
        pulls = self.ease.pulls(kinship[: len(linear)]) if linear else kinship[:0]
        if _KIN in names:
            pulls = np.concatenate([pulls, self._nearest(kinship[-1:])])
        spread = self.crowd.spread(pulls)
        if linear:
            self.ease.finish(spread[: len(linear)], histories[: len(linear)])
        return dict(zip(names, spread, strict=True))

    def _nearest(self, kinship: NDArray[np.float32]) -> NDArray[np.float32]:
        """The likeness (cosine, up to a factor) of the nearest shoppers, over their length; shape (1, users)."""
        likeness = kinship / np.maximum(self.crowd.lengths, 1e-9)
        if likeness.shape[1] > self.config.neighbours:
            floor = np.partition(likeness[0], -self.config.neighbours)[-self.config.neighbours]
            likeness = np.where(likeness >= floor, likeness, 0.0)
        pulls: NDArray[np.float32] = (likeness / np.maximum(self.crowd.lengths, 1e-9)).astype(np.float32)
        return pulls

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        crowd = {f"crowd_{one.name}": getattr(self.crowd.rows, one.name) for one in fields(Postings)}
        crowd["crowd_lengths"] = self.crowd.lengths
        together = {f"together_{one.name}": getattr(self.together, one.name) for one in fields(Together)}
        return to_arrays(self.ease) | crowd | together | {"factors_products": self.factors.products}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], config: CollaborativeConfig) -> Collaborative:
        products = arrays["factors_products"]
        rows = Postings(**{one.name: arrays[f"crowd_{one.name}"] for one in fields(Postings)})
        together = Together(**{one.name: arrays[f"together_{one.name}"] for one in fields(Together)})
        crowd = Crowd(rows, arrays["crowd_lengths"])
        factors = Factors.over(products, np.diff(rows.starts), config.factors)
        return cls(config, from_arrays(arrays), crowd, together, factors)


def _habit(habits: Habits, half_life: float, n_items: int) -> NDArray[np.float32]:
    """Days on which each product was bought, halved every `half_life` days, shape (items,).

    The personal frequency of Hu et al., "Modeling Personalized Item Frequency Information for Next-basket
    Recommendation" (SIGIR 2020, TIFU-KNN), with exponential fading instead of steps.
    """
    faded = np.exp2(-habits.ages / np.float32(half_life))
    # The root changes no order, and leaves room for the other signals beside a strong habit.
    return np.sqrt(np.bincount(habits.items, faded, n_items)).astype(np.float32)
