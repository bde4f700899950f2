"""The propensity of a slot is exactly the probability of what it shows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scoring.exploration.sampling import explore, inclusion
from scoring.ranking.query import Query
from scoring.types import Scenario
from tests.scoring.synthetic import DAY, START, history_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.data.dataset import Dataset
    from scoring.ranking.recommender import Recommender

NOW = START + 121 * DAY


@given(st.integers(0, 60), st.integers(1, 30), st.floats(0, 1), st.integers(0, 2**32))
def test_slots_are_distinct_and_propensities_are_probabilities(size: int, limit: int, share: float, seed: int) -> None:
    order = np.arange(size)

    slots = explore(order, size, limit, share, seed)

    assert slots == explore(order, size, limit, share, seed)
    assert len(slots) == min(size, limit)
    assert len({slot.candidate for slot in slots}) == len(slots)
    assert all(0 < slot.propensity <= 1 for slot in slots)
    assert all(slot.propensity < 1 or len(slots) + 1 >= size for slot in slots if slot.exploration)


@pytest.mark.parametrize(("limit", "share"), [(5, 0.1), (5, 0.3), (4, 0.5), (10, 0.25), (3, 1.0)])
def test_logged_propensities_agree_with_what_happens(limit: int, share: float) -> None:
    """Over many seeds, each product is in a slot as often as its propensity there."""
    runs, size = 6_000, 15
    seen: Counter[tuple[int, int]] = Counter()
    logged: dict[tuple[int, int], float] = {}
    explored = 0
    for seed in range(runs):
        for position, slot in enumerate(explore(np.arange(size), size, limit, share, seed)):
            seen[position, slot.candidate] += 1
            logged[position, slot.candidate] = slot.propensity
            explored += slot.exploration

    for key, propensity in logged.items():
        error = np.sqrt(propensity * (1 - propensity) / runs)
        assert abs(seen[key] / runs - propensity) <= 5 * error, key
    for position in range(limit):  # weighting by 1 / propensity is only right when the probabilities of a slot sum to 1
        assert sum(probability for (slot, _), probability in logged.items() if slot == position) == pytest.approx(1.0)
    assert explored / runs == pytest.approx(share * limit, abs=0.05)


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(1e-6, 1e3)), st.floats(0, 1))
def test_inclusion_probabilities_are_proportional_and_sum_up(odds: NDArray[np.float64], part: float) -> None:
    probabilities = odds / odds.sum()
    needed = max(int(part * len(odds)), 1)

    included = inclusion(probabilities, needed)

    assert included.sum() == pytest.approx(needed)
    assert ((included > 0) & (included <= 1 + 1e-9)).all()
    open_ = included < 1 - 1e-9
    if open_.any():
        ratio = included[open_] / probabilities[open_]
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)


@pytest.mark.parametrize(("limit", "share"), [(5, 0.1), (5, 0.3), (4, 0.5), (10, 0.25), (3, 1.0), (6, 0.75)])
def test_uneven_draws_are_as_frequent_as_their_propensity(limit: int, share: float) -> None:
    runs, size = 6_000, 15
    odds = np.geomspace(1, 60, size)[::-1]
    seen: Counter[tuple[int, int]] = Counter()
    logged: dict[tuple[int, int], float] = {}
    most = 0
    for seed in range(runs):
        slots = explore(
            np.arange(size), size, limit, share, seed, lambda candidates: odds[candidates] / odds[candidates].sum()
        )
        most = max(most, sum(slot.exploration for slot in slots))
        for position, slot in enumerate(slots):
            seen[position, slot.candidate] += 1
            logged[position, slot.candidate] = slot.propensity

    for key, propensity in logged.items():
        error = np.sqrt(propensity * (1 - propensity) / runs)
        assert abs(seen[key] / runs - propensity) <= 5 * error, key
    for position in range(limit):
        total = sum(probability for (slot, _), probability in logged.items() if slot == position)
        assert total == pytest.approx(1.0, abs=0.01)
    assert most == int(np.ceil(share * limit - 1e-9)), "the share bounds what is explored"


@given(st.integers(0, 60), st.integers(1, 30), st.floats(0, 1), st.integers(0, 2**32), st.floats(0, 20))
def test_uneven_slots_keep_the_contract(size: int, limit: int, share: float, seed: int, slope: float) -> None:
    odds = np.exp(-slope * np.arange(size) / max(size, 1))

    def probabilities(candidates: NDArray[np.int64]) -> NDArray[np.float64]:
        even = np.full(len(candidates), 1 / max(len(candidates), 1))
        return np.asarray(0.8 * odds[candidates] / odds[candidates].sum() + 0.2 * even)

    slots = explore(np.arange(size), size, limit, share, seed, probabilities)

    assert slots == explore(np.arange(size), size, limit, share, seed, probabilities)
    assert len({slot.candidate for slot in slots}) == len(slots) == min(size, limit)
    assert sum(slot.exploration for slot in slots) <= np.ceil(share * len(slots))
    for position, slot in enumerate(slots):
        assert 0 < slot.propensity <= 1 + 1e-9
        assert slot.exploration or slot.candidate == position
        assert not slot.rivals or (slot.rivals[0] == position and slot.candidate in slot.rivals)
        assert bool(slot.rivals) or slot.propensity == 1.0


def test_what_is_sold_out_is_no_rival_and_gives_its_chance_to_the_others(
    recommender: Recommender, dataset: Dataset
) -> None:
    """Half of a list of two is drawn, evenly: one position of n that can be shown, each with the probability 1 / n."""
    open_items = np.arange(40, 46)
    available = np.zeros(recommender.n_items, dtype=bool)
    available[open_items] = True
    query = Query(Scenario.FOR_YOU, history_of(dataset, 1), NOW, 2, include_purchased=True, exploration_share=0.5)

    drawn = recommender.recommend(replace(query, available=available))[1]
    available[drawn.item] = False
    redrawn = recommender.recommend(replace(query, available=available))[1]

    assert sorted(drawn.drawn_among) == [item for item in open_items.tolist() if item in drawn.drawn_among]
    assert len(drawn.drawn_among) == 5, "all but the fixed first"
    assert drawn.propensity == pytest.approx(1 / 5)
    assert drawn.item not in redrawn.drawn_among
    assert len(redrawn.drawn_among) == 4
    assert redrawn.propensity == pytest.approx(1 / 4)
