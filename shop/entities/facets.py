"""How many of the products found have which value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shop.entities.catalog import Money


@dataclass(frozen=True, slots=True)
class ValueCount:
    """A brand, or the id of a category."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Both ends belong to it."""

    least: Money
    most: Money
    count: int
