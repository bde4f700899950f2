"""Linear item-to-item models over histories weighted by recency, many users at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scoring.components.ease import DualEase, PrimalEase, ReferenceUsers, fit_ease
from scoring.components.slim import SlimConfig, fit_slim
from scoring.evaluation.baselines.histories import training_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet
    from scoring.evaluation.baselines.histories import Batch

_MAX_RANK = 5_000


@dataclass(frozen=True)
class EaseSetting:
    half_life: float | None = 30.0  # days, of a history entry
    half_places: float | None = None  # newer products of the history
    floor: float = 0.0
    regularisation: float = 200.0
    log: bool = False
    exponent: float = 0.0  # of a candidate's number of users, which divides: against popularity bias


@dataclass(frozen=True)
class Ease:
    """Steck (2019), `scoring.components.ease`."""

    name: ClassVar[str] = "EASE"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "half_places": (None, 1.0, 3.0, 10.0, 30.0),
        "half_life": (30.0, 0.1, 1.0, 7.0, 180.0, None),
        "exponent": (0.0, 0.2, 0.4),
        "floor": (0.0, 0.05),
        "regularisation": (200.0, 50.0, 800.0, 3200.0),
        "log": (False, True),
    }
    at_request: ClassVar[frozenset[str]] = frozenset({"half_life", "half_places", "floor", "exponent"})
    stochastic: ClassVar[bool] = False
    for_repeats: ClassVar[bool] = False
    knows_new: ClassVar[bool] = False

    setting: EaseSetting
    ease: DualEase | PrimalEase
    reference: ReferenceUsers
    shoppers: NDArray[np.int32]  # (items,)

    @classmethod
    def default(cls) -> EaseSetting:
        return EaseSetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: EaseSetting, rng: Generator) -> Ease:  # noqa: ARG003
        rows = training_rows(data, log=setting.log)
        ease, reference = fit_ease(rows, setting.regularisation, _MAX_RANK)
        return cls(setting, ease, ReferenceUsers.of(rows[reference]), data.shoppers)

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        setting = self.setting
        history = batch.weighted(setting, log=setting.log)
        if isinstance(self.ease, PrimalEase):
            inside = np.flatnonzero(self.ease.row_of >= 0)
            scores = np.zeros(history.shape, dtype=np.float32)
            scores[:, inside] = history[:, inside] @ self.ease.item_weights
        else:
            scores = _dual(self.ease, self.reference, history)
        if setting.exponent > 0:
            scores /= (self.shoppers + np.float32(5.0)) ** np.float32(setting.exponent)
        return scores


def _dual(ease: DualEase, reference: ReferenceUsers, history: Any) -> NDArray[np.float32]:
    """H (X' K X) without the self-similarity of each item, for many histories at once."""
    columns = reference.rows.matrix(reference.n_users)
    scores = reference.to_items((history @ columns).toarray() @ ease.inverse)
    rows = np.repeat(np.arange(history.shape[0]), np.diff(history.indptr))
    scores[rows, history.indices] -= ease.leverage[history.indices] * history.data
    scores /= 1.0 - ease.leverage
    return scores


@dataclass(frozen=True)
class SlimSetting:
    half_life: float | None = 30.0  # days, of a history entry
    half_places: float | None = None  # newer products of the history
    floor: float = 0.0
    l1: float = 1.0
    l2: float = 50.0
    neighbours: int = 100
    exponent: float = 0.0  # of a candidate's number of users, which divides: against popularity bias


@dataclass(frozen=True)
class Slim:
    """SLIM with an elastic net (Ning and Karypis 2011), `scoring.components.slim`."""

    name: ClassVar[str] = "SLIM"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "half_places": (None, 1.0, 3.0, 10.0, 30.0),
        "half_life": (30.0, 0.1, 1.0, 7.0, 180.0, None),
        "l1": (1.0, 0.3, 3.0, 10.0),
        "l2": (50.0, 10.0, 200.0, 1000.0),
        "neighbours": (100, 200),
        "exponent": (0.0, 0.2, 0.4),
        "floor": (0.0, 0.05),
    }
    at_request: ClassVar[frozenset[str]] = frozenset({"half_life", "half_places", "floor", "exponent"})
    stochastic: ClassVar[bool] = False
    for_repeats: ClassVar[bool] = False
    knows_new: ClassVar[bool] = False

    setting: SlimSetting
    item_weights: Any  # CSR (items, items)
    shoppers: NDArray[np.int32]  # (items,)

    @classmethod
    def default(cls) -> SlimSetting:
        return SlimSetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: SlimSetting, rng: Generator) -> Slim:  # noqa: ARG003
        config = SlimConfig(setting.l1, setting.l2, setting.neighbours)
        return cls(setting, fit_slim(training_rows(data), config), data.shoppers)

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        setting = self.setting
        history = batch.weighted(setting)
        scores: NDArray[np.float32] = (history @ self.item_weights).toarray()
        if setting.exponent > 0:
            scores /= (self.shoppers + np.float32(5.0)) ** np.float32(setting.exponent)
        return scores
