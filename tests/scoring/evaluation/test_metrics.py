"""Metrics and the leave-last-out protocol."""

from __future__ import annotations

import numpy as np
import pytest
from ir_measures import RR, R, Success, iter_calc, nDCG

from scoring.data.items import ItemIndex
from scoring.evaluation.metrics import hit_rate, ndcg, recall, reciprocal_rank
from scoring.evaluation.protocol import EvaluationProtocol
from scoring.evaluation.splitting import hold_out, split
from tests.scoring.synthetic import shop

SHOP = shop()
TIES = ItemIndex.of(SHOP.catalogue).ties


def test_metrics_of_known_lists() -> None:
    """One relevant product each: first, third, beyond the tenth position, and not listed."""
    hits = np.zeros((4, 12), dtype=bool)
    hits[[0, 1, 2], [0, 2, 10]] = True
    one = np.ones(4, dtype=np.int64)

    assert ndcg(hits, one, 10).tolist() == pytest.approx([1, 0.5, 0, 0])
    assert hit_rate(hits, 10).tolist() == [1, 1, 0, 0]
    assert recall(hits, one, 20).tolist() == [1, 1, 1, 0]
    assert reciprocal_rank(hits, 10).tolist() == pytest.approx([1, 1 / 3, 0, 0])
    assert ndcg(hits[:0], one[:0], 10).shape == (0,)


def test_metrics_of_a_list_with_several_relevant_products() -> None:
    hits, two = np.array([[False, True, False]]), np.array([2])

    assert recall(hits, two, 3).tolist() == [0.5]
    assert ndcg(hits, two, 3).tolist() == pytest.approx([(1 / np.log2(3)) / (1 + 1 / np.log2(3))])
    assert ndcg(np.array([[True, True]]), two, 3).tolist() == pytest.approx([1.0])


def test_metrics_are_those_of_ir_measures() -> None:
    """Random lists of thirty with several relevant products, some of them not listed."""
    rng = np.random.default_rng(8)
    lists = np.stack([rng.permutation(60)[:30] for _ in range(200)])
    relevant = [rng.choice(60, rng.integers(1, 16), replace=False) for _ in lists]
    hits = np.stack([np.isin(ranked, own) for ranked, own in zip(lists, relevant, strict=True)])
    n_relevant = np.array([len(own) for own in relevant])

    found = {
        nDCG @ 10: ndcg(hits, n_relevant, 10),
        Success @ 10: hit_rate(hits, 10),
        R @ 20: recall(hits, n_relevant, 20),
        RR @ 10: reciprocal_rank(hits, 10),
    }

    judgements = {str(row): {str(item): 1 for item in own} for row, own in enumerate(relevant)}
    run = {str(row): {str(item): -float(rank) for rank, item in enumerate(ranked)} for row, ranked in enumerate(lists)}
    expected = list(iter_calc(found, judgements, run))
    assert len(expected) == 4 * 200
    for one in expected:
        assert found[one.measure][int(one.query_id)] == pytest.approx(one.value, abs=1e-9), one


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
        EvaluationProtocol.LEAVE_LAST_OUT,
        EvaluationProtocol.TEMPORAL,
        EvaluationProtocol.TEMPORAL,
    ]
    known = {*zip(train.interactions.users.tolist(), train.interactions.items.tolist(), strict=True)}
    assert all(len(asked) for asked in cases)
    for asked in cases[2:]:
        for case in asked:
            assert (case.history.times <= case.now).all()
            assert not {(case.user, item) for item in case.held_out.tolist()} & known
            assert not set(case.held_out.tolist()) & set(case.history.items.tolist())


def test_the_weeks_to_come_are_asked_about_whenever_they_were() -> None:
    """The last fifth of what each of some shoppers met, beside the end of the time."""
    *_, by_time, whenever = hold_out(SHOP, TIES, seed=0, most=40)[1]

    assert len(by_time) >= 5
    assert len(whenever) >= 5
    assert len(np.unique(by_time.now)) == 1 < len(np.unique(whenever.now))
    for case in whenever:
        met = len(set(case.history.items.tolist())) + len(case.held_out)
        assert met // 5 <= len(case.held_out) <= met / 2
        assert case.history.times.max() < case.now, "a visit is hidden as a whole"
