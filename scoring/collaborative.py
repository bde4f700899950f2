"""Collaborative component: what shoppers with a like history bought, with fold-in of any history at request time.

EASE learns from who bought what and knows no baskets; the affinity of products that share baskets is added to it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.ease import DualEase, PrimalEase, fit_ease
from scoring.interactions import DAY
from scoring.together import Together, bought_together

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.interactions import TrainingSet
    from scoring.profile import Profile


@dataclass(frozen=True, slots=True)
class CollaborativeConfig:
    regularisation: float = 200.0
    half_life: float = 7.0 * DAY  # of a history entry, seconds
    floor: float = 0.05  # weight that an old entry keeps
    basket_part: float = 0.5  # weight of standardised basket affinity against standardised EASE
    max_rank: int = 4_000  # the largest matrix that is inverted; beyond it the most informative users are taken


@dataclass(frozen=True, slots=True)
class Collaborative:
    config: CollaborativeConfig
    ease: DualEase | PrimalEase
    together: Together

    @classmethod
    def fit(cls, data: TrainingSet, config: CollaborativeConfig, rng: Generator) -> Collaborative:  # noqa: ARG003
        return cls(config, fit_ease(data.matrix, config.regularisation, config.max_rank), bought_together(data))

    def remembering(self, half_life: float) -> Collaborative:
        """The same fit with another half-life of history."""
        return replace(self, config=replace(self.config, half_life=half_life))

    def with_baskets(self, part: float) -> Collaborative:
        """The same fit with another weight of basket affinity."""
        return replace(self, config=replace(self.config, basket_part=part))

    def refitted(self, data: TrainingSet, regularisation: float) -> Collaborative:
        """Fitted again to the same data with another regularisation; the basket lists are kept."""
        if regularisation == self.config.regularisation:
            return self
        ease = fit_ease(data.matrix, regularisation, self.config.max_rank)
        return replace(self, config=replace(self.config, regularisation=regularisation), ease=ease)

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        weights = profile.weights(self.config.half_life, self.config.floor)
        linear = _standardised(self.ease.predict(profile.items, weights))
        if self.config.basket_part > 0:
            linear += self.config.basket_part * _standardised(self.together.scores(profile.items, weights))
        return linear

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        ease = {f"ease_{field.name}": getattr(self.ease, field.name) for field in fields(self.ease)}
        return ease | {f"together_{field.name}": getattr(self.together, field.name) for field in fields(Together)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], config: CollaborativeConfig) -> Collaborative:
        form = PrimalEase if "ease_item_weights" in arrays else DualEase
        ease = form(**{field.name: arrays[f"ease_{field.name}"] for field in fields(form)})
        return cls(
            config, ease, Together(**{field.name: arrays[f"together_{field.name}"] for field in fields(Together)})
        )


def _standardised(values: NDArray[np.float32]) -> NDArray[np.float32]:
    if not len(values):
        return values
    centred = values - values.mean(dtype=np.float32)
    spread = float(np.sqrt(centred @ centred / len(values)))
    return centred / np.float32(spread) if spread > 1e-9 else np.zeros_like(values)
