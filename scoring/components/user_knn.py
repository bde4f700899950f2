"""User neighbours: the nearest shoppers, what they took, and what they buy again."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.data.interactions import DAY, PURCHASE
from scoring.data.postings import Postings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet

    Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class UserNeighbours:
    """Rows of the reference users, the shoppers that others are compared with."""

    rows: Postings  # keys are shoppers, ids are items
    rates: Floats  # (entries of rows,): share of a shopper's shopping days on which each product was bought, 0 to 1
    lengths: Floats  # (shoppers,): Euclidean length of each row

    @classmethod
    def of(cls, rows: Any, users: NDArray[np.int64], data: TrainingSet) -> UserNeighbours:
        """From a CSR of shape (shoppers, items) and the number of each shopper in `data`."""
        postings = Postings.of(rows)
        squares = np.asarray(rows.multiply(rows).sum(axis=1), dtype=np.float64).ravel()
        return cls(postings, _rates(postings, users, data), np.sqrt(squares).astype(np.float32))

    def nearest(self, inner_products: Floats, count: int) -> tuple[NDArray[np.int32], Floats]:
        """The nearest shoppers and their similarities (cosine, up to a factor), from their rows times a history."""
        similarities = (inner_products / np.maximum(self.lengths, 1e-9)).astype(np.float32, copy=False)
        near = np.flatnonzero(similarities > 0)
        if len(near) > count:
            near = near[np.argpartition(-similarities[near], count)[:count]]
        return near.astype(np.int32), similarities[near]

    def taken(self, near: NDArray[np.int32], similarities: Floats, n_items: int) -> Floats:
        """What they took, each row at unit length and weighted by similarity; shape (items,)."""
        weights = (similarities / np.maximum(self.lengths[near], 1e-9)).astype(np.float32, copy=False)
        return self.rows.combine(near, weights, n_items)

    def habits(self, near: NDArray[np.int32], similarities: Floats, n_items: int) -> Floats:
        """The root of the share of their days on which they buy each product, weighted by similarity; shape (items,).

        The neighbours' part of Hu et al., "Modeling Personalized Item Frequency Information for Next-basket
        Recommendation" (SIGIR 2020, TIFU-KNN).
        """
        rows = Postings(self.rows.starts, self.rows.ids, self.rates)
        # The root, as with a shopper's own habits, keeps what nearly all buy from outweighing the other signals.
        return np.sqrt(rows.combine(near, similarities / np.float32(max(float(similarities.sum()), 1e-9)), n_items))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        # Snapshots hold user neighbours as `kin`.
        rows = {f"kin_{one.name}": getattr(self.rows, one.name) for one in fields(Postings)}
        return rows | {"kin_rates": self.rates, "kin_lengths": self.lengths}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> UserNeighbours:
        rows = Postings(**{one.name: arrays[f"kin_{one.name}"] for one in fields(Postings)})
        return cls(rows, arrays["kin_rates"], arrays["kin_lengths"])


def _rates(rows: Postings, users: NDArray[np.int64], data: TrainingSet) -> Floats:
    columns = data.interactions
    bought = columns.events == PURCHASE
    if not bought.any():  # without purchases, any event counts as one
        bought = np.ones(len(columns.users), dtype=bool)
    days = columns.times[bought] // DAY
    days = days - days.min(initial=0)
    span = int(days.max(initial=0)) + 1
    pairs = columns.users[bought].astype(np.int64) * data.n_items + columns.items[bought]
    shopping_days = np.bincount(
        np.unique(columns.users[bought].astype(np.int64) * span + days) // span, minlength=data.n_users
    )
    known, counts = np.unique(np.unique(pairs * span + days) // span, return_counts=True)
    entries = np.repeat(users, np.diff(rows.starts)) * data.n_items + rows.ids
    positions = np.minimum(np.searchsorted(known, entries), max(len(known) - 1, 0))
    times = np.where(known[positions] == entries, counts[positions], 0) if len(known) else np.zeros(len(entries))
    rates: Floats = (times / np.maximum(shopping_days[np.repeat(users, np.diff(rows.starts))], 1)).astype(np.float32)
    return rates
