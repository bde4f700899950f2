"""The gradients that the neural component descends are those of its loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import sparse

from scoring.components.network import TrainingBatch, forward, gradients

if TYPE_CHECKING:
    from numpy.typing import NDArray

PRODUCTS, FEATURES, DIMENSIONS, HIDDEN = 12, 16, 5, 7
STEP = 1e-6


def some_features() -> sparse.csr_matrix:
    """Each product has a feature of its own and shares one of four."""
    shared = sparse.csr_matrix(np.eye(4)[np.arange(PRODUCTS) % 4])
    return sparse.hstack([sparse.identity(PRODUCTS), shared]).tocsr()


def some_parameters() -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(1)
    return {
        "table": rng.standard_normal((FEATURES, DIMENSIONS)),
        "inner": rng.standard_normal((DIMENSIONS, HIDDEN)),
        "inner_bias": rng.standard_normal(HIDDEN),
        "outer": rng.standard_normal((HIDDEN, DIMENSIONS)),
    }


def some_batch() -> TrainingBatch:
    """Three contexts, the second with two targets; product 9 is a negative twice and a target."""
    return TrainingBatch(
        rows=np.array([0, 0, 1, 2, 2, 2]),
        items=np.array([0, 1, 4, 0, 5, 10]),
        weights=np.array([0.6, 0.4, 1.0, 0.5, 0.25, 0.25]),
        target_rows=np.array([0, 1, 1, 2]),
        targets=np.array([9, 2, 3, 1]),
        negatives=np.array([9, 7, 8, 9, 0]),
    )


@pytest.mark.parametrize("name", ["table", "inner", "inner_bias", "outer"])
def test_a_gradient_is_the_slope_of_the_loss(name: str) -> None:
    features, parameters, batch = some_features(), some_parameters(), some_batch()
    state = forward(features, parameters, batch)
    gradient = np.zeros_like(parameters[name])
    gradient[state.used if name == "table" else slice(None)] = gradients(parameters, state)[name]

    slopes = np.zeros_like(gradient)
    for at in np.ndindex(gradient.shape):
        losses = []
        for shift in (STEP, -STEP):
            moved = parameters[name].copy()
            moved[at] += shift
            losses.append(forward(features, {**parameters, name: moved}, batch).loss)
        slopes[at] = (losses[0] - losses[1]) / (2 * STEP)

    assert np.abs(slopes).max() > 0.01
    np.testing.assert_allclose(gradient, slopes, rtol=1e-5, atol=1e-8)


def test_a_negative_that_is_the_target_is_no_rival() -> None:
    features, parameters, batch = some_features(), some_parameters(), some_batch()

    others = forward(features, parameters, batch).others

    assert (others[0, [0, 3]] == 0).all()
    assert (others[1:] > 0).all()
