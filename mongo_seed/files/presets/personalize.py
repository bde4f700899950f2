"""The interactions and the items dataset of Amazon Personalize."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mongo_seed.files.fields import RowError
from mongo_seed.files.presets.cells import Cells, parts
from mongo_seed.files.presets.events import event_named
from mongo_seed.files.presets.preset import Preset
from scoring.types import EventType

if TYPE_CHECKING:
    from collections.abc import Set

    from mongo_seed.files.presets.preset import Values

_TEXTS = {
    "name": ("ITEM_NAME", "NAME", "TITLE"),
    "description": ("PRODUCT_DESCRIPTION", "DESCRIPTION"),
    "brand": ("BRAND",),
    "price": ("PRICE",),
    "currency": ("CURRENCY",),
    "image_url": ("IMAGE_URL",),
    "created_at": ("CREATION_TIMESTAMP",),
}
_LEVELS = ("CATEGORY_L1", "CATEGORY_L2", "CATEGORY_L3")


def _recognises_events(names: Set[str]) -> bool:
    return {"USER_ID", "ITEM_ID", "TIMESTAMP"} <= names


def _recognises_items(names: Set[str]) -> bool:
    return "ITEM_ID" in names and "TIMESTAMP" not in names


def _event(record: Values) -> list[Values]:
    cells = Cells(record)
    name = cells.text("EVENT_TYPE")
    event = event_named(name) if name else EventType.PURCHASE
    if event is None:
        return []
    row: Values = {
        "user_id": cells.identifier("USER_ID"),
        "product_id": cells.identifier("ITEM_ID"),
        "type": event.value,
        "timestamp": cells.text("TIMESTAMP"),
    }
    return [{**row, "rating": cells.text("EVENT_VALUE")}] if event is EventType.RATING else [row]


def _item(record: Values) -> list[Values]:
    cells = Cells(record)
    id_ = cells.identifier("ITEM_ID")
    if not id_:
        raise RowError("ITEM_ID is empty")
    row: Values = {"id": id_, **cells.texts(_TEXTS)}
    if cells.has(*_LEVELS):
        # A level may hold several categories with `|` between them; a product has one here.
        levels = [parts(cells.text(level), "|")[:1] for level in _LEVELS]
        row["category"] = [name for level in levels for name in level]
    return [row]


PERSONALIZE_EVENTS = Preset(
    "personalize", "Amazon Personalize interactions", "interactions", _recognises_events, lambda: _event
)
PERSONALIZE_ITEMS = Preset("personalize", "Amazon Personalize items", "products", _recognises_items, lambda: _item)
