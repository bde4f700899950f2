"""Both forms of EASE are the model of the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import sparse

from scoring.components.ease import DualEase, PrimalEase, ReferenceUsers
from tests.scoring.synthetic import ease_scores, fitted_ease

if TYPE_CHECKING:
    from numpy.typing import NDArray


def textbook(dense: NDArray[np.float64], regularisation: float) -> NDArray[np.float64]:
    """Steck 2019, algorithm 1, word for word."""
    precision = np.linalg.inv(dense.T @ dense + regularisation * np.eye(dense.shape[1]))
    weights = precision / -np.diag(precision)
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights)


@pytest.mark.parametrize(("users", "items", "form"), [(30, 80, DualEase), (80, 30, PrimalEase), (40, 40, DualEase)])
def test_both_forms_agree_with_the_paper(users: int, items: int, form: type) -> None:
    rng = np.random.default_rng(1)
    dense = (rng.random((users, items)) < 0.15) * rng.uniform(0.2, 1.0, (users, items))
    history, weights = np.array([3, 7, 12], np.int32), np.array([1.0, 0.5, 0.2], np.float32)

    fitted = fitted_ease(sparse.csr_matrix(dense.astype(np.float32)), 5.0)

    row = np.zeros(items)
    row[history] = weights
    assert isinstance(fitted[0], form)
    np.testing.assert_allclose(ease_scores(fitted, history, weights), row @ textbook(dense, 5.0), atol=1e-4)


def test_when_neither_side_fits_only_the_most_popular_items_are_fitted() -> None:
    rng = np.random.default_rng(2)
    dense = (rng.random((60, 50)) < np.linspace(0.02, 0.5, 50)[None, :]).astype(np.float32)
    head = np.sort(np.argsort(-dense.sum(axis=0), kind="stable")[:20])
    history, weights = head[[4]].astype(np.int32), np.ones(1, np.float32)

    fitted = fitted_ease(sparse.csr_matrix(dense), 5.0, max_rank=20)

    expected = np.zeros(50)
    expected[head] = textbook(dense[:, head].astype(np.float64), 5.0)[4]
    np.testing.assert_allclose(ease_scores(fitted, history, weights), expected, atol=1e-4)
    assert not ease_scores(fitted, np.setdiff1d(np.arange(50), head)[:2].astype(np.int32), np.ones(2, np.float32)).any()


def test_reference_users_score_the_most_popular_items_alone() -> None:
    rng = np.random.default_rng(3)
    dense = (rng.random((30, 80)) < np.linspace(0.02, 0.5, 80)[None, :]).astype(np.float32)
    head = np.sort(np.argsort(-dense.sum(axis=0), kind="stable")[:25])
    dual_weights = rng.random((2, 30)).astype(np.float32)

    to_items = ReferenceUsers.of(sparse.csr_matrix(dense), most=25).to_items(dual_weights)

    expected = np.zeros((2, 80))
    expected[:, head] = dual_weights @ dense[:, head]
    np.testing.assert_allclose(to_items, expected, rtol=1e-5)
