"""What training reads: interactions and a catalogue as columns, already mapped to dense indexes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Interactions:
    """Events as columns, each of shape (events,), in no particular order."""

    users: NDArray[np.int32]  # 0 .. n_users-1
    items: NDArray[np.int32]  # indexes into the catalogue
    events: NDArray[np.int8]  # scoring.types.EVENT_CODES
    times: NDArray[np.int64]  # unix seconds
    quantities: NDArray[np.float32]  # 1 where unknown
    orders: NDArray[np.int64]  # a dense code per basket, -1 where unknown
    n_users: int


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Products as columns, each of length n_items. Missing text is "", a missing price or rating NaN."""

    ids: list[str]
    names: list[str]
    descriptions: list[str]
    categories: list[tuple[str, ...]]  # category ids from root to leaf
    brands: list[str]
    tags: list[tuple[str, ...]]
    prices: NDArray[np.float32]
    ratings: NDArray[np.float32] | None = None  # 0 to 5

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Everything that training may look at."""

    interactions: Interactions
    catalogue: Catalogue
