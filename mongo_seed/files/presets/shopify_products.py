"""The products export of Shopify: the first record of a handle has the product, each one a variant or a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mongo_seed.files import fields
from mongo_seed.files.fields import RowError
from mongo_seed.files.presets.cells import Cells, has_columns, parts, path
from mongo_seed.files.presets.preset import Preset
from mongo_seed.files.presets.variants import SkuOwners, Variants

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from mongo_seed.files.presets.preset import Values

# Each with the name of the older header first, then of the newer one.
_HANDLE = ("Handle", "URL handle")
_TEXTS = {
    "name": ("Title",),
    "description": ("Body (HTML)", "Description"),
    "brand": ("Vendor",),
}
_CATEGORY = ("Product Category", "Standardized Product Type", "Standard Product Type")
_TYPE = ("Type", "Custom Product Type")
_SKU = ("Variant SKU", "SKU")
_PRICE = ("Variant Price", "Price")
_IMAGE = ("Image Src", "Product image URL", "Variant Image", "Variant image URL")
_QUANTITY = ("Variant Inventory Qty", "Inventory quantity")
_TRACKER = ("Variant Inventory Tracker", "Inventory tracker")
_OVERSELL = ("Variant Inventory Policy", "Continue selling when out of stock")
_PUBLISHED = ("Published", "Published on online store")
_OF_VARIANT = (*_SKU, *_PRICE, "Option1 Value")


def _recognises(names: Set[str]) -> bool:
    older = has_columns(names, "Handle", "Title") and any(
        has_columns(names, name) for name in ("Body (HTML)", "Variant SKU", "Variant Price")
    )
    return older or has_columns(names, "URL handle", "Title")


class _Gatherer:
    def __init__(self) -> None:
        self._skus = SkuOwners()

    def part_of(self, record: Values) -> str:
        handle = Cells(record).text(*_HANDLE)
        if not handle:
            raise RowError("Handle is empty: it says which product the record belongs to")
        return handle

    def product(self, part_of: str) -> str:
        return part_of

    def row(self, id_: str, records: Sequence[Values]) -> Values:
        all_cells = [Cells(record) for record in records]
        titled = next((cells for cells in all_cells if cells.text("Title")), None)
        if titled is None:
            raise RowError(f"No record of {id_!r} has a Title: import them with the one that has it", "no Title")
        described = _described(titled)
        if titled.has(*_IMAGE):
            described["image_url"] = next(filter(None, map(_image, all_cells)), "")
        variants = Variants()
        offered = _is_offered(titled)
        for cells in all_cells:
            if cells.text(*_OF_VARIANT):
                price = {"price": cells.text(*_PRICE)} if cells.has(*_PRICE) else {}
                variants.add(cells.text(*_SKU), price, in_stock=_is_available(cells) and offered)
        return self._skus.row(id_, described, variants)


def _described(cells: Cells) -> Values:
    row = cells.texts(_TEXTS)
    if cells.has(*_CATEGORY, *_TYPE):
        category = path(cells.text(*_CATEGORY))
        row["category"] = path(cells.text(*_TYPE)) if category in ([], ["Uncategorized"]) else category
    if cells.has("Tags"):
        row["tags"] = parts(cells.text("Tags"), ",")
    return row


def _image(cells: Cells) -> str:
    address = cells.text(*_IMAGE)
    return f"https:{address}" if address.startswith("//") else address


def _is_offered(cells: Cells) -> bool:
    """Not a draft, nor archived, nor hidden from the online store."""
    return (cells.text("Status") or "active").casefold() == "active" and not _says_no(cells.text(*_PUBLISHED))


def _is_available(cells: Cells) -> bool:
    """A variant can be bought when its stock is not counted, or not used up, or may be oversold."""
    if cells.text(*_OVERSELL).casefold() in {"continue", "true"} or (
        cells.has(*_TRACKER) and not cells.text(*_TRACKER)
    ):
        return True
    quantity = fields.number({_QUANTITY[0]: cells.text(*_QUANTITY)}, _QUANTITY[0], float)
    return quantity is None or quantity > 0


def _says_no(text: str) -> bool:
    return text.casefold() in {"false", "no", "0"}


SHOPIFY_PRODUCTS = Preset("shopify", "Shopify products export", "products", _recognises, _Gatherer)
