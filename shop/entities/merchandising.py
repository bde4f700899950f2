"""Merchandising rules as the shop keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from scoring.ranking.rules import Rule


class Weekday(IntEnum):
    """ISO 8601."""

    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7


@dataclass(frozen=True, slots=True)
class MerchandisingRule:
    """What the rule does, and who keeps it under which name."""

    rule: Rule  # its id is empty until the rule is stored
    name: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    updated_by: str | None = None  # user id

    @property
    def id(self) -> str:
        return self.rule.id
