"""Ranking metrics from the ranks of held-out products among the whole catalogue (never sampled negatives)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scoring.data.ties import tie_breaker

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rank_of(scores: NDArray[np.float32], item: int, user: int, ties: NDArray[np.uint32]) -> int:
    """Rank of an item, from 1. Equal scores are ordered by a hash of user and product, so that neither a constant
    scorer nor one with many ties gains from the order of the catalogue. ties: a hash of each product, (items,)."""
    own = scores[item]
    equals = ties[scores == own]
    before = int((tie_breaker(user, equals) < tie_breaker(user, ties[item : item + 1])).sum()) if len(equals) > 1 else 0
    return 1 + int((scores > own).sum()) + before


def ndcg(ranks: NDArray[np.int64], k: int) -> float:
    """Mean normalised discounted cumulative gain of one relevant product per list."""
    return _mean(np.where(ranks <= k, 1.0 / np.log2(ranks + 1.0), 0.0))


def hit_rate(ranks: NDArray[np.int64], k: int) -> float:
    """Part of the lists with the held-out product among the first k; with one relevant product also the recall."""
    return _mean((ranks <= k).astype(np.float64))


def mean_reciprocal_rank(ranks: NDArray[np.int64], k: int) -> float:
    return _mean(np.where(ranks <= k, 1.0 / ranks, 0.0))


def list_ndcg(ranked: NDArray[np.int64], relevant: NDArray[np.integer], k: int) -> float:
    """NDCG of one list against several equally relevant products."""
    gains = np.isin(ranked[:k], relevant) / np.log2(np.arange(2, min(k, len(ranked)) + 2))
    ideal = (1.0 / np.log2(np.arange(2, min(k, len(relevant)) + 2))).sum()
    return float(gains.sum() / ideal) if ideal else 0.0


def recall(ranked: NDArray[np.int64], relevant: NDArray[np.int64], k: int) -> float:
    """Part of the relevant products found among the first k."""
    return float(np.isin(relevant, ranked[:k]).mean()) if len(relevant) else 0.0


def coverage(lists: NDArray[np.int64], n_items: int) -> float:
    """Part of the catalogue that appears in any of the lists, shape (users, k)."""
    return len(np.unique(lists)) / n_items if n_items else 0.0


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else 0.0
