"""Merchandising rules: what the shop itself wants shown, pushed, held back or hidden, and when.

Rules are compiled against one catalogue, so that a request only decides which of them apply. Where two disagree on a
product or a position, the higher priority decides, then the lower id; EXCLUDE wins over everything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from scoring.data.items import ItemIndex
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
class Scope:
    """The requests that a rule is for: those that fit each condition. An empty one fits all."""

    scenarios: frozenset[Scenario] = frozenset()
    categories: frozenset[str] = frozenset()  # ids; of the page, or of a seed product, or above these
    segments: frozenset[Segment] = frozenset()
    languages: frozenset[str] = frozenset()  # BCP 47; `de` fits `de-AT`, not the other way round
    devices: frozenset[str] = frozenset()


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


@dataclass(frozen=True, slots=True)
class RuleContext:
    """What a request says that a rule's scope may ask for."""

    scenario: Scenario
    categories: frozenset[str] = frozenset()  # ids of the page's category and the seed products', with all above them
    segment: Segment = Segment.COLD
    language: str | None = None
    device: str | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the rules that apply come to, over the whole catalogue."""

    excluded: NDArray[np.bool_]  # (items,)
    factors: NDArray[np.float32]  # (items,), 1 where no rule says anything
    pins: tuple[tuple[int, int], ...]  # (item, wished position from 1), the one that decides first


class CompiledRules:
    """Rules with their products found in one catalogue. Immutable, and safe to share between threads."""

    def __init__(self, rules: Iterable[Rule], index: ItemIndex, index_of: Mapping[str, int]) -> None:
        self._n_items = len(index)
        enabled = sorted((rule for rule in rules if rule.enabled), key=lambda rule: (-rule.priority, rule.id))
        self._rules = [(rule, _items(rule.target, index, index_of)) for rule in enabled]

    def applicable(self, now: int, context: RuleContext) -> tuple[int, ...]:
        """Places of the rules that apply, the one that decides first; the same places come to the same ruling."""
        return tuple(
            place
            for place, (rule, _) in enumerate(self._rules)
            if rule.schedule.holds(now) and _in_scope(rule.scope, context)
        )

    def ruling(self, applied: Sequence[int]) -> Ruling | None:
        """None where no rule applies."""
        if not applied:
            return None
        excluded = np.zeros(self._n_items, dtype=bool)
        factors = np.ones(self._n_items, dtype=np.float32)
        pins: list[tuple[int, int]] = []
        for rule, items in (self._rules[place] for place in applied):
            if rule.action is RuleAction.EXCLUDE:
                excluded[items] = True
            elif rule.action is RuleAction.PIN:
                pins += [(item, rule.position + offset) for offset, item in enumerate(items.tolist())]
        weighing = [(rule, items) for rule, items in (self._rules[place] for place in applied) if _weighs(rule)]
        for rule, items in reversed(weighing):  # the last word is the highest priority's
            factors[items] = rule.factor
        return Ruling(excluded, factors, tuple(pins))


def place_pins(ruling: Ruling, limit: int, showable: NDArray[np.bool_]) -> dict[int, int]:
    """Position from 1 to item, for the pins of a list of `limit` places that may be shown.

    Where two want the same position, the one that decides first gets it and the other the next free one.
    """
    placed: dict[int, int] = {}
    for item, wished in ruling.pins:
        if not showable[item] or item in placed.values():
            continue
        position = next((one for one in range(wished, limit + 1) if one not in placed), None)
        if position is not None:
            placed[position] = item
    return placed


def _items(target: Target, index: ItemIndex, index_of: Mapping[str, int]) -> NDArray[np.int32]:
    """Products in the order of the target, then the members of its labels; what the catalogue lacks is left out."""
    named = np.array([index_of[id_] for id_ in target.products if id_ in index_of], dtype=np.int32)
    kinds = ((index.categories, target.categories), (index.brands, target.brands), (index.tags, target.tags))
    return np.concatenate([named, *(labels.members(names) for labels, names in kinds)])


def _weighs(rule: Rule) -> bool:
    return rule.action in {RuleAction.BOOST, RuleAction.BURY}


def _in_scope(scope: Scope, context: RuleContext) -> bool:
    return (
        _fits(context.scenario, scope.scenarios)
        and (not scope.categories or not scope.categories.isdisjoint(context.categories))
        and _fits(context.segment, scope.segments)
        and (not scope.languages or _speaks(context.language, scope.languages))
        and (not scope.devices or (context.device or "").casefold() in {one.casefold() for one in scope.devices})
    )


def _fits(value: object, wanted: Collection[object]) -> bool:
    return not wanted or value in wanted


def _speaks(tag: str | None, languages: Iterable[str]) -> bool:
    spoken = (tag or "").replace("_", "-").casefold()
    return any(spoken == wanted or spoken.startswith(f"{wanted}-") for wanted in map(str.casefold, languages))
