"""Sparse columns that can be added up without a pass over the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Postings:
    """Entries of each key: `ids[starts[k]:starts[k + 1]]` with their values."""

    starts: NDArray[np.int32]  # (keys + 1,)
    ids: NDArray[np.int32]
    values: NDArray[np.float32]

    @classmethod
    def of(cls, rows: Any) -> Postings:
        """From a CSR of shape (keys, ids)."""
        rows.sort_indices()
        return cls(
            rows.indptr.astype(np.int32),
            rows.indices.astype(np.int32, copy=False),
            rows.data.astype(np.float32, copy=False),
        )

    def combine(self, keys: NDArray[np.int32], weights: NDArray[np.float32], size: int) -> NDArray[np.float32]:
        """The weighted sum of some keys' entries, shape (size,)."""
        begins, ends = self.starts[keys], self.starts[keys + 1]
        if not len(keys) or not int((ends - begins).sum()):
            return np.zeros(size, dtype=np.float32)
        pieces = [slice(begin, end) for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
        ids = np.concatenate([self.ids[piece] for piece in pieces])
        values = np.concatenate([self.values[piece] for piece in pieces])
        values *= np.repeat(weights, ends - begins)
        return np.bincount(ids, values, size).astype(np.float32)

    def matrix(self, size: int) -> Any:
        """The CSR of shape (keys, size) over the same memory."""
        from scipy.sparse import csr_matrix

        return csr_matrix((self.values, self.ids, self.starts), shape=(len(self.starts) - 1, size), copy=False)
