"""The product export of WooCommerce: variations are records of their own, which name their parent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mongo_seed.files.fields import RowError
from mongo_seed.files.presets.cells import Cells, has_columns, is_now, path
from mongo_seed.files.presets.preset import Preset
from mongo_seed.files.presets.variants import Product, Products

if TYPE_CHECKING:
    from collections.abc import Set

    from mongo_seed.files.presets.preset import Values

_COMMA = re.compile(r"(?<!\\),")  # WooCommerce writes the comma of a name as `\,`


def _recognises(names: Set[str]) -> bool:
    return has_columns(names, "ID", "Type", "SKU", "Name", "Published", "Regular price")


class _Translator:
    """Remembers parents by id and by SKU, and the variations that came before their parent."""

    def __init__(self) -> None:
        self._products = Products()
        self._ids: dict[str, str] = {}  # SKU of a parent: its id
        self._early: dict[str, list[Cells]] = {}  # parent as its variations name it: they
        self._offered: dict[str, bool] = {}

    def __call__(self, record: Values) -> list[Values]:
        cells = Cells(record)
        if not cells.text("ID"):
            raise RowError("ID is empty")
        if "variation" in _list(cells.text("Type")):
            return self._variation(cells)
        return self._product(cells)

    def _product(self, cells: Cells) -> list[Values]:
        id_, sku = cells.text("ID"), cells.text("SKU")
        if not cells.text("Name"):
            raise RowError("Name is empty")
        self._offered[id_] = _is_offered(cells)
        product = self._products.of(id_)
        product.describe(_described(cells))
        parent = "variable" in _list(cells.text("Type"))
        in_stock = self._offered[id_] and _is_in_stock(cells)
        product.add_variant(sku, _price(cells), in_stock=None if parent else in_stock)
        if sku:
            self._ids[sku] = id_
        for name in filter(None, (f"id:{id_}", sku)):
            for variation in self._early.pop(name, []):
                self._add(product, variation)
        if product.in_stock is None:  # as long as there is no variation
            return [{**self._products.row(product), "in_stock": in_stock}]
        return [self._products.row(product)]

    def _variation(self, cells: Cells) -> list[Values]:
        parent = cells.text("Parent")
        if not parent:
            raise RowError("Parent is empty, so nothing says which product the variation belongs to")
        id_ = parent.removeprefix("id:") if parent.startswith("id:") else self._ids.get(parent, "")
        if id_ not in self._products:
            self._early.setdefault(parent, []).append(cells)
            return []
        product = self._products.of(id_)
        self._add(product, cells)
        return [self._products.row(product)]

    def _add(self, product: Product, variation: Cells) -> None:
        available = self._offered[product.id] and _is_offered(variation) and _is_in_stock(variation)
        product.add_variant(variation.text("SKU", "ID"), _price(variation), in_stock=available)


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


WOOCOMMERCE = Preset("woocommerce", "WooCommerce product export", "products", _recognises, _Translator)
