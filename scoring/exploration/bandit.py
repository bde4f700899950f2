"""A linear contextual bandit: the expected reward of products in a context, and which of them to show to learn more.

The reward is regressed on the features of product and context, with one weight vector for all products, as in LinUCB
(Li, Chu, Langford and Schapire 2010, "A Contextual-Bandit Approach to Personalized News Article Recommendation",
section 3.1): the state is the sums A = sum x x' and b = sum r x, which processes can add to in any order. Exploration
follows the upper confidence bound of that section, but through a Boltzmann distribution: LinUCB's own argmax has no
probabilities, and those of Thompson sampling (Agrawal and Goyal 2013) are integrals without a closed form, while
off-policy evaluation needs the exact propensity of everything shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIMENSION = 32
_LARGEST = 8.0  # a feature beyond this is a fault of its source and must not outweigh all others
_PRIOR = 1.0  # precision of each weight before any impression: the prior is N(0, noise / _PRIOR)
_PRIOR_NOISE = 0.05  # variance of a reward: that of a click on every twentieth impression
_PRIOR_IMPRESSIONS = 20.0
_OPTIMISM = 1.0  # alpha of LinUCB
_FLOOR = 0.2  # part of the draws that is even: no candidate's probability is below _FLOOR / candidates


@dataclass(frozen=True, slots=True)
class Posterior:
    """The weights' normal posterior, kept as its mean and the eigenvectors of its precision."""

    mean: NDArray[np.float64]  # (d,)
    axes: NDArray[np.float64]  # (d, d): eigenvectors in columns, each over the root of its precision
    noise: float  # variance of a reward around its mean

    def predict(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Expected reward of each row of features (n, d), and its standard deviation; both (n,)."""
        rows = _clipped(features)
        projected = rows @ self.axes
        return rows @ self.mean, np.sqrt(self.noise * np.einsum("ij,ij->i", projected, projected))


@dataclass(frozen=True, eq=False)
class BanditState:
    """Sufficient statistics of the regression, without the prior: two states of different impressions simply add up."""

    gram: NDArray[np.float64]  # (d, d): sum of weight * x x'
    response: NDArray[np.float64]  # (d,): sum of weight * reward * x
    weight: float  # sum of weights: impressions, those of long ago counting less
    squares: float  # sum of weight * reward^2

    @classmethod
    def empty(cls) -> BanditState:
        return cls(np.zeros((DIMENSION, DIMENSION)), np.zeros(DIMENSION), 0.0, 0.0)

    @cached_property
    def posterior(self) -> Posterior:
        precisions, axes = np.linalg.eigh((self.gram + self.gram.T) / 2)
        # Rounding can leave an eigenvalue of a sum of squares a little below zero.
        precisions = np.maximum(precisions, 0.0) + _PRIOR
        mean = axes @ ((axes.T @ self.response) / precisions)
        unexplained = max(self.squares - float(mean @ self.response), 0.0)
        noise = (_PRIOR_NOISE * _PRIOR_IMPRESSIONS + unexplained) / (_PRIOR_IMPRESSIONS + self.weight)
        return Posterior(mean, axes / np.sqrt(precisions), noise)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        return {"gram": self.gram, "response": self.response, "totals": np.array([self.weight, self.squares])}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> BanditState:
        """Raises ValueError for arrays of another dimension, or with values that are not finite."""
        gram, response, totals = (np.asarray(arrays[name], np.float64) for name in ("gram", "response", "totals"))
        if gram.shape != (DIMENSION, DIMENSION) or response.shape != (DIMENSION,) or totals.shape != (2,):
            raise ValueError(f"A bandit of {DIMENSION} features was expected, not one of shape {gram.shape}.")
        if not all(np.isfinite(array).all() for array in (gram, response, totals)):
            raise ValueError("The bandit's sums hold values that are not finite; drop this state and start anew.")
        return cls(gram, response, float(totals[0]), float(totals[1]))


def update(
    state: BanditState,
    features: NDArray[np.float64],
    rewards: NDArray[np.float64],
    weights: NDArray[np.float64] | None = None,
) -> BanditState:
    """The state after some impressions: features (n, d), rewards (n,) in [0, 1], weights (n,) >= 0 or all 1."""
    rows, gained = _clipped(features), np.clip(rewards, 0.0, 1.0)
    scale = np.ones(len(rows)) if weights is None else np.clip(weights, 0.0, 1e6)
    weighted = rows * scale[:, None]
    return BanditState(
        state.gram + weighted.T @ rows,
        state.response + weighted.T @ gained,
        state.weight + float(scale.sum()),
        state.squares + float(scale @ (gained * gained)),
    )


def credit(state: BanditState, features: NDArray[np.float64], rewards: NDArray[np.float64]) -> BanditState:
    """The state after rewards of impressions that `update` already counted with reward 0.

    For a linear regression this is exact: the gram matrix does not depend on the rewards.
    """
    gained = np.clip(rewards, 0.0, 1.0)
    response = state.response + _clipped(features).T @ gained
    return BanditState(state.gram, response, state.weight, state.squares + float(gained @ gained))


def forget(state: BanditState, keep: float) -> BanditState:
    """The state with its sums at `keep` (0 to 1) of their weight: discounted least squares, which follows a change."""
    keep = min(max(keep, 0.0), 1.0)
    return BanditState(state.gram * keep, state.response * keep, state.weight * keep, state.squares * keep)


def bandit_scores(state: BanditState, features: NDArray[np.float64]) -> NDArray[np.float32]:
    """How far each candidate's expected reward is above that of its rivals, in standard deviations; features (n, d).

    A z-score of the posterior mean whose scale also holds the posterior's own uncertainty: no experience gives zeros,
    and little of it cannot reorder a list by noise.
    """
    if not len(features):
        return np.zeros(0, dtype=np.float32)
    mean, deviation = state.posterior.predict(features)
    centred = mean - mean.mean()
    spread = np.sqrt((centred @ centred + deviation @ deviation) / len(mean))
    scores: NDArray[np.float32] = (centred / max(float(spread), 1e-12)).astype(np.float32)
    return scores


def draw_probabilities(state: BanditState | None, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability with which one draw picks each candidate, features (n, d); sums to 1, and none is zero.

    softmax((mean + alpha * deviation) / heat), mixed with an even floor. The heat is the candidates' typical standard
    deviation, so that a lead counts by how sure it is: without experience all are nearly even, and with much of it the
    best ones are drawn most. No state: even.
    """
    count = len(features)
    even = np.full(count, 1.0 / max(count, 1))
    if state is None or count < 2:
        return even
    mean, deviation = state.posterior.predict(features)
    heat = max(float(np.sqrt(deviation @ deviation / count)), 1e-9)
    logits = (mean + _OPTIMISM * deviation) / heat
    odds = np.exp(np.maximum(logits - logits.max(), -700.0))
    probabilities: NDArray[np.float64] = (1 - _FLOOR) * odds / odds.sum() + _FLOOR * even
    return probabilities


def _clipped(features: NDArray[np.float64]) -> NDArray[np.float64]:
    rows: NDArray[np.float64] = np.clip(features, -_LARGEST, _LARGEST).astype(np.float64)
    return rows
