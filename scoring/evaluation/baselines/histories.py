"""Histories at request time as sparse rows, many users at once; and the same weighting for training data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from scoring.data.interactions import DAY, EVENT_STRENGTHS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet
    from scoring.evaluation.splitting import EvaluationCase


_FORGOTTEN = 1e-6


class Fading(Protocol):
    """How a history fades, as fields of a baseline's setting; None for not at all."""

    @property
    def half_life(self) -> float | None:
        """Days of age that halve the weight of an entry."""
        ...

    @property
    def half_places(self) -> float | None:
        """Newer items of the history that halve it."""
        ...

    @property
    def floor(self) -> float:
        """The part of its weight that the oldest entry keeps."""
        ...


@dataclass(frozen=True)
class Batch:
    """The events of some cases (one at least), one case after the other, oldest first."""

    cases: int
    n_items: int
    rows: NDArray[np.int64]  # (events,): which case
    items: NDArray[np.int32]
    strengths: NDArray[np.float32]
    times: NDArray[np.int64]

    @classmethod
    def of(cls, cases: Sequence[EvaluationCase], n_items: int) -> Batch:
        histories = [case.history for case in cases]
        return cls(
            len(cases),
            n_items,
            np.repeat(np.arange(len(cases)), [len(history.items) for history in histories]),
            np.concatenate([history.items for history in histories]),
            EVENT_STRENGTHS[np.concatenate([history.events for history in histories])],
            np.concatenate([history.times for history in histories]),
        )

    @cached_property
    def ages(self) -> NDArray[np.float64]:
        """Days from each event to the newest of its case."""
        newest = np.full(self.cases, np.iinfo(np.int64).min)
        np.maximum.at(newest, self.rows, self.times)
        return (newest[self.rows] - self.times) / DAY

    @cached_property
    def _pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], Any, Any]:
        """Distinct (case, item): rows, items, strongest strength, summed strength, age of the newest event, and how
        many items of the case are newer."""
        keys = self.rows * np.int64(self.n_items) + self.items
        order = np.argsort(keys, kind="stable")
        keys, strengths = keys[order], self.strengths[order]
        starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if len(keys) else np.zeros(0, dtype=np.int64)
        if not len(starts):
            none = np.zeros(0, dtype=np.float32)
            return starts, starts, none, none, none, none
        rows, ages = keys[starts] // self.n_items, np.minimum.reduceat(self.ages[order], starts)
        by_age = np.lexsort((ages, rows))
        first = np.r_[True, (rows[by_age][1:] != rows[by_age][:-1]) | (ages[by_age][1:] != ages[by_age][:-1])]
        level = np.flatnonzero(first)[np.cumsum(first) - 1]  # of equals, the place of the first
        newer = np.empty(len(rows), dtype=np.int64)
        newer[by_age] = level - np.searchsorted(rows, rows[by_age])
        return (
            rows,
            keys[starts] % self.n_items,
            np.maximum.reduceat(strengths, starts),
            np.add.reduceat(strengths, starts),
            ages,
            newer,
        )

    def weighted(self, fading: Fading, *, log: bool = False) -> Any:
        """CSR (cases, items): the strongest event, or the logarithm of all, faded."""
        rows, items, strongest, summed, ages, newer = self._pairs
        values = np.log1p(summed) if log else strongest
        if fading.half_life is not None or fading.half_places is not None:
            halvings = np.zeros(len(ages)) if fading.half_life is None else ages / fading.half_life
            if fading.half_places is not None:
                halvings = halvings + newer / fading.half_places
            values = values * (fading.floor + (1 - fading.floor) * np.exp2(-halvings))
            kept = values > _FORGOTTEN  # far older than the newest: costs time and changes nothing
            rows, items, values = rows[kept], items[kept], values[kept]
        return self._csr(rows, items, values)

    def frequencies(self, half_life: float | None) -> Any:
        """CSR (cases, items): all events summed, each halved every `half_life` days of age."""
        fading = self.strengths if half_life is None else self.strengths * np.exp2(-self.ages / half_life)
        return self._csr(self.rows, self.items, fading)

    def _csr(self, rows: NDArray[np.int64], items: NDArray[Any], values: NDArray[Any]) -> Any:
        from scipy.sparse import csr_matrix

        return csr_matrix((values.astype(np.float32), (rows, items)), shape=(self.cases, self.n_items))


def training_rows(data: TrainingSet, *, log: bool = False) -> Any:
    """CSR (users, items) with the weights of `Batch.weighted`, users without events left out."""
    from scipy.sparse import csr_matrix

    shape = (data.n_users, data.n_items)
    if log:
        columns = data.interactions
        matrix = csr_matrix((EVENT_STRENGTHS[columns.events], (columns.users, columns.items)), shape=shape)
        matrix.data = np.log1p(matrix.data)
    else:
        pairs = data.pairs
        matrix = csr_matrix((pairs.strengths, (pairs.users, pairs.items)), shape=shape)
    return matrix[np.flatnonzero(np.diff(matrix.indptr))]
