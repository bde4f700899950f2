"""Fusion plans: the best of the shop's weights, a single signal and a mixture, judged on cases not fitted to."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scoring.evaluation.protocol import EvaluationProtocol
from scoring.learning.candidates import Pool
from scoring.learning.selection import FEWEST_CASES, choose
from scoring.ranking.ensemble import COMPONENT_OF, SIGNALS, signal_weights
from scoring.ranking.plans import Choice, FusionPlan, FusionPlans, HistoryLength
from scoring.types import DEFAULT_WEIGHTS, Component

WIDTH = 40
SIGNAL_INDEX = {name: index for index, name in enumerate(SIGNALS)}


def pool(strength: dict[str, float], cases: int = 400, seed: int = 0, products: int = 20) -> Pool:
    """One product is taken in each case; each signal knows it by so many standard deviations, the rest is noise."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((len(SIGNALS), cases, WIDTH)).astype(np.float32)
    taken = np.zeros((cases, WIDTH), dtype=bool)
    taken[np.arange(cases), rng.integers(0, WIDTH, cases)] = True
    for name, distance in strength.items():
        values[SIGNAL_INDEX[name]][taken] += distance
    return Pool(values, taken, np.ones(cases, np.int64), np.full(cases, products))


def chosen(pool_: Pool, weights: dict[Component, float] | None = None) -> FusionPlan:
    return choose(pool_, weights or DEFAULT_WEIGHTS, np.random.default_rng(1))[None]


@pytest.mark.parametrize("k", [1, 10, WIDTH, 2 * WIDTH])
def test_lists_are_measured_by_score_and_equals_by_their_tie_order(k: int) -> None:
    rng = np.random.default_rng(5)
    drawn = pool({}, cases=50)
    scores = rng.choice(np.array([-1e9, -2.5, -1e-7, -0.0, 0.0, 1e-7, 2.5], np.float32), (50, WIDTH))
    taken = rng.random((50, WIDTH)) < 0.2
    taken[:, 0] = True
    held_out = taken.sum(axis=1)

    measured = Pool(drawn.values, taken, held_out, drawn.n_products).ndcg(scores, k)

    gains = []
    for row, relevant in zip(scores, taken, strict=True):
        best = np.lexsort((np.arange(WIDTH), -row))[:k]
        gains.append(sum(1 / np.log2(rank + 2) for rank, column in enumerate(best) if relevant[column]))
    ideal = [sum(1 / np.log2(rank + 2) for rank in range(min(k, count))) for count in held_out]
    np.testing.assert_allclose(measured, np.array(gains) / ideal)


def test_two_signals_that_know_different_things_are_mixed() -> None:
    plan = chosen(pool({"together.session": 2.0, "demand.week": 2.0}))

    assert plan.choice is Choice.LEARNED
    assert plan.weights["together.session"] > 0.2
    assert plan.weights["demand.week"] > 0.2
    assert sum(map(abs, plan.weights.values())) == pytest.approx(1.0, abs=1e-3)
    assert plan.ndcg["learned"] > plan.ndcg["single"]
    assert f"{plan.ndcg['learned']:.4f}" in plan.why


def test_the_best_single_signal_is_never_far_from_what_is_chosen() -> None:
    plan = chosen(pool({"ease.season": 3.0}))

    assert plan.weights["ease.season"] > 0.6
    assert plan.ndcg["learned"] > plan.ndcg["single"] - 0.01
    assert max(plan.ndcg["single"], plan.ndcg["learned"]) > plan.ndcg["default"]


def test_the_shops_weights_stay_where_nothing_is_clearly_better() -> None:
    same = pool({})
    same.values[:] = same.values[0]  # every mixture gives the same lists

    plan = chosen(same)

    assert plan.choice is Choice.DEFAULT
    assert plan.weights == signal_weights(DEFAULT_WEIGHTS)


def test_too_few_cases_choose_nothing() -> None:
    plan = chosen(pool({"ease.season": 5.0}, cases=FEWEST_CASES - 1))

    assert plan.choice is Choice.DEFAULT
    assert "only" in plan.why


def test_a_component_without_weight_is_never_used() -> None:
    weights = {**DEFAULT_WEIGHTS, Component.CONTEXTUAL: 0.0}

    plan = chosen(pool({"demand.week": 4.0, "ease.season": 1.0}), weights)

    assert all(COMPONENT_OF[name] is not Component.CONTEXTUAL for name in plan.weights)


def test_a_segment_gets_a_plan_of_its_own_where_that_is_a_gain() -> None:
    light, heavy = pool({"follow.session": 3.0}, seed=1), pool({"ease.season": 3.0}, seed=2, products=500)
    both = Pool(
        np.concatenate([light.values, heavy.values], axis=1),
        np.concatenate([light.taken, heavy.taken]),
        np.concatenate([light.n_held_out, heavy.n_held_out]),
        np.concatenate([light.n_products, heavy.n_products]),
    )

    plans = choose(both, DEFAULT_WEIGHTS, np.random.default_rng(1))

    assert (
        max(plans[HistoryLength.LIGHT].weights, key=lambda name: plans[HistoryLength.LIGHT].weights[name])
        == "follow.session"
    )
    assert (
        max(plans[HistoryLength.HEAVY].weights, key=lambda name: plans[HistoryLength.HEAVY].weights[name])
        == "ease.season"
    )


def test_plans_travel_as_json() -> None:
    plan = chosen(pool({"together.session": 2.0, "demand.week": 2.0}))
    plans = FusionPlans(plan, {EvaluationProtocol.TEMPORAL: {None: plan, HistoryLength.COLD: plan}})

    again = FusionPlans.from_json(json.loads(json.dumps(plans.to_json())))

    assert again == plans
    assert again.of(EvaluationProtocol.NEXT_BASKET, 3) == plan


def test_ndcg_of_a_pool_is_that_of_the_textbook() -> None:
    values = np.zeros((len(SIGNALS), 1, 3), np.float32)
    values[0, 0] = [3.0, 2.0, 1.0]
    one = Pool(values, np.array([[False, True, True]]), np.array([2]), np.array([5]))

    gained = one.ndcg(values[0])[0]

    assert gained == pytest.approx((1 / np.log2(3) + 1 / np.log2(4)) / (1 + 1 / np.log2(3)))


def test_one_view_of_a_costly_model_is_enough() -> None:
    plan = chosen(
        pool({"ease.season": 1.5, "ease.whole": 1.4, "ease.recent": 1.3, "demand.week": 1.2, "demand.shelf": 1.2})
    )

    assert sum(name.startswith("ease.") for name in plan.weights) == 1
    assert sum(name.startswith("demand.") for name in plan.weights) >= 2


def test_padding_stays_last_where_weights_sum_to_less_than_nothing() -> None:
    narrow = pool({"ease.season": 3.0}, cases=60)
    padded = np.concatenate([narrow.values, np.full_like(narrow.values, -1e9)], axis=2)
    wide = Pool(
        padded,
        np.concatenate([narrow.taken, np.zeros_like(narrow.taken)], axis=1),
        narrow.n_held_out,
        narrow.n_products,
    )
    weights = {"ease.season": 0.3, "demand.week": -0.7}

    np.testing.assert_array_equal(wide.ndcg(wide.fuse(weights)), narrow.ndcg(narrow.fuse(weights)))


def test_a_signal_that_speaks_against_a_product_has_a_weight_below_nothing() -> None:
    plan = chosen(pool({"ease.season": 2.0, "demand.shoppers": -2.0}))

    assert plan.weights["ease.season"] > 0.2
    assert plan.weights["demand.shoppers"] < -0.2


def test_a_personal_list_stays_where_everybodys_list_is_hardly_better() -> None:
    """Between two lists that are as good within chance, the one that differs between shoppers is taken."""
    plan = chosen(pool({"ease.season": 1.5, "demand.week": 1.55}))

    assert any(COMPONENT_OF[name] is not Component.CONTEXTUAL and weight > 0.1 for name, weight in plan.weights.items())


def test_pools_beside_each_other_give_the_lists_of_both() -> None:
    one, other = pool({"ease.season": 3.0}, cases=20), pool({"ease.season": 3.0}, cases=30, seed=3)
    narrow = Pool(other.values[:, :, :25], other.taken[:, :25], other.n_held_out, other.n_products)
    weights = {"ease.season": 0.5, "demand.week": -0.5}

    both = one.beside(narrow)

    apart = [part.ndcg(part.fuse(weights)) for part in (one, narrow)]
    np.testing.assert_array_equal(both.ndcg(both.fuse(weights)), np.concatenate(apart))


def test_a_plan_is_never_empty() -> None:
    """Where each case has one candidate there is nothing to tell apart, and every weight is as good as another."""
    whole = pool({})
    one = Pool(whole.values[:, :, :1], np.ones_like(whole.taken[:, :1]), whole.n_held_out, whole.n_products)

    assert chosen(one).weights
