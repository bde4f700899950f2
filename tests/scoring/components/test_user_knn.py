"""The nearest shoppers and their habits are what their definitions say."""

from __future__ import annotations

import numpy as np

from scoring.components.user_knn import UserNeighbours
from scoring.data.interactions import DAY, PURCHASE, TrainingSet
from scoring.data.profile import fold_history
from tests.scoring.synthetic import Shape, history_of, shop

SHOP = shop(Shape(users=20, items=50, orders_per_user=8))
DATA = TrainingSet(SHOP)
USERS = np.arange(20)
NEIGHBOURS = UserNeighbours.of(DATA.matrix[USERS], USERS, DATA)


def days_of(user: int) -> dict[int, set[int]]:
    """The days on which each product was bought."""
    history = history_of(SHOP, user)
    found: dict[int, set[int]] = {}
    for item, event, time in zip(history.items.tolist(), history.events.tolist(), history.times.tolist(), strict=True):
        if event == PURCHASE:
            found.setdefault(item, set()).add(time // DAY)
    return found


def test_the_nearest_have_the_highest_cosine() -> None:
    rows = DATA.matrix.toarray()
    history = rows[3]

    near, similarities = NEIGHBOURS.nearest(rows @ history, 5)

    cosines = rows @ history / np.sqrt((rows**2).sum(axis=1))
    assert set(near.tolist()) == set(np.argsort(-cosines)[:5].tolist())
    np.testing.assert_allclose(similarities, cosines[near], rtol=1e-5)
    assert 3 in near, "a shopper is their own nearest"


def test_a_neighbours_habits_are_the_part_of_their_days() -> None:
    near, similarities = np.array([2, 7], np.int32), np.array([3.0, 1.0], np.float32)

    habits = NEIGHBOURS.habits(near, similarities, 50)

    expected = np.zeros(50)
    for user, weight in ((2, 0.75), (7, 0.25)):
        days = days_of(user)
        visits = len(set.union(*days.values()))
        for item, own in days.items():
            expected[item] += weight * len(own) / visits
    np.testing.assert_allclose(habits, np.sqrt(expected), rtol=1e-5, atol=1e-4)


def test_nobody_is_near_someone_without_history() -> None:
    near, similarities = NEIGHBOURS.nearest(np.zeros(20, np.float32), 5)

    assert not len(near)
    assert not NEIGHBOURS.taken(near, similarities, 50).any()
    assert not NEIGHBOURS.habits(near, similarities, 50).any()


def test_an_own_habit_counts_the_visits_since() -> None:
    history = history_of(SHOP, 4)
    profile = fold_history(history, 50, int(history.times.max()))

    days = sorted(set.union(*days_of(4).values()))
    expected = {(item, len(days) - days.index(day)) for item, own in days_of(4).items() for day in own}
    assert set(zip(profile.habits.items.tolist(), profile.habits.visits.tolist(), strict=True)) == expected
    assert profile.habits.visits.min() == 1
