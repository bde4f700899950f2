"""Ratings of explanations by shoppers, and a report on what explanations bring about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from shop.entities.explanations import TextSource

_Z = 1.959964  # the normal distribution's 97.5 % point


class RatingReason(StrEnum):
    WRONG = "WRONG"
    UNCLEAR = "UNCLEAR"
    TOO_LONG = "TOO_LONG"
    NOT_RELEVANT = "NOT_RELEVANT"
    OTHER = "OTHER"


class ReportGroup(StrEnum):
    SOURCE = "SOURCE"
    MODEL = "MODEL"
    PROMPT_VERSION = "PROMPT_VERSION"


@dataclass(frozen=True, slots=True)
class ExplanationRating:
    """A shopper's rating of one explanation, with who wrote it and how. The last one counts."""

    key: str  # the explanation's
    actor_key: str
    product_id: str
    helpful: bool
    reason: RatingReason | None
    comment: str | None
    source: TextSource
    model: str | None
    prompt_version: str
    language: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Proportion:
    """A share of trials, with its 95 % interval by Wilson (1927), doi:10.1080/01621459.1927.10502953."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, successes: int, trials: int) -> Proportion | None:
        """None without trials."""
        if trials == 0:
            return None
        share, square = successes / trials, _Z * _Z / trials
        middle = (share + square / 2) / (1 + square)
        half = _Z / (1 + square) * sqrt(share * (1 - share) / trials + square / (4 * trials))
        return cls(share, max(0.0, middle - half), min(1.0, middle + half))


@dataclass(frozen=True, slots=True)
class RatingRow:
    """Explanations of one group. `group` is None where texts have no such thing: a template has no model."""

    group: str | None
    shown: int
    ratings: int
    helpful: int

    @property
    def helpful_share(self) -> Proportion | None:
        return Proportion.of(self.helpful, self.ratings)


@dataclass(frozen=True, slots=True)
class ClickRow:
    """Items of lists: those shown with a text of one source and group, or (`source` None) those without a text."""

    source: TextSource | None
    group: str | None
    impressions: int
    clicks: int

    @property
    def rate(self) -> Proportion | None:
        return Proportion.of(self.clicks, self.impressions)


@dataclass(frozen=True, slots=True)
class ExplanationReport:
    ratings: tuple[RatingRow, ...]
    clicks: tuple[ClickRow, ...]
