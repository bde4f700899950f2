"""The BigQuery export of Google Analytics 4 as JSON lines: an event, with the products in `items`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mongo_seed.files.fields import RowError
from mongo_seed.files.presets.cells import is_given, part, text_of
from mongo_seed.files.presets.events import event_named
from mongo_seed.files.presets.preset import Preset
from scoring.types import EventType
from shop.values import shown

if TYPE_CHECKING:
    from collections.abc import Set

    from mongo_seed.files.presets.preset import Values

_MICROSECONDS = 1_000_000
_MOST_DIGITS = 17
_NOTHING = {"", "(not set)"}


def _recognises(names: Set[str]) -> bool:
    return {"event_name", "event_timestamp"} <= names


def _translate(record: Values) -> list[Values]:
    name = text_of(record.get("event_name"))
    if not name:
        raise RowError("event_name is missing")
    event = event_named(name)
    items = record.get("items") or []
    if event is None or not items:
        return []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise RowError("items must be a list of objects")
    common = _common(record, event)
    currency = _parameter(record, "currency")
    return [
        {**common, "product_id": item["item_id"], **_bought(item, event, currency)}
        for item in items
        if text_of(item.get("item_id")) not in _NOTHING
    ]


def _common(record: Values, event: EventType) -> Values:
    row: Values = {"type": event.value, "timestamp": _time(record.get("event_timestamp"))}
    # Without a sign-in the visitor is the device, as long as it keeps Google's cookie.
    for ours, theirs in (("user_id", "user_id"), ("session_id", "user_pseudo_id")):
        if is_given(record.get(theirs)):
            row[ours] = record[theirs]
    order = part(record, "ecommerce").get("transaction_id")
    if event is EventType.PURCHASE and text_of(order) not in _NOTHING:
        row["order_id"] = order
    return row


def _bought(item: dict[str, Any], event: EventType, currency: str) -> Values:
    row: Values = {}
    if event is EventType.PURCHASE and (quantity := text_of(item.get("quantity"))):
        row["quantity"] = quantity
    price, dollars = text_of(item.get("price")), text_of(item.get("price_in_usd"))
    if price and currency:
        return {**row, "price": price, "currency": currency}
    return {**row, "price": dollars, "currency": "USD"} if dollars else row


def _time(microseconds: object) -> float:
    text = text_of(microseconds)
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise RowError(f"event_timestamp must be microseconds since 1970, not {shown(text)}", "event_timestamp")
    return int(text) / _MICROSECONDS


def _parameter(record: Values, key: str) -> str:
    parameters = record.get("event_params")
    for parameter in parameters if isinstance(parameters, list) else []:
        if isinstance(parameter, dict) and parameter.get("key") == key:
            return text_of(part(parameter, "value").get("string_value"))
    return ""


GA4 = Preset("ga4", "Google Analytics 4 events", "interactions", _recognises, lambda: _translate, rounds=True)
