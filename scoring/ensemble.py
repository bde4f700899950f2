"""From four scores on four scales to one: z-scores, a weighted sum, calibration, and each component's share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scoring.types import DEFAULT_WEIGHTS, Component, ComponentScore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from scoring.component import Scorer
    from scoring.profile import Profile

COMPONENTS = tuple(Component)
_MIN_SLOPE = 0.05  # a higher fused score is never a lower calibrated one


@dataclass(frozen=True, slots=True)
class Fusion:
    """Fused scores of all items, and what is needed to take one apart again."""

    fused: NDArray[np.float32]  # (items,): sum of weight * z
    raw: tuple[NDArray[np.float32], ...]  # per component, (items,)
    means: NDArray[np.float32]  # (4,)
    scales: NDArray[np.float32]  # (4,): 1 / standard deviation, 0 for a component with nothing to say
    weights: NDArray[np.float32]  # (4,)

    def parts(self, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """z-scores of some items, shape (items, 4)."""
        values = np.stack([raw[items] for raw in self.raw], axis=1)
        parts: NDArray[np.float32] = (values - self.means) * self.scales
        return parts


def weight_vector(weights: Mapping[Component, float] | None) -> NDArray[np.float32]:
    """Weights in component order, scaled to sum to 1; all zero or missing means the default."""
    chosen = weights if weights and sum(max(value, 0.0) for value in weights.values()) > 0 else DEFAULT_WEIGHTS
    vector = np.array([max(chosen.get(component, 0.0), 0.0) for component in COMPONENTS], dtype=np.float64)
    scaled: NDArray[np.float32] = (vector / vector.sum()).astype(np.float32)
    return scaled


def score_all(scorers: Mapping[Component, Scorer], profile: Profile, weights: NDArray[np.float32]) -> Fusion:
    """All products scored for a profile, before any rule."""
    return fuse(tuple(scorers[component].scores(profile) for component in COMPONENTS), weights)


def fuse(raw: tuple[NDArray[np.float32], ...], weights: NDArray[np.float32]) -> Fusion:
    """Standardises each component over the whole catalogue and adds them up by weight."""
    means, scales = np.zeros(4, dtype=np.float32), np.zeros(4, dtype=np.float32)
    fused = np.zeros(len(raw[0]), dtype=np.float32)
    for place, values in enumerate(raw):
        mean = values.mean(dtype=np.float32) if len(values) else np.float32(0)
        centred = values - mean
        spread = np.sqrt(centred @ centred / max(len(values), 1))
        # Below this, differences are rounding, not knowledge.
        if spread <= 1e-5 * abs(float(mean)) + 1e-12:
            means[place] = mean
            continue
        means[place], scales[place] = mean, 1.0 / spread
        if weights[place] > 0:
            centred *= weights[place] * scales[place]
            fused += centred
    return Fusion(fused, raw, means, scales, weights)


def shares(parts: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each component's part of the positive evidence, shape (items, 4), rows sum to 1.

    A component that speaks against the item has no share. Where none speaks for it, the weights are the shares.
    """
    positive = np.maximum(parts * weights, 0.0)
    total = positive.sum(axis=1, keepdims=True)
    result: NDArray[np.float32] = np.where(total > 0, positive / np.where(total > 0, total, 1.0), weights)
    return result


def breakdowns(parts: NDArray[np.float32], weights: NDArray[np.float32]) -> list[dict[Component, ComponentScore]]:
    """Both arrays have the shape (items, 4)."""
    return [
        dict(zip(COMPONENTS, map(ComponentScore, *rows), strict=True))
        for rows in zip(parts.tolist(), weights.tolist(), shares(parts, weights).tolist(), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt scaling: score = 1 / (1 + exp(-(slope * fused + offset))), strictly rising.

    It is fitted at training on shortlists of shoppers whose next new product was held out, half of the weight on those
    products and half on their rivals. So the score reads: of two products on a shopper's shortlist, one of which they
    went on to take, the chance that it is this one, judged by its fused score.
    """

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, fused: NDArray[np.float32]) -> NDArray[np.float32]:
        return squash(self.slope * fused + self.offset)


def squash(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logistic function, without overflow."""
    squashed: NDArray[np.float32] = (1.0 / (1.0 + np.exp(-np.clip(values, -30.0, 30.0)))).astype(np.float32)
    return squashed


def fit_calibration(taken: NDArray[np.float64], rivals: NDArray[np.float64]) -> Calibration:
    """Platt (1999) with his smoothed targets, by Newton steps. Too little evidence gives a gentle default."""
    if len(taken) < 10 or len(rivals) < 10:
        return Calibration(slope=0.5, offset=-0.5)
    values = np.concatenate([taken, rivals])
    counts = np.repeat([len(taken), len(rivals)], [len(taken), len(rivals)])
    targets = np.where(np.arange(len(values)) < len(taken), 1 - 1 / (len(taken) + 2), 1 / (len(rivals) + 2))
    weights = 0.5 / counts
    design = np.stack([values, np.ones(len(values))], axis=1)
    solution = np.zeros(2)
    for _ in range(50):
        predicted = 1 / (1 + np.exp(-np.clip(design @ solution, -30, 30)))
        gradient = design.T @ (weights * (predicted - targets)) + 1e-6 * solution
        curvature = (design * (weights * predicted * (1 - predicted))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        solution -= step
        if np.abs(step).max() < 1e-8:
            break
    slope, offset = solution.tolist()
    if slope < _MIN_SLOPE:
        return Calibration(_MIN_SLOPE, -_MIN_SLOPE * float((taken.mean() + rivals.mean()) / 2))
    return Calibration(slope, offset)
