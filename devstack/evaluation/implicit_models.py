"""Matrix factorisation by the library `implicit` (development only), histories folded in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking
from threadpoolctl import threadpool_limits

from scoring.evaluation.baselines.baseline import NothingToLearnError
from scoring.evaluation.baselines.histories import training_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet
    from scoring.evaluation.baselines import Batch


@dataclass(frozen=True)
class AlsSetting:
    log: bool = True
    alpha: float = 5.0  # confidence per unit of weight
    factors: int = 64
    regularisation: float = 10.0
    half_life: float | None = None
    half_places: float | None = None  # newer products of the history
    floor: float = 0.05


@dataclass(frozen=True)
class Als:
    """Alternating least squares on confidences (Hu, Koren and Volinsky 2008)."""

    name: ClassVar[str] = "implicit ALS"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "half_places": (None, 1.0, 3.0, 10.0, 30.0),
        "half_life": (None, 30.0, 180.0),
        "factors": (64, 128),
        "alpha": (5.0, 20.0),
        "regularisation": (10.0, 100.0),
    }
    at_request: ClassVar[frozenset[str]] = frozenset({"half_life", "half_places"})
    stochastic: ClassVar[bool] = True
    for_repeats: ClassVar[bool] = False
    knows_new: ClassVar[bool] = False

    setting: AlsSetting
    factors: NDArray[np.float32]  # (items, factors)
    gram: NDArray[np.float32]  # (factors, factors): of all items

    @classmethod
    def default(cls) -> AlsSetting:
        return AlsSetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: AlsSetting, rng: Generator) -> Als:
        rows = training_rows(data, log=setting.log).astype(np.float32)
        if not rows.nnz:
            raise NothingToLearnError("there are no events")
        with threadpool_limits(1, "blas"):  # its own loops are many times slower beside BLAS threads
            model = AlternatingLeastSquares(
                factors=setting.factors,
                regularization=setting.regularisation,
                alpha=setting.alpha,
                iterations=15,
                num_threads=1,
                random_state=int(rng.integers(1 << 31)),
            )
            model.fit(rows, show_progress=False)
        return cls(setting, model.item_factors, model.item_factors.T @ model.item_factors)

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        setting = self.setting
        history = batch.weighted(setting, log=setting.log)
        users = np.zeros((batch.cases, self.factors.shape[1]), dtype=np.float32)
        base = self.gram + setting.regularisation * np.eye(len(self.gram), dtype=np.float32)
        for row in range(batch.cases):
            own = slice(history.indptr[row], history.indptr[row + 1])
            items, confidence = self.factors[history.indices[own]], setting.alpha * history.data[own]
            # Confidence is alpha times the weight where something happened, 1 elsewhere, as in the library.
            system = base + (items * (confidence - 1)[:, None]).T @ items
            users[row] = np.linalg.solve(system, items.T @ confidence)
        return users @ self.factors.T


@dataclass(frozen=True)
class BprSetting:
    factors: int = 64
    learning_rate: float = 0.05
    half_life: float | None = None
    half_places: float | None = None  # newer products of the history
    floor: float = 0.05


@dataclass(frozen=True)
class Bpr:
    """Bayesian personalised ranking (Rendle et al. 2009). A history is folded in as the mean of its
    items: BPR itself knows only the users it was trained on."""

    name: ClassVar[str] = "implicit BPR"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "half_places": (None, 1.0, 3.0, 10.0, 30.0),
        "half_life": (None, 30.0),
        "factors": (64, 128),
        "learning_rate": (0.05, 0.01),
    }
    at_request: ClassVar[frozenset[str]] = frozenset({"half_life", "half_places"})
    stochastic: ClassVar[bool] = True
    for_repeats: ClassVar[bool] = False
    knows_new: ClassVar[bool] = False

    setting: BprSetting
    factors: NDArray[np.float32]  # (items, factors + 1): the last is the item's bias

    @classmethod
    def default(cls) -> BprSetting:
        return BprSetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: BprSetting, rng: Generator) -> Bpr:
        rows = training_rows(data).astype(np.float32)
        if not rows.nnz:
            raise NothingToLearnError("there are no events")
        model = BayesianPersonalizedRanking(
            factors=setting.factors,
            learning_rate=setting.learning_rate,
            iterations=50,
            num_threads=1,
            random_state=int(rng.integers(1 << 31)),
        )
        model.fit(rows, show_progress=False)
        return cls(setting, model.item_factors)

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        history = batch.weighted(self.setting)
        total = np.asarray(history.sum(axis=1)).ravel()
        vectors, bias = self.factors[:, :-1], self.factors[:, -1]
        users = (history @ vectors) / np.maximum(total, 1e-9)[:, None]
        scores: NDArray[np.float32] = users @ vectors.T + bias
        return scores
