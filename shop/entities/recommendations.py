"""A recommendation list and all that is said about each item."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from scoring.types import ItemFilter, Scenario

if TYPE_CHECKING:
    from datetime import datetime

    from scoring.types import Component, ComponentScore, Impression
    from shop.entities.catalog import Product
    from shop.entities.evidence import Evidence
    from shop.entities.explanations import Explanation, Insight
    from shop.entities.users import Actor

MAX_LIMIT = 100  # items of a list


class Confidence(StrEnum):
    VERY_HIGH = "VERY_HIGH"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    EXPLORATORY = "EXPLORATORY"

    @classmethod
    def of(cls, score: float) -> Confidence:
        for floor, label in ((0.7, cls.VERY_HIGH), (0.5, cls.HIGH), (0.3, cls.MEDIUM)):
            if score > floor:
                return label
        return cls.EXPLORATORY


class Degradation(StrEnum):
    """A part that did not answer; the list came without it."""

    SESSION = "SESSION"  # no session freshness: Redis is away
    CATALOG = "CATALOG"  # products come from memory: MongoDB is away
    HISTORY = "HISTORY"  # the shopper's past could not be read
    EXPLANATIONS = "EXPLANATIONS"  # new explanations cannot be ordered now
    LOG = "LOG"  # the list could not be logged
    LANGUAGE = "LANGUAGE"  # texts are not written in the language that was asked for: they are in English
    LLM_BUDGET = "LLM_BUDGET"  # today's budget for explanations is used up: the template writes


@dataclass(frozen=True, slots=True)
class Behavior:
    """What the page knows and the server may not: ids of products, and categories."""

    viewed: tuple[str, ...] = ()
    purchased: tuple[str, ...] = ()
    recent_views: tuple[str, ...] = ()  # category ids


@dataclass(frozen=True, slots=True)
class PageContext:
    device: str | None = None
    locale: str | None = None
    page: str | None = None
    local_hour: int | None = None
    category_id: str | None = None


@dataclass(frozen=True, slots=True)
class RecommendationRequest:
    """A validated request; ids are the shop's own."""

    actor: Actor
    scenario: Scenario = Scenario.FOR_YOU
    product_ids: tuple[str, ...] = ()
    limit: int = 5
    filter: ItemFilter = field(default_factory=ItemFilter)
    in_stock: bool = True  # False: what is out of stock, and nothing else
    exclude_product_ids: tuple[str, ...] = ()
    include_purchased: bool = False
    diversity: float = 0.2
    max_per_category: int | None = None  # None: the shop's default; 0: no limit
    max_per_brand: int | None = None
    behavior: Behavior = field(default_factory=Behavior)
    context: PageContext = field(default_factory=PageContext)


@dataclass(frozen=True, slots=True)
class Recommendation:
    product: Product
    rank: int  # from 1
    score: float  # 0 to 1: how strong it is among what the shop shows on such shelves
    breakdown: dict[Component, ComponentScore]
    reasons: tuple[Evidence, ...]
    explanation: Explanation
    exploration: bool
    propensity: float
    impression: Impression | None = None  # what a bandit learns from this item
    probability: float | None = None  # that the shopper takes it; None where it is not calibrated

    @property
    def confidence(self) -> Confidence:
        return Confidence.of(self.score)


@dataclass(frozen=True, slots=True)
class Freshness:
    last_event_at: datetime | None  # the newest event that this list knows
    model_trained_at: datetime | None


@dataclass(frozen=True, slots=True)
class RecommendationList:
    id: str
    actor: Actor
    scenario: Scenario
    items: tuple[Recommendation, ...]
    insight: Insight | None
    model_version: str
    generated_at: datetime
    freshness: Freshness
    degraded: tuple[Degradation, ...] = ()
    language: str = "en"  # of all its texts
