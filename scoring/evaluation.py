"""Offline evaluation: hide the last product that each of some shoppers newly met, and see where it is ranked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.ensemble import COMPONENTS, score_all
from scoring.interactions import fold
from scoring.metrics import coverage, hit_rate, mean_reciprocal_rank, ndcg, rank_of, tie_breaker
from scoring.profile import fold_history
from scoring.slate import best_first
from scoring.types import History

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.component import Scorer
    from scoring.dataset import Dataset, Interactions
    from scoring.profile import Profile
    from scoring.types import Component

SHORTLIST = 100
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


@dataclass(frozen=True, slots=True)
class Validation:
    """What a hold-out says: metrics by name, and the fused scores of taken products and of their shortlist rivals."""

    metrics: dict[str, float]
    taken: NDArray[np.float64]
    rivals: NDArray[np.float64]


def profiles_of(hold_out: HoldOut, now: int) -> list[Profile]:
    """The profile of each held-out shopper, as it was before the hidden product."""
    histories = Histories(hold_out.dataset.interactions)
    n_items = len(hold_out.dataset.catalogue)
    return [fold_history(histories.of(user), n_items, now) for user in hold_out.users.tolist()]


def ranks_of(
    score: Callable[[Profile], NDArray[np.float32]],
    profiles: list[Profile],
    hold_out: HoldOut,
    ties: NDArray[np.uint32],
) -> NDArray[np.int64]:
    """Rank of each hidden product among all that its shopper had not met, shape (users,)."""
    ranks = np.empty(len(profiles), dtype=np.int64)
    for place, profile in enumerate(profiles):
        scores = score(profile).copy()
        scores[profile.items] = -np.inf
        ranks[place] = rank_of(scores, int(hold_out.items[place]), int(hold_out.users[place]), ties)
    return ranks


def gain(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each shopper's NDCG without a cut, shape (users,): moves smoothly where NDCG@10 jumps. For choosing settings."""
    gains: NDArray[np.float64] = 1.0 / np.log2(ranks + 1.0)
    return gains


def validate(
    scorers: Mapping[Component, Scorer],
    weights: NDArray[np.float32],
    popularity: NDArray[np.float32],
    hold_out: HoldOut,
    ties: NDArray[np.uint32],
    now: int,
) -> Validation:
    """Ranks each hidden product by the ensemble, by each component alone, and by popularity (what to beat)."""
    names = ("ensemble", *(component.value for component in COMPONENTS), "popularity")
    ranks = {name: np.zeros(len(hold_out.users), dtype=np.int64) for name in names}
    taken, rivals, lists = [], [], []
    for place, profile in enumerate(profiles_of(hold_out, now)):
        item, user = int(hold_out.items[place]), int(hold_out.users[place])
        fusion = score_all(scorers, profile, weights)
        for name, values in zip(names, (fusion.fused, *fusion.raw, popularity), strict=True):
            open_values = values.copy()
            open_values[profile.items] = -np.inf
            ranks[name][place] = rank_of(open_values, item, user, ties)
        fusion.fused[profile.items] = -np.inf
        shortlist = best_first(fusion.fused, ties, SHORTLIST)
        lists.append(shortlist[:10])
        if item in shortlist:
            taken.append(float(fusion.fused[item]))
            rivals.extend(fusion.fused[shortlist[shortlist != item]].tolist())
    if not lists:
        return Validation({"shoppers": 0.0}, np.zeros(0), np.zeros(0))
    metrics = {f"{name}.{metric}": value for name in names for metric, value in summarise(ranks[name]).items()}
    metrics["ensemble.coverage@10"] = coverage(np.array(lists), len(ties))
    metrics["shoppers"] = float(len(hold_out.users))
    return Validation(metrics, np.array(taken, dtype=np.float64), np.array(rivals, dtype=np.float64))
