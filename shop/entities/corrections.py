"""A shopper's corrections of their own history: excluded events stay on record and no longer count."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ExclusionReason(StrEnum):
    GIFT = "GIFT"
    NOT_MINE = "NOT_MINE"
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Correction:
    """What to exclude or to include again; ids are the shop's own."""

    exclude_interactions: tuple[str, ...] = ()
    exclude_products: tuple[str, ...] = ()  # all events so far with these
    include_interactions: tuple[str, ...] = ()  # these count again
    reason: ExclusionReason = ExclusionReason.OTHER
    note: str | None = None
