"""What shoppers did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from scoring.types import EventType

if TYPE_CHECKING:
    from datetime import datetime

    from shop.entities.catalog import Money
    from shop.entities.users import Actor

# A view is no reward: some pages report one for whatever they display.
REWARDED = frozenset({EventType.CLICK, EventType.LIKE, EventType.PURCHASE})
CLOCK_SLACK = timedelta(minutes=5)  # by which the clock of a client that reports an event may be fast


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
