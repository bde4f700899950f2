"""Messages of other shop systems: each is processed once, in the order of what they tell, and never twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog

from shop.entities.interactions import CLOCK_SLACK
from shop.entities.webhooks import OrderUpdate, Outcome, Processed, ProductGone, Source
from shop.errors import BadInputError, Problem
from shop.webhooks import shopify, woocommerce
from shop.webhooks.fields import Fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.entities.webhooks import Delivery, Message
    from shop.services.webhook_orders import WebhookOrders
    from shop.services.webhook_products import WebhookProducts
    from shop.settings import WebhookSettings
    from shop.store.webhooks import WebhookStore

_log = structlog.get_logger(__name__)


class WebhookService:
    def __init__(
        self, store: WebhookStore, products: WebhookProducts, orders: WebhookOrders, settings: WebhookSettings
    ) -> None:
        self._store = store
        self._products = products
        self._orders = orders
        self._max_age = timedelta(hours=settings.max_age_hours)
        self._users_by_email = settings.shopify_users == "email"

    async def receive(self, delivery: Delivery, body: Mapping[str, Any]) -> Processed:
        """For a message whose signature is right. One that was processed before changes nothing; what cannot be read is
        REFUSED, as it would be next time. Raises UnavailableError: the sender sends it again."""
        processed = await self._received(delivery, body)
        _log.info(
            "webhook_received",
            source=delivery.source.value,
            topic=delivery.topic,
            delivery=delivery.id,
            outcome=processed.outcome.value,
            problems=[(problem.field, problem.code) for problem in processed.problems],
        )
        return processed

    async def _received(self, delivery: Delivery, body: Mapping[str, Any]) -> Processed:
        now = datetime.now(UTC)
        if delivery.sent_at is not None and not now - self._max_age <= delivery.sent_at <= now + CLOCK_SLACK:
            return Processed(Outcome.TOO_OLD)
        key = f"{delivery.source}:{delivery.id}"
        known = await self._store.digest(key)
        if known is not None:
            return Processed(Outcome.DUPLICATE if known == delivery.digest else Outcome.CONFLICT)
        processed = await self._processed(delivery, Fields(body))
        await self._store.remember(key, delivery.digest)
        return processed

    async def _processed(self, delivery: Delivery, body: Fields) -> Processed:
        try:
            message = self._read(delivery, body)
        except BadInputError as error:
            return Processed(Outcome.REFUSED, (Problem(error.field or "", "INVALID", error.message),))
        if message is None:
            return Processed(Outcome.IGNORED)
        if isinstance(message, OrderUpdate):
            return await self._orders.update(message)
        if isinstance(message, ProductGone):
            return await self._products.withdraw(message, delivery.sent_at or datetime.now(UTC))
        return await self._products.update(message)

    def _read(self, delivery: Delivery, body: Fields) -> Message | None:
        if delivery.source is Source.SHOPIFY:
            return shopify.read(delivery.topic, body, users_by_email=self._users_by_email)
        return woocommerce.read(delivery.topic, body)
