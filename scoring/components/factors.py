"""Matrix factorisation: user and product embeddings from who took what, with fold-in of any history.

Three methods behind one form, V of shape (items, rank) and a rule for a new row h:
- SVD (Cremonesi et al., "Performance of recommender algorithms on top-n recommendation tasks", RecSys 2010, PureSVD):
  u = V'h.
- ALS for implicit feedback (Hu, Koren, Volinsky, ICDM 2008, eq. 4): u = (V'V + V'(C - I)V + lambda I)^-1 V'C p.
- NMF (Lee and Seung, NIPS 2000, multiplicative updates): the non-negative u with the least squared error.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.components.head import PopularityHead

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_CHUNK = 4_000_000  # floats gathered at a time in a sweep of ALS
_FOLD_STEPS = 30


class Method(StrEnum):
    SVD = "svd"
    ALS = "als"
    NMF = "nmf"


@dataclass(frozen=True, slots=True)
class FactorsConfig:
    method: Method = Method.SVD
    rank: int = 48
    confidence: float = 10.0  # of an event over none (ALS)
    regularisation: float = 5.0  # lambda (ALS)
    sweeps: int = 4  # of ALS
    iterations: int = 40  # of NMF


@dataclass(frozen=True, slots=True)
class Factors:
    config: FactorsConfig
    products: Floats  # V, (items, rank)
    gram: Floats  # V'V, (rank, rank)
    head: PopularityHead

    @classmethod
    def fit(cls, matrix: Any, ties: NDArray[np.uint32], config: FactorsConfig, rng: Generator) -> Factors:
        """matrix: CSR of shape (users, items). ties: a hash of each item, (items,): random starts follow it, so that
        the order of the catalogue does not matter."""
        if not matrix.nnz:
            return cls.over(np.zeros((matrix.shape[1], 1), np.float32), np.zeros(matrix.shape[1]), config)
        rank = min(config.rank, *(max(side - 1, 1) for side in matrix.shape))
        order = np.argsort(ties, kind="stable")
        products = np.empty((matrix.shape[1], rank), dtype=np.float32)
        products[order] = _FITS[config.method](matrix[:, order], rank, config, rng)
        return cls.over(products, np.bincount(matrix.indices, minlength=matrix.shape[1]), config)

    @classmethod
    def over(cls, products: Floats, popularity: NDArray[np.number], config: FactorsConfig) -> Factors:
        """From fitted vectors; popularity: of each product, (items,)."""
        return cls(config, products, products.T @ products, PopularityHead.of(products, popularity))

    def embed(self, items: NDArray[np.int32], weights: Floats) -> Floats:
        """The user embedding of a weighted history, shape (rank,)."""
        rows = self.products[items]
        if self.config.method is Method.ALS:
            extra = self.config.confidence * weights
            ridge = self.config.regularisation * np.eye(len(self.gram), dtype=np.float32)
            left = self.gram + (rows * extra[:, None]).T @ rows + ridge
            solved: Floats = np.linalg.solve(left, (1 + extra) @ rows)
            return solved
        target: Floats = weights @ rows
        if self.config.method is Method.SVD:
            return target
        user = np.full(len(self.gram), max(float(target.mean()), 1e-6), dtype=np.float32)
        for _ in range(_FOLD_STEPS):
            user = user * target / np.maximum(self.gram @ user, 1e-9)
        return user

    def scores(self, items: NDArray[np.int32], weights: Floats) -> Floats:
        """Scores of all items for a weighted history, shape (items,)."""
        return self.head.inner_products(self.embed(items, weights))


def _svd(matrix: Any, rank: int, _config: FactorsConfig, rng: Generator) -> NDArray[Any]:
    """Right singular vectors (randomised range finder with power steps; Halko et al. 2011)."""
    basis = rng.standard_normal((matrix.shape[0], rank + 8)).astype(np.float32)
    for _ in range(4):
        wide, _ = np.linalg.qr(matrix.T @ basis)
        basis, _ = np.linalg.qr(matrix @ wide)
    _, _, right = np.linalg.svd((matrix.T @ basis).T, full_matrices=False)
    return right[:rank].T.copy()


def _als(matrix: Any, rank: int, config: FactorsConfig, rng: Generator) -> NDArray[Any]:
    users = np.zeros((matrix.shape[0], rank), dtype=np.float32)
    products = (rng.standard_normal((matrix.shape[1], rank)) * 0.01).astype(np.float32)
    columns = matrix.T.tocsr()
    for _ in range(config.sweeps):
        _sweep(matrix, products, users, config)
        _sweep(columns, users, products, config)
    return products


def _sweep(rows: Any, fixed: Floats, solved: Floats, config: FactorsConfig) -> None:
    """Solves every row exactly against the fixed side, rows of similar length together."""
    rank = fixed.shape[1]
    base = fixed.T @ fixed + config.regularisation * np.eye(rank, dtype=np.float32)
    lengths = np.diff(rows.indptr)
    solved[lengths == 0] = 0.0
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    start = 0
    while start < len(order):
        width = int(lengths[order[start]])
        stop = start + max(1, _CHUNK // (rank * max(width, rank)))
        # Padding may at most double the work.
        stop = min(stop, int(np.searchsorted(lengths[order], 2 * width, side="right")), len(order))
        chosen = order[start:stop]
        width = int(lengths[chosen[-1]])
        slots = rows.indptr[chosen][:, None] + np.arange(width)
        real = np.arange(width) < lengths[chosen][:, None]
        slots = np.where(real, slots, 0)
        extra = np.where(real, config.confidence * rows.data[slots], 0.0).astype(np.float32)
        vectors = fixed[rows.indices[slots]]
        left = base + np.matmul((vectors * extra[..., None]).transpose(0, 2, 1), vectors)
        right = np.einsum("bl,blr->br", np.where(real, 1 + extra, 0.0).astype(np.float32), vectors)
        solved[chosen] = np.linalg.solve(left, right[..., None])[..., 0]
        start = stop


def _nmf(matrix: Any, rank: int, config: FactorsConfig, rng: Generator) -> NDArray[Any]:
    scale = np.sqrt(matrix.mean() / rank) if matrix.nnz else 1.0
    users = (np.abs(rng.standard_normal((matrix.shape[0], rank))) * scale + 1e-4).astype(np.float32)
    products = (np.abs(rng.standard_normal((matrix.shape[1], rank))) * scale + 1e-4).astype(np.float32)
    columns = matrix.T.tocsr()
    for _ in range(config.iterations):
        users *= (matrix @ products) / np.maximum(users @ (products.T @ products), 1e-9)
        products *= (columns @ users) / np.maximum(products @ (users.T @ users), 1e-9)
    return products


_FITS = {Method.SVD: _svd, Method.ALS: _als, Method.NMF: _nmf}
