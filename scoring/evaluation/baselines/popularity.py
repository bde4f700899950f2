"""The same list for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scoring.data.interactions import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet
    from scoring.evaluation.baselines.histories import Batch


@dataclass(frozen=True)
class PopularitySetting:
    by_events: bool = False  # all events, or distinct users


@dataclass(frozen=True)
class Popularity:
    """How many users, or events, a product had."""

    name: ClassVar[str] = "popularity"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"by_events": (False, True)}
    at_request: ClassVar[frozenset[str]] = frozenset()
    stochastic: ClassVar[bool] = False
    for_repeats: ClassVar[bool] = False
    knows_new: ClassVar[bool] = False

    setting: PopularitySetting
    values: NDArray[np.float32]

    @classmethod
    def default(cls) -> PopularitySetting:
        return PopularitySetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: PopularitySetting, rng: Generator) -> Popularity:  # noqa: ARG003
        events = np.bincount(data.interactions.items, minlength=data.n_items)
        return cls(setting, (events if setting.by_events else data.shoppers).astype(np.float32))

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        return np.tile(self.values, (batch.cases, 1))


@dataclass(frozen=True)
class RecentSetting:
    half_life: float = 30.0  # days


@dataclass(frozen=True)
class RecentPopularity:
    """Events, each halved every `half_life` days before the end of the data."""

    name: ClassVar[str] = "recent popularity"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"half_life": (30.0, 1.0, 3.0, 7.0, 90.0, 365.0)}
    at_request: ClassVar[frozenset[str]] = frozenset()
    stochastic: ClassVar[bool] = False
    for_repeats: ClassVar[bool] = False
    knows_new: ClassVar[bool] = False

    setting: RecentSetting
    values: NDArray[np.float32]

    @classmethod
    def default(cls) -> RecentSetting:
        return RecentSetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: RecentSetting, rng: Generator) -> RecentPopularity:  # noqa: ARG003
        columns = data.interactions
        ages = (data.now - columns.times) / DAY
        values = np.bincount(columns.items, np.exp2(-ages / setting.half_life), data.n_items)
        return cls(setting, values.astype(np.float32))

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        return np.tile(self.values, (batch.cases, 1))
