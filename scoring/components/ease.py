"""EASE, a linear item-to-item model in closed form, in the smaller of its two forms.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019): B = I - P / diag(P), P = (X'X + lambda I)^-1.
With fewer users than items the same P comes from users x users: P = (I - X' K X) / lambda, K = (X X' + lambda I)^-1,
and the item-to-item weights are never written out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.components.head import most_popular
from scoring.data.postings import Postings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Histories = list[tuple[NDArray[np.int32], NDArray[np.float32]]]  # items and weights of each

_BLOCK = 4_096
_MOST_REFERENCE = 40_000


@dataclass(frozen=True, slots=True)
class ReferenceUsers:
    """The users that histories are compared with: their rows X, stored by item."""

    rows: Postings  # keys are items, ids are users
    n_users: int
    head: NDArray[np.int32]  # the most popular items, ascending: those that `to_items` scores
    head_rows: Postings

    @classmethod
    def of(cls, rows: Any, most: int | None = None) -> ReferenceUsers:
        """From a CSR of shape (users, items); most: how many items the head may hold, None for all."""
        columns = rows.T.tocsr()
        head = most_popular(np.diff(columns.indptr), len(columns.indptr) - 1 if most is None else most)
        by_item = Postings.of(columns)
        return cls(
            by_item, rows.shape[0], head, by_item if len(head) == columns.shape[0] else Postings.of(columns[head])
        )

    def inner_products(self, histories: Histories) -> NDArray[np.float32]:
        """X h of each weighted history, shape (histories, users)."""
        return np.stack([self.rows.combine(items, weights, self.n_users) for items, weights in histories])

    def to_items(self, dual_weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """X' a of each row of dual weights (k, users), shape (k, items); 0 outside the head."""
        matrix = self.head_rows.matrix(self.n_users)
        inside = (matrix @ dual_weights[0])[None] if len(dual_weights) == 1 else (matrix @ dual_weights.T.copy()).T
        n_items = len(self.rows.starts) - 1
        if len(self.head) == n_items:
            return np.ascontiguousarray(inside)
        scores = np.zeros((len(dual_weights), n_items), dtype=np.float32)
        scores[:, self.head] = inside
        return scores


@dataclass(frozen=True, slots=True)
class PrimalEase:
    """The item-to-item weights B themselves, of all products or of the most popular."""

    item_weights: NDArray[np.float32]  # (head, head)
    row_of: NDArray[np.int32]  # (items,): row of each item, -1 for those outside the head

    def predict(self, histories: Histories) -> NDArray[np.float32]:
        """Scores of all items for each weighted history, shape (histories, items)."""
        scores = np.zeros((len(histories), len(self.row_of)), dtype=np.float32)
        inside = self.row_of >= 0
        whole = len(self.item_weights) == len(self.row_of)
        for row, (items, weights) in enumerate(histories):
            known = self.row_of[items] >= 0
            predicted = weights[known] @ self.item_weights[self.row_of[items[known]]]
            if whole:
                scores[row] = predicted
            else:
                scores[row, inside] = predicted[self.row_of[inside]]
        return scores


@dataclass(frozen=True, slots=True)
class DualEase:
    """The inverse K over the reference users, and the diagonal that keeps an item from predicting itself."""

    inverse: NDArray[np.float32]  # (users, users)
    leverage: NDArray[np.float32]  # (items,): x_j' K x_j, in [0, 1)

    def dual_weights(self, inner_products: NDArray[np.float32]) -> NDArray[np.float32]:
        """K X h from X h, shape (histories, users)."""
        from scipy.linalg.blas import ssymv

        if not inner_products.size:
            return inner_products
        # It is symmetric: reading one half of it takes half the time, and its transpose is in the order BLAS wants.
        return np.stack([ssymv(1.0, self.inverse.T, row, lower=1) for row in inner_products])

    def finish(self, scores: NDArray[np.float32], histories: Histories) -> NDArray[np.float32]:
        """The scores from X' K X h, changed in place; shape (histories, items)."""
        for row, (items, weights) in enumerate(histories):
            scores[row, items] -= self.leverage[items] * weights
        scores /= 1.0 - self.leverage
        return scores


def fit_ease(matrix: Any, regularisation: float, max_rank: int) -> tuple[DualEase | PrimalEase, NDArray[np.int64]]:
    """Fits to a CSR of shape (users, items); also gives the reference users, whose rows a dual form needs.

    The smaller of users and items is inverted. When both are more than `max_rank`, only the most popular items are
    fitted: memory stays bounded, and the long tail is left to co-occurrence and content, which need fewer events.
    """
    n_items = matrix.shape[1]
    users = np.flatnonzero(np.diff(matrix.indptr))
    rows = matrix[users]
    if rows.shape[0] <= min(n_items, max_rank):
        inverse = _inverse(rows @ rows.T, regularisation)
        return DualEase(inverse, _leverage(rows.T.tocsr(), inverse)), users
    counts = np.bincount(rows.indices, minlength=n_items)
    head = np.sort(np.argsort(-counts, kind="stable")[:max_rank])
    row_of = np.full(n_items, -1, dtype=np.int32)
    row_of[head] = np.arange(len(head))
    item_weights = _item_weights(rows[:, head] if len(head) < n_items else rows, regularisation)
    return PrimalEase(item_weights, row_of), users[_busiest(rows, _MOST_REFERENCE)]


def to_arrays(ease: DualEase | PrimalEase) -> dict[str, NDArray[Any]]:
    return {_stored_name(field.name): getattr(ease, field.name) for field in fields(ease)}


def from_arrays(arrays: dict[str, NDArray[Any]]) -> DualEase | PrimalEase:
    form = PrimalEase if "ease_item_weights" in arrays else DualEase
    return form(**{field.name: arrays[_stored_name(field.name)] for field in fields(form)})


def _stored_name(field: str) -> str:
    """Snapshots hold `row_of` as `place`."""
    return "ease_place" if field == "row_of" else f"ease_{field}"


def _busiest(rows: Any, most: int) -> NDArray[np.int64]:
    return np.sort(np.argsort(-np.diff(rows.indptr), kind="stable")[:most])


def _item_weights(rows: Any, regularisation: float) -> NDArray[np.float32]:
    precision = _inverse(rows.T @ rows, regularisation)
    item_weights = np.divide(-precision, np.diagonal(precision))
    item_weights[np.diag_indices_from(item_weights)] = 0.0
    return item_weights.astype(np.float32, copy=False)


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
        product = part @ inverse
        leverage[start : start + _BLOCK] = np.asarray(part.multiply(product).sum(axis=1)).ravel()
    return np.clip(leverage, 0.0, 0.999)
