"""Choosing a baseline's setting on validation cases alone: one parameter after the other, the best of each is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from devstack.evaluation.measures import hits
from devstack.evaluation.rankers import BaselineRanker
from scoring.data.interactions import TrainingSet
from scoring.evaluation.baselines.baseline import NothingToLearnError
from scoring.evaluation.metrics import ndcg

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from scoring.evaluation.baselines import Baseline
    from scoring.evaluation.splitting import Split

_K = 10


@dataclass(frozen=True, slots=True)
class Tuned:
    """The chosen setting, its NDCG@10 on the validation cases, and how many settings were tried."""

    setting: Any
    ndcg: float
    tried: int


class Tuner:
    """Tries settings on one validation split."""

    def __init__(self, validation: Split, ties: NDArray[np.uint32], seed: int) -> None:
        self._data = TrainingSet(validation.train)
        self._cases = validation.cases
        self._ties = ties
        self._seed = seed

    def tune(self, kind: type[Baseline], progress: Callable[[str], None]) -> Tuned:
        """A setting with which the model cannot be fitted to this data is passed over. Raises NothingToLearnError when
        it cannot be fitted with the setting where the search begins."""
        if not len(self._cases):
            return Tuned(kind.default(), float("nan"), 0)
        best = self._fit(kind, kind.default())
        most, tried = self._ndcg(best), 1
        for field, values in kind.tried.items():
            for value in values:
                setting = replace(best.setting, **{field: value})
                if setting == best.setting or value == values[0]:
                    continue
                progress(f"{field} {value}")
                tried += 1
                candidate = self._candidate(best, setting, at_request=field in kind.at_request)
                if candidate is not None and (ndcg := self._ndcg(candidate)) > most:
                    best, most = candidate, ndcg
        return Tuned(best.setting, most, tried)

    def _candidate(self, best: Baseline, setting: Any, *, at_request: bool) -> Baseline | None:
        """The model with another setting; None where that leaves it nothing to learn from."""
        if at_request:
            return cast("Baseline", replace(cast("Any", best), setting=setting))
        try:
            return self._fit(type(best), setting)
        except NothingToLearnError:
            return None

    def _fit(self, kind: type[Baseline], setting: Any) -> Baseline:
        return kind.fit(self._data, setting, np.random.default_rng([self._seed, 11]))

    def _ndcg(self, fitted: Baseline) -> float:
        lists = BaselineRanker(fitted, self._ties).rank(self._cases, _K, lambda _done: None)[fitted.name]
        return float(ndcg(hits(lists, self._cases), np.diff(self._cases.held_out_starts), _K).mean())
