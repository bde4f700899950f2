"""Neural component: product embeddings and a small residual net that turns a history into a user vector.

A product's embedding is the sum of a vector of its own and those of its categories and brand, so new products get one
too; those that hardly any shopper met have no vector of their own. The net is trained to distinguish the next product a
shopper met from products drawn by popularity (sampled softmax, Covington et al. 2016); scores are therefore affinity
beyond popularity, and a share of log popularity is added back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scoring.components.component import mixed
from scoring.components.head import PopularityHead
from scoring.components.network import TrainingBatch, forward, gradients
from scoring.data.interactions import DAY
from scoring.data.profile import View
from scoring.data.ties import tie_breaker

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.dataset import Catalogue
    from scoring.data.interactions import TrainingSet
    from scoring.data.profile import Profile

    Floats = NDArray[np.float32]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NeuralConfig:
    dimensions: int = 48
    hidden: int = 96
    batch: int = 192  # contexts in a step
    targets: int = 4  # next products predicted from one context
    context: int = 50  # last products that a context holds
    negatives: int = 1_024
    learning_rate: float = 0.1
    max_epochs: float = 3.0
    max_steps: int = 800
    patience: int = 3  # checks without progress before stopping
    half_life: float = 7.0 * DAY  # of a context's entries, in training
    floor: float = 0.05
    popularity: float = 0.6  # part of log popularity that is added to the affinity


@dataclass(frozen=True, slots=True)
class Neural:
    SIGNALS: ClassVar[tuple[str, ...]] = ("neural.session", "neural.season")
    DEFAULTS: ClassVar[dict[str, float]] = {"neural.session": 0.5, "neural.season": 0.5}

    config: NeuralConfig
    embeddings: Floats  # (items, dimensions)
    bias: Floats  # (items,): log popularity, centred
    inner: Floats  # (dimensions, hidden)
    inner_bias: Floats  # (hidden,)
    outer: Floats  # (hidden, dimensions)
    head: PopularityHead

    @classmethod
    def fit(cls, data: TrainingSet, config: NeuralConfig, rng: Generator) -> Neural:
        trainer = _Trainer(data, config, rng)
        trainer.run()
        trainer.forget_rare(data)
        popularity = np.log1p(data.shoppers.astype(np.float32))
        net = trainer.net
        arrays = {
            "embeddings": (trainer.features @ net["table"]).astype(np.float32)[trainer.row_of],
            "bias": popularity - popularity.mean(dtype=np.float32),
        }
        return cls.from_arrays(arrays | {name: net[name] for name in ("inner", "inner_bias", "outer")}, config)

    def blend(self, profile: Profile, weights: Mapping[str, float]) -> Floats:
        return mixed(self.signals(profile, weights), weights)

    def signals(self, profile: Profile, wanted: Collection[str]) -> dict[str, Floats]:
        names = [name for name in self.SIGNALS if name in wanted]
        if not len(profile):
            return {name: np.zeros(len(self.embeddings), dtype=np.float32) for name in names}
        popular = np.float32(self.config.popularity) * self.bias
        users = {name: self.user_vector(*profile.seen(View(name.partition(".")[2]))) for name in names}
        return {name: self.head.inner_products(user, popular) for name, user in users.items()}

    def user_vector(self, items: NDArray[np.int32], weights: Floats) -> Floats:
        """The user vector of a weighted history, shape (dimensions,)."""
        mean = (weights @ self.embeddings[items]) / np.float32(max(float(weights.sum()), 1e-12))
        user = mean + np.tanh(mean @ self.inner + self.inner_bias) @ self.outer
        return user.astype(np.float32, copy=False)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in ("embeddings", "bias", "inner", "inner_bias", "outer")}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], config: NeuralConfig) -> Neural:
        return cls(config=config, **arrays, head=PopularityHead.of(arrays["embeddings"], arrays["bias"]))


def _features(catalogue: Catalogue, order: Ints) -> Any:
    """CSR (items, features), rows in this order: each product's own feature, its categories and its brand."""
    from scipy import sparse

    n_items = len(catalogue)
    code: dict[str, int] = {}
    starts, columns = [0], []
    for row, item in enumerate(order.tolist()):
        labels = dict.fromkeys([f"c:{one}" for one in catalogue.categories[item]])
        if catalogue.brands[item]:
            labels[f"b:{catalogue.brands[item]}"] = None
        columns.append(row)
        columns.extend(code.setdefault(label, n_items + len(code)) for label in labels)
        starts.append(len(columns))
    ones = np.ones(len(columns), dtype=np.float32)
    shape = (n_items, n_items + len(code))
    return sparse.csr_matrix((ones, np.array(columns, np.int32), np.array(starts, np.int32)), shape=shape)


class _Trainer:
    """One training run. Adagrad on the touched rows; all randomness from the given generator."""

    def __init__(self, data: TrainingSet, config: NeuralConfig, rng: Generator) -> None:
        self.config = config
        self.rng = rng
        # In here products are numbered by a hash of their id, so that the order of the catalogue does not matter.
        order = np.argsort(data.ties, kind="stable")
        self.row_of = np.empty_like(order)
        self.row_of[order] = np.arange(len(order))
        self.features = _features(data.dataset.catalogue, order)
        self._order_histories(data)
        weights = data.shoppers[order].astype(np.float64)
        self.popularity = np.cumsum(weights) / max(weights.sum(), 1.0)
        d, hidden = config.dimensions, config.hidden
        self.net: dict[str, Floats] = {
            "table": (rng.standard_normal((self.features.shape[1], d)) * 0.05).astype(np.float32),
            "inner": (rng.standard_normal((d, hidden)) / np.sqrt(d)).astype(np.float32),
            "inner_bias": np.zeros(hidden, dtype=np.float32),
            "outer": np.zeros((hidden, d), dtype=np.float32),
        }
        self.squares = {name: np.full_like(value, 0.05) for name, value in self.net.items()}

    def _order_histories(self, data: TrainingSet) -> None:
        """Pairs by user and first meeting; ties (a basket) in random order, so nothing leaks through them."""
        pairs = data.pairs
        salt = pairs.users.astype(np.int64) + (int(self.rng.integers(1 << 30)) << 32)
        order = np.lexsort((tie_breaker(salt, data.ties[pairs.items]), pairs.first, pairs.users))
        self.items, self.times = self.row_of[pairs.items[order]], pairs.first[order]
        self.strengths = (pairs.strengths * pairs.repeats)[order]
        self.starts = np.searchsorted(pairs.users[order], np.arange(data.n_users + 1))
        sizes = np.diff(self.starts)
        able = self.rng.permutation(np.flatnonzero(sizes >= 2))
        held_out = len(able) // 20
        self.held_out, self.able = able[:held_out], able[held_out:]
        self.sizes = sizes

    def run(self) -> None:
        config = self.config
        if len(self.able) == 0:
            return
        per_epoch = len(self.items) / (config.batch * config.targets)
        steps = int(min(config.max_steps, max(20, config.max_epochs * per_epoch)))
        checks = self._batch(np.repeat(self.held_out, 4)) if len(self.held_out) else None
        best, stale, kept = np.inf, 0, None
        for step in range(steps):
            self._step(self._batch(self._draw_users()), 1.0 - 0.9 * step / steps)
            if checks is None or step % max(steps // 12, 10) != 0:
                continue
            loss = self._loss(checks)
            if loss < best - 1e-3:
                best, stale, kept = loss, 0, {name: value.copy() for name, value in self.net.items()}
            else:
                stale += 1
            if stale >= config.patience:
                break
        if kept is not None and checks is not None and self._loss(checks) > best:
            self.net = kept

    def forget_rare(self, data: TrainingSet) -> None:
        """What hardly any shopper met is known by its categories and brand alone, as a new product is: a vector of its
        own would hold the habits of one household."""
        self.net["table"][self.row_of[~data.shared]] = 0.0

    def _draw_users(self) -> Ints:
        """Users in proportion to the root of their history, so that heavy shoppers do not dominate."""
        weights = np.sqrt(self.sizes[self.able])
        return self.rng.choice(self.able, self.config.batch, p=weights / weights.sum())

    def _batch(self, users: Ints) -> TrainingBatch:
        """One context of each of these users, cut at random."""
        config = self.config
        cuts = self.starts[users] + self.rng.integers(1, self.sizes[users])
        begins = np.maximum(self.starts[users], cuts - config.context)
        rows, entries = _ranges(begins, cuts)
        newest = self.times[cuts - 1][rows]
        fading = config.floor + (1 - config.floor) * np.exp2((self.times[entries] - newest) / config.half_life)
        weights = self.strengths[entries] * fading
        weights /= np.bincount(rows, weights, len(users))[rows]
        target_rows, target_entries = _ranges(cuts, np.minimum(cuts + config.targets, self.starts[users + 1]))
        drawn = np.searchsorted(self.popularity, self.rng.random(config.negatives), side="right")
        negatives = np.minimum(drawn, len(self.popularity) - 1)
        return TrainingBatch(
            rows, self.items[entries], weights.astype(np.float32), target_rows, self.items[target_entries], negatives
        )

    def _loss(self, batch: TrainingBatch) -> float:
        return forward(self.features, self.net, batch).loss

    def _step(self, batch: TrainingBatch, pace: float) -> None:
        state = forward(self.features, self.net, batch)
        found = gradients(self.net, state)
        for name in ("outer", "inner", "inner_bias"):
            self._descend(name, found[name], pace)
        self._descend("table", found["table"], pace, state.used)

    def _descend(self, name: str, gradient: Floats, pace: float, rows: Ints | None = None) -> None:
        where: Any = slice(None) if rows is None else rows
        scaled = gradient * self.config.batch  # per context rather than per batch: Adagrad's floor keeps its meaning
        squares = self.squares[name][where] + scaled * scaled
        self.squares[name][where] = squares
        rate = self.config.learning_rate * pace * (1.0 if rows is not None else 0.2)
        self.net[name][where] -= (rate * scaled / np.sqrt(squares)).astype(np.float32)


def _ranges(begins: Ints, ends: Ints) -> tuple[Ints, Ints]:
    """Row numbers and positions of the concatenated ranges begins[i]:ends[i]."""
    lengths = ends - begins
    rows = np.repeat(np.arange(len(begins)), lengths)
    positions = np.arange(int(lengths.sum())) + np.repeat(begins - np.r_[0, np.cumsum(lengths)[:-1]], lengths)
    return rows, positions
