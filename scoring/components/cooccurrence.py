"""Co-occurrence: for every product, the products that share its baskets more often than chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.data.interactions import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet

_LIST_LENGTH = 50
_LIST_ENTRIES = 10_000_000  # of all lists: those of a larger catalogue are shorter
_LARGEST_BASKET = 60  # what is longer is cut into windows of this many events, in the order of time
_MIN_TOGETHER = 2
_MOST_OF_ONE = 50  # baskets of one shopper that count for a pair: those of a weekly habit in a year
_MAX_SOURCES = 200  # products of a history that count, those of the greatest weight: older ones add next to nothing
_OWN = 0.8  # exponent of a product's own baskets in a conditional frequency; the follower's baskets have the rest
_PRIOR = 5.0  # baskets added to both products, so that two chance meetings are no strong association


# Snapshots hold co-occurrence as `together`, and its conditional frequencies as `chances`.
_STORED_NAMES = {
    "items": "together_items",
    "shoppers": "together_shoppers",
    "lifts": "together_lifts",
    "affinities": "together_affinities",
    "followers": "together_followers",
    "conditional_frequencies": "together_chances",
    "at_once": "together_at_once",
}


@dataclass(frozen=True, slots=True)
class Cooccurrence:
    """Lists of co-occurring products, best first; arrays of shape (items, length), padded with item -1."""

    items: NDArray[np.int32]
    shoppers: NDArray[np.int32]  # who put both into one basket; 0 in old snapshots, which did not count them
    lifts: NDArray[np.float32]  # over what independence would give; above 1
    affinities: NDArray[np.float32]  # cosine of the two products' baskets, shrunk; 0 to 1
    followers: NDArray[np.int32]  # another list: what most of a product's buyers take with it, popular or not
    # Of the followers, 0 to 1: baskets with both over the product's baskets, adjusted by `_OWN` in favour of the rarer.
    conditional_frequencies: NDArray[np.float32]
    at_once: NDArray[np.bool_]  # shape (1,): whether a basket is an order or a day, and not all that a shopper bought

    def scores(self, items: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Summed affinity of every product to weighted products, shape (items,)."""
        return _summed(self.items, self.affinities, items, weights)

    def follow_scores(self, items: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Summed conditional frequency of every product given weighted products, shape (items,)."""
        return _summed(self.followers, self.conditional_frequencies, items, weights)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {stored: getattr(self, name) for name, stored in _STORED_NAMES.items()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Cooccurrence:
        missing = np.zeros_like(arrays[_STORED_NAMES["items"]])
        found = {name: arrays.get(stored, missing) for name, stored in _STORED_NAMES.items()}
        return cls(**found | {"at_once": arrays.get(_STORED_NAMES["at_once"], np.ones(1, np.bool_))})


def list_length(n_items: int) -> int:
    """How many neighbours each product's list holds."""
    return min(_LIST_LENGTH, max(10, _LIST_ENTRIES // max(n_items, 1)))


def _summed(
    lists: NDArray[np.int32], values: NDArray[np.float32], items: NDArray[np.int32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    if len(items) > _MAX_SOURCES:
        top = np.argpartition(-weights, _MAX_SOURCES)[:_MAX_SOURCES]
        items, weights = items[top], weights[top]
    amounts = values[items] * weights[:, None]  # 0 in the padding
    return np.bincount(np.maximum(lists[items], 0).ravel(), amounts.ravel(), len(lists)).astype(np.float32)


def count_cooccurrences(data: TrainingSet) -> Cooccurrence:
    """The lists of every product, from the counts of pairs in the baskets.

    A pair counts when enough shoppers put both into one basket, and each of them for a few baskets at most: nobody's
    habits become everybody's shelf.
    """
    baskets = baskets_of(data)
    n_baskets = max(baskets.matrix.shape[0], 1)
    by_item = baskets.matrix.T.tocsr()
    frequency = _capped_frequency(baskets, by_item)
    shape = (data.n_items, list_length(data.n_items))
    floats = np.zeros(shape, np.float32)
    none = np.full(shape, -1, np.int32)
    shoppers_of, at_once = np.zeros(shape, np.int32), np.array([baskets.at_once])
    lists = Cooccurrence(none, shoppers_of, floats, floats.copy(), none.copy(), floats.copy(), at_once)
    for start, stop in _blocks(by_item, baskets.matrix):
        rows, columns, counts, shoppers = _together(by_item[start:stop], baskets)
        rows += start
        keep = (counts >= _MIN_TOGETHER) & (shoppers >= data.fewest_shoppers) & (columns != rows)
        rows, columns, counts, shoppers = rows[keep], columns[keep], counts[keep], shoppers[keep]
        own, other = frequency[rows] + _PRIOR, frequency[columns] + _PRIOR
        conditional = counts / (own**_OWN * other ** (1 - _OWN))
        where, top = _best(rows, conditional, shape[1])
        lists.followers[where], lists.conditional_frequencies[where] = columns[top], conditional[top]
        expected = frequency[rows] * frequency[columns] / n_baskets
        affinity = np.where(counts > expected, counts / np.sqrt(own * other), 0.0)
        where, top = _best(rows, affinity, shape[1])
        lists.items[where], lists.shoppers[where] = columns[top], shoppers[top]
        lists.lifts[where], lists.affinities[where] = counts[top] / expected[top], affinity[top]
    return lists


def _together(
    items: Any, baskets: Baskets
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of products that share baskets, as (row of `items`, product, capped number of baskets, shoppers).

    items: CSR (some items, baskets).
    """
    by_shopper, item_of = _by_shopper(items, baskets)
    met = by_shopper @ baskets.matrix  # one row for each item and shopper: baskets with the item and with each other
    gathered = _gathering(item_of, items.shape[0])
    shoppers = gathered @ (met > 0).astype(np.int32)
    met.data = np.minimum(met.data, _MOST_OF_ONE)
    counts = gathered @ met
    for matrix in (shoppers, counts):
        matrix.sort_indices()
    rows = np.repeat(np.arange(items.shape[0]), np.diff(counts.indptr))
    return rows, counts.indices.astype(np.int64), counts.data.astype(np.int64), shoppers.data.astype(np.int64)


def _capped_frequency(baskets: Baskets, by_item: Any) -> NDArray[np.float64]:
    """Baskets with each product, at most so many of one shopper, shape (items,)."""
    by_shopper, item_of = _by_shopper(by_item, baskets)
    own = np.minimum(np.asarray(by_shopper.sum(axis=1)).ravel(), _MOST_OF_ONE)
    return np.bincount(item_of, own, by_item.shape[0]).astype(np.float64)


def _by_shopper(items: Any, baskets: Baskets) -> tuple[Any, NDArray[np.int64]]:
    """CSR (pairs of item and shopper, baskets) of ones, and the item of each pair."""
    from scipy import sparse

    entries = items.tocoo()
    keys = entries.row.astype(np.int64) * baskets.n_users + baskets.users[entries.col]
    pairs, numbers = np.unique(keys, return_inverse=True)
    ones = np.ones(len(keys), np.int32)
    shape = (len(pairs), items.shape[1])
    return sparse.csr_matrix((ones, (numbers, entries.col)), shape=shape), pairs // max(baskets.n_users, 1)


def _gathering(item_of: NDArray[np.int64], n_items: int) -> Any:
    """CSR (items, pairs) that sums the pairs of each item."""
    from scipy import sparse

    ones = np.ones(len(item_of), np.int32)
    return sparse.csr_matrix((ones, (item_of, np.arange(len(item_of)))), shape=(n_items, len(item_of)))


def _best(
    rows: NDArray[np.int64], values: NDArray[np.float64], count: int
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]]:
    """Where the `count` largest positive values of each row go, as (row, position), and which they are."""
    order = np.lexsort((-values, rows))
    order = order[values[order] > 0]
    positions = np.arange(len(order)) - np.searchsorted(rows[order], rows[order])
    short = positions < count
    return (rows[order[short]], positions[short]), order[short]


@dataclass(frozen=True, slots=True)
class Baskets:
    matrix: Any  # CSR (baskets, items) of ones
    users: NDArray[np.int64]  # (baskets,): whose each is
    n_users: int
    at_once: bool  # whether each is an order or a day


def baskets_of(data: TrainingSet) -> Baskets:
    """Orders, else a shopper's day, else all that a shopper did.

    What is longer than a shopping trip is cut into windows along time, so that an evening of ratings or a bulk import
    relates the products that are near in time, not all of them.
    """
    from scipy import sparse

    columns, chosen = data.interactions, data.sales
    users, items, times = columns.users[chosen].astype(np.int64), columns.items[chosen], columns.times[chosen]
    orders, days = columns.orders[chosen], times // DAY
    days = days - days.min(initial=0)
    by_day = users * (int(days.max(initial=0)) + 1) + days
    keys = np.where(orders >= 0, orders, by_day + int(orders.max(initial=0)) + 1)
    for key in (keys, users):
        order = np.lexsort((data.ties[items], times, key))
        ordered = key[order]
        positions = np.arange(len(order)) - np.searchsorted(ordered, ordered)
        opens = (positions % _LARGEST_BASKET == 0).astype(np.int64)
        codes = np.cumsum(opens) - 1
        shape = (int(codes.max(initial=-1)) + 1, data.n_items)
        matrix = sparse.csr_matrix((np.ones(len(order), np.int32), (codes, items[order])), shape=shape)
        matrix.sum_duplicates()
        matrix.data[:] = 1
        owners = users[order][opens == 1]
        if (np.diff(matrix.indptr) > 1).any():
            break
    return Baskets(matrix, owners, data.n_users, key is keys)


def _blocks(by_item: Any, baskets: Any, budget: int = 6_000_000) -> Iterator[tuple[int, int]]:
    """Item ranges whose co-occurrence counts need at most about `budget` additions, which bounds memory."""
    sizes = np.diff(baskets.indptr)
    work = np.add.reduceat(np.r_[sizes[by_item.indices], 0], by_item.indptr[:-1]) if by_item.shape[0] else np.zeros(0)
    work = np.where(np.diff(by_item.indptr) > 0, work, 0)
    bins = np.cumsum(work) // budget
    starts = np.flatnonzero(np.r_[True, bins[1:] != bins[:-1]]) if len(bins) else np.zeros(0, np.int64)
    yield from zip(starts.tolist(), [*starts[1:].tolist(), by_item.shape[0]], strict=True)
