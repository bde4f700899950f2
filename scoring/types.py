"""The vocabulary of scoring: enums and values that every other module shares. A leaf: it imports nothing of scoring."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Scenario(StrEnum):
    """What the list is for; the page a shopper is on decides it."""

    FOR_YOU = "FOR_YOU"
    SIMILAR = "SIMILAR"
    BOUGHT_TOGETHER = "BOUGHT_TOGETHER"
    CART = "CART"
    TRENDING = "TRENDING"
    POPULAR = "POPULAR"
    BUY_AGAIN = "BUY_AGAIN"
    RECENTLY_VIEWED = "RECENTLY_VIEWED"
    NEXT_IN_SESSION = "NEXT_IN_SESSION"


PERSONAL_SCENARIOS = frozenset({Scenario.FOR_YOU, Scenario.NEXT_IN_SESSION})  # rank the catalogue for one shopper
HISTORY_SCENARIOS = frozenset({Scenario.BUY_AGAIN, Scenario.RECENTLY_VIEWED})  # hold what the shopper met, no more
SEEDED_SCENARIOS = frozenset({Scenario.SIMILAR, Scenario.BOUGHT_TOGETHER, Scenario.CART})  # start from products


class EventType(StrEnum):
    """What a shopper did with a product. The order of the members is the code used in arrays."""

    VIEW = "view"
    CLICK = "click"
    LIKE = "like"
    PURCHASE = "purchase"
    RATING = "rating"


EVENT_CODES: dict[EventType, int] = {event: code for code, event in enumerate(EventType)}


class Component(StrEnum):
    """The four parts of the hybrid score."""

    COLLABORATIVE = "collaborative"
    CONTENT = "content"
    NEURAL = "neural"
    CONTEXTUAL = "contextual"


DEFAULT_WEIGHTS: dict[Component, float] = {
    Component.COLLABORATIVE: 0.35,
    Component.CONTENT: 0.30,
    Component.NEURAL: 0.25,
    Component.CONTEXTUAL: 0.10,
}


class ReasonKind(StrEnum):
    """Why a product is in the list. Each member gives the meaning of `count` and `value` of its Reason.

    What was bought twice on one day was bought once: a basket of five yoghurts is one purchase of the category. A value
    is None where nobody knows when it was.
    """

    BOUGHT_TOGETHER = "BOUGHT_TOGETHER"  # item: the partner; count: shoppers who took both at once; value: lift
    ALSO_BOUGHT = "ALSO_BOUGHT"  # item: the partner; count: shoppers who bought both, whenever that was; value: lift
    SIMILAR_TO = "SIMILAR_TO"  # item: the product it resembles; value: cosine of their content, 0 to 1
    SAME_CATEGORY = "SAME_CATEGORY"  # label: category; count: days on which the shopper bought from it
    SAME_BRAND = "SAME_BRAND"  # label: brand; count: days on which the shopper bought it
    SHOPPERS_LIKE_YOU = "SHOPPERS_LIKE_YOU"  # count: shoppers who bought it, all told
    TRENDING = "TRENDING"  # value: growth of recent demand over its usual level (2.0 is twice)
    POPULAR = "POPULAR"  # count: shoppers who bought it
    BUY_AGAIN = "BUY_AGAIN"  # count: days on which it was bought; value: days since the last
    DUE_AGAIN = "DUE_AGAIN"  # count: days from one purchase to the next, as a rule; value: days until the next is due
    RECENTLY_VIEWED = "RECENTLY_VIEWED"  # value: days since the view
    STATED_TASTE = "STATED_TASTE"  # label: the category, brand or tag that the shopper named
    EXPLORATION = "EXPLORATION"  # value: the propensity, the probability with which it was drawn
    CATALOGUE = "CATALOGUE"  # label: its category; nothing else speaks for it, say because too few shoppers know it
    PROMOTED = "PROMOTED"  # the shop itself put it there: no evidence on the shopper


@dataclass(frozen=True, slots=True)
class Reason:
    """One piece of typed evidence. `item` is an index into the snapshot's catalogue."""

    kind: ReasonKind
    item: int | None = None
    label: str | None = None
    count: int | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class History:
    """A shopper's events, oldest first. All arrays have the shape (events,)."""

    items: NDArray[np.int32]  # indexes into the snapshot's catalogue
    events: NDArray[np.int8]  # EVENT_CODES
    times: NDArray[np.int64]  # unix seconds
    told: int = 0  # how many of the last events a page tells of, without a date: they bear the time of the request

    @property
    def told_of(self) -> History:
        """The events that only a page tells of."""
        first = len(self.items) - self.told
        return History(self.items[first:], self.events[first:], self.times[first:], self.told)


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which products may appear. Empty or None means no restriction. Text is compared without case."""

    categories: frozenset[str] = frozenset()  # category ids; a parent admits its children
    brands: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()  # any of them
    min_price: float | None = None
    max_price: float | None = None
    exclude_categories: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Tastes:
    """What a shopper stated or the page knows, apart from events."""

    categories: tuple[str, ...] = ()  # category ids
    brands: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    looked_at: tuple[str, ...] = ()  # category ids that a page tells of: they count, and nobody stated them


@dataclass(frozen=True, slots=True)
class Caps:
    """How many products of one deepest category and of one brand a list may show, and how many of a FOR_YOU list may
    rest on one product of the history or on one reason; 0 is no limit."""

    per_category: int = 0
    per_brand: int = 0
    per_seed: int = 0


@dataclass(frozen=True, slots=True)
class Ruling:
    """The effect of all rules that apply, over the whole catalogue."""

    excluded: NDArray[np.bool_]  # (items,)
    factors: NDArray[np.float32]  # (items,), 1 where no rule has one
    pins: tuple[tuple[int, int], ...]  # (item, wished position from 1), the one that decides first


@dataclass(frozen=True, slots=True)
class ComponentScore:
    """One component's part in a score: its z-scored value, its weight, and its share of the score (shares sum to 1)."""

    value: float
    weight: float
    share: float


@dataclass(frozen=True, slots=True)
class Impression:
    """What a bandit can learn from one position of a list: half-precision rows of scoring.exploration.features."""

    features: bytes  # one row: the product shown
    rivals: bytes = b""  # compressed rows: all that could be drawn here, the list's own product first; b"" if fixed
    shown: int = 0  # the row of `rivals` that was shown


@dataclass(frozen=True, slots=True)
class RankedItem:
    """One position of a list. `propensity` is the exact probability of that item at that position."""

    item: int
    score: float  # 0 to 1: how strong it is among what the shop shows on such shelves
    probability: float | None  # that the shopper takes it; None where validation has not calibrated the list
    breakdown: dict[Component, ComponentScore]
    reasons: tuple[Reason, ...]
    exploration: bool
    propensity: float
    impression: Impression | None = None
    drawn_among: tuple[int, ...] = ()  # the items that could be drawn here; none where the position is fixed
