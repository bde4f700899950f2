"""SLIM: for every product, the few others that predict who takes it, by regression with an elastic net.

Ning and Karypis, "SLIM: Sparse linear methods for top-N recommender systems" (ICDM 2011), with feature selection by
cosine neighbours (their fsSLIM). The coordinates of many products are descended side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.components.head import most_popular

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_BLOCK_ROWS = 1_000  # of the whole Gram matrix that are computed at a time, as a sparse product
_BLOCK_ENTRIES = 6_000_000  # of Gram matrices at a time: 24 MB


@dataclass(frozen=True, slots=True)
class SlimConfig:
    l1: float = 1.0
    l2: float = 50.0
    neighbours: int = 100  # products that may predict one
    most_items: int = 8_000  # the most popular are fitted: the Gram matrix has the square of it
    sweeps: int = 12


def fit_slim(matrix: Any, config: SlimConfig) -> Any:
    """CSR (items, items) of non-negative weights, rows are what predicts. matrix: CSR of shape (users, items)."""
    from scipy import sparse

    n_items = matrix.shape[1]
    matrix = matrix.copy()
    matrix.data = np.ones_like(matrix.data)  # whether a product was taken: how often tells of habits
    head = most_popular(np.bincount(matrix.indices, minlength=n_items), config.most_items)
    head = head[np.bincount(matrix.indices, minlength=n_items)[head] > 0]
    known = matrix[:, head]
    by_item = known.T.tocsr()
    gram = np.empty((len(head), len(head)), dtype=np.float32)
    for start in range(0, len(head), _BLOCK_ROWS):
        gram[start : start + _BLOCK_ROWS] = (by_item[start : start + _BLOCK_ROWS] @ known).toarray()
    norms = np.sqrt(np.maximum(np.diagonal(gram), 1e-12))
    k = min(config.neighbours, max(len(head) - 1, 0))
    rows, columns, values = [], [], []
    size = max(1, _BLOCK_ENTRIES // max(k * k, 1))
    for start in range(0, len(head) if k else 0, size):
        targets = np.arange(start, min(start + size, len(head)))
        cosines = gram[targets] / norms
        cosines[np.arange(len(targets)), targets] = -1.0
        near = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        weights = _descended(gram, near, targets, config)
        row, place = np.nonzero(weights)
        rows.append(near[row, place])
        columns.append(targets[row])
        values.append(weights[row, place])
    if not rows:
        return sparse.csr_matrix((n_items, n_items), dtype=np.float32)
    flat = [np.concatenate(part) for part in (rows, columns, values)]
    return sparse.csr_matrix((flat[2], (head[flat[0]], head[flat[1]])), shape=(n_items, n_items), dtype=np.float32)


def _descended(gram: Floats, near: NDArray[np.int64], targets: NDArray[np.int64], config: SlimConfig) -> Floats:
    """Weights of the neighbours of each target, shape (targets, k), by cyclic coordinate descent."""
    inner = gram[near[:, :, None], near[:, None, :]]  # (targets, k, k)
    left = gram[targets[:, None], near].copy()  # correlation with what is not yet explained
    scale = 1.0 / (inner.diagonal(axis1=1, axis2=2) + np.float32(config.l2))
    own = inner.diagonal(axis1=1, axis2=2).copy()
    columns = np.ascontiguousarray(inner.transpose(1, 0, 2))  # (k, targets, k): symmetric, one slice for a coordinate
    weights = np.zeros_like(left)
    for _ in range(config.sweeps):
        most = 0.0
        for one in range(left.shape[1]):
            wanted = (left[:, one] + own[:, one] * weights[:, one] - np.float32(config.l1)) * scale[:, one]
            step = np.maximum(wanted, 0) - weights[:, one]
            if not step.any():
                continue
            weights[:, one] += step
            left -= columns[one] * step[:, None]
            most = max(most, float(np.abs(step).max()))
        if most < 1e-3:
            break
    return weights
