"""Ranking metrics of whole lists: over the whole catalogue, never over sampled negatives.

`hits` says which positions of each list hold a relevant product, best first: shape (lists, depth). `n_relevant` is how
many products are relevant to each list, at least 1: shape (lists,). All relevant products count alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ndcg(hits: NDArray[np.bool_], n_relevant: NDArray[np.integer], k: int) -> NDArray[np.float64]:
    """Normalised discounted cumulative gain of the first k, shape (lists,)."""
    gains = hits[:, :k] * discounts(min(k, hits.shape[1]))
    return np.asarray(gains.sum(axis=1) / ideal_gains(n_relevant, k))


def hit_rate(hits: NDArray[np.bool_], k: int) -> NDArray[np.float64]:
    """1 where any of the first k is relevant, else 0; shape (lists,)."""
    return np.asarray(hits[:, :k].any(axis=1), dtype=np.float64)


def recall(hits: NDArray[np.bool_], n_relevant: NDArray[np.integer], k: int) -> NDArray[np.float64]:
    """Share of the relevant products among the first k, shape (lists,)."""
    return np.asarray(hits[:, :k].sum(axis=1) / n_relevant)


def reciprocal_rank(hits: NDArray[np.bool_], k: int) -> NDArray[np.float64]:
    """1 / rank of the first relevant product, 0 where it is not among the first k; shape (lists,)."""
    first = hits[:, :k]
    return np.asarray((first / np.arange(1, first.shape[1] + 1)).max(axis=1, initial=0.0))


def discounts(k: int) -> NDArray[np.float64]:
    """What a relevant product at each of the first k positions adds, shape (k,)."""
    return np.asarray(1.0 / np.log2(np.arange(2, k + 2)))


def ideal_gains(n_relevant: NDArray[np.integer], k: int) -> NDArray[np.float64]:
    """The discounted gain of a list with all relevant products first, shape of `n_relevant`."""
    return np.asarray(np.cumsum(discounts(k))[np.minimum(n_relevant, k) - 1])
