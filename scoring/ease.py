"""EASE, a linear item-to-item model in closed form, in whichever of its two forms is the smaller.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019): B = I - P / diag(P), P = (X'X + lambda I)^-1.
With fewer users than items the same P comes from users x users: P = (I - X' K X) / lambda, K = (X X' + lambda I)^-1,
and the item-to-item weights are never written out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 4_096


@dataclass(frozen=True, slots=True)
class PrimalEase:
    """The item-to-item weights B themselves, shape (items, items)."""

    item_weights: NDArray[np.float32]

    def predict(self, items: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of all items for a weighted history, shape (items,)."""
        scores: NDArray[np.float32] = weights @ self.item_weights[items]
        return scores


@dataclass(frozen=True, slots=True)
class DualEase:
    """The users' rows X by item, the inverse K, and the diagonal that keeps an item from predicting itself."""

    starts: NDArray[np.int32]  # (items + 1,): entries of each item
    users: NDArray[np.int32]  # (entries,)
    values: NDArray[np.float32]  # (entries,)
    inverse: NDArray[np.float32]  # (users, users)
    leverage: NDArray[np.float32]  # (items,): x_j' K x_j, in [0, 1)

    def predict(self, items: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of all items for a weighted history, shape (items,)."""
        predicted = self._spread(items, weights)
        predicted[items] -= self.leverage[items] * weights
        scores: NDArray[np.float32] = predicted / (1.0 - self.leverage)
        return scores

    def _spread(self, items: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """X' K X h for a history h given by its non-zero entries."""
        from scipy.linalg.blas import ssymv
        from scipy.sparse import csr_matrix

        n_items, n_users = len(self.starts) - 1, len(self.inverse)
        lengths = self.starts[items + 1] - self.starts[items]
        total = int(lengths.sum())
        if not total:
            return np.zeros(n_items, dtype=np.float32)
        offsets = np.repeat(self.starts[items] - np.r_[0, np.cumsum(lengths)[:-1]], lengths)
        entries = np.arange(total) + offsets
        kinship = np.bincount(self.users[entries], self.values[entries] * np.repeat(weights, lengths), n_users)
        # It is symmetric: reading one half of it takes half the time, and its transpose is in the order BLAS wants.
        pull = ssymv(1.0, self.inverse.T, kinship.astype(np.float32), lower=1)
        matrix = csr_matrix((self.values, self.users, self.starts), shape=(n_items, n_users), copy=False)
        spread: NDArray[np.float32] = matrix @ pull
        return spread


def fit_ease(matrix: Any, regularisation: float, max_rank: int) -> DualEase | PrimalEase:
    """Fits to a CSR of shape (users, items).

    The smaller of users and items is inverted. When both are more than `max_rank`, the users with the most distinct
    items stand for all: memory stays bounded, and they say the most about which items go together.
    """
    n_items = matrix.shape[1]
    rows = matrix[np.flatnonzero(np.diff(matrix.indptr))]
    if n_items < rows.shape[0] and n_items <= max_rank:
        return _primal(rows, regularisation)
    if rows.shape[0] > max_rank:
        rows = rows[np.sort(np.argsort(-np.diff(rows.indptr), kind="stable")[:max_rank])]
    inverse = _inverse(rows @ rows.T, regularisation)
    columns = rows.T.tocsr()
    columns.sort_indices()
    return DualEase(
        starts=columns.indptr.astype(np.int32),
        users=columns.indices.astype(np.int32),
        values=columns.data.astype(np.float32),
        inverse=inverse,
        leverage=_leverage(columns, inverse),
    )


def _primal(rows: Any, regularisation: float) -> PrimalEase:
    precision = _inverse(rows.T @ rows, regularisation)
    item_weights = np.divide(-precision, np.diagonal(precision))
    item_weights[np.diag_indices_from(item_weights)] = 0.0
    return PrimalEase(item_weights.astype(np.float32))


def _inverse(gram: Any, regularisation: float) -> NDArray[np.float32]:
    """Inverse of a sparse symmetric matrix plus a multiple of the identity, by Cholesky."""
    from scipy.linalg import lapack

    dense = np.asfortranarray(gram.toarray().astype(np.float64))
    if not len(dense):
        return np.zeros((0, 0), dtype=np.float32)
    dense[np.diag_indices_from(dense)] += regularisation
    factor, _ = lapack.dpotrf(dense, lower=1, overwrite_a=1)
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    half = np.tril(inverse).astype(np.float32)
    whole: NDArray[np.float32] = half + np.tril(half, -1).T
    return whole


def _leverage(columns: Any, inverse: NDArray[np.float32]) -> NDArray[np.float32]:
    """x_j' K x_j for every item, in blocks so that memory stays at users x block."""
    n_items = columns.shape[0]
    leverage = np.zeros(n_items, dtype=np.float32)
    for start in range(0, n_items, _BLOCK):
        part = columns[start : start + _BLOCK]
        spread = part @ inverse
        leverage[start : start + _BLOCK] = np.asarray(part.multiply(spread).sum(axis=1)).ravel()
    return np.clip(leverage, 0.0, 0.999)
