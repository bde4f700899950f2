"""Contextual component: what sells now, and what sells at this hour of the day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.interactions import DAY, EVENT_STRENGTHS
from scoring.items import top_categories

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.interactions import TrainingSet
    from scoring.profile import Profile


@dataclass(frozen=True, slots=True)
class ContextualConfig:
    half_life: float = 30.0 * DAY  # of demand
    hour_weight: float = 0.5
    hour_prior: float = 200.0  # events that a category needs before its own daily rhythm counts as much as the shop's


@dataclass(frozen=True, slots=True)
class Contextual:
    config: ContextualConfig
    demand: NDArray[np.float32]  # (items,): log of decayed demand
    rhythm: NDArray[np.float32]  # (24, categories + 1): log lift of a top category at an hour; the last is "none"
    category: NDArray[np.int32]  # (items,): column of rhythm

    @classmethod
    def fit(cls, data: TrainingSet, config: ContextualConfig, rng: Generator) -> Contextual:  # noqa: ARG003
        columns = data.interactions
        fading = np.exp2((columns.times - data.now) / config.half_life)
        demand = np.bincount(columns.items, fading * EVENT_STRENGTHS[columns.events], data.n_items)
        top = top_categories(data.dataset.catalogue)
        # UTC hours: the query's local hour and this differ by a fixed offset within one shop at most.
        hours = (columns.times // 3_600) % 24
        counts = np.zeros((24, int(top.max(initial=-1)) + 2))
        np.add.at(counts, (hours, top[columns.items]), 1.0)
        demand = np.log1p(demand / max(float(demand.mean()), 1e-12))
        return cls(config, demand.astype(np.float32), _log_lift(counts, config.hour_prior), top)

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        if profile.local_hour is None:
            return self.demand
        lift = self.config.hour_weight * self.rhythm[profile.local_hour % 24]
        scores: NDArray[np.float32] = self.demand + lift[self.category]
        return scores

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in ("demand", "rhythm", "category")}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], config: ContextualConfig) -> Contextual:
        return cls(config=config, **arrays)


def _log_lift(counts: NDArray[np.float64], prior: float) -> NDArray[np.float32]:
    """log P(hour | category) / P(hour), shrunk to 0 for categories with few events."""
    hours = (counts.sum(axis=1, keepdims=True) + 1) / (counts.sum() + 24)
    shares = (counts + prior * hours) / (counts.sum(axis=0, keepdims=True) + prior)
    lift: NDArray[np.float32] = np.log(shares / hours).astype(np.float32)
    return lift
