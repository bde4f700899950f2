"""Ranges of prices that a shop can put beside its list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from shop.store.price_ranges import price_ranges

if TYPE_CHECKING:
    from collections.abc import Mapping

COUNTS = st.dictionaries(
    st.sampled_from([0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**11]), st.integers(1, 1000), min_size=1
)


@given(COUNTS, st.integers(1, 10))
def test_every_product_is_in_one_of_few_ranges(counts: Mapping[int, int], most: int) -> None:
    ranges = price_ranges(counts, "USD", most)

    assert 1 <= len(ranges) <= most
    assert sum(each.count for each in ranges) == sum(counts.values())
    ends = [end for each in ranges for end in (each.least.amount, each.most.amount)]
    assert ends == sorted(ends)
    assert all(each.count > 0 for each in ranges)


def test_ranges_have_round_ends_and_hold_about_as_much() -> None:
    ranges = price_ranges({50: 10, 100: 40, 200: 45, 500: 50, 1000: 5}, "USD", 3)

    assert [(str(each.least.amount), str(each.most.amount), each.count) for each in ranges] == [
        ("0.50", "1.99", 50),
        ("2.00", "4.99", 45),
        ("5.00", "19.99", 55),
    ]
