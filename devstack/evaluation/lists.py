"""Ranked lists: the best products of each case among the whole catalogue, ties broken by user and product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from scoring.data.ties import tie_breaker

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scoring.evaluation.splitting import EvaluationCase, EvaluationCases

DEPTH = 100
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Lists:
    """One list per case, best first. `items` and `scores` have the shape (cases, depth); item -1 fills short lists."""

    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    milliseconds: NDArray[np.float64]  # scoring and ranking, by case; empty where it was not measured
    calibrated: NDArray[np.float32] | None = None  # (cases, SHOWN): calibrated scores of the first


class Ranker(Protocol):
    """A fitted model. One pass over the cases may give several lists (the whole, and its components) by name."""

    @property
    def name(self) -> str: ...

    def rank(self, cases: EvaluationCases, depth: int, progress: Callable[[int], None]) -> dict[str, Lists]:
        """progress: called with how many cases are done."""
        ...


class Selector:
    """Turns scores of all items into a list by the rules of the protocol."""

    def __init__(self, cases: EvaluationCases, ties: NDArray[np.uint32], depth: int) -> None:
        self._repeats = cases.protocol.repeats
        self._excluded = None if cases.candidates is None else ~cases.candidates
        self._ties = ties
        self._depth = min(depth, len(ties))

    def best(self, scores: NDArray[np.float32], case: EvaluationCase) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The first `depth` items and their scores, padded with -1; `scores` (items,) are overwritten."""
        if not self._repeats:
            scores[case.history.items] = -np.inf
        if self._excluded is not None:
            scores[self._excluded] = -np.inf
        top = self._top(scores, case.user)
        items = np.full(self._depth, -1, dtype=np.int32)
        values = np.full(self._depth, -np.inf, dtype=np.float32)
        items[: len(top)], values[: len(top)] = top, scores[top]
        return items, values

    def _top(self, scores: NDArray[np.float32], user: int) -> NDArray[np.int64]:
        cut = len(scores) - self._depth
        least = np.partition(scores, cut)[cut]
        above = np.flatnonzero(scores > least)
        level = np.flatnonzero(scores == least) if least > -np.inf else above[:0]
        missing = self._depth - len(above)
        if len(level) > missing:  # only the equals at the edge need the hash to see who is in
            hashes = tie_breaker(user, self._ties[level])
            level = level[np.argpartition(hashes, missing - 1)[:missing]] if missing else level[:0]
        top = np.concatenate([above, level])
        return top[np.lexsort((tie_breaker(user, self._ties[top]), -scores[top]))]
