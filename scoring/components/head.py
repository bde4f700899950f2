"""The best known products, which dense models score; beyond a size, a list of all would cost more than it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 32_768


def best_known(fame: NDArray[np.number], most: int = MOST) -> NDArray[np.int32]:
    """The best known products, ascending. fame: shape (items,); equals in the order of the catalogue."""
    if len(fame) <= most:
        return np.arange(len(fame), dtype=np.int32)
    return np.sort(np.argsort(-fame, kind="stable")[:most]).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Head:
    """Vectors of the best known products as one block. Products outside get what the least of them gets: they are
    found by their neighbours and their content."""

    items: NDArray[np.int32]  # (head,), ascending
    vectors: NDArray[np.float32]  # (head, dimensions)
    n_items: int

    @classmethod
    def of(cls, vectors: NDArray[np.float32], fame: NDArray[np.number], most: int = MOST) -> Head:
        """fame: shape (items,), higher is better known."""
        items = best_known(fame, most)
        whole = len(items) == len(vectors)
        return cls(items, vectors if whole else np.ascontiguousarray(vectors[items]), len(vectors))

    def dot(self, taste: NDArray[np.float32], plus: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Inner products with a taste, shape (items,). plus: added, (items,)."""
        scores = self.vectors @ taste
        if len(self.items) == self.n_items:
            return scores + plus if plus is not None else scores
        if plus is not None:
            scores += plus[self.items]
        whole = np.full(self.n_items, scores.min(initial=0.0), dtype=np.float32)
        whole[self.items] = scores
        return whole
