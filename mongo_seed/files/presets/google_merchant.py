"""A product feed for the Google Merchant Center: a record for each variant, which names the group it belongs to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mongo_seed.files.fields import RowError
from mongo_seed.files.presets.cells import Cells, has_columns, is_now, path
from mongo_seed.files.presets.preset import Preset
from mongo_seed.files.presets.variants import SkuOwners, Variants

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from mongo_seed.files.presets.preset import Values

_TEXTS = {
    "name": ("title", "structured title"),
    "description": ("description",),
    "brand": ("brand",),
    "image_url": ("image link",),
}
_MONEY = re.compile(r"(?P<amount>[\d.,]+)\s*(?P<currency>[A-Z]{3})|(?P<before>[A-Z]{3})\s*(?P<after>[\d.,]+)")
_BUYABLE = {"in stock", "preorder", "pre-order", "backorder"}


def _recognises(names: Set[str]) -> bool:
    return has_columns(names, "id", "title", "link") and any(
        has_columns(names, name) for name in ("image link", "availability")
    )


class _Gatherer:
    def __init__(self) -> None:
        self._skus = SkuOwners()

    def part_of(self, record: Values) -> str:
        cells = Cells(record)
        id_ = cells.identifier("id")
        if not id_:
            raise RowError("id is empty")
        return cells.identifier("item group id") or id_

    def product(self, part_of: str) -> str:
        return part_of

    def row(self, id_: str, records: Sequence[Values]) -> Values:
        variants = Variants()
        for cells in map(Cells, records):
            availability = cells.text("availability").replace("_", " ").casefold()
            in_stock = availability in _BUYABLE if availability else None
            variants.add(cells.identifier("id"), _price(cells), in_stock=in_stock)
        return self._skus.row(id_, _described(Cells(records[0])), variants)


def _described(cells: Cells) -> Values:
    row = cells.texts(_TEXTS)
    if cells.has("product type", "google product category"):
        # The shop's own words first; several of them are separated by commas.
        own = path(cells.text("product type").split(",")[0])
        row["category"] = own or path(cells.text("google product category"))
    return row


def _price(cells: Cells) -> Values:
    """What the shopper pays today."""
    if not cells.has("price", "sale price"):
        return {}
    starts, _, ends = cells.text("sale price effective date").partition("/")
    sale = cells.text("sale price")
    return _money(sale, "sale_price") if sale and is_now(starts, ends) else _money(cells.text("price"), "price")


def _money(text: str, name: str) -> Values:
    if not text:
        return {"price": ""}
    found = _MONEY.fullmatch(text)
    if found is None:
        raise RowError(f"{name} must be an amount with its currency such as 12.50 EUR, not {text!r}", "money")
    return {
        "price": found["amount"] or found["after"],
        "currency": found["currency"] or found["before"],
    }


GOOGLE_MERCHANT = Preset("google-merchant", "Google Merchant feed", "products", _recognises, _Gatherer)
