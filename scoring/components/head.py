"""The popularity head: dense models score the most popular products alone, as a long tail costs more than it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEAD_SIZE = 32_768


def most_popular(popularity: NDArray[np.number], most: int = HEAD_SIZE) -> NDArray[np.int32]:
    """The most popular products, ascending. popularity: shape (items,); equals in the order of the catalogue."""
    if len(popularity) <= most:
        return np.arange(len(popularity), dtype=np.int32)
    return np.sort(np.argsort(-popularity, kind="stable")[:most]).astype(np.int32)


@dataclass(frozen=True, slots=True)
class PopularityHead:
    """Vectors of the most popular products as one block. Products of the long tail get the lowest score of the head:
    co-occurrence, neighbours and content find them."""

    items: NDArray[np.int32]  # (head,), ascending
    vectors: NDArray[np.float32]  # (head, dimensions)
    n_items: int

    @classmethod
    def of(cls, vectors: NDArray[np.float32], popularity: NDArray[np.number], most: int = HEAD_SIZE) -> PopularityHead:
        """popularity: shape (items,), higher is more popular."""
        items = most_popular(popularity, most)
        whole = len(items) == len(vectors)
        return cls(items, vectors if whole else np.ascontiguousarray(vectors[items]), len(vectors))

    def inner_products(self, user: NDArray[np.float32], bias: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Inner products with a user's vector, shape (items,). bias: added, (items,)."""
        scores = self.vectors @ user
        if len(self.items) == self.n_items:
            return scores + bias if bias is not None else scores
        if bias is not None:
            scores += bias[self.items]
        whole = np.full(self.n_items, scores.min(initial=0.0), dtype=np.float32)
        whole[self.items] = scores
        return whole
