"""What texts are written from: evidence and products in readable words.

A task holds all that a language model may ever see of a shopper: labels of the catalogue, and counts. There is no field
for a name, an e-mail address, an id or anything else that a person typed, so none can leave.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from scoring.types import ReasonKind

OFTEN = 5  # times from which on something is done often
USUAL = 3  # purchases from which on an interval is usual
CROWD = 20  # buyers from which on a product is popular
SOON_DAYS = 3  # until a purchase is due again, from which on it may be time for it
# Kinds whose value is a number of days.
DATED = frozenset({ReasonKind.BUY_AGAIN, ReasonKind.RECENTLY_VIEWED})
_WEEK, _MONTH, _YEAR = 7, 30.4375, 365.25  # days


@dataclass(frozen=True, slots=True)
class Fact:
    """One piece of evidence in readable words; `scoring.types.ReasonKind` says what count and value mean."""

    kind: ReasonKind
    product_name: str | None = None
    label: str | None = None  # a category, brand or tag as shoppers read it, never an id
    count: int | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """What is known of a product. All of it is untrusted text from whoever fills the catalogue."""

    name: str
    brand: str = ""
    category: str = ""
    price: str = ""  # as shown to the shopper, "$3.49"
    package_size: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class ShopperFacts:
    """What may be said of a shopper: categories of recent interest, and those of the stated tastes that the catalogue
    has, as readable names."""

    recent_categories: tuple[str, ...] = ()
    tastes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemTask:
    """One product to explain, with its evidence, strongest first."""

    product: ProductFacts
    facts: tuple[Fact, ...]
    refused: tuple[str, ...] = ()  # why the text that was written before was not shown
    turn: int = 0  # the item's place in its list, from 0: neighbours with equal reasons are told in different words


@dataclass(frozen=True, slots=True)
class ExplanationTask:
    """The items of one shopper's list. `language` is a BCP 47 tag."""

    language: str
    items: tuple[ItemTask, ...]
    shopper: ShopperFacts = field(default_factory=ShopperFacts)
    shelves: frozenset[str] = frozenset()  # names of all categories: for the check alone, not sent to a model


@dataclass(frozen=True, slots=True)
class InsightTask:
    """A shopper's profile, to be put in one sentence: categories and brands by their number of orders, most first."""

    language: str
    categories: tuple[tuple[str, int], ...] = ()
    brands: tuple[tuple[str, int], ...] = ()
    order_count: int = 0
    average_price: str = ""  # as shown to the shopper, "$3.49"
    tastes: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()  # why the sentence that was written before was not shown


def rhythm(days: int) -> tuple[str, int]:
    """An interval as texts state it: days up to two weeks, then in the units of `elapsed`."""
    return ("days", days) if days < 2 * _WEEK else elapsed(days)


def elapsed(days: float) -> tuple[str, int]:
    """A time ago as texts state it: a unit ("days", "weeks", "months" or "years") and how many of it, rounded.

    Coarser, the longer ago, so that a text stays true for a while after it was written.
    """
    if days < 6.5:
        return "days", max(0, round(days))
    for unit, length, until in (("weeks", _WEEK, 8 * _WEEK), ("months", _MONTH, 2 * _YEAR)):
        if days < until:
            return unit, max(1, round(days / length))
    return "years", round(days / _YEAR)
