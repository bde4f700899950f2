"""Neighbour lists of every product, made at training: what is bought with it, and what resembles it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.interactions import DAY, PURCHASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.content import Content
    from scoring.contextual import Contextual
    from scoring.interactions import TrainingSet
    from scoring.neural import Neural

LIST_LENGTH = 50
_LARGEST_BASKET = 200  # more distinct products than this is a bulk import, not a shopping trip
_MIN_TOGETHER = 2


@dataclass(frozen=True, slots=True)
class Together:
    """Bought-together lists, best first; arrays of shape (items, LIST_LENGTH), padded with item -1."""

    items: NDArray[np.int32]
    counts: NDArray[np.int32]  # baskets with both
    lifts: NDArray[np.float32]  # over what independence would give
    surprises: NDArray[np.float32]  # (count - expected) / sqrt(expected + 1): large for strong and well-founded pairs


@dataclass(frozen=True, slots=True)
class Similar:
    """Similar-product lists, best first under the trained weights; shape (items, LIST_LENGTH), padded with item -1."""

    items: NDArray[np.int32]
    cosines: NDArray[np.float16]  # of content
    parts: NDArray[np.float16]  # (items, LIST_LENGTH, 4): standardised value of each component


def bought_together(data: TrainingSet) -> Together:
    baskets = _baskets(data)
    n_baskets = max(baskets.shape[0], 1)
    frequency = np.asarray(baskets.sum(axis=0)).ravel()
    by_item = baskets.T.tocsr()
    shape = (data.n_items, LIST_LENGTH)
    lists = Together(
        np.full(shape, -1, np.int32), np.zeros(shape, np.int32), np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    )
    for start, stop in _blocks(by_item, baskets):
        block = (by_item[start:stop] @ baskets).tocoo()
        keep = (block.data >= _MIN_TOGETHER) & (block.col != block.row + start)
        rows, columns, counts = block.row[keep].astype(np.int64) + start, block.col[keep], block.data[keep]
        expected = frequency[rows] * frequency[columns] / n_baskets
        surprise = (counts - expected) / np.sqrt(expected + 1)
        order = np.lexsort((columns, -surprise, rows))
        order = order[surprise[order] > 0]
        rows, columns, counts = rows[order], columns[order], counts[order]
        places = np.arange(len(rows)) - np.searchsorted(rows, rows)
        top = places < LIST_LENGTH
        where = (rows[top], places[top])
        lists.items[where], lists.counts[where] = columns[top], counts[top]
        lists.lifts[where] = counts[top] / expected[order][top]
        lists.surprises[where] = surprise[order][top]
    return lists


def _baskets(data: TrainingSet) -> Any:
    """CSR (baskets, items) of ones: orders, else a shopper's day, else all that a shopper did."""
    from scipy import sparse  # noqa: PLC0415

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


def similar(
    content: Content, neural: Neural, contextual: Contextual, together: Together, weights: NDArray[np.float32], rng: Generator
) -> Similar:
    """Nearest by content and embedding (cosine of both), then ordered by the four components' standardised values."""
    n_items = len(neural.embeddings)
    vectors = np.hstack([embed(content.matrix(), rng), _unit(neural.embeddings)])
    found = nearest(vectors, LIST_LENGTH, rng)
    matrix = content.matrix()
    parts = np.zeros((*found.shape, 4), dtype=np.float32)
    cosines = np.zeros(found.shape, dtype=np.float32)
    unit = _unit(neural.embeddings)
    for start in range(0, n_items, 2_048):
        rows = np.arange(start, min(start + 2_048, n_items))
        listed = found[rows]
        pairs = (np.repeat(rows, listed.shape[1]), np.maximum(listed, 0).ravel())
        cosine = np.asarray(matrix[pairs[0]].multiply(matrix[pairs[1]]).sum(axis=1)).reshape(listed.shape)
        cosines[rows] = np.clip(cosine, 0.0, 1.0)
        parts[rows, :, 0] = _listed_surprise(together, rows, listed)
        parts[rows, :, 1] = cosines[rows]
        parts[rows, :, 2] = np.einsum("id,ikd->ik", unit[rows], unit[np.maximum(listed, 0)])
        parts[rows, :, 3] = contextual.demand[np.maximum(listed, 0)]
    known = found >= 0
    for component in range(4):
        values = parts[..., component]
        mean, spread = (values[known].mean(), values[known].std()) if known.any() else (0.0, 0.0)
        parts[..., component] = (values - mean) / spread if spread > 1e-6 else 0.0
    order = np.argsort(np.where(known, -(parts @ weights), np.inf), axis=1, kind="stable")
    ordered = np.take_along_axis(parts, order[..., None], axis=1)
    return Similar(
        np.take_along_axis(found, order, axis=1),
        np.take_along_axis(cosines, order, axis=1).astype(np.float16),
        np.clip(ordered, -100, 100).astype(np.float16),
    )


def _listed_surprise(together: Together, rows: NDArray[np.int64], listed: NDArray[np.int32]) -> NDArray[np.float32]:
    """log(1 + surprise) of each listed product where it is also bought together with the row's, else 0."""
    values = np.zeros(listed.shape, dtype=np.float32)
    for place, row in enumerate(rows.tolist()):
        partners = together.items[row]
        if partners[0] < 0:
            continue
        order = np.argsort(partners)
        spots = order[np.minimum(np.searchsorted(partners[order], listed[place]), len(order) - 1)]
        same = (partners[spots] == listed[place]) & (listed[place] >= 0)
        values[place, same] = np.log1p(together.surprises[row][spots[same]])
    return values


def embed(matrix: Any, rng: Generator, rank: int = 48) -> NDArray[np.float32]:
    """Unit rows of a truncated SVD (randomised range finder with two power steps; Halko et al. 2011)."""
    width = min(rank, *matrix.shape)
    probe = rng.standard_normal((matrix.shape[1], width)).astype(np.float32)
    for _ in range(2):
        basis, _ = np.linalg.qr(matrix @ probe)
        probe = matrix.T @ basis
    basis, _ = np.linalg.qr(probe)
    return _unit(matrix @ basis)


def nearest(vectors: NDArray[np.float32], count: int, rng: Generator) -> NDArray[np.int32]:
    """The `count` nearest other rows by inner product, shape (rows, count), padded with -1.

    Exact up to a few thousand rows. Beyond, rows are grouped around random centres and each is compared with the
    groups nearest its own (an inverted file index), so the cost grows as n * sqrt(n).
    """
    n_rows = len(vectors)
    found = np.full((n_rows, count), -1, dtype=np.int32)
    n_groups = int(np.sqrt(n_rows)) if n_rows > 4_000 else 1
    centres = vectors[np.sort(rng.choice(n_rows, n_groups, replace=False))] if n_rows else vectors
    group = np.concatenate([np.argmax(vectors[at : at + 4_096] @ centres.T, axis=1) for at in range(0, n_rows, 4_096)] or [np.zeros(0, int)])
    members = np.split(np.argsort(group, kind="stable"), np.searchsorted(np.sort(group), np.arange(1, n_groups)))
    for number, rows in enumerate(members):
        order = np.argsort(-(centres @ centres[number]), kind="stable") if len(rows) else []
        pool: list[NDArray[np.int64]] = []
        size = 0
        for other in order:
            pool.append(members[other])
            size += len(members[other])
            if size >= 2_000 and n_groups > 1:
                break
        for at in range(0, len(rows), 1_024):
            _fill_nearest(found, vectors, rows[at : at + 1_024], np.sort(np.concatenate(pool)))
    return found


def _fill_nearest(
    found: NDArray[np.int32], vectors: NDArray[np.float32], rows: NDArray[np.int64], pool: NDArray[np.int64]
) -> None:
    likeness = vectors[rows] @ vectors[pool].T
    likeness[rows[:, None] == pool[None, :]] = -np.inf
    count = min(found.shape[1], len(pool) - 1)
    if count < 1:
        return
    top = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
    found[rows, :count] = pool[top]


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    unit: NDArray[np.float32] = (rows / np.where(norms > 0, norms, 1)).astype(np.float32)
    return unit
