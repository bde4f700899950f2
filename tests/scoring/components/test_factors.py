"""The three factorisations, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from scoring.components.factors import Factors, FactorsConfig, Method

RNG = np.random.default_rng(4)
# Two groups of shoppers with preferences of their own, and some noise.
PROBABILITIES = np.kron(np.eye(2), np.ones((20, 15))) * 0.5 + 0.05
DENSE = (RNG.random(PROBABILITIES.shape) < PROBABILITIES).astype(np.float32)
MATRIX = sparse.csr_matrix(DENSE)
TIES = RNG.integers(0, 1 << 32, (30,), dtype=np.uint32)


def fitted(method: Method, rank: int = 4) -> Factors:
    return Factors.fit(MATRIX, TIES, FactorsConfig(method=method, rank=rank), np.random.default_rng(0))


@pytest.mark.parametrize("method", list(Method))
def test_a_history_of_one_group_prefers_the_rest_of_that_group(method: Method) -> None:
    items, weights = np.array([0, 1, 2], np.int32), np.ones(3, np.float32)

    scores = fitted(method).scores(items, weights)

    assert scores.shape == (30,)
    assert scores[3:15].mean() > scores[15:].mean()


@pytest.mark.parametrize("method", list(Method))
def test_the_order_of_the_catalogue_does_not_matter(method: Method) -> None:
    order = np.random.default_rng(9).permutation(30)
    turned = Factors.fit(MATRIX[:, order], TIES[order], FactorsConfig(method=method, rank=4), np.random.default_rng(0))
    row_of = np.argsort(order).astype(np.int32)
    items, weights = np.array([0, 1, 2], np.int32), np.ones(3, np.float32)

    scores = turned.scores(row_of[items], weights)

    np.testing.assert_allclose(scores, fitted(method).scores(items, weights)[order], rtol=1e-3, atol=1e-4)


def test_svd_spans_the_best_subspace() -> None:
    _, _, right = np.linalg.svd(DENSE, full_matrices=False)
    best = right[:4].T @ right[:4]

    products = fitted(Method.SVD).products

    np.testing.assert_allclose(products @ products.T, best, atol=0.05)


def test_als_folds_a_shopper_in_where_training_would_put_them() -> None:
    """The embedding of a history solves the normal equations of Hu et al., equation 4."""
    config = FactorsConfig(method=Method.ALS, rank=4)
    factors = fitted(Method.ALS)
    items = np.flatnonzero(DENSE[0]).astype(np.int32)
    products = factors.products.astype(np.float64)
    preference = np.zeros(30)
    preference[items] = 1
    confidence = np.diag(1 + config.confidence * preference)
    left = products.T @ confidence @ products + config.regularisation * np.eye(products.shape[1])

    expected = np.linalg.solve(left, products.T @ confidence @ preference)

    np.testing.assert_allclose(factors.embed(items, np.ones(len(items), np.float32)), expected, rtol=1e-3, atol=1e-4)


def test_nmf_is_never_negative() -> None:
    factors = fitted(Method.NMF)

    assert (factors.products >= 0).all()
    assert (factors.embed(np.array([5, 20], np.int32), np.ones(2, np.float32)) >= 0).all()
