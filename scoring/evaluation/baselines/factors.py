"""Low-rank models, folding a history in."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scoring.evaluation.baselines.baseline import NothingToLearnError
from scoring.evaluation.baselines.histories import training_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet
    from scoring.evaluation.baselines.histories import Batch

_COMPONENTS = 50
_MOST_FACTORS = 256
_ITERATIONS = 60  # of the coordinate descent, when fitting and when folding a history in


@dataclass(frozen=True)
class NmfSetting:
    log: bool = True
    half_life: float | None = None
    half_places: float | None = None  # newer products of the history
    floor: float = 0.05
    regularisation: float = 0.0


@dataclass(frozen=True)
class Nmf:
    """Non-negative factors (Lee and Seung 1999) by coordinate descent, 50 of them."""

    name: ClassVar[str] = "NMF"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "log": (True, False),
        "half_places": (None, 1.0, 3.0, 10.0, 30.0),
        "half_life": (None, 7.0, 30.0, 180.0),
        "regularisation": (0.0, 0.001),
    }
    at_request: ClassVar[frozenset[str]] = frozenset({"half_life", "half_places"})
    stochastic: ClassVar[bool] = True
    for_repeats: ClassVar[bool] = False
    knows_new: ClassVar[bool] = False

    setting: NmfSetting
    factors: NDArray[np.float32]  # H, (components, items)
    gram: NDArray[np.float64]  # HH', (components, components)

    @classmethod
    def default(cls) -> NmfSetting:
        return NmfSetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: NmfSetting, rng: Generator) -> Nmf:
        from sklearn.decomposition import NMF

        rows = training_rows(data, log=setting.log)
        most = min(rows.shape)
        if most < 2:
            raise NothingToLearnError("there are fewer than two users or products")
        model = NMF(
            min(_COMPONENTS, most - 1),
            init="nndsvda",
            random_state=int(rng.integers(1 << 31)),
            alpha_W=setting.regularisation,
            max_iter=_ITERATIONS,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it has not fully converged: more steps change no rank
            model.fit(rows)
        components = np.asarray(model.components_, dtype=np.float64)
        return cls(setting, components.astype(np.float32), components @ components.T)

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        history = batch.weighted(self.setting, log=self.setting.log)
        # scikit-learn scales the penalty of W by the number of products.
        penalty = self.setting.regularisation * self.factors.shape[1]
        weights = _nonnegative(history @ self.factors.T, self.gram + penalty * np.eye(len(self.gram)))
        scores: NDArray[np.float32] = weights.astype(np.float32) @ self.factors
        return scores


def _nonnegative(targets: NDArray[np.floating], gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """W >= 0 that minimises |X - WH|² for a fixed H, from targets XH' (rows, components) and the gram matrix HH'.

    Cyclic coordinate descent (Cichocki and Phan 2009) with a fixed number of iterations: `NMF.transform` stops by the
    violation summed over all rows, so that a row's result would depend on the other rows.
    """
    columns = np.ascontiguousarray(targets.T, dtype=np.float64)
    weights = np.zeros_like(columns)
    used = np.flatnonzero(np.diagonal(gram) > 0).tolist()
    for _ in range(_ITERATIONS):
        for one in used:
            weights[one] += (columns[one] - gram[one] @ weights) / gram[one, one]
            np.maximum(weights[one], 0.0, out=weights[one])
    return weights.T


@dataclass(frozen=True)
class PureSvdSetting:
    log: bool = True
    factors: int = 64
    half_life: float | None = None
    half_places: float | None = None  # newer products of the history
    floor: float = 0.05


@dataclass(frozen=True)
class PureSvd:
    """Projection onto the leading singular vectors (Cremonesi et al. 2010)."""

    name: ClassVar[str] = "PureSVD"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "log": (True, False),
        "factors": (64, 16, 32, 128, _MOST_FACTORS),
        "half_places": (None, 1.0, 3.0, 10.0, 30.0),
        "half_life": (None, 7.0, 30.0, 180.0),
    }
    at_request: ClassVar[frozenset[str]] = frozenset({"factors", "half_life", "half_places"})
    stochastic: ClassVar[bool] = True
    for_repeats: ClassVar[bool] = False
    knows_new: ClassVar[bool] = False

    setting: PureSvdSetting
    factors: NDArray[np.float32]  # (factors, items)

    @classmethod
    def default(cls) -> PureSvdSetting:
        return PureSvdSetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: PureSvdSetting, rng: Generator) -> PureSvd:
        from sklearn.utils.extmath import randomized_svd

        rows = training_rows(data, log=setting.log)
        most = min(_MOST_FACTORS, min(rows.shape) - 1)
        if most < 1:
            raise NothingToLearnError("there are fewer than two users or products")
        _, _, factors = randomized_svd(rows, most, n_iter=4, random_state=int(rng.integers(1 << 31)))
        return cls(setting, factors.astype(np.float32))

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        history = batch.weighted(self.setting, log=self.setting.log)
        factors = self.factors[: self.setting.factors]
        scores: NDArray[np.float32] = (history @ factors.T) @ factors
        return scores
