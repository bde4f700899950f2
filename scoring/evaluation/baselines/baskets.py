"""Models of baskets: co-occurrence, and repeated purchases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scoring.components.cooccurrence import baskets_of
from scoring.data.interactions import DAY
from scoring.evaluation.baselines.baseline import NothingToLearnError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.interactions import TrainingSet
    from scoring.evaluation.baselines.histories import Batch

_FLOOR = 1e-6  # weight of popularity, so that there are enough products to fill a list


@dataclass(frozen=True)
class CooccurrenceSetting:
    half_life: float | None = 7.0  # days, of a history entry
    half_places: float | None = None  # newer products of the history
    floor: float = 0.0
    exponent: float = 0.5  # of the candidate's number of baskets, which divides
    own_exponent: float = 0.5  # of the history product's


@dataclass(frozen=True)
class WindowedCooccurrence:
    """In how many baskets (or days) a product was with those of the history, against its popularity."""

    name: ClassVar[str] = "windowed co-occurrence"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "half_places": (None, 1.0, 3.0, 10.0, 30.0),
        "half_life": (7.0, 0.1, 1.0, 30.0, None),
        "exponent": (0.5, 0.25, 0.75),
        "own_exponent": (0.5, 1.0),
        "floor": (0.0, 0.05),
    }
    at_request: ClassVar[frozenset[str]] = frozenset(tried)
    stochastic: ClassVar[bool] = False
    for_repeats: ClassVar[bool] = False
    knows_new: ClassVar[bool] = False

    setting: CooccurrenceSetting
    baskets: Any  # CSR (baskets, items)
    by_item: Any  # its transpose, CSR
    sizes: NDArray[np.float32]  # (items,): baskets of each

    @classmethod
    def default(cls) -> CooccurrenceSetting:
        return CooccurrenceSetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: CooccurrenceSetting, rng: Generator) -> WindowedCooccurrence:  # noqa: ARG003
        baskets = baskets_of(data).matrix.astype(np.float32)
        sizes = np.asarray(baskets.sum(axis=0), dtype=np.float32).ravel()
        return cls(setting, baskets, baskets.T.tocsr(), sizes)

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        # The counts of pairs are never written out: from products to their baskets, and from those to products.
        history = batch.weighted(self.setting)
        known = np.maximum(self.sizes, 1.0)
        history.data /= known[history.indices] ** self.setting.own_exponent
        scores: NDArray[np.float32] = ((history @ self.by_item) @ self.baskets).toarray()
        scores /= (known + 5.0) ** self.setting.exponent
        return scores


@dataclass(frozen=True)
class FrequencySetting:
    half_life: float | None = 90.0  # days


@dataclass(frozen=True)
class OwnFrequency:
    """How often the user took a product, each time halved with age; popularity fills the rest."""

    name: ClassVar[str] = "own frequency"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {"half_life": (90.0, 7.0, 30.0, 60.0, 180.0, None)}
    at_request: ClassVar[frozenset[str]] = frozenset(tried)
    stochastic: ClassVar[bool] = False
    for_repeats: ClassVar[bool] = True
    knows_new: ClassVar[bool] = False

    setting: FrequencySetting
    popularity_floor: NDArray[np.float32]  # (items,)

    @classmethod
    def default(cls) -> FrequencySetting:
        return FrequencySetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: FrequencySetting, rng: Generator) -> OwnFrequency:  # noqa: ARG003
        return cls(setting, (_FLOOR * data.shoppers / max(int(data.shoppers.max(initial=0)), 1)).astype(np.float32))

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = batch.frequencies(self.setting.half_life).toarray()
        scores += self.popularity_floor
        return scores


@dataclass(frozen=True)
class TifuSetting:
    own: float = 0.7  # alpha: the user's own part against the neighbours'
    neighbours: int = 300
    between: float = 0.7  # r_g: fading from group to group
    groups: int = 7  # m
    within: float = 0.9  # r_b: fading from basket to basket within a group


@dataclass(frozen=True)
class TifuKnn:
    """Personal item frequency, faded within and between groups of baskets (days), and that of the nearest users.

    Hu et al., "Modeling Personalized Item Frequency Information for Next-basket Recommendation" (SIGIR 2020).
    """

    name: ClassVar[str] = "TIFU-KNN"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "own": (0.7, 0.2, 0.5, 0.9),
        "neighbours": (300, 100, 900),
        "groups": (7, 3, 15),
        "between": (0.7, 0.5, 0.9),
        "within": (0.9, 1.0),
    }
    at_request: ClassVar[frozenset[str]] = frozenset({"own", "neighbours"})
    stochastic: ClassVar[bool] = False
    for_repeats: ClassVar[bool] = True
    knows_new: ClassVar[bool] = False

    setting: TifuSetting
    vectors: Any  # CSR (users, items)
    norms: NDArray[np.float32]  # (users,): squared lengths

    @classmethod
    def default(cls) -> TifuSetting:
        return TifuSetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: TifuSetting, rng: Generator) -> TifuKnn:  # noqa: ARG003
        columns = data.interactions
        vectors = personal_frequencies(
            columns.users, columns.items, columns.times, (data.n_users, data.n_items), setting
        )
        vectors = vectors[np.flatnonzero(np.diff(vectors.indptr))]
        if not vectors.shape[0]:
            raise NothingToLearnError("there are no events")
        return cls(setting, vectors, np.asarray(vectors.multiply(vectors).sum(axis=1), dtype=np.float32).ravel())

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        from scipy.sparse import csr_matrix

        shape = (batch.cases, batch.n_items)
        own = personal_frequencies(batch.rows, batch.items, batch.times, shape, self.setting)
        # Squared Euclidean distance without the part that is the same for all neighbours.
        distances = self.norms - 2 * (own @ self.vectors.T).toarray()
        most = min(self.setting.neighbours, distances.shape[1])
        near = np.argpartition(distances, most - 1, axis=1)[:, :most]
        values = np.full(near.size, (1 - self.setting.own) / most, dtype=np.float32)
        neighbour_weights = csr_matrix((values, near.ravel(), np.arange(len(near) + 1) * most), shape=distances.shape)
        scores: NDArray[np.float32] = (neighbour_weights @ self.vectors + self.setting.own * own).toarray()
        return scores


def personal_frequencies(
    users: NDArray[np.integer],
    items: NDArray[np.integer],
    times: NDArray[np.int64],
    shape: tuple[int, int],
    setting: TifuSetting,
) -> Any:
    """CSR of `shape` (users, items): the user vectors of TIFU-KNN, a day being a basket."""
    from scipy.sparse import csr_matrix

    if not len(users):
        return csr_matrix(shape, dtype=np.float32)
    days = times // DAY
    order = np.lexsort((items, days, users))
    users, items, days = users[order].astype(np.int64), items[order], days[order]
    new_day = np.r_[True, (users[1:] != users[:-1]) | (days[1:] != days[:-1])]
    once = np.r_[True, new_day[1:] | (items[1:] != items[:-1])]
    basket = np.cumsum(new_day) - 1  # counted over all users
    starts = np.r_[0, np.cumsum(np.bincount(users[new_day], minlength=shape[0]))]
    baskets_of = np.diff(starts)
    size = np.maximum(np.ceil(baskets_of / setting.groups), 1)  # of a group, by user
    from_last = (starts[users + 1] - 1 - basket)[once]  # 0 for the last basket
    users, items = users[once], items[once]
    group, position = np.divmod(from_last, size[users])
    groups = np.ceil(baskets_of / size)[users]
    # The first group may be smaller than the others; it is averaged over what it has.
    in_group = np.minimum(size[users], baskets_of[users] - group * size[users])
    values = setting.within**position / in_group * setting.between**group / groups
    return csr_matrix((values.astype(np.float32), (users, items)), shape=shape)
