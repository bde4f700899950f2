"""Recording what shoppers do: stored first, then made fresh for the next list."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from shop.entities.catalog import is_currency, is_price
from shop.entities.events import Event, Topic
from shop.errors import BadInputError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.entities.interactions import Interaction
    from shop.entities.paging import Page, PageRequest
    from shop.entities.users import Actor
    from shop.services.bandit import BanditService
    from shop.services.catalog import CatalogService
    from shop.services.events import EventHub
    from shop.services.history import HistoryService
    from shop.services.insights import InsightService
    from shop.store.interactions import InteractionStore
    from shop.store.sessions import SessionStore

_log = structlog.get_logger(__name__)
MAX_BATCH = 500
_CLOCK_SLACK = timedelta(minutes=5)
_MOST = 1_000_000
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one interaction of a batch was not stored."""

    index: int
    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Recorded:
    accepted: list[Interaction] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


class InteractionService:
    def __init__(
        self,
        interactions: InteractionStore,
        sessions: SessionStore,
        history: HistoryService,
        catalog: CatalogService,
        insights: InsightService,
        bandit: BanditService,
        hub: EventHub,
    ) -> None:
        self._interactions = interactions
        self._sessions = sessions
        self._history = history
        self._catalog = catalog
        self._insights = insights
        self._bandit = bandit
        self._hub = hub

    async def record(self, interactions: Sequence[Interaction]) -> Recorded:
        """Stores what is valid, all of one actor; what is acknowledged here survives any crash.

        Sending the same keys again changes nothing. Raises UnavailableError, retryable, when MongoDB is away.
        """
        if len(interactions) > MAX_BATCH:
            raise BadInputError(f"At most {MAX_BATCH} interactions at once; split the batch.", field="interactions")
        products = await self._catalog.get_many({interaction.product_id for interaction in interactions})
        recorded = Recorded()
        keys: set[str] = set()
        for index, interaction in enumerate(interactions):
            refusal = _refusal(index, interaction, known=interaction.product_id in products)
            if refusal is None and interaction.key in keys:
                refusal = Refusal(index, "key", "DUPLICATE", "Each event of a batch needs a key of its own.")
            keys.add(interaction.key)
            if refusal:
                recorded.refused.append(refusal)
            else:
                recorded.accepted.append(interaction)
        if recorded.accepted:
            await self._interactions.append(recorded.accepted)
            self._bandit.acted(recorded.accepted)
            await self._freshen(recorded.accepted)
        return recorded

    async def page(self, actor: Actor, request: PageRequest) -> Page[Interaction]:
        """What an actor did, newest first."""
        return await self._interactions.page(actor, request)

    async def count(self, actor: Actor) -> int:
        return await self._interactions.count(actor)

    async def _freshen(self, accepted: Sequence[Interaction]) -> None:
        """Tells the session state, the subscribers and the roll-up. The truth is stored: a failure here only delays."""
        actor = accepted[0].actor
        try:
            await self._sessions.push(accepted)
            await self._hub.publish(
                [
                    Event(Topic.INTERACTION, actor.key, {"product_id": item.product_id, "type": item.type.value})
                    for item in accepted
                ]
            )
        except UnavailableError as error:
            self._history.forget(actor.key)
            _log.warning("session_not_updated", reason=str(error))
            return
        if actor.user_id is not None:
            await self._insights.after_events(actor.user_id)


def _refusal(index: int, interaction: Interaction, *, known: bool) -> Refusal | None:
    now = datetime.now(UTC)
    checks = (
        (known, "productId", "NOT_FOUND", f"There is no product {interaction.product_id!r}."),
        (
            _EARLIEST <= interaction.at <= now + _CLOCK_SLACK,
            "at",
            "OUT_OF_RANGE",
            "The time must be between the year 2000 and now; leave it out for now.",
        ),
        (
            0 < interaction.quantity <= _MOST,
            "quantity",
            "OUT_OF_RANGE",
            f"The quantity must be above 0, and {_MOST:,} at most.",
        ),
        (
            interaction.price is None or is_price(interaction.price.amount),
            "price",
            "OUT_OF_RANGE",
            "A price is 0 or more, and below a billion.",
        ),
        (
            interaction.price is None or is_currency(interaction.price.currency),
            "currencyCode",
            "INVALID",
            "A currency is three capitals, such as USD.",
        ),
        (len(interaction.order_id or "") <= 200, "orderId", "TOO_LONG", "An order id has 200 characters at most."),
        (
            len(interaction.recommendation_id or "") <= 64,
            "recommendationId",
            "TOO_LONG",
            "Pass the `id` of a recommendation list as it came.",
        ),
        (
            interaction.rating is None or 0 <= interaction.rating <= 5,
            "rating",
            "OUT_OF_RANGE",
            "A rating is between 0 and 5.",
        ),
        (0 < len(interaction.key) <= 200, "key", "OUT_OF_RANGE", "The key must have 1 to 200 characters."),
    )
    return next(
        (Refusal(index, field, code, message) for holds, field, code, message in checks if not holds),
        None,
    )
