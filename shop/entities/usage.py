"""Calls of language models, their cost, and what is left to spend."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from shop.entities.catalog import Money

if TYPE_CHECKING:
    from datetime import date
    from typing import Self

    from shop.entities.explanations import TextSource


class Purpose(StrEnum):
    """What a text is for; each purpose has a budget of its own."""

    EXPLAIN = "EXPLAIN"
    INSIGHT = "INSIGHT"
    STREAM = "STREAM"


class UsageDimension(StrEnum):
    """By what usage is added up."""

    DAY = "DAY"
    PROVIDER = "PROVIDER"
    MODEL = "MODEL"
    PURPOSE = "PURPOSE"


def dollars(micros: int) -> Money:
    """Millionths of a US dollar as money, exactly."""
    return Money(Decimal(micros).scaleb(-6), "USD")


class _Summable:
    """Adds field by field."""

    __slots__ = ()
    __match_args__: tuple[str, ...]  # a dataclass has its fields' names there

    def __add__(self, other: Self) -> Self:
        return type(self)(*[getattr(self, name) + getattr(other, name) for name in self.__match_args__])


@dataclass(frozen=True, slots=True)
class UsageCounts(_Summable):
    """`calls` counts the answers of models, usable or not: each costs. `failures` counts texts that a model was asked
    for and did not give in the end, after all its tries."""

    calls: int = 0
    failures: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0  # of the calls whose model has a price, in millionths of a US dollar
    unpriced_calls: int = 0
    seconds: float = 0.0

    @property
    def priced(self) -> bool:
        """Whether the cost is that of all calls."""
        return self.unpriced_calls == 0

    @property
    def cost(self) -> Money | None:
        """None when no call has a price."""
        return None if self.unpriced_calls and self.unpriced_calls == self.calls else dollars(self.cost_micros)


@dataclass(frozen=True, slots=True)
class UsageKey:
    """What is counted together. Days are in UTC."""

    day: date
    purpose: Purpose
    source: TextSource
    model: str


@dataclass(frozen=True, slots=True)
class UsageRow:
    """A sum of usage; what it was not grouped by is None."""

    counts: UsageCounts
    day: date | None = None
    source: TextSource | None = None
    model: str | None = None
    purpose: Purpose | None = None


@dataclass(frozen=True, slots=True)
class Lookups(_Summable):
    """Where wanted explanations were found. One that is already being written is neither found nor ordered."""

    memory: int = 0
    redis: int = 0
    database: int = 0
    ordered: int = 0  # found nowhere: a text is written for it

    @property
    def hits(self) -> int:
        return self.memory + self.redis + self.database

    @property
    def hit_rate(self) -> float | None:
        """0 to 1; None when nothing was looked up."""
        total = self.hits + self.ordered
        return self.hits / total if total else None


@dataclass(frozen=True, slots=True)
class Budget:
    """What a purpose may cost today, in millionths of a US dollar; `limit_micros` is None for no limit."""

    purpose: Purpose
    limit_micros: int | None
    used_micros: int  # with what calls under way may cost at most

    @property
    def remaining_micros(self) -> int | None:
        return None if self.limit_micros is None else max(0, self.limit_micros - self.used_micros)

    @property
    def exhausted(self) -> bool:
        return self.remaining_micros == 0


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Usage over some days, and today's budgets."""

    first: date
    last: date
    rows: tuple[UsageRow, ...]
    totals: UsageCounts
    lookups: Lookups
    budgets: tuple[Budget, ...]
