"""Content component: TF-IDF over what a product is, so products that nobody bought yet can be scored too."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scoring.components.component import mixed
from scoring.data.postings import Postings
from scoring.data.profile import View

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.dataset import Catalogue
    from scoring.data.interactions import TrainingSet
    from scoring.data.profile import Profile

WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class ContentConfig:
    max_features: int = 50_000
    max_per_item: int = 32  # the strongest features of a product are kept: bounds memory and time
    max_taste: int = 256  # strongest features of a history that similarity is computed from
    max_entries: int = 150_000  # products that these features may have in all
    price_buckets: int = 8
    taste_weight: float = 0.5  # similarity that a stated taste adds, where 1 is a perfect match with the history


@dataclass(frozen=True, slots=True)
class Content:
    """TF-IDF rows of unit length, by description and by feature. Products described alike share one description."""

    SIGNALS: ClassVar[tuple[str, ...]] = ("content.session", "content.season")
    DEFAULTS: ClassVar[dict[str, float]] = {"content.session": 0.5, "content.season": 0.5}

    config: ContentConfig
    described: Postings  # keys are descriptions, ids are features
    having: Postings  # the same entries by feature
    row: NDArray[np.int32]  # (items,): the description of each product
    appeal: NDArray[np.float32]  # (items,): log(e + shoppers); orders products of the same description, 1 for a new one

    @classmethod
    def fit(cls, data: TrainingSet, config: ContentConfig, rng: Generator) -> Content:  # noqa: ARG003
        matrix, row = _distinct(_tfidf(_documents(data.dataset.catalogue, config), config))
        return cls(config, Postings.of(matrix), Postings.of(matrix.T.tocsr()), row, _appeal(data))

    def with_appeal(self, data: TrainingSet) -> Content:
        """The same descriptions, with demand as in `data`."""
        return replace(self, appeal=_appeal(data))

    def blend(self, profile: Profile, weights: Mapping[str, float]) -> NDArray[np.float32]:
        return mixed(self.signals(profile, weights), weights)

    def signals(self, profile: Profile, wanted: Collection[str]) -> dict[str, NDArray[np.float32]]:
        stated = np.zeros(0, np.float32)
        if len(profile.stated):
            stated = np.bincount(profile.stated, minlength=len(self.row)) * np.float32(self.config.taste_weight)
        found = {}
        for name in self.SIGNALS:
            if name in wanted:
                similarity = self._similarity(*profile.seen(View(name.partition(".")[2])))
                found[name] = ((similarity + stated if len(stated) else similarity) * self.appeal).astype(np.float32)
        return found

    def similarity(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Cosine of every product to the sum of some, shape (items,)."""
        return self._similarity(items, np.ones(len(items), dtype=np.float32))

    def _similarity(self, items: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """As `similarity`, by the strongest features alone: a long history has thousands of small weight, and what half
        the catalogue has carries little information."""
        taste = self.taste(items, weights)
        features = self._informative(taste)
        by_row = self.having.combine(features, taste[features], len(self.described.starts) - 1)
        return by_row[self.row]

    def _informative(self, taste: NDArray[np.float32]) -> NDArray[np.int32]:
        """The strongest features whose products do not exceed `max_entries` in all."""
        features = np.flatnonzero(taste)
        strongest = features[np.argsort(-taste[features], kind="stable")[: self.config.max_taste]]
        sizes = self.having.starts[strongest + 1] - self.having.starts[strongest]
        if sizes.sum() <= self.config.max_entries:
            return np.sort(strongest).astype(np.int32)
        kept, left = [], self.config.max_entries
        for feature, size in zip(strongest.tolist(), sizes.tolist(), strict=True):
            if size <= left:
                kept.append(feature)
                left -= size
        return np.array(sorted(kept) or [strongest[np.argmin(sizes)]], dtype=np.int32)

    def taste(self, items: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """The weighted sum of the items' rows, at unit length, shape (features,)."""
        taste = self.described.combine(self.row[items], weights, len(self.having.starts) - 1)
        norm = float(np.sqrt(taste @ taste))
        return taste / norm if norm > 0 else taste

    def matrix(self) -> Any:
        """CSR of shape (items, features), rows of unit length."""
        return self.described.matrix(len(self.having.starts) - 1)[self.row]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        sides = {"described": self.described, "having": self.having}
        packed = {f"{side}_{one.name}": getattr(sides[side], one.name) for side in sides for one in fields(Postings)}
        return packed | {"row": self.row, "appeal": self.appeal}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], config: ContentConfig) -> Content:
        described, having = (
            Postings(**{one.name: arrays[f"{side}_{one.name}"] for one in fields(Postings)})
            for side in ("described", "having")
        )
        return cls(config, described, having, arrays["row"], arrays["appeal"])


def _appeal(data: TrainingSet) -> NDArray[np.float32]:
    appeal: NDArray[np.float32] = np.log(np.e + data.shoppers).astype(np.float32)
    return appeal


def _documents(catalogue: Catalogue, config: ContentConfig) -> Iterable[list[str]]:
    prices = _buckets(catalogue.prices, config.price_buckets)
    ratings = _buckets(catalogue.ratings, config.price_buckets) if catalogue.ratings is not None else None
    for item, price in enumerate(prices.tolist()):
        words = _words(catalogue, item)
        # A number is near its neighbours: half of two buckets each.
        words += [f"p:{edge}" for edge in (price, price + 1) if price >= 0]
        if ratings is not None and ratings[item] >= 0:
            words += [f"r:{edge}" for edge in (ratings[item], ratings[item] + 1)]
        yield words


def _buckets(numbers: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The bucket of each number (-1 for none); buckets are quantiles, so no currency or scale is assumed."""
    known = ~np.isnan(numbers)
    buckets = np.full(len(numbers), -1)
    if known.sum() >= count:
        edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, count + 1)[1:-1]))
        buckets[known] = np.searchsorted(edges, numbers[known])
    return buckets


def _words(catalogue: Catalogue, item: int) -> list[str]:
    """The features of a product; a prefix keeps a brand called Apple apart from the fruit."""
    text = f"{catalogue.names[item]} {catalogue.descriptions[item]}".casefold()
    words = [f"w:{word}" for word in WORD.findall(text)]
    words += [f"c:{category}" for category in catalogue.categories[item]]
    words += [f"t:{tag.casefold()}" for tag in catalogue.tags[item]]
    if catalogue.brands[item]:
        words.append(f"b:{catalogue.brands[item].casefold()}")
    return words


def _tfidf(documents: Iterable[list[str]], config: ContentConfig) -> Any:
    """CSR of shape (items, features) with rows of unit length: (1 + log tf) * log((1 + n) / df).

    A word that one product alone has connects nothing and is dropped.
    """
    from scipy import sparse

    vocabulary: dict[str, int] = {}
    ends, flat = [0], []
    for words in documents:
        flat.extend([vocabulary.setdefault(word, len(vocabulary)) for word in words])
        ends.append(len(flat))
    n_items = len(ends) - 1
    shape = (n_items, max(len(vocabulary), 1))
    counts = sparse.csr_matrix((np.ones(len(flat), np.float32), np.array(flat, np.int32), np.array(ends)), shape=shape)
    counts.sum_duplicates()
    frequency = np.bincount(counts.indices, minlength=shape[1])
    kept = np.flatnonzero(frequency > 1)
    # Equal frequencies are ordered by name, not by the order of the catalogue.
    names = np.array(list(vocabulary) or [""])[kept]
    kept = kept[np.lexsort((names, -frequency[kept]))[: config.max_features]]
    columns = counts[:, kept] if len(kept) else sparse.csr_matrix((n_items, 1), dtype=np.float32)
    columns.sort_indices()
    idf = np.log((1 + n_items) / np.maximum(frequency[kept], 1)) if len(kept) else np.ones(1)
    values = ((1 + np.log(columns.data)) * idf[columns.indices]).astype(np.float32)
    return _unit_rows(_strongest(sparse.csr_matrix((values, columns.indices, columns.indptr), columns.shape), config))


def _strongest(matrix: Any, config: ContentConfig) -> Any:
    """At most `max_per_item` entries of each row, the largest."""
    from scipy import sparse

    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((-matrix.data, rows))
    positions = np.arange(len(rows)) - matrix.indptr[rows]
    kept = order[positions < config.max_per_item]
    return sparse.csr_matrix((matrix.data[kept], (rows[kept], matrix.indices[kept])), shape=matrix.shape)


def _distinct(matrix: Any) -> tuple[Any, NDArray[np.int32]]:
    """The distinct rows of a CSR, and which of them each row is."""
    number: dict[tuple[bytes, bytes], int] = {}
    row = np.empty(matrix.shape[0], dtype=np.int32)
    first: list[int] = []
    for item, (start, end) in enumerate(pairwise(matrix.indptr.tolist())):
        key = (matrix.indices[start:end].tobytes(), matrix.data[start:end].tobytes())
        row[item] = number.setdefault(key, len(first))
        if row[item] == len(first):
            first.append(item)
    return matrix[first], row


def _unit_rows(matrix: Any) -> Any:
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    norms = np.sqrt(np.bincount(rows, matrix.data**2, matrix.shape[0]))
    matrix.data = (matrix.data / np.maximum(norms[rows], 1e-12)).astype(np.float32)
    matrix.sort_indices()
    return matrix
