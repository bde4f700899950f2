"""Collaborative component: EASE, a linear item-to-item model in closed form, with fold-in of any history.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019): B = I - P / diag(P), P = (X'X + lambda I)^-1.
With fewer users than items the same P comes from users x users: P = (I - X' K X) / lambda, K = (X X' + lambda I)^-1,
so the item-to-item weights are never written out.

EASE learns from who bought what and knows no baskets; the affinity of products that share baskets is added to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.interactions import DAY
from scoring.together import Together, bought_together

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.interactions import TrainingSet
    from scoring.profile import Profile


_TOGETHER = ("items", "counts", "lifts", "affinities")


@dataclass(frozen=True, slots=True)
class CollaborativeConfig:
    regularisation: float = 200.0
    half_life: float = 7.0 * DAY  # of a history entry, seconds
    floor: float = 0.05  # weight that an old entry keeps
    basket_part: float = 0.5  # weight of standardised basket affinity against standardised EASE
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
    together: Together

    @classmethod
    def fit(cls, data: TrainingSet, config: CollaborativeConfig, rng: Generator) -> Collaborative:  # noqa: ARG003
        return _fit(data, config, bought_together(data))

    def remembering(self, half_life: float) -> Collaborative:
        """The same fit with another half-life of history."""
        return replace(self, config=replace(self.config, half_life=half_life))

    def with_baskets(self, part: float) -> Collaborative:
        """The same fit with another weight of basket affinity."""
        return replace(self, config=replace(self.config, basket_part=part))

    def refitted(self, data: TrainingSet, regularisation: float) -> Collaborative:
        """Fitted again to the same data with another regularisation; the basket lists are kept."""
        if regularisation == self.config.regularisation:
            return self
        return _fit(data, replace(self.config, regularisation=regularisation), self.together)

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        weights = profile.weights(self.config.half_life, self.config.floor)
        linear = _standardised(self._linear(profile.items, weights))
        if self.config.basket_part > 0:
            linear += self.config.basket_part * _standardised(self.together.scores(profile.items, weights))
        return linear

    def _linear(self, items: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
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

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        names = ("starts", "users", "values", "inverse", "leverage")
        lists = {f"together_{name}": getattr(self.together, name) for name in _TOGETHER}
        return {name: getattr(self, name) for name in names} | lists

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], config: CollaborativeConfig) -> Collaborative:
        together = Together(**{name: arrays[f"together_{name}"] for name in _TOGETHER})
        own = {name: array for name, array in arrays.items() if not name.startswith("together_")}
        return cls(config=config, together=together, **own)


def _standardised(values: NDArray[np.float32]) -> NDArray[np.float32]:
    if not len(values):
        return values
    centred = values - values.mean(dtype=np.float32)
    spread = float(np.sqrt(centred @ centred / len(values)))
    return centred / np.float32(spread) if spread > 1e-9 else np.zeros_like(values)


def _fit(data: TrainingSet, config: CollaborativeConfig, together: Together) -> Collaborative:
    rows = _informative(data.matrix, config.max_rank)
    inverse = _inverse(rows, config.regularisation)
    columns = rows.T.tocsr()
    columns.sort_indices()
    return Collaborative(
        config=config,
        starts=columns.indptr.astype(np.int32),
        users=columns.indices.astype(np.int32),
        values=columns.data.astype(np.float32),
        inverse=inverse,
        leverage=_leverage(columns, inverse),
        together=together,
    )


def _informative(matrix: Any, limit: int) -> Any:
    """Without users who did nothing; at most `limit` of them, those with the most distinct products."""
    sizes = np.diff(matrix.indptr)
    kept = np.flatnonzero(sizes > 0)
    if len(kept) > limit:
        kept = np.sort(kept[np.argsort(-sizes[kept], kind="stable")[:limit]])
    return matrix[kept]


def _inverse(rows: Any, regularisation: float) -> NDArray[np.float32]:
    from scipy.linalg import lapack

    gram = np.asfortranarray((rows @ rows.T).toarray().astype(np.float64))
    gram[np.diag_indices_from(gram)] += regularisation
    if not len(gram):
        return np.zeros((0, 0), dtype=np.float32)
    factor, _ = lapack.dpotrf(gram, lower=1, overwrite_a=1)
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    half = np.tril(inverse).astype(np.float32)
    whole: NDArray[np.float32] = half + np.tril(half, -1).T
    return whole


def _leverage(columns: Any, inverse: NDArray[np.float32], block: int = 4_096) -> NDArray[np.float32]:
    """x_j' K x_j for every item, in blocks so that memory stays at users x block."""
    n_items = columns.shape[0]
    leverage = np.zeros(n_items, dtype=np.float32)
    for start in range(0, n_items, block):
        part = columns[start : start + block]
        spread = part @ inverse
        leverage[start : start + block] = np.asarray(part.multiply(spread).sum(axis=1)).ravel()
    return np.clip(leverage, 0.0, 0.999)
