"""From a fused score to the probability that the shopper takes the product: Platt scaling (Platt 1999), two terms more.

z-scores compare products for one shopper, not shoppers with each other: the same score means more in the list of
someone who buys a lot. So the level of the whole list and the length of the history are terms beside the score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHOWN = 20  # first positions of a list: its level is their mean, and calibration is fitted to them
_FEWEST = 200
_LEAST_STEP = 0.05  # a higher fused score is never a lower calibrated one


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic model, strictly rising in the fused score, so that no order is lost. The coefficients of scores are
    for their inverse hyperbolic sine, because scores have long tails."""

    score: float  # of the fused score, above 0
    level: float  # of the mean fused score of the list's first positions
    length: float  # of log(1 + products in the history)
    offset: float
    fewest: int = 0  # products in the histories it was fitted to: beyond them nothing is extrapolated
    most: int = 1 << 30

    def __call__(self, fused: NDArray[np.float32], level: float, n_products: int) -> NDArray[np.float32]:
        """The probabilities of products of one list, in (0, 1), shape of `fused`."""
        length = np.log1p(min(max(n_products, self.fewest), self.most))
        common = self.level * np.arcsinh(level) + self.length * length + self.offset
        logits = np.clip(self.score * np.arcsinh(fused.astype(np.float64)) + common, -30.0, 30.0)
        probabilities: NDArray[np.float32] = (1 / (1 + np.exp(-logits))).astype(np.float32)
        return probabilities


def level_of(fused: NDArray[np.float32]) -> float:
    """fused: scores of a list, best first."""
    return float(fused[:SHOWN].mean()) if len(fused) else 0.0


# Where nothing is known: a rising guess, below one half.
UNCALIBRATED = Calibration(score=1.0, level=0.0, length=0.0, offset=-3.0)


@dataclass(frozen=True, slots=True)
class Shown:
    """The first positions of validation lists; arrays of shape (positions,)."""

    fused: NDArray[np.float64]
    level: NDArray[np.float64]
    n_products: NDArray[np.int64]
    taken: NDArray[np.bool_]


def fit_calibration(shown: Shown) -> Calibration:
    """UNCALIBRATED where there is too little evidence."""
    if len(shown.fused) < _FEWEST or not shown.taken.any() or shown.taken.all():
        return UNCALIBRATED
    from sklearn.linear_model import LogisticRegression

    features = np.stack([np.arcsinh(shown.fused), np.arcsinh(shown.level), np.log1p(shown.n_products)], axis=1)
    centre, spread = features.mean(axis=0), features.std(axis=0)
    spread[spread < 1e-6] = np.inf  # a constant feature gets no weight
    fitted = LogisticRegression(C=1.0).fit((features - centre) / spread, shown.taken)
    steps = fitted.coef_[0] / spread
    offset = float(fitted.intercept_[0] - steps @ centre)
    if steps[0] < _LEAST_STEP:  # the mean logit stays
        offset -= float((_LEAST_STEP - steps[0]) * centre[0])
        steps[0] = _LEAST_STEP
    score, level, length = steps.round(6).tolist()
    lengths = int(shown.n_products.min()), int(shown.n_products.max())
    return Calibration(score, level, length, round(offset, 6), *lengths)
