"""What goes into one basket: a habit of many shoppers, never that of one household."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.components.cooccurrence import Cooccurrence, count_cooccurrences
from scoring.data.dataset import Catalogue, Dataset, Interactions
from scoring.data.interactions import TrainingSet
from scoring.types import EVENT_CODES, EventType

DAY = 86_400
FORMULA, PASTA, BREAD, BUTTER, JAM = range(5)


def counted(*baskets: tuple[int, tuple[int, ...]], n_users: int = 60) -> Cooccurrence:
    """Of baskets as (shopper, products)."""
    rows = [(user, item, order) for order, (user, items) in enumerate(baskets) for item in items]
    table = np.array(rows, dtype=np.int64)
    nothing = [""] * 5
    catalogue = Catalogue([*"abcde"], nothing, nothing, [()] * 5, nothing, [()] * 5, np.full(5, np.nan, np.float32))
    interactions = Interactions(
        users=table[:, 0].astype(np.int32),
        items=table[:, 1].astype(np.int32),
        events=np.full(len(table), EVENT_CODES[EventType.PURCHASE], dtype=np.int8),
        times=1_700_000_000 + table[:, 2] * DAY,
        quantities=np.ones(len(table), dtype=np.float32),
        orders=table[:, 2],
        n_users=n_users,
    )
    return count_cooccurrences(TrainingSet(Dataset(interactions, catalogue)))


def partners(lists: Cooccurrence, item: int) -> dict[int, int]:
    """Each partner with the number of shoppers."""
    pairs = zip(lists.items[item].tolist(), lists.shoppers[item].tolist(), strict=True)
    return {partner: shoppers for partner, shoppers in pairs if partner >= 0}


# Others buy jam alone, so that no pair is what chance would give.
OTHERS = [(9, (JAM,))] * 30


def test_the_habit_of_one_household_is_nobody_elses_shelf() -> None:
    private = [(0, (FORMULA, PASTA))] * 40
    shared = [(user, (BREAD, BUTTER)) for user in (1, 2, 3)]

    lists = counted(*private, *shared, *OTHERS)

    assert partners(lists, FORMULA) == {}
    assert PASTA not in lists.followers[FORMULA]
    assert partners(lists, BREAD) == {BUTTER: 3}
    assert BUTTER in lists.followers[BREAD]


def test_a_shopper_counts_once_however_many_baskets() -> None:
    lists = counted(*[(0, (BREAD, BUTTER))] * 20, (1, (BREAD, BUTTER)), (2, (BREAD, BUTTER)), *OTHERS)

    assert partners(lists, BREAD) == {BUTTER: 3}


def test_nobody_pushes_a_pair_by_repeating_it() -> None:
    """Two pairs with three shoppers each: that of one who repeats it a thousand times weighs as a weekly habit."""
    calm = [(user, (BREAD, BUTTER)) for user in (1, 2, 3) for _ in range(50)]
    pushed = [(4, (FORMULA, PASTA))] * 1_000 + [(user, (FORMULA, PASTA)) for user in (5, 6) for _ in range(50)]

    lists = counted(*calm, *pushed, *OTHERS)

    assert lists.affinities[FORMULA, 0] == pytest.approx(lists.affinities[BREAD, 0], rel=1e-6)


def test_in_a_small_shop_two_shoppers_are_enough() -> None:
    baskets = [(1, (BREAD, BUTTER)), (2, (BREAD, BUTTER)), *OTHERS]

    assert partners(counted(*baskets, n_users=49), BREAD) == {BUTTER: 2}
    assert partners(counted(*baskets, n_users=50), BREAD) == {}
