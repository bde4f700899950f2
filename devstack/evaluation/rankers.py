"""Fitted models as rankers: baselines in batches, the product case by case as it is served."""

from __future__ import annotations

import itertools
import math
import time
from typing import TYPE_CHECKING

import numpy as np

from devstack.evaluation.lists import SHOWN, Lists, Selector
from scoring.evaluation.baselines import Batch
from scoring.ranking.caps import within_share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from devstack.evaluation.product import Product
    from scoring.data.profile import Profile
    from scoring.evaluation.baselines import Baseline
    from scoring.evaluation.splitting import EvaluationCase, EvaluationCases
    from scoring.ranking.ensemble import Fusion

_BALANCED = {"balanced": 0.5}  # lists with the part on one product of the history or one reason that settings allow
_BATCH_SCORES = 12_000_000  # users times products of a batch: 48 MB of scores
_MOST_CASES = 256


class BaselineRanker:
    """A fitted baseline."""

    def __init__(self, baseline: Baseline, ties: NDArray[np.uint32]) -> None:
        self.name = baseline.name
        self._baseline = baseline
        self._ties = ties

    def rank(self, cases: EvaluationCases, depth: int, progress: Callable[[int], None]) -> dict[str, Lists]:
        selector = Selector(cases, self._ties, depth)
        rows, milliseconds = [], []
        for batch in _batches(cases, len(self._ties)):
            began = time.perf_counter()
            scores = self._baseline.scores(Batch.of(batch, len(self._ties)))
            rows += [selector.best(row, case) for row, case in zip(scores, batch, strict=True)]
            milliseconds += [1_000 * (time.perf_counter() - began) / len(batch)] * len(batch)
            progress(len(rows))
        return {self.name: _lists(rows, milliseconds)}


class ProductRanker:
    """The product's own model, the same with balanced lists, and each of its components alone."""

    def __init__(self, product: Product, ties: NDArray[np.uint32]) -> None:
        self.name = product.name
        self._product = product
        self._ties = ties

    def rank(self, cases: EvaluationCases, depth: int, progress: Callable[[int], None]) -> dict[str, Lists]:
        selector = Selector(cases, self._ties, depth)
        whole, milliseconds, calibrated = [], [], []
        parts: dict[str, list[tuple[NDArray[np.int32], NDArray[np.float32]]]] = {}
        for done, case in enumerate(cases, start=1):
            began = time.perf_counter()
            profile = self._product.profile(case)
            plan = self._product.plan(case, profile)
            fusion = self._product.fusion(profile, plan)
            whole.append(selector.best(fusion.fused, case))
            milliseconds.append(1_000 * (time.perf_counter() - began))
            calibrated.append(self._product.calibrated(profile, plan, whole[-1][1])[:SHOWN])
            for name, row in self._balanced(profile, fusion, *whole[-1]).items():
                parts.setdefault(f"{self.name}: {name}", []).append(row)
            for name, scores in self._product.components(profile).items():
                parts.setdefault(f"{self.name}: {name}", []).append(selector.best(scores, case))
            progress(done)
        lists = {self.name: _lists(whole, milliseconds, np.stack(calibrated))}
        return lists | {name: _lists(rows, []) for name, rows in parts.items()}

    def _balanced(
        self, profile: Profile, fusion: Fusion, items: NDArray[np.int32], values: NDArray[np.float32]
    ) -> dict[str, tuple[NDArray[np.int32], NDArray[np.float32]]]:
        """The list as FOR_YOU balances it: what has to make room among the first ten comes after them."""
        if not len(profile):
            return dict.fromkeys(_BALANCED, (items, values))
        grounds = self._product.grounds(profile, fusion, items[items >= 0])
        found = {}
        for name, share in _BALANCED.items():
            kept = within_share(grounds, math.ceil(share * SHOWN))[:SHOWN]
            rows = np.concatenate([kept, np.setdiff1d(np.arange(len(items)), kept)])
            found[name] = items[rows], values[rows]
        return found


def _lists(
    rows: list[tuple[NDArray[np.int32], NDArray[np.float32]]],
    milliseconds: list[float],
    calibrated: NDArray[np.float32] | None = None,
) -> Lists:
    items = np.stack([items for items, _ in rows])
    return Lists(items, np.stack([values for _, values in rows]), np.array(milliseconds), calibrated)


def _batches(cases: EvaluationCases, n_items: int) -> Iterator[list[EvaluationCase]]:
    size = max(1, min(_MOST_CASES, _BATCH_SCORES // max(n_items, 1)))
    waiting = iter(cases)
    while batch := list(itertools.islice(waiting, size)):
        yield batch
