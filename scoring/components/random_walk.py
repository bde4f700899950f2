"""RP3beta: three steps of a random walk, from a product to its shoppers and on to what else they met.

Paudel et al., "Updatable, accurate, diverse, and scalable recommendations for interactive applications" (ACM TiiS
2016): transition probabilities are raised to `alpha`, and the popularity of where the walk ends divides, raised to
`beta`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.components.item_lists import strongest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_BLOCK_WORK = 8_000_000  # additions of one block of the item-to-item product: bounds memory


@dataclass(frozen=True, slots=True)
class WalkConfig:
    alpha: float = 0.6
    beta: float = 0.3
    neighbours: int = 200
    most_met: int | None = 150  # products of a shopper that are walked through, drawn evenly: a pair costs the square


def fit_walk(rows: Any, config: WalkConfig) -> Any:
    """CSR (items, items): for each product the strongest others.

    rows: CSR (shoppers, items); only where its entries are counts, not their values.
    """
    from scipy import sparse

    shape = (rows.shape[1], rows.shape[1])
    by_user = _drawn(rows, config.most_met)
    by_item = by_user.T.tocsr()
    sizes, met = np.diff(by_user.indptr), np.diff(by_item.indptr)
    by_user.data /= np.repeat(sizes, sizes).astype(np.float32) ** np.float32(config.alpha)
    by_item.data /= np.repeat(met, met).astype(np.float32) ** np.float32(config.alpha)
    reached = (np.bincount(rows.indices, minlength=shape[0]) + np.float32(1.0)) ** np.float32(config.beta)
    parts = []
    for start, stop in blocks(by_item, sizes.astype(np.int64)):
        block = (by_item[start:stop] @ by_user).tocsr()
        block.data[block.indices == entry_rows(block) + start] = 0
        block.data /= reached[block.indices]
        parts.append(strongest(block, config.neighbours))
    return sparse.vstack(parts).tocsr() if parts else sparse.csr_matrix(shape, dtype=np.float32)


def _drawn(rows: Any, most: int | None) -> Any:
    """CSR of ones where `rows` has entries, at most `most` in each row."""
    from scipy import sparse

    sizes, owners = np.diff(rows.indptr), entry_rows(rows)
    chosen = np.arange(rows.nnz)
    if most is not None and sizes.max(initial=0) > most:
        shuffled = np.lexsort((np.random.default_rng(0).random(rows.nnz), owners))
        chosen = np.sort(shuffled[np.arange(rows.nnz) - rows.indptr[owners] < most])
    where = (owners[chosen], rows.indices[chosen])
    return sparse.csr_matrix((np.ones(len(chosen), np.float32), where), shape=rows.shape)


def entry_rows(matrix: Any) -> NDArray[np.int64]:
    """The row of each entry of a CSR."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def blocks(by_item: Any, work: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """First row and end of parts of an item-to-item product. work: additions that each shopper costs."""
    if not by_item.shape[0]:
        return
    per_item = np.bincount(entry_rows(by_item), work[by_item.indices], by_item.shape[0])
    bins = (np.cumsum(per_item) // _BLOCK_WORK).astype(np.int64)
    starts = np.flatnonzero(np.r_[True, bins[1:] != bins[:-1]])
    yield from zip(starts.tolist(), [*starts[1:].tolist(), by_item.shape[0]], strict=True)
