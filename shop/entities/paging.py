"""Keyset pages: a cursor is the sort value and id of a row, so it stays valid while rows are added."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from decimal import Decimal

T = TypeVar("T")


class ProductSort(StrEnum):
    POPULARITY = "POPULARITY"
    RELEVANCE = "RELEVANCE"
    PRICE_ASC = "PRICE_ASC"
    PRICE_DESC = "PRICE_DESC"
    NAME_ASC = "NAME_ASC"
    NAME_DESC = "NAME_DESC"
    NEWEST = "NEWEST"


@dataclass(frozen=True, slots=True)
class Cursor:
    """A row's position: its sort value (None sorts as MongoDB's null) and its id."""

    sort: str
    value: Any
    id: str


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`size` rows after or before a cursor; `backwards` takes the last ones."""

    size: int = 20
    after: Cursor | None = None
    before: Cursor | None = None
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows in reading order, each with its cursor, and whether there is more on either side."""

    rows: tuple[tuple[T, Cursor], ...]
    has_next: bool
    has_previous: bool


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Which products to list. Empty or None means no restriction."""

    categories: tuple[str, ...] = ()  # a parent admits its children
    brands: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()  # any of them
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    currency: str | None = None  # of the prices; None compares the amounts of all currencies
    in_stock: bool | None = None
    ids: tuple[str, ...] = ()
    withdrawn: bool = False  # only what was withdrawn; otherwise none of it
