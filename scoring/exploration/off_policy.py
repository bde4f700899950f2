"""Off-policy evaluation: the value of a target policy, estimated from slots that another policy logged.

Inverse propensity scoring (IPS) is unbiased where the logging policy could have shown whatever the target policy shows
(its case of a uniform log is Li et al. 2011, "Unbiased Offline Evaluation of Contextual-bandit-based News Article
Recommendation Algorithms"); self-normalised IPS (SNIPS; Swaminathan and Joachims 2015, "The Self-Normalized Estimator
for Counterfactual Learning", section 4) trades a vanishing bias for less variance; and the doubly robust estimate
(Dudík, Langford and Li 2011, "Doubly Robust Policy Evaluation and Learning", section 2) is right when either the
propensities or the reward model are.
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
    """Estimated reward per slot of a target policy. `effective` is Kish's effective sample size of its importance
    weights: as many slots logged by the target policy itself would give an estimate as sure."""

    ips: Estimate
    snips: Estimate
    doubly_robust: Estimate
    effective: float


@dataclass(frozen=True, slots=True)
class LoggedSlots:
    """Logged slots with the terms of one target policy; arrays of shape (slots,)."""

    rewards: NDArray[np.float64]
    propensities: NDArray[np.float64]  # of what was shown, under the logging policy
    target_propensities: NDArray[np.float64]  # of what was shown, under the target policy
    predicted: NDArray[np.float64]  # the reward model's prediction for what was shown
    expected: NDArray[np.float64]  # its prediction for the target policy: the mean over what that would show


def greedy_policy(rivals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Always the list's own product: row 0 of rivals (n, d)."""
    probabilities = np.zeros(len(rivals))
    probabilities[0] = 1.0
    return probabilities


def uniform_policy(rivals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every rival evenly."""
    return np.full(len(rivals), 1.0 / len(rivals))


def bandit_policy(state: BanditState) -> Policy:
    """The bandit's draw for the slot."""
    return lambda rivals: draw_probabilities(state, rivals)


def replay_slot(
    impression: Impression, propensity: float, policies: Sequence[Policy | None], model: BanditState
) -> NDArray[np.float64]:
    """(target_propensities, predicted, expected) of one slot that had rivals, for each policy, shape (policies, 3).

    None among the policies is the logging policy. model: the reward model; for unbiased estimates it must not have
    learned from this slot.
    """
    rivals = unpack_rows(impression.rivals, compressed=True)
    outcomes, _ = model.posterior.predict(rivals)
    predicted = float(outcomes[impression.shown])
    terms = np.empty((len(policies), 3))
    for row, policy in enumerate(policies):
        if policy is None:
            terms[row] = propensity, predicted, predicted
        else:
            probabilities = policy(rivals)
            terms[row] = probabilities[impression.shown], predicted, probabilities @ outcomes
    return terms


def evaluate(slots: LoggedSlots, groups: NDArray[np.int64], rng: Generator) -> PolicyValue | None:
    """The three estimates; None without a slot.

    groups: (slots,), from 0: slots of one shopper, which are not independent and are resampled together.
    """
    if not len(slots.rewards):
        return None
    importance = slots.target_propensities / slots.propensities
    columns = np.stack(
        [
            np.ones(len(importance)),
            importance,
            importance * slots.rewards,
            slots.expected + importance * (slots.rewards - slots.predicted),
        ]
    )
    n_groups = int(groups.max()) + 1
    sums = np.stack([np.bincount(groups, column, n_groups) for column in columns], axis=1)
    drawn = np.stack([sums[rng.integers(n_groups, size=n_groups)].sum(axis=0) for _ in range(_RESAMPLES)])
    point, resampled = _estimates(sums.sum(axis=0)[None]), _estimates(drawn)
    lows, highs = np.quantile(resampled, [(1 - _COVERED) / 2, (1 + _COVERED) / 2], axis=0)
    ips, snips, robust = (Estimate(*map(float, row)) for row in zip(point[0], lows, highs, strict=True))
    squared = float(importance @ importance)
    return PolicyValue(ips, snips, robust, float(importance.sum()) ** 2 / squared if squared > 0 else 0.0)


def _estimates(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """IPS, SNIPS and DR of each row of (slots, weights, weighted rewards, robust terms)."""
    slots, weights, rewards, robust = np.maximum(sums[:, 0], 1.0), sums[:, 1], sums[:, 2], sums[:, 3]
    normalised = np.divide(rewards, weights, out=np.zeros_like(rewards), where=weights > 0)
    return np.stack([rewards / slots, normalised, robust / slots], axis=1)
