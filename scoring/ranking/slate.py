"""An unfinished list: candidates, best first, with the scores of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.ranking.ensemble import COMPONENTS, breakdowns
from scoring.types import RankedItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from scoring.exploration.sampling import Slot
    from scoring.ranking.scales import ScoreScale
    from scoring.types import Component, Reason

POOL = 100  # candidates that diversity and exploration choose from
FILLED = 0.3  # the highest score of what fills a list: none of it is above the lowest label of confidence
_STRIDE = 16


@dataclass(frozen=True, slots=True)
class Slate:
    """Arrays of length k, best first. `parts` are the z-scores that `weights` turn into the fused score.

    `scores` are the strengths that the scenario ranks by, in [0, 1] before any rule of the shop; in a finished list
    they are on the scale of the shelf.
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]  # that the shopper takes the product; NaN where none is known
    parts: NDArray[np.float32]  # (k, 4)
    weights: NDArray[np.float32]  # (k, 4)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def fused(self) -> NDArray[np.float32]:
        fused: NDArray[np.float32] = (self.parts * self.weights).sum(axis=1)
        return fused

    def take(self, rows: NDArray[np.int64]) -> Slate:
        return Slate(*(column[rows] for column in self._columns()))

    def scaled(self, factors: NDArray[np.float32]) -> Slate:
        """With its scores multiplied, and no longer in order; factors: (items,) of the whole catalogue."""
        return replace(self, scores=self.scores * factors[self.items])

    def merge(self, other: Slate, count: int) -> Slate:
        """The best `count` of both by score."""
        both = self._concatenate(other)
        return both.take(np.argsort(-both.scores, kind="stable")[:count])

    def append_below(self, rest: Slate) -> Slate:
        """This slate, then another one whose scores are shrunk to stay below."""
        return self.append(rest.below(self))

    def append(self, rest: Slate) -> Slate:
        """This slate, then another one."""
        return self._concatenate(rest) if len(rest) else self

    def below(self, better: Slate) -> Slate:
        """With scores shrunk to stay below those of another slate."""
        return replace(self, scores=np.minimum(self.scores, 1.0) * better.scores.min(initial=1.0))

    def on_scale(self, scale: ScoreScale) -> Slate:
        """With strengths turned into scores; what a rule has lifted above 1 counts as 1."""
        return replace(self, scores=scale(np.clip(self.scores, 0.0, 1.0)))

    def filling(self, listed: Slate) -> Slate:
        """As what fills a list: below all that is listed, and never claimed with confidence."""
        most = min(FILLED, float(listed.scores.min(initial=1.0)))
        return replace(self, scores=self.scores * np.float32(most))

    def ranked(self, slots: Sequence[Slot], reasons: Iterable[Sequence[Reason]]) -> list[RankedItem]:
        """The finished list. slots, reasons: one for each product of the slate."""
        scores = np.clip(self.scores, 0.0, 1.0).tolist()
        probabilities = [None if np.isnan(value) else value for value in self.probabilities.tolist()]
        parts = breakdowns(self.parts, self.weights)
        rows = zip(self.items.tolist(), scores, probabilities, parts, reasons, slots, strict=True)
        return [
            RankedItem(
                item,
                score,
                probability,
                breakdown,
                tuple(own),
                slot.exploration,
                slot.propensity,
                slot.impression,
                slot.drawn_among,
            )
            for item, score, probability, breakdown, own, slot in rows
        ]

    def _columns(self) -> tuple[NDArray[Any], ...]:
        return self.items, self.scores, self.probabilities, self.parts, self.weights

    def _concatenate(self, rest: Slate) -> Slate:
        pairs = zip(self._columns(), rest._columns(), strict=True)
        return Slate(*(np.concatenate(pair) for pair in pairs))


def by_one_component(
    component: Component, items: NDArray[np.int32], scores: NDArray[np.float32], values: NDArray[np.float32]
) -> Slate:
    """A slate scored by one component: `values` are its own, and its share is 1."""
    alone = np.zeros((len(items), len(COMPONENTS)), dtype=np.float32)
    alone[:, COMPONENTS.index(component)] = 1.0
    return Slate(items.astype(np.int32), scores.astype(np.float32), unknown(len(items)), alone * values[:, None], alone)


def unknown(count: int) -> NDArray[np.float32]:
    """The probabilities of products of which none is known."""
    return np.full(count, np.nan, dtype=np.float32)


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
