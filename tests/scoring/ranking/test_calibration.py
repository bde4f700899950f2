"""Calibrated scores are probabilities."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scoring.ranking.calibration import UNCALIBRATED, Calibration, Shown, fit_calibration, level_of

LISTS, POSITIONS = 2_000, 10


def shown(seed: int = 0) -> Shown:
    """Lists of shoppers with histories of two lengths; those with the longer ones take more at the same score."""
    rng = np.random.default_rng(seed)
    fused = np.sort(rng.normal(2, 1, (LISTS, POSITIONS)), axis=1)[:, ::-1]
    length = rng.choice([10, 200], LISTS)
    probability = 1 / (1 + np.exp(-(np.arcsinh(fused) * 1.5 + 0.5 * np.log1p(length)[:, None] - 6)))
    level = np.repeat(fused.mean(axis=1), POSITIONS)
    return Shown(fused.ravel(), level, np.repeat(length, POSITIONS), rng.random(fused.size) < probability.ravel())


def test_a_calibrated_score_is_the_share_that_is_taken() -> None:
    calibration, fresh = fit_calibration(shown(0)), shown(1)
    probabilities = np.array(
        [
            calibration(np.array([fused], np.float32), level, length)[0]
            for fused, level, length in zip(fresh.fused, fresh.level, fresh.n_products.tolist(), strict=True)
        ]
    )

    for part in np.array_split(np.argsort(probabilities), 8):
        taken, expected = fresh.taken[part].mean(), probabilities[part].mean()
        assert abs(taken - expected) < 4 * np.sqrt(expected * (1 - expected) / len(part))


def test_the_same_score_is_worth_more_in_the_list_of_a_heavy_shopper() -> None:
    calibration = fit_calibration(shown())
    fused = np.array([2.0], np.float32)

    assert calibration(fused, 2.0, 200)[0] > calibration(fused, 2.0, 10)[0]


def test_a_calibration_rises_even_where_lower_scores_are_taken_more_often() -> None:
    """Where validation found lower scores taken more often, order is kept all the same."""
    lists = shown()
    calibration = fit_calibration(Shown(-lists.fused, -lists.level, lists.n_products, lists.taken))

    assert calibration.score > 0


def test_too_little_evidence_is_a_guess() -> None:
    none = np.zeros(0)

    assert fit_calibration(Shown(none, none, none.astype(np.int64), none.astype(bool))) == UNCALIBRATED


@given(
    st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=20, unique=True),
    st.floats(0.05, 3),
    st.floats(-2, 2),
    st.integers(0, 5_000),
)
def test_a_calibration_keeps_the_order(fused: list[float], score: float, level: float, n_products: int) -> None:
    calibration = Calibration(score, level, 0.3, -4.0)
    ordered = np.sort(np.array(fused, np.float32))[::-1].copy()

    probabilities = calibration(ordered, level_of(ordered), n_products)

    assert (np.diff(probabilities) <= 0).all()
    assert ((probabilities > 0) & (probabilities < 1) | np.isin(probabilities, [0, 1])).all()


def test_nothing_is_extrapolated_to_histories_that_validation_never_saw() -> None:
    calibration, fused = fit_calibration(shown()), np.array([2.0], np.float32)

    assert calibration(fused, 2.0, 1)[0] == calibration(fused, 2.0, 10)[0]
    assert calibration(fused, 2.0, 9_000)[0] == calibration(fused, 2.0, 200)[0]
