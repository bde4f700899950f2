"""What shoppers did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from scoring.types import EventType

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

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
    automated: bool = False  # too fast for a person: nothing is learned from it

    @property
    def id(self) -> str:
        return f"{self.actor.key}:{self.key}"


@dataclass(frozen=True, slots=True)
class InteractionDraft:
    """An event as a client sends it, unchecked; its product is named by id or by SKU."""

    type: EventType
    product_id: str | None = None
    sku: str | None = None
    key: str | None = None  # one is made up if it is left out
    at: datetime | None = None  # now if it is left out
    quantity: float = 1.0
    price: Decimal | None = None
    currency: str = "USD"
    order_id: str | None = None
    recommendation_id: str | None = None
    rating: float | None = None
