"""Item-to-item weights as sparse rows: what each product of a history says for others."""

from __future__ import annotations

from typing import Any

import numpy as np


def strongest(matrix: Any, length: int) -> Any:
    """The CSR with at most `length` entries in each row, the largest above 0."""
    from scipy import sparse

    lengths = np.diff(matrix.indptr)
    kept = matrix.data > 0
    for row in np.flatnonzero(lengths > length).tolist():
        start = matrix.indptr[row]
        own = matrix.data[start : matrix.indptr[row + 1]]
        kept[start + np.argpartition(-own, length - 1)[length:]] = False
    ends = np.r_[0, np.cumsum(kept)][matrix.indptr]
    entries = (matrix.data[kept].astype(np.float32, copy=False), matrix.indices[kept], ends)
    return sparse.csr_matrix(entries, shape=matrix.shape)
