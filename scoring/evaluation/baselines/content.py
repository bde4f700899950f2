"""What a product is: TF-IDF over its words and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from scoring.components.content import WORD
from scoring.evaluation.baselines.baseline import NothingToLearnError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.data.dataset import Catalogue
    from scoring.data.interactions import TrainingSet
    from scoring.evaluation.baselines.histories import Batch

_FEATURES = 30_000


@dataclass(frozen=True)
class TfidfSetting:
    half_life: float | None = 30.0  # days, of a history entry
    half_places: float | None = None  # newer products of the history
    appeal: float = 1.0  # power of log(e + shoppers) that similarity is multiplied by
    floor: float = 0.0
    words: bool = True  # of the name; labels (category, brand, tags) are always used


@dataclass(frozen=True)
class TfidfContent:
    """Cosine of a product's TF-IDF vector to the sum of the history's."""

    name: ClassVar[str] = "TF-IDF content"
    tried: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "half_places": (None, 1.0, 3.0, 10.0, 30.0),
        "half_life": (30.0, 0.1, 1.0, 7.0, 180.0, None),
        "appeal": (1.0, 0.0, 2.0),
        "floor": (0.0, 0.05),
        "words": (True, False),
    }
    at_request: ClassVar[frozenset[str]] = frozenset({"half_life", "half_places", "appeal", "floor"})
    stochastic: ClassVar[bool] = False
    for_repeats: ClassVar[bool] = False
    knows_new: ClassVar[bool] = True

    setting: TfidfSetting
    vectors: Any  # CSR (items, features)
    popularity: NDArray[np.float32]  # (items,): log(e + shoppers)

    @classmethod
    def default(cls) -> TfidfSetting:
        return TfidfSetting()

    @classmethod
    def fit(cls, data: TrainingSet, setting: TfidfSetting, rng: Generator) -> TfidfContent:  # noqa: ARG003
        from sklearn.feature_extraction.text import TfidfVectorizer

        catalogue = data.dataset.catalogue
        documents = [_features(catalogue, item, words=setting.words) for item in range(len(catalogue))]
        vectorizer = TfidfVectorizer(
            analyzer=_as_it_is, min_df=2, max_features=_FEATURES, sublinear_tf=True, dtype=np.float32
        )
        try:
            vectors = vectorizer.fit_transform(documents).tocsr()
        except ValueError as error:  # an empty vocabulary
            raise NothingToLearnError("no two products share a word, category, brand or tag") from error
        return cls(setting, vectors, np.log(np.e + data.shoppers).astype(np.float32))

    def scores(self, batch: Batch) -> NDArray[np.float32]:
        from sklearn.preprocessing import normalize

        history = batch.weighted(self.setting)
        profile = normalize(history @ self.vectors).toarray()
        similarities: NDArray[np.float32] = np.ascontiguousarray((self.vectors @ profile.T).T)
        similarities *= self.popularity**self.setting.appeal
        return similarities


def _as_it_is(features: list[str]) -> list[str]:
    return features


def _features(catalogue: Catalogue, item: int, *, words: bool) -> list[str]:
    features = [f"c:{category}" for category in catalogue.categories[item]]
    features += [f"t:{tag.casefold()}" for tag in catalogue.tags[item]]
    if catalogue.brands[item]:
        features.append(f"b:{catalogue.brands[item].casefold()}")
    if words and catalogue.names[item] != catalogue.ids[item]:
        features += [f"w:{word}" for word in WORD.findall(catalogue.names[item].casefold())]
    return features
