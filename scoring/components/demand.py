"""Demand that is the same for everybody: how many bought a product, and whether it sells more than it used to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.data.interactions import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet

_LONGEST_WINDOW = 28 * DAY
_NAMES = ("buyers", "popularity", "growth", "surprise", "recent")
_PRIOR = 3.0  # shoppers added to both sides of a growth rate, so a handful of sales is no trend


@dataclass(frozen=True, slots=True)
class Demand:
    """Arrays of shape (items,)."""

    buyers: NDArray[np.int32]  # distinct shoppers who bought it
    popularity: NDArray[np.float32]  # standardised log of distinct shoppers with any event, weighted towards now
    growth: NDArray[np.float32]  # buyers of late over their usual number, shrunk to 1
    surprise: NDArray[np.float32]  # (recent - usual) / sqrt(usual + prior)
    recent: NDArray[np.int32]  # distinct buyers in the last window, of four weeks at most

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in _NAMES}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Demand:
        # A snapshot of earlier versions did not count recent shoppers: all its buyers stand for them.
        return cls(**{"recent": arrays["buyers"], **arrays})


def measure_demand(data: TrainingSet) -> Demand:
    """The trend counts `data.sales`: what many look at and nobody buys does not sell better."""
    window = min(_LONGEST_WINDOW, data.span / 8)
    late = data.interactions.times > data.now - window
    recent = _shoppers(data, data.sales & late)
    before = _shoppers_per_window(data, data.sales & ~late, window)
    # A shop that grows as a whole has no trend in each product; in one that shrinks, to sell as before is none either.
    usual = before * max(recent.sum() / max(float(before.sum()), 1.0), 1.0) if before.sum() else recent
    return Demand(
        buyers=data.buyers,
        popularity=_standardised(np.log1p(data.shoppers.astype(np.float64))),
        growth=((recent + _PRIOR) / (usual + _PRIOR)).astype(np.float32),
        surprise=((recent - usual) / np.sqrt(usual + _PRIOR)).astype(np.float32),
        recent=recent.astype(np.int32),
    )


def _shoppers(data: TrainingSet, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distinct shoppers of each item among the chosen events."""
    columns = data.interactions
    pairs = np.unique(columns.users[chosen].astype(np.int64) * max(data.n_items, 1) + columns.items[chosen])
    return np.bincount(pairs % max(data.n_items, 1), minlength=data.n_items).astype(np.float64)


def _shoppers_per_window(data: TrainingSet, chosen: NDArray[np.bool_], window: float) -> NDArray[np.float64]:
    """Distinct shoppers of each item in a usual window: the mean over the windows since it was first sold."""
    columns = data.interactions
    users, items, times = columns.users[chosen].astype(np.int64), columns.items[chosen], columns.times[chosen]
    if not len(users):
        return np.zeros(data.n_items)
    windows = ((data.now - times) // window).astype(np.int64)
    n_windows, n_items = int(windows.max()) + 1, max(data.n_items, 1)
    triples = np.unique((users * n_windows + windows) * n_items + items)
    total = np.bincount(triples % n_items, minlength=n_items)
    oldest = np.zeros(n_items, dtype=np.int64)
    np.maximum.at(oldest, items, windows)
    per_window: NDArray[np.float64] = total / np.maximum(oldest, 1)
    return per_window


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float32]:
    spread = values.std() if len(values) else 0.0
    if spread < 1e-9:
        return np.zeros(len(values), dtype=np.float32)
    standardised: NDArray[np.float32] = ((values - values.mean()) / spread).astype(np.float32)
    return standardised
