"""An unfinished list: candidates, best first, with the scores of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from scoring.ranking.ensemble import COMPONENTS, breakdowns
from scoring.types import RankedItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from scoring.exploration.sampling import Slot
    from scoring.types import Component, Reason

POOL = 100  # candidates that diversity and exploration choose from
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

    @property
    def fused(self) -> NDArray[np.float32]:
        fused: NDArray[np.float32] = (self.parts * self.weights).sum(axis=1)
        return fused

    def take(self, rows: NDArray[np.int64]) -> Slate:
        return Slate(self.items[rows], self.scores[rows], self.parts[rows], self.weights[rows])

    def scaled(self, factors: NDArray[np.float32]) -> Slate:
        """With its scores multiplied, and no longer in order; factors: (items,) of the whole catalogue."""
        return replace(self, scores=self.scores * factors[self.items])

    def merge(self, other: Slate, count: int) -> Slate:
        """The best `count` of both by score."""
        both = self._concatenate(other)
        return both.take(np.argsort(-both.scores, kind="stable")[:count])

    def append_below(self, rest: Slate) -> Slate:
        """This slate, then another one whose scores are shrunk to stay below."""
        return self._concatenate(rest.below(self)) if len(rest) else self

    def below(self, better: Slate) -> Slate:
        """With scores shrunk to stay below those of another slate."""
        return replace(self, scores=np.minimum(self.scores, 1.0) * better.scores.min(initial=1.0))

    def ranked(self, slots: Sequence[Slot], reasons: Iterable[Sequence[Reason]]) -> list[RankedItem]:
        """The finished list. slots, reasons: one for each product of the slate."""
        scores = np.clip(self.scores, 0.0, 1.0).tolist()
        rows = zip(self.items.tolist(), scores, breakdowns(self.parts, self.weights), reasons, slots, strict=True)
        return [
            RankedItem(item, score, breakdown, tuple(own), slot.exploration, slot.propensity, slot.impression)
            for item, score, breakdown, own, slot in rows
        ]

    def _concatenate(self, rest: Slate) -> Slate:
        return Slate(
            np.concatenate([self.items, rest.items]),
            np.concatenate([self.scores, rest.scores]),
            np.concatenate([self.parts, rest.parts]),
            np.concatenate([self.weights, rest.weights]),
        )


def by_one_component(
    component: Component, items: NDArray[np.int32], scores: NDArray[np.float32], values: NDArray[np.float32]
) -> Slate:
    """A slate scored by one component: `values` are its own, and its share is 1."""
    alone = np.zeros((len(items), len(COMPONENTS)), dtype=np.float32)
    alone[:, COMPONENTS.index(component)] = 1.0
    return Slate(items.astype(np.int32), scores.astype(np.float32), alone * values[:, None], alone)


def best_first(values: NDArray[np.float32], ties: NDArray[np.uint32], count: int) -> NDArray[np.int32]:
    """Indexes of the `count` highest finite values; equals are ordered by `ties`, not by the catalogue."""
    items = _shortlist(values, count)
    if len(items) > count > 0:
        chosen = values[items]
        items = items[chosen >= np.partition(chosen, len(chosen) - count)[len(chosen) - count]]
    order = np.lexsort((ties[items], -values[items]))
    return items[order[:count]].astype(np.int32)


def _shortlist(values: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Indexes of finite values that hold the `count` highest: those above a threshold that a sample gives, or all."""
    sample = values[::_STRIDE]
    wanted = 4 * count // _STRIDE + 8
    if 0 < wanted < len(sample):
        guess = np.partition(sample, len(sample) - wanted)[len(sample) - wanted]
        if guess > -np.inf:
            items = np.flatnonzero(values >= guess)
            if len(items) >= count:
                return items
    return np.flatnonzero(values > -np.inf)
