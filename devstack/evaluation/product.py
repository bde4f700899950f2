"""The product as the evaluation sees it: trained on a split's data, asked for the scores of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scoring.ensemble import COMPONENTS, score_all, weight_vector
from scoring.profile import fold_history
from scoring.recommender import Recommender
from scoring.training import train

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from scoring.dataset import Dataset
    from scoring.protocols import Case, Protocol


class Product:
    """A trained recommender."""

    name = "whybuy"

    def __init__(self, recommender: Recommender) -> None:
        self._recommender = recommender
        self._scorers = recommender.scorers.by_component()

    @classmethod
    def fit(cls, data: Dataset, protocol: Protocol, seed: int, tell: Callable[[str, float], None]) -> Product:  # noqa: ARG003
        """`tell` is told each stage and the share of the whole that is done."""
        return cls(Recommender.from_state(train(data, seed=seed, progress=tell)))

    def scores(self, case: Case) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """Fused scores of all items, and those of each component by name; the caller may overwrite them."""
        profile = fold_history(case.history, self._recommender.n_items, case.now)
        fusion = score_all(self._scorers, profile, weight_vector(self._recommender.weights))
        components = {part.value: raw.copy() for part, raw in zip(COMPONENTS, fusion.raw, strict=True)}
        return fusion.fused, components

    def chances(self, fused: NDArray[np.float32]) -> NDArray[np.float32]:
        """The calibrated score that is shown for a fused one; any shape."""
        return self._recommender.calibration(fused)
