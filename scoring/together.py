"""What is bought with what: for every product, the products that share its baskets more often than chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.interactions import DAY, PURCHASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from scoring.interactions import TrainingSet

LIST_LENGTH = 50
_LARGEST_BASKET = 200  # more distinct products than this is a bulk import, not a shopping trip
_MIN_TOGETHER = 2
_MAX_SOURCES = 200  # products of a history that count, the weightiest: older ones add next to nothing
_PRIOR = 5.0  # baskets added to both products, so that two chance meetings are no strong bond


@dataclass(frozen=True, slots=True)
class Together:
    """Lists of partners, best first; arrays of shape (items, LIST_LENGTH), padded with item -1."""

    items: NDArray[np.int32]
    counts: NDArray[np.int32]  # baskets with both
    lifts: NDArray[np.float32]  # over what independence would give; above 1
    affinities: NDArray[np.float32]  # cosine of the two products' baskets, shrunk; 0 to 1

    def scores(self, items: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Summed affinity of every product to weighted products, shape (items,)."""
        if len(items) > _MAX_SOURCES:
            top = np.argpartition(-weights, _MAX_SOURCES)[:_MAX_SOURCES]
            items, weights = items[top], weights[top]
        partners = self.items[items]
        amounts = self.affinities[items] * weights[:, None]  # 0 in the padding
        return np.bincount(np.maximum(partners, 0).ravel(), amounts.ravel(), len(self.items)).astype(np.float32)


def bought_together(data: TrainingSet) -> Together:
    baskets = basket_matrix(data)
    n_baskets = max(baskets.shape[0], 1)
    frequency = np.asarray(baskets.sum(axis=0), dtype=np.float64).ravel()
    by_item = baskets.T.tocsr()
    shape = (data.n_items, LIST_LENGTH)
    floats = np.zeros(shape, np.float32)
    lists = Together(np.full(shape, -1, np.int32), np.zeros(shape, np.int32), floats, floats.copy())
    for start, stop in _blocks(by_item, baskets):
        block = (by_item[start:stop] @ baskets).tocoo()
        rows, columns, counts = block.row.astype(np.int64) + start, block.col, block.data
        expected = frequency[rows] * frequency[columns] / n_baskets
        keep = (counts >= _MIN_TOGETHER) & (columns != rows) & (counts > expected)
        rows, columns, counts, expected = rows[keep], columns[keep], counts[keep], expected[keep]
        affinity = counts / np.sqrt((frequency[rows] + _PRIOR) * (frequency[columns] + _PRIOR))
        order = np.lexsort((-affinity, rows))
        places = np.arange(len(order)) - np.searchsorted(rows[order], rows[order])
        top = order[places < LIST_LENGTH]
        where = (rows[top], places[places < LIST_LENGTH])
        lists.items[where], lists.counts[where] = columns[top], counts[top]
        lists.lifts[where], lists.affinities[where] = counts[top] / expected[top], affinity[top]
    return lists


def basket_matrix(data: TrainingSet) -> Any:
    """CSR (baskets, items) of ones: orders, else a shopper's day, else all that a shopper did."""
    from scipy import sparse

    columns = data.interactions
    bought = columns.events == PURCHASE
    chosen = bought if bought.any() else np.ones(len(columns.users), dtype=bool)
    users, items = columns.users[chosen].astype(np.int64), columns.items[chosen]
    orders, days = columns.orders[chosen], columns.times[chosen] // DAY
    days = days - days.min(initial=0)
    by_day = users * (int(days.max(initial=0)) + 1) + days
    keys = np.where(orders >= 0, orders, by_day + int(orders.max(initial=0)) + 1)
    for key in (keys, users):
        _, codes = np.unique(key, return_inverse=True)
        shape = (int(codes.max(initial=-1)) + 1, data.n_items)
        matrix = sparse.csr_matrix((np.ones(len(items), np.int32), (codes, items)), shape=shape)
        matrix.sum_duplicates()
        matrix.data[:] = 1
        sizes = np.diff(matrix.indptr)
        if (sizes > 1).any():
            return matrix[sizes <= _LARGEST_BASKET]
    return matrix


def _blocks(by_item: Any, baskets: Any, budget: int = 6_000_000) -> Iterator[tuple[int, int]]:
    """Item ranges whose co-occurrence counts need at most about `budget` additions, which bounds memory."""
    sizes = np.diff(baskets.indptr)
    work = np.add.reduceat(np.r_[sizes[by_item.indices], 0], by_item.indptr[:-1]) if by_item.shape[0] else np.zeros(0)
    work = np.where(np.diff(by_item.indptr) > 0, work, 0)
    bins = np.cumsum(work) // budget
    starts = np.flatnonzero(np.r_[True, bins[1:] != bins[:-1]]) if len(bins) else np.zeros(0, np.int64)
    yield from zip(starts.tolist(), [*starts[1:].tolist(), by_item.shape[0]], strict=True)
