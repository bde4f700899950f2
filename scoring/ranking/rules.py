"""Merchandising rules: which products the shop boosts, buries, pins or excludes, in which requests, and when.

Where two rules disagree on a product or a position, the higher priority decides, then the lower id; EXCLUDE decides
over everything. Stores and the API import these values, so this module needs no arrays; `compiled_rules` applies them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from scoring.types import Scenario

_LIGHT, _HEAVY = 5, 50  # events


class RuleAction(StrEnum):
    """What a rule does with its products."""

    BOOST = "BOOST"  # multiplies their scores by a factor above 1
    BURY = "BURY"  # multiplies their scores by a factor below 1
    PIN = "PIN"  # puts them at a position
    EXCLUDE = "EXCLUDE"  # keeps them out


class Segment(StrEnum):
    """Shoppers by how much is known of them."""

    COLD = "COLD"  # fewer than 5 events
    LIGHT = "LIGHT"  # 5 to 49
    HEAVY = "HEAVY"  # 50 or more

    @classmethod
    def of(cls, events: int) -> Segment:
        return cls.COLD if events < _LIGHT else cls.LIGHT if events < _HEAVY else cls.HEAVY


@dataclass(frozen=True, slots=True)
class Target:
    """The products that are any of these. Labels are compared without case; a category means all below it too."""

    products: tuple[str, ...] = ()  # product ids; PIN takes nothing else, in this order
    categories: tuple[str, ...] = ()  # category ids
    brands: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleContext:
    """What a rule's scope can ask of a request."""

    scenario: Scenario
    categories: frozenset[str] = frozenset()  # ids of the page's category and the seed products', with all above them
    segment: Segment = Segment.COLD
    language: str | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """The requests that a rule is for: those that fit each condition. An empty one fits all."""

    scenarios: frozenset[Scenario] = frozenset()
    categories: frozenset[str] = frozenset()  # ids; of the page, or of a seed product, or above these
    segments: frozenset[Segment] = frozenset()
    languages: frozenset[str] = frozenset()  # BCP 47; `de` fits `de-AT`, not the other way round
    devices: frozenset[str] = frozenset()

    def admits(self, context: RuleContext) -> bool:
        device = (context.device or "").casefold()
        return (
            _fits(context.scenario, self.scenarios)
            and (not self.categories or not self.categories.isdisjoint(context.categories))
            and _fits(context.segment, self.segments)
            and (not self.languages or _in_languages(context.language, self.languages))
            and (not self.devices or device in {one.casefold() for one in self.devices})
        )


@dataclass(frozen=True, slots=True)
class RuleSchedule:
    """When a rule holds. Times are unix seconds, weekdays and hours are in UTC; empty or None means always."""

    starts_at: int | None = None
    ends_at: int | None = None  # the first moment at which it no longer holds
    weekdays: frozenset[int] = frozenset()  # 1 (Monday) to 7
    hours: frozenset[int] = frozenset()  # 0 to 23

    def holds(self, now: int) -> bool:
        if self.starts_at is not None and now < self.starts_at:
            return False
        if self.ends_at is not None and now >= self.ends_at:
            return False
        if not (self.weekdays or self.hours):
            return True
        moment = datetime.fromtimestamp(now, UTC)
        return _fits(moment.isoweekday(), self.weekdays) and _fits(moment.hour, self.hours)


@dataclass(frozen=True, slots=True)
class Rule:
    """One decision of the shop. `factor` is BOOST's and BURY's, `position` (from 1) is PIN's."""

    id: str
    action: RuleAction
    target: Target
    factor: float = 1.0
    position: int = 0
    scope: Scope = field(default_factory=Scope)
    schedule: RuleSchedule = field(default_factory=RuleSchedule)
    priority: int = 0  # the higher one decides
    enabled: bool = True


def _fits(value: object, wanted: Collection[object]) -> bool:
    return not wanted or value in wanted


def _in_languages(tag: str | None, languages: Iterable[str]) -> bool:
    own = (tag or "").replace("_", "-").casefold()
    return any(own == wanted or own.startswith(f"{wanted}-") for wanted in map(str.casefold, languages))
