"""Products whose variants have SKUs, prices and stock of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mongo_seed.files.presets.preset import Values


@dataclass(slots=True)
class Variants:
    """What the variants of a product say of it."""

    skus: dict[str, None] = field(default_factory=dict)  # in their order
    price: Values = field(default_factory=dict)
    in_stock: bool | None = None

    def add(self, sku: str, price: Values, *, in_stock: bool | None) -> None:
        """The first price that there is counts; one variant that can be bought is enough."""
        if sku:
            self.skus[sku] = None
        if not self.price.get("price"):
            self.price = price or self.price
        if in_stock is not None:
            self.in_stock = bool(self.in_stock) or in_stock


class SkuOwners:
    """Whose each SKU of a file is: the first product's that has it."""

    def __init__(self) -> None:
        self._owners: dict[str, str] = {}

    def row(self, id_: str, described: Values, variants: Variants) -> Values:
        """All that a file says of a product: SKUs that it has no longer are taken away."""
        own = [sku for sku in variants.skus if self._owners.setdefault(sku, id_) == id_]
        sku = own[0] if own else ""
        others = list(variants.skus) if len(variants.skus) > 1 or sku not in variants.skus else []
        row = {"id": id_, **described, **variants.price, "sku": sku, "variant_skus": others}
        return row if variants.in_stock is None else {**row, "in_stock": variants.in_stock}
