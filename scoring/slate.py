"""A list in the making: chosen products, best first, with what is known about each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.ensemble import COMPONENTS
from scoring.types import Component

CONTEXTUAL_ONLY: NDArray[np.float32] = np.array([c is Component.CONTEXTUAL for c in COMPONENTS], dtype=np.float32)
COLLABORATIVE_ONLY: NDArray[np.float32] = np.array([c is Component.COLLABORATIVE for c in COMPONENTS], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Slate:
    """Arrays of length k, best first. `parts` are the z-scores that `weights` turn into the fused score."""

    items: NDArray[np.int32]
    scores: NDArray[np.float32]  # calibrated, in [0, 1]
    parts: NDArray[np.float32]  # (k, 4)
    weights: NDArray[np.float32]  # (4,)

    def __len__(self) -> int:
        return len(self.items)

    def take(self, places: NDArray[np.int64]) -> Slate:
        return Slate(self.items[places], self.scores[places], self.parts[places], self.weights)


def single(items: NDArray[np.int32], scores: NDArray[np.float32], values: NDArray[np.float32], kind: NDArray[np.float32]) -> Slate:
    """A slate that one component decides alone: its value is `values`, its share is all."""
    return Slate(items, scores, values[:, None] * kind, kind)


def best_first(fused: NDArray[np.float32], ties: NDArray[np.uint32], count: int) -> NDArray[np.int64]:
    """Indexes of the `count` highest finite values; equals are ordered by `ties`, so the catalogue's order is no matter."""
    size = len(fused)
    if count < size:
        floor = np.partition(fused, size - count)[size - count]
        places = np.flatnonzero(fused >= floor) if floor > -np.inf else np.flatnonzero(fused > -np.inf)
    else:
        places = np.flatnonzero(fused > -np.inf)
    order = np.lexsort((ties[places], -fused[places]))
    return places[order[:count]]
