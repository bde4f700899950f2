"""What shoppers did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from scoring.types import EventType
    from shop.entities.catalog import Money
    from shop.entities.users import Actor


@dataclass(frozen=True, slots=True)
class Interaction:
    """One event. `key` is the client's idempotency key, unique per actor: sending it again changes nothing."""

    key: str
    actor: Actor
    product_id: str
    type: EventType
    at: datetime
    quantity: float = 1.0
    price: Money | None = None  # of one unit
    order_id: str | None = None
    recommendation_id: str | None = None  # the list that showed it
    rating: float | None = None

    @property
    def id(self) -> str:
        return f"{self.actor.key}:{self.key}"
