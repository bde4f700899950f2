"""Ranges of prices with round ends: steps of 1, 2, 5, 10, 20 and so on, joined until they hold about as much each."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from shop.entities.catalog import Money
from shop.entities.facets import PriceRange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.store.database import Document

_STEPS = (0, *(digit * 10**zeros for zeros in range(12) for digit in (1, 2, 5)))  # minor units


def step_of(minor: str) -> Document:
    """MongoDB's expression for the step that an amount of minor units lies on."""
    branches = [{"case": {"$lt": [minor, following]}, "then": step} for step, following in pairwise(_STEPS)]
    return {"$switch": {"branches": branches, "default": _STEPS[-1]}}


def price_ranges(counts: Mapping[int, int], currency: str, most: int) -> list[PriceRange]:
    """At most so many ranges, from low to high. `counts` has the number of products on each step that has any."""
    share = sum(counts.values()) / most
    joined: list[list[int]] = []
    seen = 0
    for step in sorted(counts):
        if not joined or seen + counts[step] / 2 >= share * len(joined):
            joined.append([])
        joined[-1].append(step)
        seen += counts[step]
    return [_range(steps, counts, currency) for steps in joined]


def _range(steps: list[int], counts: Mapping[int, int], currency: str) -> PriceRange:
    end = next((step for step in _STEPS if step > steps[-1]), 10 * steps[-1]) - 1
    return PriceRange(
        Money.from_minor(steps[0], currency), Money.from_minor(end, currency), sum(counts[step] for step in steps)
    )
