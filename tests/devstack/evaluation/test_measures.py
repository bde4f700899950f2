"""Metrics against values worked out by hand, and lists against a plain sort."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import RR, R, Success, iter_calc, nDCG

from devstack.evaluation.lists import Lists, Selector
from devstack.evaluation.measures import (
    Bootstrap,
    ListMetrics,
    interval,
    measure,
    random_metrics,
    ratio,
    self_information,
)
from scoring.data.ties import tie_breaker
from scoring.evaluation.protocol import EvaluationProtocol
from scoring.evaluation.splitting import EvaluationCase, EvaluationCases, Histories
from scoring.types import History
from tests.scoring.synthetic import shop

SHOP = shop()
NOBODY = Histories(SHOP.interactions)


def cases_of(
    held_out: list[list[int]],
    protocol: EvaluationProtocol = EvaluationProtocol.TEMPORAL,
    candidates: list[bool] | None = None,
) -> EvaluationCases:
    return EvaluationCases(
        protocol,
        users=np.arange(len(held_out), dtype=np.int32),
        now=np.zeros(len(held_out), dtype=np.int64),
        held_out_starts=np.r_[0, np.cumsum([len(row) for row in held_out])].astype(np.int64),
        held_out=np.array([item for row in held_out for item in row], dtype=np.int32),
        candidates=None if candidates is None else np.array(candidates),
        ties=np.zeros(len(SHOP.catalogue), dtype=np.uint32),
        _histories=NOBODY,
    )


def lists_of(items: list[list[int]]) -> Lists:
    ranked = np.array(items, dtype=np.int32)
    return Lists(ranked, np.zeros(ranked.shape, dtype=np.float32), np.zeros(0))


def a_case(history: list[int], user: int = 3) -> EvaluationCase:
    items = np.array(history, dtype=np.int32)
    zeros = np.zeros(len(items), dtype=np.int64)
    return EvaluationCase(user, History(items, zeros.astype(np.int8), zeros), np.zeros(0, dtype=np.int32), 0)


def test_the_metrics_are_those_of_the_textbook() -> None:
    twelve = list(range(12))
    # given two products to be found at positions 2 and 5, one at position 11, and one that is not listed
    metrics = measure(lists_of([twelve, twelve, twelve]), cases_of([[1, 4], [10], [30]]), np.full(40, 2.0))

    ideal = 1 + 1 / math.log2(3)
    assert metrics.values["ndcg@10"] == pytest.approx([(1 / math.log2(3) + 1 / math.log2(6)) / ideal, 0, 0])
    assert metrics.values["hr@10"].tolist() == [1, 0, 0]
    assert metrics.values["recall@20"].tolist() == [1, 1, 0]
    assert metrics.values["mrr@10"].tolist() == [0.5, 0, 0]
    assert metrics.values["novelty@10"].tolist() == [2, 2, 2]
    assert metrics.coverage == pytest.approx(10 / 40)


def test_more_products_to_be_found_than_positions_still_allow_a_perfect_list() -> None:
    metrics = measure(lists_of([list(range(20))]), cases_of([list(range(15))]), np.ones(20))
    assert metrics.values["ndcg@10"].tolist() == pytest.approx([1.0])


@given(
    st.lists(st.permutations(range(25)), min_size=1, max_size=4),
    st.lists(st.sets(st.integers(0, 29), min_size=1, max_size=24), min_size=4, max_size=4),
)
def test_users_are_measured_as_ir_measures_does(orders: list[list[int]], held_out: list[set[int]]) -> None:
    """A held-out product above 24 is in nobody's list."""
    held_out = held_out[: len(orders)]
    metrics = measure(lists_of(orders), cases_of([sorted(own) for own in held_out]), np.ones(30))
    judgements = {str(user): {str(item): 1 for item in own} for user, own in enumerate(held_out)}
    run = {str(user): {str(item): -float(rank) for rank, item in enumerate(own)} for user, own in enumerate(orders)}
    names = {nDCG @ 10: "ndcg@10", Success @ 10: "hr@10", R @ 20: "recall@20", RR @ 10: "mrr@10"}
    for expected in iter_calc(names, judgements, run):
        assert metrics.values[names[expected.measure]][int(expected.query_id)] == pytest.approx(expected.value), (
            expected
        )


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=12, max_size=12), st.integers(0, 1000), st.integers(1, 12))
def test_equal_scores_are_ordered_by_user_and_product(values: list[float], user: int, depth: int) -> None:
    scores = np.array(values, dtype=np.float32)
    ties = np.arange(100, 112, dtype=np.uint32)
    items, kept = Selector(cases_of([[0]]), ties, depth).best(scores.copy(), a_case([], user))
    assert items.tolist() == np.lexsort((tie_breaker(user, ties), -scores))[:depth].tolist()
    assert kept.tolist() == scores[items].tolist()


def test_a_constant_scorer_ranks_at_random() -> None:
    """Ties are broken by shopper and product: over shoppers, each product is in the middle on average."""
    ties = np.array([zlib.crc32(str(item).encode()) for item in range(40)], dtype=np.uint32)
    selector = Selector(cases_of([[0]]), ties, 40)

    ranks = [
        1 + selector.best(np.zeros(40, dtype=np.float32), a_case([], user))[0].tolist().index(0)
        for user in range(2_000)
    ]

    assert (min(ranks), max(ranks)) == (1, 40)
    assert np.mean(ranks) == pytest.approx(41 / 2, rel=0.05)


@given(st.integers(0, 2**31))
def test_the_order_of_the_catalogue_says_nothing(user: int) -> None:
    ties = np.arange(20, dtype=np.uint32)
    shuffled = np.random.default_rng(user).permutation(20)
    selector, other = Selector(cases_of([[0]]), ties, 5), Selector(cases_of([[0]]), ties[shuffled], 5)
    constant = np.zeros(20, dtype=np.float32)
    first, _ = selector.best(constant.copy(), a_case([], user))
    second, _ = other.best(constant.copy(), a_case([], user))
    assert first.tolist() == shuffled[second].tolist()


def test_what_the_user_has_is_ranked_only_where_repeats_are_asked_for() -> None:
    scores = np.array([3, 2, 1], dtype=np.float32)
    ties = np.arange(3, dtype=np.uint32)
    new, _ = Selector(cases_of([[0]]), ties, 3).best(scores.copy(), a_case([0]))
    again, _ = Selector(cases_of([[0]], EvaluationProtocol.NEXT_BASKET), ties, 3).best(scores.copy(), a_case([0]))
    assert new.tolist() == [1, 2, -1]
    assert again.tolist() == [0, 1, 2]


def test_new_items_are_ranked_among_themselves() -> None:
    cases = cases_of([[2]], EvaluationProtocol.NEW_ITEMS, [False, True, True])
    items, _ = Selector(cases, np.arange(3, dtype=np.uint32), 3).best(np.array([3, 1, 2], dtype=np.float32), a_case([]))
    assert items.tolist() == [2, 1, -1]


def test_expected_metrics_are_those_of_many_random_lists() -> None:
    rng = np.random.default_rng(1)
    held_out = [[0, 3, 5]]
    expected = random_metrics(cases_of(held_out), np.ones(30))
    many = [measure(lists_of([rng.permutation(30).tolist()]), cases_of(held_out), np.ones(30)) for _ in range(4_000)]
    for metric in ("ndcg@10", "hr@10", "recall@20", "mrr@10"):
        drawn = np.array([one.values[metric][0] for one in many])
        assert expected.values[metric][0] == pytest.approx(drawn.mean(), abs=4 * drawn.std() / math.sqrt(len(drawn)))


def test_what_fewer_users_know_carries_more_information() -> None:
    bits = self_information(np.array([0, 1, 50, 100]), 100)
    assert (np.diff(bits) < 0).all()
    assert bits[2] == pytest.approx(1, abs=0.01)


def values(of_users: list[float], metric: str = "ndcg@10") -> ListMetrics:
    return ListMetrics(np.arange(len(of_users), dtype=np.int32), {metric: np.array(of_users)}, None, 0.5)


def test_a_model_that_is_always_twice_as_good_is_surely_so() -> None:
    """Paired: what differs between users does not blur what differs between models."""
    rng = np.random.default_rng(3)
    theirs = rng.random(50)
    bootstrap = Bootstrap([np.arange(50, dtype=np.int32)], 10)
    a = bootstrap.averages([values((2 * theirs).tolist())], "ndcg@10")
    b = bootstrap.averages([values(theirs.tolist())], "ndcg@10")
    found = ratio(a, b)
    assert (found.value, found.low, found.high) == pytest.approx((2, 2, 2))
    spread = interval(b)
    assert spread.low < spread.value < spread.high


def test_an_interval_is_as_wide_as_statistics_says() -> None:
    rng = np.random.default_rng(4)
    sample = rng.normal(10, 2, 400)
    found = interval(Bootstrap([np.arange(400, dtype=np.int32)], 10).averages([values(sample.tolist())], "ndcg@10"))
    assert found.high - found.low == pytest.approx(2 * 1.96 * sample.std() / math.sqrt(400), rel=0.15)


def test_more_seeds_of_the_same_users_are_no_more_users() -> None:
    rng = np.random.default_rng(5)
    sample, users = rng.random(60).tolist(), np.arange(60, dtype=np.int32)
    once = interval(Bootstrap([users], 10).averages([values(sample)], "ndcg@10"))
    thrice = interval(Bootstrap([users] * 3, 10).averages([values(sample)] * 3, "ndcg@10"))
    assert (once.value, once.low, once.high) == pytest.approx((thrice.value, thrice.low, thrice.high))


def test_a_ratio_to_nothing_is_not_a_number() -> None:
    found = ratio(np.ones(5), np.zeros(5))
    assert math.isnan(found.value)


def test_ties_differ_from_user_to_user() -> None:
    items = np.arange(50, dtype=np.uint32)
    assert np.argsort(tie_breaker(1, items)).tolist() != np.argsort(tie_breaker(2, items)).tolist()


def test_the_interval_of_coverage_is_around_what_was_measured() -> None:
    rng = np.random.default_rng(6)
    shown = rng.integers(0, 300, (40, 10)).astype(np.int32)
    users = np.arange(40, dtype=np.int32)
    metrics = ListMetrics(users, {}, shown, len(np.unique(shown)) / 300)
    found = interval(Bootstrap([users], 300).averages([metrics], "coverage@10"))
    assert found.low < found.value == metrics.coverage < found.high
