"""The scale that the scores of all lists share: how strong a product is among what the shop shows on such shelves.

Every shelf ranks by a value of its own: a chance, a likeness, a growth. These cannot be compared with each other, so
each is read against reference lists of the same shelf, which training makes for sampled shoppers
(scoring/learning/reference.py): a score of 0.8 says that four fifths of what such lists hold are weaker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scoring.types import PERSONAL_SCENARIOS, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from scoring.data.profile import Profile
    from scoring.evaluation.protocol import EvaluationProtocol
    from scoring.ranking.query import Query
    from scoring.ranking.request import Request

POINTS = 40  # quantiles of a scale
FEWEST = 20  # strengths of reference lists that a scale needs


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """Rising, piecewise linear, from [0, 1] to [0, 1]: no order is turned round."""

    strengths: NDArray[np.float64]  # ascending, all different, from 0 to 1
    scores: NDArray[np.float64]  # of these strengths, ascending

    def __call__(self, strengths: NDArray[np.float32]) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = np.interp(strengths, self.strengths, self.scores).astype(np.float32)
        return scores

    @classmethod
    def of(cls, quantiles: Sequence[float]) -> ScoreScale:
        """From equally spaced quantiles, as `quantiles_of` gives them; equal ones share their mean score."""
        shares = (np.arange(len(quantiles)) + 0.5) / max(len(quantiles), 1)
        inner = np.clip(np.asarray(quantiles, dtype=np.float64), 1e-9, 1 - 1e-9)
        strengths, rows, counts = np.unique(inner, return_inverse=True, return_counts=True)
        means = np.bincount(rows, shares, len(strengths)) / counts
        return cls(np.r_[0.0, strengths, 1.0], np.r_[0.0, means, 1.0])


PLAIN = ScoreScale(np.array([0.0, 1.0]), np.array([0.0, 1.0]))  # leaves a strength as it is


def quantiles_of(strengths: NDArray[np.floating]) -> list[float]:
    """What a scale is kept as. None where there are too few strengths."""
    if len(strengths) < FEWEST:
        return []
    found = np.quantile(strengths.astype(np.float64), (np.arange(POINTS) + 0.5) / POINTS)
    return [float(f"{value:.6g}") for value in found.tolist()]


@dataclass(frozen=True, slots=True)
class ScoreScales:
    """A scale for each shelf. A shelf without one, and a snapshot of earlier versions, shows strengths as they are."""

    by_shelf: dict[str, ScoreScale]

    def of(self, shelf: str) -> ScoreScale:
        return self.by_shelf.get(shelf, PLAIN)

    @classmethod
    def from_json(cls, stored: Mapping[str, Sequence[float]]) -> ScoreScales:
        return cls({shelf: ScoreScale.of(quantiles) for shelf, quantiles in stored.items() if quantiles})


class ShelfScales:
    """The scale of each request."""

    def __init__(self, scales: ScoreScales, question_of: Callable[[Query, Profile], EvaluationProtocol]) -> None:
        self._scales = scales
        self._question_of = question_of
        self.popular = scales.of(Scenario.POPULAR.value)

    def of(self, request: Request) -> ScoreScale:
        return self._scales.of(self.shelf_of(request))

    def shelf_of(self, request: Request) -> str:
        """Lists that answer the same question with the same kind of value share a scale: personal ones go by the
        question, whose chances look equally far ahead, the others by the scenario."""
        scenario = request.query.scenario
        return (
            self._question_of(request.query, request.profile).value
            if scenario in PERSONAL_SCENARIOS
            else scenario.value
        )
