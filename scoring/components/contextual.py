"""Contextual component: what sells now, on this shelf, and at this hour of the day; the same for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scoring.components.component import moments, standardised
from scoring.data.interactions import DAY
from scoring.data.items import top_categories

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.dataset import Catalogue
    from scoring.data.interactions import TrainingSet
    from scoring.data.profile import Profile

_MOST_OF_ONE = 3.0  # purchases: what one shopper adds to a product's demand, however often they come back to it
_HALF_LIVES = {"demand.week": 7.0 * DAY, "demand.month": 30.0 * DAY, "demand.season": 180.0 * DAY}


@dataclass(frozen=True, slots=True)
class ContextualConfig:
    hour_weight: float = 0.5
    hour_prior: float = 200.0  # events that a category needs before its own daily rhythm counts as much as the shop's
    shelf_prior: float = 5.0  # products that a category or brand needs before its own demand does


@dataclass(frozen=True, slots=True)
class Contextual:
    SIGNALS: ClassVar[tuple[str, ...]] = (*_HALF_LIVES, "demand.shoppers", "demand.shelf")
    DEFAULTS: ClassVar[dict[str, float]] = {"demand.month": 1.0}

    config: ContextualConfig
    demands: NDArray[np.float32]  # (signals, items), in the order of SIGNALS: logs of demand
    rhythm: NDArray[np.float32]  # (24, categories + 1): log lift of a top category at an hour; the last is "none"
    category: NDArray[np.int32]  # (items,): column of rhythm
    standard: NDArray[np.float32]  # (signals, items): the same standardised

    @property
    def demand(self) -> NDArray[np.float32]:
        """Log of the last month's demand, shape (items,)."""
        month: NDArray[np.float32] = self.demands[self.SIGNALS.index("demand.month")]
        return month

    @classmethod
    def fit(cls, data: TrainingSet, config: ContextualConfig, rng: Generator) -> Contextual:  # noqa: ARG003
        visits = data.visits
        top = top_categories(data.dataset.catalogue)
        # UTC hours: the query's local hour and this differ by a fixed offset within one shop at most.
        hours = (visits.times // 3_600) % 24
        counts = np.zeros((24, int(top.max(initial=-1)) + 2))
        np.add.at(counts, (hours, top[visits.items]), 1.0)
        demands = [_demand(data, half_life) for half_life in _HALF_LIVES.values()]
        shoppers = np.log1p(data.shoppers.astype(np.float64))
        demands += [shoppers, _shelf(data.dataset.catalogue, shoppers, config.shelf_prior)]
        rhythm = _log_lift(counts, config.hour_prior)
        return cls.from_arrays(
            {"demands": np.stack(demands).astype(np.float32), "rhythm": rhythm, "category": top}, config
        )

    def blend(self, profile: Profile, weights: Mapping[str, float]) -> NDArray[np.float32]:
        """As the others', and lifted by what sells at the shopper's hour of the day, where it is known."""
        wanted = np.array([weights.get(name, 0.0) for name in self.SIGNALS], dtype=np.float32)
        total: NDArray[np.float32] = wanted @ self.standard
        if profile.local_hour is not None:
            lift = np.abs(wanted).sum() * np.float32(self.config.hour_weight) * self.rhythm[profile.local_hour % 24]
            total += lift[self.category]
        return total

    def signals(self, profile: Profile, wanted: Collection[str]) -> dict[str, NDArray[np.float32]]:  # noqa: ARG002
        return {name: row for name, row in zip(self.SIGNALS, self.demands, strict=True) if name in wanted}

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in ("demands", "rhythm", "category")}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], config: ContextualConfig) -> Contextual:
        rows = [standardised(row, *moments(row)) for row in arrays["demands"]]
        return cls(config=config, **arrays, standard=np.stack(rows))


def _demand(data: TrainingSet, half_life: float) -> NDArray[np.float64]:
    """log(1 + visits / their mean), each visit halved every `half_life` seconds; shape (items,). One shopper counts for
    a few purchases at most: a program that clicks all day makes no demand."""
    visits = data.visits
    fading = np.exp2((visits.times - data.now) / half_life)
    pairs = visits.users.astype(np.int64) * max(data.n_items, 1) + visits.items
    starts = np.flatnonzero(np.r_[True, pairs[1:] != pairs[:-1]]) if len(pairs) else np.zeros(0, np.int64)
    own = np.add.reduceat(fading * visits.strengths, starts) if len(pairs) else np.zeros(0)
    demand = np.bincount(visits.items[starts], np.minimum(own, _MOST_OF_ONE), data.n_items)
    logs: NDArray[np.float64] = np.log1p(demand / max(float(demand.mean()), 1e-12))
    return logs


def _shelf(catalogue: Catalogue, demand: NDArray[np.float64], prior: float) -> NDArray[np.float64]:
    """What products of the same category and brand sell, shape (items,): all that is known of a new one's demand."""
    mean = float(demand.mean()) if len(demand) else 0.0
    total = np.zeros(len(demand))
    for labels in ([path[-1:] for path in catalogue.categories], [(brand,) for brand in catalogue.brands]):
        code: dict[str, int] = {"": 0}
        codes = np.array([code.setdefault(own[0] if own else "", len(code)) for own in labels], dtype=np.int64)
        sold = demand > 0
        sums = np.bincount(codes[sold], demand[sold], len(code)) + prior * mean
        average = sums / (np.bincount(codes[sold], minlength=len(code)) + prior)
        average[0] = mean
        total += average[codes]
    return total


def _log_lift(counts: NDArray[np.float64], prior: float) -> NDArray[np.float32]:
    """log P(hour | category) / P(hour), shrunk to 0 for categories with few events."""
    hours = (counts.sum(axis=1, keepdims=True) + 1) / (counts.sum() + 24)
    shares = (counts + prior * hours) / (counts.sum(axis=0, keepdims=True) + prior)
    lift: NDArray[np.float32] = np.log(shares / hours).astype(np.float32)
    return lift
