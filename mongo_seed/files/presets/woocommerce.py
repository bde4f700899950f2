"""The product export of WooCommerce: variations are records of their own, which name their parent."""

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

_BY_ID = "id:"
_COMMA = re.compile(r"(?<!\\),")  # WooCommerce writes the comma of a name as `\,`


def _recognises(names: Set[str]) -> bool:
    return has_columns(names, "ID", "Type", "SKU", "Name", "Published", "Regular price")


class _Gatherer:
    """Variations name their parent by its id or its SKU, and may come before it."""

    def __init__(self) -> None:
        self._skus = SkuOwners()
        self._ids: dict[str, str] = {}  # SKU of a parent: its id

    def part_of(self, record: Values) -> str:
        cells = Cells(record)
        id_ = cells.text("ID")
        if not id_:
            raise RowError("ID is empty")
        if _is_variation(cells):
            if not cells.text("Parent"):
                raise RowError("Parent is empty, so nothing says which product the variation belongs to")
            return cells.text("Parent")
        if sku := cells.text("SKU"):
            self._ids.setdefault(sku, id_)
        return f"{_BY_ID}{id_}"

    def product(self, part_of: str) -> str:
        return part_of.removeprefix(_BY_ID) if part_of.startswith(_BY_ID) else self._ids.get(part_of, part_of)

    def row(self, id_: str, records: Sequence[Values]) -> Values:
        all_cells = [Cells(record) for record in records]
        product = next((cells for cells in all_cells if not _is_variation(cells)), None)
        if product is None:
            raise RowError(f"The parent {id_!r} is not in the file: import its variations with it", "no parent")
        if not product.text("Name"):
            raise RowError("Name is empty")
        variants = Variants()
        offered, in_stock = _is_offered(product), _is_in_stock(product)
        is_parent = any(type_.startswith("variable") for type_ in _list(product.text("Type")))
        variants.add(product.text("SKU"), _price(product), in_stock=None if is_parent else offered and in_stock)
        for cells in filter(_is_variation, all_cells):
            available = offered and _is_offered(cells) and _is_in_stock(cells)
            variants.add(cells.text("SKU", "ID"), _price(cells), in_stock=available)
        if variants.in_stock is None:  # a parent without variations
            variants.in_stock = offered and in_stock
        return self._skus.row(id_, _described(product), variants)


def _is_variation(cells: Cells) -> bool:
    """Also one of a subscription."""
    return any(type_.endswith("variation") for type_ in _list(cells.text("Type")))


def _described(cells: Cells) -> Values:
    row: Values = {"name": cells.text("Name")}
    if cells.has("Short description", "Description"):
        described = (cells.text(name).replace(r"\n", "\n") for name in ("Short description", "Description"))
        row["description"] = "\n".join(filter(None, described))
    if cells.has("Categories"):
        row["category"] = max(map(path, _list(cells.text("Categories"))), key=len, default=[])
    if cells.has("Tags"):
        row["tags"] = _list(cells.text("Tags"))
    if cells.has("Brands"):
        row["brand"] = next(iter(_list(cells.text("Brands"))), "")
    if cells.has("Images"):
        row["image_url"] = next(iter(_list(cells.text("Images"))), "")
    return row


def _price(cells: Cells) -> Values:
    """What the shopper pays today."""
    if not cells.has("Regular price", "Sale price"):
        return {}
    sale = cells.text("Sale price")
    on_sale = sale and is_now(cells.text("Date sale price starts"), cells.text("Date sale price ends"))
    return {"price": sale if on_sale else cells.text("Regular price")}


def _is_offered(cells: Cells) -> bool:
    return cells.text("Published") in {"", "1"} and cells.text("Visibility in catalog") != "hidden"


def _is_in_stock(cells: Cells) -> bool:
    return cells.text("In stock?") != "0"


def _list(text: str) -> list[str]:
    return [name for part in _COMMA.split(text) if (name := part.replace("\\,", ",").strip())]


WOOCOMMERCE = Preset("woocommerce", "WooCommerce product export", "products", _recognises, _Gatherer, rounds=True)
