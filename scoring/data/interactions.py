"""Interactions folded into what the components learn from: one weighted entry per shopper and product."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.data.ties import tie_hashes
from scoring.types import EVENT_CODES, EventType

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.data.dataset import Dataset, Interactions

DAY = 86_400
PURCHASE = EVENT_CODES[EventType.PURCHASE]
# How much information on preference an event carries, against a purchase. Only the order and rough size matter.
_STRENGTHS = {
    EventType.VIEW: 0.15,
    EventType.CLICK: 0.25,
    EventType.LIKE: 0.7,
    EventType.PURCHASE: 1.0,
    EventType.RATING: 0.8,
}
EVENT_STRENGTHS: NDArray[np.float32] = np.array([_STRENGTHS[event] for event in EventType], dtype=np.float32)
FEWEST_SHOPPERS = 3  # that a pair of products, a trend or a claim on others rests on: fewer would show a household
_SMALL_SHOP = 50  # shoppers; in a smaller shop two are enough, or it would hardly have a shelf
_MOST_REPEATS = 100  # that are counted of one shopper and product


@dataclass(frozen=True, slots=True)
class Pairs:
    """Distinct (user, item) pairs, sorted by user then item; every array has the shape (pairs,)."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    strengths: NDArray[np.float32]  # of the strongest event; the strongest kind in the data counts as 1
    repeats: NDArray[np.float32]  # weight of its repeats, 1 for none
    purchases: NDArray[np.int32]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    def where(self, chosen: NDArray[Any]) -> Pairs:
        """Some of the pairs, by a mask or in the order of their numbers."""
        return Pairs(*(getattr(self, column.name)[chosen] for column in fields(self)))


@dataclass(frozen=True, slots=True)
class Visits:
    """What one shopper did with one product on one day, once, as its strongest event; arrays of shape (visits,)."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    strengths: NDArray[np.float32]
    times: NDArray[np.int64]  # of that event


def sublinear(times: NDArray[np.integer]) -> NDArray[np.float32]:
    """The weight of a product that was taken so often, against once: the tenth time carries less information than the
    second, and what a program repeats thousands of times carries no more."""
    weights: NDArray[np.float32] = (1 + 0.5 * np.log(np.clip(times, 1, _MOST_REPEATS))).astype(np.float32)
    return weights


def fewest_shoppers(wanted: int, n_users: int) -> int:
    """The minimum that holds in a shop of this size: `wanted`, and in a small one two at most."""
    return wanted if n_users >= _SMALL_SHOP else min(wanted, 2)


class TrainingSet:
    """A dataset with its derived columns, each computed once and only when asked for.

    fewest: shoppers that what is said and shown of a product to others rests on; a small shop has a lower minimum.
    """

    def __init__(self, dataset: Dataset, now: int | None = None, fewest: int = FEWEST_SHOPPERS) -> None:
        self.dataset = dataset
        self.fewest_wanted = fewest
        self.fewest_shoppers = fewest_shoppers(fewest, dataset.interactions.n_users)
        times = dataset.interactions.times
        self.now = int(now if now is not None else (times.max() if len(times) else 0))

    @property
    def interactions(self) -> Interactions:
        return self.dataset.interactions

    @property
    def n_users(self) -> int:
        return self.interactions.n_users

    @property
    def n_items(self) -> int:
        return len(self.dataset.catalogue)

    @cached_property
    def ties(self) -> NDArray[np.uint32]:
        """A hash of each product's id: an order among equals that does not depend on the catalogue's."""
        return tie_hashes(self.dataset.catalogue.ids)

    @cached_property
    def span(self) -> float:
        """Seconds from the first to the last event, at least a day."""
        times = self.interactions.times
        return float(max(times.max() - times.min(), DAY)) if len(times) else float(DAY)

    @cached_property
    def pairs(self) -> Pairs:
        return fold(self.interactions, self.n_items)

    @cached_property
    def matrix(self) -> Any:
        """scipy CSR of shape (users, items), float32: strengths times repeats."""
        from scipy import sparse

        pairs = self.pairs
        shape = (self.n_users, self.n_items)
        return sparse.csr_matrix((pairs.strengths * pairs.repeats, (pairs.users, pairs.items)), shape=shape)

    @cached_property
    def shared_matrix(self) -> Any:
        """`matrix` with the products alone that enough shoppers met: what one household does teaches nothing about
        others."""
        kept = self.shared[self.pairs.items]
        pairs, shape = self.pairs, (self.n_users, self.n_items)
        if kept.all():
            return self.matrix
        from scipy import sparse

        weights = (pairs.strengths * pairs.repeats)[kept]
        return sparse.csr_matrix((weights, (pairs.users[kept], pairs.items[kept])), shape=shape)

    @cached_property
    def shared(self) -> NDArray[np.bool_]:
        """Which products enough shoppers met, shape (items,)."""
        shared: NDArray[np.bool_] = self.shoppers >= self.fewest_shoppers
        return shared

    @cached_property
    def sales(self) -> NDArray[np.bool_]:
        """Which events are purchases; in a shop that has none, every event stands for one. Shape (events,)."""
        bought: NDArray[np.bool_] = self.interactions.events == PURCHASE
        return bought if bought.any() else np.ones_like(bought)

    @cached_property
    def visits(self) -> Visits:
        return visits_of(self.interactions, self.n_items)

    @cached_property
    def shoppers(self) -> NDArray[np.int32]:
        """Distinct users with any event on each item."""
        return np.bincount(self.pairs.items, minlength=self.n_items).astype(np.int32)

    @cached_property
    def buyers(self) -> NDArray[np.int32]:
        """Distinct users who bought each item."""
        bought = self.pairs.items[self.pairs.purchases > 0]
        return np.bincount(bought, minlength=self.n_items).astype(np.int32)


def fold(interactions: Interactions, n_items: int) -> Pairs:
    """One row per (user, item): strongest event, number of purchases, first and last time."""
    keys = interactions.users.astype(np.int64) * max(n_items, 1) + interactions.items
    order = np.lexsort((interactions.times, keys))
    keys, times, events = keys[order], interactions.times[order], interactions.events[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, np.int64)
    if not len(starts):
        none32 = np.zeros(0, np.int32)
        none, never = np.zeros(0, np.float32), np.zeros(0, np.int64)
        return Pairs(none32, none32, none, none, none32, never, never)
    ends = np.r_[starts[1:], len(keys)] - 1
    strengths = np.maximum.reduceat(EVENT_STRENGTHS[events], starts)
    purchases = np.add.reduceat((events == PURCHASE).astype(np.int32), starts)
    repeated = sublinear(np.where(purchases > 0, purchases, ends + 1 - starts))
    return Pairs(
        users=(keys[starts] // n_items).astype(np.int32),
        items=(keys[starts] % n_items).astype(np.int32),
        strengths=(strengths / strengths.max()).astype(np.float32),
        repeats=repeated,
        purchases=purchases,
        first=times[starts],
        last=times[ends],
    )


def visits_of(interactions: Interactions, n_items: int) -> Visits:
    """One entry per (user, item, day), sorted so."""
    keys = interactions.users.astype(np.int64) * max(n_items, 1) + interactions.items
    days = interactions.times // DAY
    strengths = EVENT_STRENGTHS[interactions.events]
    order = np.lexsort((interactions.times, -strengths, days, keys))
    ordered_keys, ordered_days = keys[order], days[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (ordered_keys[1:] != ordered_keys[:-1]) | (ordered_days[1:] != ordered_days[:-1])
    kept = order[first]
    return Visits(interactions.users[kept], interactions.items[kept], strengths[kept], interactions.times[kept])
