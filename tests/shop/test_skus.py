"""A product is found by its own SKU and by those of its variants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mongo_seed.migrate import migrate
from shop.entities.catalog import Product
from shop.store.catalog import CatalogStore

if TYPE_CHECKING:
    from shop.store.database import Database


async def test_a_product_by_any_of_its_skus(database: Database) -> None:
    await migrate(database)
    catalog = CatalogStore(database)
    shirt = Product("shirt", "SHIRT", "Shirt", variant_skus=("SHIRT-S", "SHIRT-M", "CUP"))
    blouse = Product("a-blouse", "BLOUSE", "Blouse", variant_skus=("SHIRT-M",))
    cup = Product("cup", "CUP", "Cup")
    await catalog.upsert([shirt, blouse, cup])

    found = await catalog.by_skus(["SHIRT", "SHIRT-S", "SHIRT-M", "CUP", "no-such"])

    # an own SKU goes before a variant's, and of two with one variant the first by id is taken
    assert found == {"SHIRT": shirt, "SHIRT-S": shirt, "SHIRT-M": blouse, "CUP": cup}
    assert await catalog.by_sku("SHIRT-S") == shirt
    assert await catalog.by_sku("no-such") is None
