"""Products that come as several records, one for each variant: put together, record by record."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mongo_seed.files.presets.preset import Values


@dataclass(slots=True)
class Product:
    """What the records up to now say of a product. `row` has its columns, apart from what its variants decide."""

    id: str
    row: Values = field(default_factory=dict)
    skus: list[str] = field(default_factory=list)
    price: Values = field(default_factory=dict)
    in_stock: bool | None = None

    def describe(self, row: Values) -> None:
        """Takes over what is filled, and what was not there at all."""
        self.row |= {name: value for name, value in row.items() if value or name not in self.row}

    def add_variant(self, sku: str, price: Values, *, in_stock: bool | None) -> None:
        """The first price that there is counts; one variant that can be bought is enough."""
        if sku and sku not in self.skus:
            self.skus.append(sku)
        if not self.price.get("price"):
            self.price = price or self.price
        if in_stock is not None:
            self.in_stock = bool(self.in_stock) or in_stock


class Products:
    """The products of one file, and whose each SKU is: the first product that has it."""

    def __init__(self) -> None:
        self._products: dict[str, Product] = {}
        self._owners: dict[str, str] = {}

    def __contains__(self, id_: str) -> bool:
        return id_ in self._products

    def of(self, id_: str) -> Product:
        return self._products.setdefault(id_, Product(id_))

    def row(self, product: Product) -> Values:
        """All of the product: the last row of several is the one that counts."""
        row: Values = {"id": product.id, **product.row, **product.price}
        if product.in_stock is not None:
            row["in_stock"] = product.in_stock
        own = [sku for sku in product.skus if self._owners.setdefault(sku, product.id) == product.id]
        if own:
            row.setdefault("sku", own[0])
        variants = [sku for sku in product.skus if sku != row.get("sku") or len(product.skus) > 1]
        if variants:
            row["variant_skus"] = variants
        return row
