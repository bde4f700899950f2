"""Offline evaluation: hide the last product that each of some shoppers newly met, and see where it is ranked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.dataset import Dataset
from scoring.interactions import fold
from scoring.metrics import hit_rate, mean_reciprocal_rank, ndcg, tie_breaker
from scoring.types import History

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.dataset import Interactions

_MIN_PRODUCTS = 5


@dataclass(frozen=True, slots=True)
class HoldOut:
    """A dataset without the hidden pairs, and the pairs; both arrays have the shape (users,)."""

    dataset: Dataset
    users: NDArray[np.int32]
    items: NDArray[np.int32]


def leave_last_out(dataset: Dataset, ties: NDArray[np.uint32], max_users: int, rng: Generator) -> HoldOut:
    """Hides the last newly met product of up to `max_users` shoppers who met at least five.

    ties: a hash of each product, shape (items,). In a basket all have one time: which is last there is decided by a
    hash of shopper and product, never by their order in the data, which a model could learn.
    """
    columns = dataset.interactions
    pairs = fold(columns, len(dataset.catalogue))
    sizes = np.bincount(pairs.users, minlength=columns.n_users)
    able = np.flatnonzero(sizes >= _MIN_PRODUCTS)
    users = np.sort(rng.choice(able, min(max_users, len(able)), replace=False)) if len(able) else able
    starts = np.searchsorted(pairs.users, users)
    items = np.empty(len(users), dtype=np.int32)
    for place, (user, start) in enumerate(zip(users.tolist(), starts.tolist(), strict=True)):
        own = slice(start, start + int(sizes[user]))
        order = np.lexsort((tie_breaker(user, ties[pairs.items[own]]), pairs.first[own]))
        items[place] = pairs.items[own][order[-1]]
    hidden_of = np.full(columns.n_users, -1, dtype=np.int64)
    hidden_of[users] = items
    kept = columns.items != hidden_of[columns.users]
    return HoldOut(replace(dataset, interactions=_chosen(columns, kept)), users.astype(np.int32), items)


def _chosen(columns: Interactions, kept: NDArray[np.bool_]) -> Interactions:
    return replace(
        columns,
        users=columns.users[kept],
        items=columns.items[kept],
        events=columns.events[kept],
        times=columns.times[kept],
        quantities=columns.quantities[kept],
        orders=columns.orders[kept],
    )


class Histories:
    """The events of each shopper, oldest first, looked up without a pass over the data."""

    def __init__(self, interactions: Interactions) -> None:
        self._order = np.lexsort((interactions.times, interactions.users))
        self._starts = np.searchsorted(interactions.users[self._order], np.arange(interactions.n_users + 1))
        self._columns = interactions

    def of(self, user: int) -> History:
        own = self._order[self._starts[user] : self._starts[user + 1]]
        columns = self._columns
        return History(columns.items[own], columns.events[own], columns.times[own])


def summarise(ranks: NDArray[np.int64]) -> dict[str, float]:
    """The metrics that a snapshot's manifest carries."""
    return {
        "ndcg@10": ndcg(ranks, 10),
        "hit_rate@10": hit_rate(ranks, 10),
        "recall@20": hit_rate(ranks, 20),
        "mrr@10": mean_reciprocal_rank(ranks, 10),
    }
