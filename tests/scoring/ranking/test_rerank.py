"""Diversity, and exploration whose propensities are exactly the chances."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.ranking.rerank import diversify, explore


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


@given(st.integers(0, 60), st.integers(1, 30), st.floats(0, 1), st.integers(0, 2**32))
def test_slots_are_distinct_and_propensities_are_chances(size: int, limit: int, share: float, seed: int) -> None:
    order = np.arange(size)

    slots = explore(order, size, limit, share, seed)

    assert slots == explore(order, size, limit, share, seed)
    assert len(slots) == min(size, limit)
    assert len({slot.place for slot in slots}) == len(slots)
    assert all(0 < slot.propensity <= 1 for slot in slots)
    assert all(slot.propensity < 1 or len(slots) + 1 >= size for slot in slots if slot.exploration)


@pytest.mark.parametrize(("limit", "share"), [(5, 0.1), (5, 0.3), (4, 0.5), (10, 0.25), (3, 1.0)])
def test_logged_propensities_agree_with_what_happens(limit: int, share: float) -> None:
    """Over many seeds, each product is in a slot as often as its propensity there says."""
    runs, size = 6_000, 15
    seen: Counter[tuple[int, int]] = Counter()
    logged: dict[tuple[int, int], float] = {}
    explored = 0
    for seed in range(runs):
        for position, slot in enumerate(explore(np.arange(size), size, limit, share, seed)):
            seen[position, slot.place] += 1
            logged[position, slot.place] = slot.propensity
            explored += slot.exploration

    for key, propensity in logged.items():
        error = np.sqrt(propensity * (1 - propensity) / runs)
        assert abs(seen[key] / runs - propensity) <= 5 * error, key
    for position in range(limit):  # weighting by 1 / propensity is only right when the chances of a slot sum to 1
        assert sum(chance for (slot, _), chance in logged.items() if slot == position) == pytest.approx(1.0)
    assert explored / runs == pytest.approx(share * limit, abs=0.05)
