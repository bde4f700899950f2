"""Events as clients send them, checked by the rules for values, and made what is stored."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scoring.types import EventType
from shop import values
from shop.entities.interactions import Interaction
from shop.services.field_checks import FieldChecks, in_utc
from shop.store.documents import stored_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.entities.catalog import Product
    from shop.entities.interactions import InteractionDraft
    from shop.entities.users import Actor
    from shop.errors import Problem

LONGEST_KEY = 200
LONGEST_LIST_ID = 64


def sku_of(draft: InteractionDraft) -> str | None:
    """The SKU as it is looked up; None for one that no product can have."""
    try:
        return None if draft.sku is None else values.clean_id(draft.sku)
    except values.RefusedValueError:
        return None


def read_draft(
    draft: InteractionDraft, actor: Actor, products: Mapping[str, Product], by_sku: Mapping[str, Product]
) -> Interaction | list[Problem]:
    """The event as it is stored, or all that is wrong with it. The products are those that exist, by id and by SKU."""
    checks = FieldChecks()
    interaction = Interaction(
        key=_key(checks, draft),
        actor=actor,
        product_id=_product(checks, draft, products, by_sku),
        type=draft.type,
        at=_time(checks, draft),
        quantity=checks.take("quantity", values.quantity, draft.quantity),
        price=checks.money(draft.price, draft.currency),
        order_id=checks.take("orderId", values.clean_id, draft.order_id) if draft.order_id else None,
        recommendation_id=_list_id(checks, draft),
        rating=_rating(checks, draft),
    )
    return checks.problems or interaction


def is_resend(sent: Interaction, draft: InteractionDraft, stored: Interaction) -> bool:
    """Whether the client has sent again what is stored under its key. A time that it left out says nothing."""
    at = sent.at if draft.at is not None else stored.at
    same = replace(sent, actor=stored.actor, at=at, automated=stored.automated)
    return sent.actor.key == stored.actor.key and same == stored


def _product(
    checks: FieldChecks, draft: InteractionDraft, products: Mapping[str, Product], by_sku: Mapping[str, Product]
) -> str:
    if (draft.product_id is None) == (draft.sku is None):
        code = "REQUIRED" if draft.sku is None else "INVALID"
        checks.refuse("productId", code, "Name the product by productId or by productSku, by one of them.")
        return ""
    if draft.sku is not None:
        product = by_sku.get(sku_of(draft) or "")
        if product is None:
            checks.refuse("productSku", "NOT_FOUND", f"No product has the SKU {values.shown(draft.sku)}.")
        return product.id if product else ""
    if draft.product_id not in products:
        checks.refuse("productId", "NOT_FOUND", f"There is no product {values.shown(draft.product_id)}.")
    return draft.product_id or ""


def _key(checks: FieldChecks, draft: InteractionDraft) -> str:
    if draft.key is None:
        return uuid.uuid4().hex
    if not 0 < len(draft.key) <= LONGEST_KEY:
        checks.refuse("key", "OUT_OF_RANGE", f"The key must have 1 to {LONGEST_KEY} characters.")
    return draft.key


def _time(checks: FieldChecks, draft: InteractionDraft) -> datetime:
    return stored_time(datetime.now(UTC) if draft.at is None else checks.take("at", _event_time, draft.at))


def _event_time(at: datetime) -> datetime:
    return values.event_time(in_utc(at))


def _list_id(checks: FieldChecks, draft: InteractionDraft) -> str | None:
    if len(draft.recommendation_id or "") > LONGEST_LIST_ID:
        checks.refuse("recommendationId", "TOO_LONG", "Pass the `id` of a recommendation list as it came.")
    return draft.recommendation_id or None


def _rating(checks: FieldChecks, draft: InteractionDraft) -> float | None:
    if draft.rating is not None:
        return checks.take("rating", values.rating, draft.rating)
    if draft.type is EventType.RATING:
        checks.refuse("rating", "REQUIRED", "A RATING needs a rating from 0 to 5.")
    return None
