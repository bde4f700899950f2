"""Off-policy estimates agree with what really happens when the policy is shown, in a shop whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scoring.exploration.bandit import DIMENSION, BanditState, draw_probabilities, update
from scoring.exploration.features import impression
from scoring.exploration.off_policy import (
    LoggedSlots,
    bandit_policy,
    evaluate,
    greedy_policy,
    replay_slot,
    uniform_policy,
)
from scoring.exploration.sampling import explore

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.exploration.off_policy import Policy, PolicyValue
    from scoring.types import Impression

CANDIDATES, LIMIT, SHARE = 12, 4, 0.375  # one drawn slot, and one that is drawn in half of the lists
LISTS = 3_000


@dataclass(frozen=True)
class Log:
    """Contested slots as they were shown, and for each the true probability of a click on every rival."""

    impressions: list[Impression]
    propensities: NDArray[np.float64]
    rewards: NDArray[np.float64]
    truths: list[NDArray[np.float64]]
    rivals: list[NDArray[np.float64]]
    lists: NDArray[np.int64]
    features: NDArray[np.float64]


def candidates(rng: np.random.Generator) -> NDArray[np.float64]:
    """The first candidates look best to the model, feature 1; shoppers care for feature 2 more than it knows."""
    rows = np.zeros((CANDIDATES, DIMENSION))
    rows[:, 0] = 1.0
    rows[:, 1] = np.linspace(1, 0, CANDIDATES)
    rows[:, 2:5] = rng.uniform(-1, 1, (CANDIDATES, 3))
    return rows.astype("<f2").astype(np.float64)


def click_probabilities(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(0.15 + 0.05 * rows[:, 1] + 0.12 * rows[:, 2] - 0.03 * rows[:, 3], 0.0, 1.0)


def simulated(seed: int, state: BanditState | None = None, lists: int = LISTS) -> Log:
    rng = np.random.default_rng(seed)
    impressions, propensities, truths, rivals, owners, features = [], [], [], [], [], []
    for number in range(lists):
        rows = candidates(rng)
        truth = click_probabilities(rows)

        def probabilities(chosen: NDArray[np.int64], rows: NDArray[np.float64] = rows) -> NDArray[np.float64]:
            return draw_probabilities(state, rows[chosen])

        slots = explore(np.arange(CANDIDATES), CANDIDATES, LIMIT, SHARE, int(rng.integers(2**31)), probabilities)
        for slot in slots:
            if slot.rivals:
                impressions.append(impression(rows, slot.candidate, slot.rivals))
                propensities.append(slot.propensity)
                truths.append(truth[list(slot.rivals)])
                rivals.append(rows[list(slot.rivals)])
                owners.append(number)
                features.append(rows[slot.candidate])
    shown = np.array([truth[one.shown] for truth, one in zip(truths, impressions, strict=True)])
    rewards = (rng.random(len(shown)) < shown).astype(np.float64)
    return Log(
        impressions, np.array(propensities), rewards, truths, rivals, np.array(owners, np.int64), np.array(features)
    )


def truth_of(log: Log, policy: Policy) -> float:
    return float(np.mean([policy(rows) @ truth for rows, truth in zip(log.rivals, log.truths, strict=True)]))


def replayed(log: Log, policy: Policy | None, model: BanditState, seed: int = 0) -> PolicyValue:
    seen = np.array([
        replay_slot(one, propensity, [policy], model)[0]
        for one, propensity in zip(log.impressions, log.propensities, strict=True)
    ])  # fmt: skip
    slots = LoggedSlots(log.rewards, log.propensities, *seen.T)
    value = evaluate(slots, log.lists, np.random.default_rng(seed))
    assert value is not None
    return value


@pytest.fixture(scope="module")
def log() -> Log:
    return simulated(1)


@pytest.fixture(scope="module")
def learnt() -> BanditState:
    """A bandit that learned from other lists than those it is judged on."""
    other = simulated(2)
    return update(BanditState.empty(), other.features, other.rewards)


def test_estimates_cover_the_truth(log: Log, learnt: BanditState) -> None:
    for policy in (greedy_policy, uniform_policy, bandit_policy(learnt)):
        truth = truth_of(log, policy)
        value = replayed(log, policy, learnt)
        for estimate in (value.ips, value.snips, value.doubly_robust):
            assert estimate.low <= truth <= estimate.high
            assert estimate.low <= estimate.value <= estimate.high


def test_ips_is_unbiased_over_many_logs() -> None:
    """The mean of many small estimates comes to the truth, far closer than one estimate's own error."""
    model = BanditState.empty()
    errors = []
    for seed in range(30):
        small = simulated(100 + seed, lists=150)
        errors.append(replayed(small, uniform_policy, model).ips.value - truth_of(small, uniform_policy))

    assert abs(np.mean(errors)) <= 3 * np.std(errors) / np.sqrt(len(errors))


def test_intervals_cover_the_truth_about_as_often_as_they_claim() -> None:
    model = BanditState.empty()
    covered = 0
    for seed in range(30):
        small = simulated(300 + seed, lists=150)
        value = replayed(small, greedy_policy, model, seed).snips
        covered += value.low <= truth_of(small, greedy_policy) <= value.high

    assert covered >= 25


def test_the_bandit_beats_even_draws_and_does_not_lose_to_the_list(log: Log, learnt: BanditState) -> None:
    bandit, even, own = (
        replayed(log, policy, learnt).doubly_robust for policy in (bandit_policy(learnt), uniform_policy, greedy_policy)
    )

    assert bandit.low > even.value
    assert bandit.value >= own.value
    assert truth_of(log, bandit_policy(learnt)) > truth_of(log, greedy_policy)


def test_a_log_of_the_bandit_itself_is_judged_as_well(learnt: BanditState) -> None:
    """Uneven propensities: what the bandit rarely shows weighs more."""
    log = simulated(5, learnt)

    for policy in (greedy_policy, uniform_policy):
        value = replayed(log, policy, learnt)
        assert value.ips.low <= truth_of(log, policy) <= value.ips.high


def test_doubly_robust_is_narrower_with_a_good_model_and_right_with_a_bad_one(log: Log, learnt: BanditState) -> None:
    absurd = update(BanditState.empty(), log.features[::-1], 1 - log.rewards)
    good, bad = (replayed(log, uniform_policy, model) for model in (learnt, absurd))

    assert good.doubly_robust.high - good.doubly_robust.low < good.ips.high - good.ips.low
    assert bad.doubly_robust.low <= truth_of(log, uniform_policy) <= bad.doubly_robust.high


def test_the_logging_policy_is_judged_by_what_it_earned(log: Log, learnt: BanditState) -> None:
    value = replayed(log, None, learnt)

    for estimate in (value.ips, value.snips, value.doubly_robust):
        assert estimate.value == pytest.approx(log.rewards.mean())
    assert value.effective == pytest.approx(len(log.rewards))


def test_nothing_logged_gives_no_estimate() -> None:
    none = np.zeros(0)

    assert evaluate(LoggedSlots(none, none, none, none, none), np.zeros(0, np.int64), np.random.default_rng(0)) is None
