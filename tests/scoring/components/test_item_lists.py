"""Models that are lists of other products: each is what its paper says, on a shop small enough to compute it again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import ElasticNet

from scoring.components.item_lists import strongest
from scoring.components.random_walk import WalkConfig, fit_walk
from scoring.components.slim import SlimConfig, fit_slim
from scoring.components.transitions import count_transitions
from scoring.data.interactions import TrainingSet
from tests.scoring.synthetic import DAY, START, Shape, shop

SHOP = TrainingSet(shop(Shape(users=60, items=40, categories=4)))
ROWS = SHOP.matrix


def test_slim_is_the_elastic_net_of_each_product() -> None:
    config = SlimConfig(l1=2.0, l2=10.0, neighbours=39, sweeps=200)

    weights = fit_slim(ROWS, config).toarray()

    taken = (ROWS.toarray() > 0).astype(np.float64)
    n = len(taken)
    for item in (0, 7, 21):
        others = np.delete(np.arange(40), item)
        alpha = (config.l1 + config.l2) / n  # of scikit-learn, whose loss is a mean
        model = ElasticNet(
            alpha=alpha, l1_ratio=config.l1 / (config.l1 + config.l2), positive=True, fit_intercept=False, tol=1e-8
        ).fit(taken[:, others], taken[:, item])
        np.testing.assert_allclose(weights[others, item], model.coef_, atol=1e-2)  # descent ends at steps of 0.001
        assert weights[item, item] == 0


def test_slim_of_a_shop_without_a_second_product_is_empty() -> None:
    assert fit_slim(sparse.csr_matrix((3, 1), dtype=np.float32), SlimConfig()).nnz == 0


def test_a_walk_of_three_steps_has_the_probabilities_of_the_paper() -> None:
    config = WalkConfig(alpha=0.7, beta=0.4, neighbours=40, most_met=None)

    walked = fit_walk(ROWS, config).toarray()

    met = (ROWS.toarray() > 0).astype(np.float64)
    to_user = (met / np.maximum(met.sum(axis=0), 1)).T ** 0.7
    to_item = (met / met.sum(axis=1, keepdims=True)) ** 0.7
    expected = to_user @ to_item / (met.sum(axis=0) + 1) ** 0.4
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(walked, expected, rtol=1e-4, atol=1e-7)


def test_a_long_history_is_walked_through_in_part() -> None:
    whole = fit_walk(ROWS, WalkConfig(most_met=None))
    part = fit_walk(ROWS, WalkConfig(most_met=5))

    assert 0 < part.nnz < whole.nnz
    assert (part != fit_walk(ROWS, WalkConfig(most_met=5))).nnz == 0


def test_transitions_follow_the_order_in_which_products_were_met() -> None:
    """Everybody meets 0, then 1, then 2; a basket at the end holds 3 and 4."""
    dataset = shop(Shape(users=6, items=40, categories=4))
    users = np.repeat(np.arange(6), 5)
    days = np.tile([0, 1, 2, 3, 3], 6)
    columns = replace(
        dataset.interactions,
        users=users.astype(np.int32),
        items=np.tile([0, 1, 2, 3, 4], 6).astype(np.int32),
        events=np.full(30, 3, np.int8),
        times=START + days * DAY,
        quantities=np.ones(30, np.float32),
        orders=(users * 5 + days).astype(np.int64),
    )

    found = count_transitions(TrainingSet(replace(dataset, interactions=columns))).toarray()

    assert found[0, 1] > found[0, 2] > 0, "what comes next counts more than what comes after it"
    assert found[1, 0] == 0, "nobody went back"
    assert found[3, 4] == pytest.approx(found[4, 3]), "a basket has no order"
    assert found[3, 4] > 0


def test_one_shopper_makes_no_transition() -> None:
    dataset = shop(Shape(users=1, items=40, categories=4))

    assert count_transitions(TrainingSet(dataset)).nnz == 0


def test_the_strongest_of_each_row_are_kept() -> None:
    rows = sparse.csr_matrix(np.array([[0.5, 0.2, 0.9, -1.0], [0.0, 0.0, 0.0, 0.0], [0.1, 0.1, 0.0, 0.3]], np.float32))

    kept = strongest(rows, 2).toarray()

    np.testing.assert_allclose(kept, np.array([[0.5, 0, 0.9, 0], [0, 0, 0, 0], [0.1, 0, 0, 0.3]], np.float32))
