"""Metrics and the leave-last-out protocol."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.data.items import ItemIndex
from scoring.evaluation.metrics import coverage, hit_rate, list_ndcg, mean_reciprocal_rank, ndcg, rank_of, recall
from scoring.evaluation.protocol import EvaluationProtocol
from scoring.evaluation.splitting import hold_out, split
from tests.scoring.synthetic import shop

SHOP = shop()
TIES = ItemIndex.of(SHOP.catalogue).ties


def test_metrics_of_known_ranks() -> None:
    ranks = np.array([1, 3, 11])

    assert ndcg(ranks, 10) == pytest.approx((1 + 0.5 + 0) / 3)
    assert hit_rate(ranks, 10) == pytest.approx(2 / 3)
    assert mean_reciprocal_rank(ranks, 10) == pytest.approx((1 + 1 / 3) / 3)
    assert ndcg(np.array([], dtype=np.int64), 10) == 0.0


def test_metrics_of_a_list() -> None:
    ranked, relevant = np.array([4, 7, 1]), np.array([7, 9])

    assert recall(ranked, relevant, 3) == 0.5
    assert list_ndcg(ranked, relevant, 3) == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))
    assert list_ndcg(relevant, relevant, 3) == pytest.approx(1.0)
    assert coverage(np.array([[1, 2], [2, 3]]), 6) == 0.5


def test_a_scorer_that_says_nothing_ranks_by_chance() -> None:
    """Ties are broken by shopper and product: over shoppers, a constant scorer puts a product in the middle."""
    scores = np.zeros(len(TIES), dtype=np.float32)

    ranks = [rank_of(scores, 0, user, TIES) for user in range(2_000)]

    assert min(ranks) == 1
    assert max(ranks) == len(TIES)
    assert np.mean(ranks) == pytest.approx((len(TIES) + 1) / 2, rel=0.05)


def test_the_hidden_product_is_the_last_newly_met_and_gone_from_the_data() -> None:
    hidden = split(SHOP, EvaluationProtocol.LEAVE_LAST_OUT, TIES, seed=1, most=25)
    columns, kept = SHOP.interactions, hidden.train.interactions

    assert len(hidden.cases) == 25
    for case in hidden.cases:
        own = columns.users == case.user
        first_met = {one: columns.times[own & (columns.items == one)].min() for one in set(columns.items[own].tolist())}
        assert first_met[int(case.held_out[0])] == max(first_met.values())
        assert not (kept.items[kept.users == case.user] == case.held_out[0]).any()
    assert len(kept.users) < len(columns.users)


def test_the_order_of_the_data_does_not_choose_the_hidden_product() -> None:
    from dataclasses import replace

    columns = SHOP.interactions
    turned = np.argsort(-np.arange(len(columns.users)))
    fields = ("users", "items", "events", "times", "quantities", "orders")
    other = replace(SHOP, interactions=replace(columns, **{name: getattr(columns, name)[turned] for name in fields}))

    first, second = (split(data, EvaluationProtocol.LEAVE_LAST_OUT, TIES).cases for data in (SHOP, other))

    np.testing.assert_array_equal(first.held_out, second.held_out)


def test_one_hidden_layer_asks_every_question() -> None:
    train, cases = hold_out(SHOP, TIES, seed=0, most=20)

    assert [one.protocol for one in cases] == [
        EvaluationProtocol.COLD_USERS,
        EvaluationProtocol.NEXT_BASKET,
        EvaluationProtocol.TEMPORAL,
        EvaluationProtocol.LEAVE_LAST_OUT,
    ]
    known = {*zip(train.interactions.users.tolist(), train.interactions.items.tolist(), strict=True)}
    for asked in cases[2:]:
        for case in asked:
            assert not {(case.user, item) for item in case.held_out.tolist()} & known
            assert not set(case.held_out.tolist()) & set(case.history.items.tolist())
