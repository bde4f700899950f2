"""User events of Google's Vertex AI Search for commerce (Retail, Recommendations AI) as JSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mongo_seed.files.fields import RowError
from mongo_seed.files.presets.cells import is_given, part, text_of
from mongo_seed.files.presets.events import event_named
from mongo_seed.files.presets.preset import Preset
from scoring.types import EventType

if TYPE_CHECKING:
    from collections.abc import Set

    from mongo_seed.files.presets.preset import Values


def _recognises(names: Set[str]) -> bool:
    return {"eventType", "visitorId"} <= names


def _translate(record: Values) -> list[Values]:
    name = text_of(record.get("eventType"))
    if not name:
        raise RowError("eventType is missing")
    event = event_named(name)
    details = record.get("productDetails") or []
    if event is None or not details:
        return []
    if not isinstance(details, list):
        raise RowError("productDetails must be a list")
    common = _common(record, event)
    return [{**common, **_product(detail, event)} for detail in details]


def _common(record: Values, event: EventType) -> Values:
    row: Values = {"type": event.value, "timestamp": text_of(record.get("eventTime"))}
    for ours, value in (("user_id", part(record, "userInfo").get("userId")), ("session_id", record.get("visitorId"))):
        if is_given(value):
            row[ours] = value
    transaction = part(record, "purchaseTransaction")
    if event is EventType.PURCHASE and is_given(order := transaction.get("id")):
        row["order_id"] = order
    return row


def _product(detail: Any, event: EventType) -> Values:
    product = part(detail, "product")
    id_ = product.get("id")
    if not is_given(id_):
        raise RowError("productDetails has no product.id")
    row: Values = {"product_id": id_}
    if event is EventType.PURCHASE and (quantity := text_of(detail.get("quantity"))):
        row["quantity"] = quantity
    price = part(product, "priceInfo")
    amount, currency = text_of(price.get("price")), text_of(price.get("currencyCode"))
    return {**row, "price": amount, "currency": currency} if amount and currency else row


GOOGLE_RETAIL = Preset(
    "google-retail", "Google Retail user events", "interactions", _recognises, lambda: _translate, rounds=True
)
