"""When a shopper is due to buy something again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scoring.data.interactions import DAY, PURCHASE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet
    from scoring.types import History

DEFAULT_GAP = 30.0 * DAY
_LAPSED = 3.0  # gaps without a purchase, after which a habit is over


def usual_gap(data: TrainingSet) -> float:
    """The median time between two purchases of one product by one shopper, seconds; a month where nobody repeats."""
    pairs = data.pairs
    repeated = (pairs.purchases > 1) & (pairs.last - pairs.first >= DAY)
    if not repeated.any():
        return DEFAULT_GAP
    return float(np.median((pairs.last - pairs.first)[repeated] / (pairs.purchases[repeated] - 1)))


def repeat_share(data: TrainingSet) -> float:
    """The part of all purchases that repeat an earlier one of the same shopper and product, 0 to 1."""
    bought = data.pairs.purchases[data.pairs.purchases > 0]
    return round(float(1 - len(bought) / bought.sum()), 6) if len(bought) else 0.0


@dataclass(frozen=True, slots=True)
class Repeats:
    """Products that were bought, ascending; the arrays share the shape (products,)."""

    items: NDArray[np.int32]
    order: NDArray[np.int64]  # rows, what is due first
    counts: NDArray[np.int64]  # on how many days it was bought
    gaps: NDArray[np.float64]  # days from one purchase to the next, as a rule
    due: NDArray[np.float64]  # days until the next one; below 0 for what is overdue
    since: NDArray[np.float64]  # days since the last one
    own_gaps: NDArray[np.float64]  # the mean of this shopper and product alone; 0 without a second purchase
    lapsed: NDArray[np.bool_]  # habits that are over


def repeats(history: History, now: int, gap: float, ties: NDArray[np.uint32]) -> Repeats:
    """What the shopper buys again, and when.

    A gap is the mean one of this shopper and product, shrunk towards `gap` (seconds), which stands alone after a single
    purchase. First come habits by the part of their gap that has passed, the most overdue first; then what was bought
    once, in the same order; last what has lapsed, the latest first. ties: (items,), the order among equals.
    """
    bought = (history.events == PURCHASE) & (history.items >= 0) & (history.items < len(ties))
    days = np.unique(history.items[bought] * np.int64(1 << 32) + history.times[bought] // DAY)
    items, starts, counts = np.unique(days >> 32, return_index=True, return_counts=True)
    if not len(items):
        none = np.zeros(0)
        return Repeats(none.astype(np.int32), none.astype(np.int64), counts, none, none, none, none, none.astype(bool))
    ages = np.maximum(now / DAY - (days & 0xFFFFFFFF), 0.0)
    newest, oldest = np.minimum.reduceat(ages, starts), np.maximum.reduceat(ages, starts)
    gaps = (oldest - newest + gap / DAY) / counts
    passed = newest / gaps
    lapsed = passed > _LAPSED
    order = np.lexsort((ties[items], np.where(lapsed, passed, -passed), counts < 2, lapsed))
    own_gaps = (oldest - newest) / np.maximum(counts - 1, 1)
    return Repeats(items.astype(np.int32), order, counts, gaps, gaps - newest, newest, own_gaps, lapsed)
