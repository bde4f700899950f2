"""Collaborative component: EASE, a linear item-to-item model in closed form, with fold-in of any history.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019): B = I - P / diag(P), P = (X'X + lambda I)^-1.
With fewer users than items the same P comes from users x users: P = (I - X' K X) / lambda, K = (X X' + lambda I)^-1,
so the item-to-item weights are never written out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.interactions import DAY

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.interactions import TrainingSet
    from scoring.profile import Profile


@dataclass(frozen=True, slots=True)
class CollaborativeConfig:
    regularisation: float = 200.0
    half_life: float = 30.0 * DAY  # of a history entry, seconds
    floor: float = 0.1  # weight that an old entry keeps
    max_rank: int = 4_000  # the largest matrix that is inverted; beyond it the most informative users are taken


@dataclass(frozen=True, slots=True)
class Collaborative:
    """The users' rows in both orders, the inverse K, and the diagonal that corrects self-similarity."""

    config: CollaborativeConfig
    starts: NDArray[np.int32]  # (items + 1,): entries of each item
    users: NDArray[np.int32]  # (entries,)
    values: NDArray[np.float32]  # (entries,)
    inverse: NDArray[np.float32]  # (users, users)
    leverage: NDArray[np.float32]  # (items,): x_j' K x_j, in [0, 1)

    @classmethod
    def fit(cls, data: TrainingSet, config: CollaborativeConfig, rng: Generator) -> Collaborative:  # noqa: ARG003
        rows = _informative(data.matrix, config.max_rank)
        inverse = _inverse(rows, config.regularisation)
        columns = rows.T.tocsr()
        columns.sort_indices()
        leverage = _leverage(columns, inverse)
        return cls(
            config=config,
            starts=columns.indptr.astype(np.int32),
            users=columns.indices.astype(np.int32),
            values=columns.data.astype(np.float32),
            inverse=inverse,
            leverage=leverage,
        )

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        weights = profile.weights(self.config.half_life, self.config.floor)
        predicted = self._spread(profile.items, weights)
        predicted[profile.items] -= self.leverage[profile.items] * weights
        scores: NDArray[np.float32] = predicted / (1.0 - self.leverage)
        return scores

    def _spread(self, items: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """X' K X h for a history h given by its non-zero entries."""
        from scipy.sparse import csr_matrix  # noqa: PLC0415  (half a second to import)

        n_items, n_users = len(self.starts) - 1, len(self.inverse)
        lengths = self.starts[items + 1] - self.starts[items]
        total = int(lengths.sum())
        if not total:
            return np.zeros(n_items, dtype=np.float32)
        offsets = np.repeat(self.starts[items] - np.r_[0, np.cumsum(lengths)[:-1]], lengths)
        entries = np.arange(total) + offsets
        kinship = np.bincount(self.users[entries], self.values[entries] * np.repeat(weights, lengths), n_users)
        pull = self.inverse @ kinship.astype(np.float32)
        matrix = csr_matrix((self.values, self.users, self.starts), shape=(n_items, n_users), copy=False)
        spread: NDArray[np.float32] = matrix @ pull
        return spread

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        names = ("starts", "users", "values", "inverse", "leverage")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], config: CollaborativeConfig) -> Collaborative:
        return cls(config=config, **arrays)


def _informative(matrix: Any, limit: int) -> Any:
    """Without users who did nothing; at most `limit` of them, those with the most distinct products."""
    sizes = np.diff(matrix.indptr)
    kept = np.flatnonzero(sizes > 0)
    if len(kept) > limit:
        kept = np.sort(kept[np.argsort(-sizes[kept], kind="stable")[:limit]])
    return matrix[kept]


def _inverse(rows: Any, regularisation: float) -> NDArray[np.float32]:
    from scipy.linalg import lapack  # noqa: PLC0415

    gram = np.asfortranarray((rows @ rows.T).toarray().astype(np.float64))
    gram[np.diag_indices_from(gram)] += regularisation
    if not len(gram):
        return np.zeros((0, 0), dtype=np.float32)
    factor, _ = lapack.dpotrf(gram, lower=1, overwrite_a=1)
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(inverse).astype(np.float32)
    return inverse + np.tril(inverse, -1).T


def _leverage(columns: Any, inverse: NDArray[np.float32], block: int = 4_096) -> NDArray[np.float32]:
    """x_j' K x_j for every item, in blocks so that memory stays at users x block."""
    n_items = columns.shape[0]
    leverage = np.zeros(n_items, dtype=np.float32)
    for start in range(0, n_items, block):
        part = columns[start : start + block]
        spread = part @ inverse
        leverage[start : start + block] = np.asarray(part.multiply(spread).sum(axis=1)).ravel()
    return np.clip(leverage, 0.0, 0.999)
