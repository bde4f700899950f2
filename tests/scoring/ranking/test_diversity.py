"""Diversity reorders a list and passes over near duplicates."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scoring.ranking.diversity import diversify


def test_no_diversity_keeps_the_order() -> None:
    scores = np.linspace(1, 0, 20, dtype=np.float32)

    assert diversify(scores, np.ones((20, 2), np.float32), 5, 0.0).tolist() == [0, 1, 2, 3, 4]


def test_diversity_passes_over_a_twin() -> None:
    """Given three near-equal products, two of them alike, the one that differs comes second."""
    scores = np.array([0.9, 0.89, 0.88, 0.1], dtype=np.float32)
    vectors = np.array([[1, 0], [1, 0], [0, 1], [1, 1]], dtype=np.float32)

    assert diversify(scores, vectors, 3, 0.5).tolist()[:2] == [0, 2]


@given(st.integers(0, 40), st.integers(1, 50), st.floats(0, 1), st.integers(0, 1000))
def test_diversity_only_reorders(size: int, limit: int, diversity: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = np.sort(rng.random(size).astype(np.float32))[::-1]

    picked = diversify(scores, rng.standard_normal((size, 4)).astype(np.float32), limit, diversity)

    assert len(picked) == min(size, limit)
    assert len(set(picked.tolist())) == len(picked)
    if len(picked) and diversity < 1:
        assert picked[0] == 0
