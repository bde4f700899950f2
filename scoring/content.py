"""Content component: TF-IDF over what a product is, so products that nobody bought yet can be scored too."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.interactions import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.dataset import Catalogue
    from scoring.interactions import TrainingSet
    from scoring.profile import Profile

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class ContentConfig:
    max_features: int = 50_000
    max_per_item: int = 32  # the strongest features of a product are kept: bounds memory and time
    price_buckets: int = 8
    half_life: float = 7.0 * DAY
    floor: float = 0.05
    taste_weight: float = 0.5  # likeness that a stated taste adds, where 1 is a perfect match with the history


@dataclass(frozen=True, slots=True)
class Content:
    """L2-normalised sparse rows (descriptions, features) in CSR order. Products described alike share one row."""

    config: ContentConfig
    starts: NDArray[np.int32]
    features: NDArray[np.int32]
    values: NDArray[np.float32]
    n_features: NDArray[np.int64]  # shape (1,)
    row: NDArray[np.int32]  # (items,): the row of each product
    appeal: NDArray[np.float32]  # (items,): log(e + shoppers); orders products of the same description, 1 for a new one

    @classmethod
    def fit(cls, data: TrainingSet, config: ContentConfig, rng: Generator) -> Content:  # noqa: ARG003
        matrix = _tfidf((_words(data.dataset.catalogue, item, price) for item, price in _rows(data, config)), config)
        matrix, row = _distinct(matrix)
        return cls(
            config,
            matrix.indptr.astype(np.int32),
            matrix.indices.astype(np.int32),
            matrix.data.astype(np.float32),
            np.array([matrix.shape[1]]),
            row,
            _appeal(data),
        )

    def with_appeal(self, data: TrainingSet) -> Content:
        """The same descriptions, with demand as in `data`."""
        return replace(self, appeal=_appeal(data))

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        taste = self.taste(profile.items, profile.weights(self.config.half_life, self.config.floor))
        likeness = self._likeness(taste)
        if len(profile.stated):
            likeness += self.config.taste_weight * np.bincount(profile.stated, minlength=len(likeness))
        return likeness * self.appeal

    def likeness(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Cosine of every product to the sum of some, shape (items,)."""
        return self._likeness(self.taste(items, np.ones(len(items), dtype=np.float32)))

    def _likeness(self, taste: NDArray[np.float32]) -> NDArray[np.float32]:
        by_row: NDArray[np.float32] = self._matrix() @ taste
        return by_row[self.row]

    def taste(self, items: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """The weighted sum of the items' rows, at unit length, shape (features,)."""
        rows = self.row[items]
        lengths = self.starts[rows + 1] - self.starts[rows]
        offsets = np.repeat(self.starts[rows] - np.r_[0, np.cumsum(lengths)[:-1]], lengths) if len(items) else 0
        entries = np.arange(int(lengths.sum())) + offsets
        amounts = self.values[entries] * np.repeat(weights, lengths)
        taste = np.bincount(self.features[entries], amounts, int(self.n_features[0])).astype(np.float32)
        norm = float(np.sqrt(taste @ taste))
        return taste / norm if norm > 0 else taste

    def matrix(self) -> Any:
        """CSR of shape (items, features), rows of unit length."""
        return self._matrix()[self.row]

    def _matrix(self) -> Any:
        from scipy.sparse import csr_matrix

        shape = (len(self.starts) - 1, int(self.n_features[0]))
        return csr_matrix((self.values, self.features, self.starts), shape=shape, copy=False)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in ("starts", "features", "values", "n_features", "row", "appeal")}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], config: ContentConfig) -> Content:
        return cls(config=config, **arrays)


def _appeal(data: TrainingSet) -> NDArray[np.float32]:
    appeal: NDArray[np.float32] = np.log(np.e + data.shoppers).astype(np.float32)
    return appeal


def _rows(data: TrainingSet, config: ContentConfig) -> list[tuple[int, int]]:
    """Each item with its price bucket (-1 for none); buckets are quantiles, so no currency is assumed."""
    prices = data.dataset.catalogue.prices
    known = ~np.isnan(prices)
    buckets = np.full(len(prices), -1)
    if known.sum() >= config.price_buckets:
        edges = np.quantile(prices[known], np.linspace(0, 1, config.price_buckets + 1)[1:-1])
        buckets[known] = np.searchsorted(edges, prices[known])
    return list(enumerate(buckets.tolist()))


def _words(catalogue: Catalogue, item: int, price: int) -> list[str]:
    """The features of a product; a prefix keeps a brand called Apple apart from the fruit."""
    text = f"{catalogue.names[item]} {catalogue.descriptions[item]}".casefold()
    words = [f"w:{word}" for word in _WORD.findall(text)]
    words += [f"c:{category}" for category in catalogue.categories[item]]
    words += [f"t:{tag.casefold()}" for tag in catalogue.tags[item]]
    if catalogue.brands[item]:
        words.append(f"b:{catalogue.brands[item].casefold()}")
    if price >= 0:
        words.append(f"p:{price}")
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
    places = np.arange(len(rows)) - matrix.indptr[rows]
    kept = order[places < config.max_per_item]
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
