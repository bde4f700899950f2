"""A list in the making: chosen products, best first, with what is known about each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.ranking.ensemble import COMPONENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.types import Component


_STRIDE = 16


@dataclass(frozen=True, slots=True)
class Slate:
    """Arrays of length k, best first. `parts` are the z-scores that `weights` turn into the fused score."""

    items: NDArray[np.int32]
    scores: NDArray[np.float32]  # calibrated, in [0, 1]
    parts: NDArray[np.float32]  # (k, 4)
    weights: NDArray[np.float32]  # (k, 4)

    def __len__(self) -> int:
        return len(self.items)

    def take(self, places: NDArray[np.int64]) -> Slate:
        return Slate(self.items[places], self.scores[places], self.parts[places], self.weights[places])

    def weighed(self, factors: NDArray[np.float32]) -> Slate:
        """With its scores multiplied, and no longer in order; factors: (items,) of the whole catalogue."""
        return replace(self, scores=self.scores * factors[self.items])

    def mixed_with(self, other: Slate, count: int) -> Slate:
        """The best `count` of both by score."""
        both = self._and(other, other.scores)
        return both.take(np.argsort(-both.scores, kind="stable")[:count])

    def followed_by(self, rest: Slate) -> Slate:
        """This list, then another one whose scores are shrunk to stay below."""
        if not len(rest):
            return self
        return self._and(rest, np.minimum(rest.scores, 1.0) * self.scores.min(initial=1.0))

    def _and(self, rest: Slate, scores: NDArray[np.float32]) -> Slate:
        return Slate(
            np.concatenate([self.items, rest.items]),
            np.concatenate([self.scores, scores]),
            np.concatenate([self.parts, rest.parts]),
            np.concatenate([self.weights, rest.weights]),
        )


def by_one(
    component: Component, items: NDArray[np.int32], scores: NDArray[np.float32], values: NDArray[np.float32]
) -> Slate:
    """A slate that one component decides alone: `values` are its own, its share is all."""
    alone = np.zeros((len(items), len(COMPONENTS)), dtype=np.float32)
    alone[:, COMPONENTS.index(component)] = 1.0
    return Slate(items.astype(np.int32), scores.astype(np.float32), alone * values[:, None], alone)


def best_first(values: NDArray[np.float32], ties: NDArray[np.uint32], count: int) -> NDArray[np.int32]:
    """Places of the `count` highest finite values; equals are ordered by `ties`, not by the catalogue."""
    places = _shortlist(values, count)
    if len(places) > count > 0:
        chosen = values[places]
        places = places[chosen >= np.partition(chosen, len(chosen) - count)[len(chosen) - count]]
    order = np.lexsort((ties[places], -values[places]))
    return places[order[:count]].astype(np.int32)


def _shortlist(values: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Places of finite values that hold the `count` highest: those above what a sample says is safely enough."""
    sample = values[::_STRIDE]
    wanted = 4 * count // _STRIDE + 8
    if 0 < wanted < len(sample):
        guess = np.partition(sample, len(sample) - wanted)[len(sample) - wanted]
        if guess > -np.inf:
            places = np.flatnonzero(values >= guess)
            if len(places) >= count:
                return places
    return np.flatnonzero(values > -np.inf)
