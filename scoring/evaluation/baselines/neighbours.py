"""Nearest neighbours: of items, and of users."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scoring.components.random_walk import WalkConfig, blocks, entry_rows, fit_walk
from scoring.evaluation.baselines.histories import training_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet
    from scoring.evaluation.baselines.histories import Batch

_MOST_NEIGHBOURS = 400
_MOST_WALKED = 400  # products of a user that are walked through: hours, else, where histories are long
_MUCH_WORK = 100_000_000  # beyond this, pairs that met once are not looked at


@dataclass(frozen=True)
class ItemKnnSetting:
    shrinkage: float = 20.0
    neighbours: int = 100
    half_life: float | None = 30.0  # days, of a history entry
    half_places: float | None = None  # newer products of the history
    floor: float = 0.0


@dataclass(frozen=True)
class ItemKnn:
    """Cosine of the users of two items, shrunk (Sarwar et al. 2001; Bell and Koren 2007), summed over the history."""

    name: ClassVar[str] = "item-kNN"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "half_places": (None, 1.0, 3.0, 10.0, 30.0),
        "half_life": (30.0, 0.1, 1.0, 7.0, 180.0, None),
        "neighbours": (100, 5, 20, _MOST_NEIGHBOURS),
        "floor": (0.0, 0.05),
        "shrinkage": (20.0, 5.0, 100.0),
    }
    at_request: ClassVar[frozenset[str]] = frozenset({"half_life", "half_places", "floor", "neighbours"})
    stochastic: ClassVar[bool] = False
    for_repeats: ClassVar[bool] = False
    knows_new: ClassVar[bool] = False

    setting: ItemKnnSetting
    starts: NDArray[np.int64]  # (items + 1,)
    others: NDArray[np.int32]  # the neighbours of each item, nearest first
    cosines: NDArray[np.float32]

    @classmethod
    def default(cls) -> ItemKnnSetting:
        return ItemKnnSetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: ItemKnnSetting, rng: Generator) -> ItemKnn:  # noqa: ARG003
        by_user = training_rows(data).astype(np.float32)
        by_item = by_user.T.tocsr()
        norms = np.sqrt(np.bincount(entry_rows(by_item), by_item.data**2, data.n_items))
        work = np.diff(by_user.indptr).astype(np.int64)
        fewest = 2 if (work**2).sum() > _MUCH_WORK else 1
        lengths, others, cosines = [], [], []
        for start, stop in blocks(by_item, work):
            block = (by_item[start:stop] @ by_user).tocsr()
            if fewest > 1:  # weights are at most 1, so a sum of one meeting is too
                block.data[block.data <= 1.0] = 0
                block.eliminate_zeros()
            rows = entry_rows(block)
            block.data /= norms[rows + start] * norms[block.indices] + setting.shrinkage
            block.data[block.indices == rows + start] = 0
            for row in range(stop - start):
                own = slice(block.indptr[row], block.indptr[row + 1])
                near, values = _nearest(block.indices[own], block.data[own])
                lengths.append(len(near))
                others.append(near)
                cosines.append(values)
        starts = np.r_[0, np.cumsum(lengths, dtype=np.int64)]
        return cls(setting, starts, np.concatenate(others), np.concatenate(cosines))

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        history = batch.weighted(self.setting)
        scores: NDArray[np.float32] = (history @ self._near).toarray()
        return scores

    @cached_property
    def _near(self) -> Any:
        """CSR (items, items) of as many neighbours as the setting says."""
        from scipy.sparse import csr_matrix

        positions = np.arange(len(self.others)) - np.repeat(self.starts[:-1], np.diff(self.starts))
        kept = positions < self.setting.neighbours
        ends = np.r_[0, np.cumsum(kept)][self.starts]
        n_items = len(self.starts) - 1
        return csr_matrix((self.cosines[kept], self.others[kept], ends), shape=(n_items, n_items), copy=False)


def _nearest(items: NDArray[np.int32], values: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    if len(items) > _MOST_NEIGHBOURS:
        top = np.argpartition(-values, _MOST_NEIGHBOURS)[:_MOST_NEIGHBOURS]
        items, values = items[top], values[top]
    order = np.argsort(-values, kind="stable")
    order = order[values[order] > 0]
    return items[order].astype(np.int32), values[order]


@dataclass(frozen=True)
class RandomWalkSetting:
    half_life: float | None = 30.0  # days, of a history entry
    half_places: float | None = None  # newer products of the history
    floor: float = 0.0
    beta: float = 0.3  # exponent of the candidate's users, which divides
    alpha: float = 1.0  # exponent of the probabilities of both steps
    neighbours: int = 100


@dataclass(frozen=True)
class RandomWalk:
    """RP3beta (Paudel et al. 2016), `scoring.components.random_walk`."""

    name: ClassVar[str] = "RP3beta"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "half_places": (None, 1.0, 3.0, 10.0, 30.0),
        "half_life": (30.0, 0.1, 1.0, 7.0, 180.0, None),
        "beta": (0.3, 0.0, 0.15, 0.5, 0.7),
        "alpha": (1.0, 0.6, 1.5),
        "neighbours": (100, 30, 400),
        "floor": (0.0, 0.05),
    }
    at_request: ClassVar[frozenset[str]] = frozenset({"half_life", "half_places", "floor", "beta"})
    stochastic: ClassVar[bool] = False
    for_repeats: ClassVar[bool] = False
    knows_new: ClassVar[bool] = False

    setting: RandomWalkSetting
    steps: Any  # CSR (items, items): the probability of each other item, `alpha` applied
    shoppers: NDArray[np.int32]  # (items,)

    @classmethod
    def default(cls) -> RandomWalkSetting:
        return RandomWalkSetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: RandomWalkSetting, rng: Generator) -> RandomWalk:  # noqa: ARG003
        config = WalkConfig(setting.alpha, 0.0, setting.neighbours, _MOST_WALKED)
        return cls(setting, fit_walk(training_rows(data), config), data.shoppers)

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        setting = self.setting
        history = batch.weighted(setting)
        scores: NDArray[np.float32] = (history @ self.steps).toarray()
        scores /= (self.shoppers + np.float32(1.0)) ** np.float32(setting.beta)
        return scores


@dataclass(frozen=True)
class UserKnnSetting:
    log: bool = False
    neighbours: int = 100
    half_life: float | None = None
    half_places: float | None = None
    floor: float = 0.05
    power: float = 1.0  # of the similarity, as a weight


@dataclass(frozen=True)
class UserKnn:
    """What the users with the most similar history (cosine) took, weighted by similarity (Herlocker et al. 1999)."""

    name: ClassVar[str] = "user-kNN"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "log": (False, True),
        "neighbours": (100, 30, 300, 1000),
        "half_places": (None, 1.0, 3.0, 10.0, 30.0),
        "half_life": (None, 7.0, 30.0, 180.0),
        "power": (1.0, 3.0),
    }
    at_request: ClassVar[frozenset[str]] = frozenset({"neighbours", "half_life", "half_places", "power"})
    stochastic: ClassVar[bool] = False
    for_repeats: ClassVar[bool] = False
    knows_new: ClassVar[bool] = False

    setting: UserKnnSetting
    rows: Any  # CSR (users, items) with events
    units: Any  # the same, each row of unit length, transposed

    @classmethod
    def default(cls) -> UserKnnSetting:
        return UserKnnSetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: UserKnnSetting, rng: Generator) -> UserKnn:  # noqa: ARG003
        from sklearn.preprocessing import normalize

        rows = training_rows(data, log=setting.log)
        return cls(setting, rows, normalize(rows).T.tocsr())

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        from scipy.sparse import csr_matrix
        from sklearn.preprocessing import normalize

        history = normalize(batch.weighted(self.setting, log=self.setting.log))
        similarities = (history @ self.units).toarray()
        most = min(self.setting.neighbours, similarities.shape[1])
        near = np.argpartition(-similarities, most - 1, axis=1)[:, :most]
        values = np.take_along_axis(similarities, near, axis=1) ** self.setting.power
        starts = np.arange(len(near) + 1) * most
        neighbour_weights = csr_matrix((values.ravel(), near.ravel(), starts), shape=similarities.shape)
        scores: NDArray[np.float32] = (neighbour_weights @ self.rows).toarray()
        return scores
