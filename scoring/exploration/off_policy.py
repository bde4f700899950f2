"""What another policy would have earned, from logged slots and their propensities, without showing it to anyone.

Inverse propensity scoring, unbiased where each choice of the policy had a chance to be logged (its case of an even log
is Li et al. 2011, "Unbiased Offline Evaluation of Contextual-bandit-based News Article Recommendation Algorithms");
self-normalised (Swaminathan and Joachims 2015, "The Self-Normalized Estimator for Counterfactual Learning", section 4),
which trades a vanishing bias for less variance; and doubly robust (Dudík, Langford and Li 2011, "Doubly Robust Policy
Evaluation and Learning", section 2), which is right when either propensities or reward model are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scoring.exploration.bandit import draw_probabilities
from scoring.exploration.features import unpack_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from scoring.exploration.bandit import BanditState
    from scoring.types import Impression

    Policy = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_RESAMPLES = 400
_COVERED = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, and the interval that covers it in 95 of 100 resamples (percentile bootstrap)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """Reward per slot that a policy is estimated to earn. `effective` is Kish's effective sample size of its weights:
    how many slots of its own the estimate is worth."""

    ips: Estimate
    snips: Estimate
    doubly_robust: Estimate
    effective: float


@dataclass(frozen=True, slots=True)
class Replayed:
    """Logged slots seen through one policy; arrays of shape (slots,)."""

    rewards: NDArray[np.float64]
    propensities: NDArray[np.float64]  # with which what is there was shown
    chances: NDArray[np.float64]  # with which the policy would have shown it
    modelled: NDArray[np.float64]  # reward that a model expects of what was shown
    expected: NDArray[np.float64]  # reward that the model expects of the policy's own choice


def exploit(rivals: NDArray[np.float64]) -> NDArray[np.float64]:
    """The list's own product, always: row 0 of rivals (n, d)."""
    chances = np.zeros(len(rivals))
    chances[0] = 1.0
    return chances


def explore_all(rivals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every rival evenly."""
    return np.full(len(rivals), 1.0 / len(rivals))


def bandit_policy(state: BanditState) -> Policy:
    """What the bandit would draw if the slot were its own."""
    return lambda rivals: draw_probabilities(state, rivals)


def replay_slot(
    impression: Impression, propensity: float, policies: Sequence[Policy | None], model: BanditState
) -> NDArray[np.float64]:
    """(chances, modelled, expected) of `Replayed` for each policy and one slot that had rivals, shape (policies, 3).

    None among the policies is the one that logged. model: expects rewards; for unbiased estimates it must not have
    learned from this slot.
    """
    rivals = unpack_rows(impression.rivals, compressed=True)
    outcomes, _ = model.posterior.predict(rivals)
    modelled = float(outcomes[impression.shown])
    seen = np.empty((len(policies), 3))
    for place, policy in enumerate(policies):
        if policy is None:
            seen[place] = propensity, modelled, modelled
        else:
            chances = policy(rivals)
            seen[place] = chances[impression.shown], modelled, chances @ outcomes
    return seen


def evaluate(slots: Replayed, groups: NDArray[np.int64], rng: Generator) -> PolicyValue | None:
    """The three estimates; None without a slot.

    groups: (slots,), from 0: slots of one shopper, which are not independent and are resampled together.
    """
    if not len(slots.rewards):
        return None
    ratios = slots.chances / slots.propensities
    columns = np.stack(
        [
            np.ones(len(ratios)),
            ratios,
            ratios * slots.rewards,
            slots.expected + ratios * (slots.rewards - slots.modelled),
        ]
    )
    n_groups = int(groups.max()) + 1
    sums = np.stack([np.bincount(groups, column, n_groups) for column in columns], axis=1)
    drawn = np.stack([sums[rng.integers(n_groups, size=n_groups)].sum(axis=0) for _ in range(_RESAMPLES)])
    point, resampled = _estimates(sums.sum(axis=0)[None]), _estimates(drawn)
    lows, highs = np.quantile(resampled, [(1 - _COVERED) / 2, (1 + _COVERED) / 2], axis=0)
    ips, snips, robust = (Estimate(*map(float, row)) for row in zip(point[0], lows, highs, strict=True))
    squared = float(ratios @ ratios)
    return PolicyValue(ips, snips, robust, float(ratios.sum()) ** 2 / squared if squared > 0 else 0.0)


def _estimates(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """IPS, SNIPS and DR of each row of (slots, weights, weighted rewards, robust terms)."""
    slots, weights, rewards, robust = np.maximum(sums[:, 0], 1.0), sums[:, 1], sums[:, 2], sums[:, 3]
    normalised = np.divide(rewards, weights, out=np.zeros_like(rewards), where=weights > 0)
    return np.stack([rewards / slots, normalised, robust / slots], axis=1)
