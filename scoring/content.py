"""Content component: TF-IDF over what a product is, so products that nobody bought yet can be scored too."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scoring.interactions import DAY

if TYPE_CHECKING:
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
    half_life: float = 30.0 * DAY
    floor: float = 0.1
    taste_weight: float = 0.5  # what was stated, against the whole of the history


@dataclass(frozen=True, slots=True)
class Content:
    """L2-normalised sparse rows (items, features) in CSR order."""

    config: ContentConfig
    starts: NDArray[np.int32]
    features: NDArray[np.int32]
    values: NDArray[np.float32]
    n_features: NDArray[np.int64]  # shape (1,)

    @classmethod
    def fit(cls, data: TrainingSet, config: ContentConfig, rng: Generator) -> Content:  # noqa: ARG003
        matrix = _tfidf([_words(data.dataset.catalogue, item, price) for item, price in _rows(data, config)], config)
        return cls(
            config,
            matrix.indptr.astype(np.int32),
            matrix.indices.astype(np.int32),
            matrix.data.astype(np.float32),
            np.array([matrix.shape[1]]),
        )

    def scores(self, profile: Profile) -> NDArray[np.float32]:
        taste = self.taste(profile.items, profile.weights(self.config.half_life, self.config.floor))
        scores: NDArray[np.float32] = self.matrix() @ taste
        return scores

    def taste(self, items: NDArray[np.int32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """The weighted sum of the items' rows, at unit length, shape (features,)."""
        lengths = self.starts[items + 1] - self.starts[items]
        offsets = np.repeat(self.starts[items] - np.r_[0, np.cumsum(lengths)[:-1]], lengths) if len(items) else 0
        entries = np.arange(int(lengths.sum())) + offsets
        amounts = self.values[entries] * np.repeat(weights, lengths)
        taste = np.bincount(self.features[entries], amounts, int(self.n_features[0])).astype(np.float32)
        norm = float(np.sqrt(taste @ taste))
        return taste / norm if norm > 0 else taste

    def matrix(self) -> Any:
        from scipy.sparse import csr_matrix  # noqa: PLC0415  (half a second to import)

        shape = (len(self.starts) - 1, int(self.n_features[0]))
        return csr_matrix((self.values, self.features, self.starts), shape=shape, copy=False)

    def cosine(self, one: int, other: int) -> float:
        """Cosine of two products' rows, 0 to 1."""
        first = slice(self.starts[one], self.starts[one + 1])
        second = slice(self.starts[other], self.starts[other + 1])
        _, left, right = np.intersect1d(
            self.features[first], self.features[second], assume_unique=True, return_indices=True
        )
        return float(min(1.0, self.values[first][left] @ self.values[second][right]))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {name: getattr(self, name) for name in ("starts", "features", "values", "n_features")}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], config: ContentConfig) -> Content:
        return cls(config=config, **arrays)


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


def _tfidf(documents: list[list[str]], config: ContentConfig) -> Any:
    """CSR of shape (items, features), rows of unit length: (1 + log tf) * log(n / df), a word in one product is dropped."""
    from scipy import sparse  # noqa: PLC0415

    frequency = Counter(word for words in documents for word in set(words))
    common = sorted((-count, word) for word, count in frequency.items() if count > 1)[: config.max_features]
    idf = {word: np.log((1 + len(documents)) / -count) for count, word in common}
    code = {word: number for number, (_, word) in enumerate(common)}
    starts, features, values = [0], [], []
    for words in documents:
        counts = Counter(word for word in words if word in code)
        weighted = sorted(((1 + np.log(n)) * idf[word], code[word]) for word, n in counts.items())
        kept = sorted(weighted[-config.max_per_item :], key=lambda pair: pair[1])
        norm = np.sqrt(sum(value * value for value, _ in kept)) or 1.0
        features.extend(number for _, number in kept)
        values.extend(value / norm for value, _ in kept)
        starts.append(len(features))
    arrays = (np.array(values, np.float32), np.array(features, np.int32), np.array(starts, np.int32))
    return sparse.csr_matrix(arrays, shape=(len(documents), max(len(code), 1)))
