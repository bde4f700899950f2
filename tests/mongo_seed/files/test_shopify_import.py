"""An export of a Shopify shop, with all that is awkward in one, becomes the shop that it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from mongo_seed.files.importer import import_files
from mongo_seed.files.options import ReadOptions
from tests.mongo_seed.files.shopify_export import make_shop, write_records

if TYPE_CHECKING:
    from pathlib import Path

    from shop.store.database import Database
    from tests.mongo_seed.files.shopify_export import Shop

MARKUP = re.compile(r"<|&\w+;|&#|track\(|margin|internal")


@pytest.fixture(scope="module")
def made() -> Shop:
    return make_shop(60, 40)


@pytest.mark.parametrize(
    ("encoding", "separator", "decimal_comma"),
    [("utf-8-sig", ",", False), ("latin-1", ";", True), ("utf-16", "\t", False)],
)
async def test_an_awkward_export_is_read_as_it_is_meant(
    database: Database, tmp_path: Path, made: Shop, encoding: str, separator: str, *, decimal_comma: bool
) -> None:
    products, orders = tmp_path / "products_export.csv", tmp_path / "orders_export.csv"
    for path, records in ((products, made.product_records), (orders, made.order_records)):
        write_records(path, records, encoding=encoding, separator=separator, decimal_comma=decimal_comma)

    report = await import_files(
        database,
        products=products,
        interactions=orders,
        options=ReadOptions(decimal_comma=decimal_comma, currency="EUR"),
    )

    assert report.products is not None
    assert report.interactions is not None
    assert "Shopify products export" in report.products.description
    assert "Shopify orders export" in report.interactions.description
    assert (report.products.added, report.products.changed) == (made.products, 0), "variants are no changes"
    assert report.products.rejected == made.refused_products
    assert (report.interactions.added, report.interactions.rejected) == (made.purchases, made.refused_orders)
    assert report.users_added == made.customers

    stored = await database["products"].find({}).to_list(None)
    assert [product["_id"] for product in stored if MARKUP.search(product["description"])] == []
    assert {product["_id"] for product in stored if not product["inStock"]} == made.hidden
    assert {product["_id"] for product in stored if product["price"] is None} == made.unpriced
    assert {product["price"]["currency"] for product in stored if product["price"]} == {"EUR"}
    users = await database["users"].distinct("_id")
    assert [user for user in users if "@" in user] == []


async def test_importing_it_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    small = make_shop(24, 12)
    products = write_records(tmp_path / "products_export.csv", small.product_records)
    orders = write_records(tmp_path / "orders_export.csv", small.order_records)
    await import_files(database, products=products, interactions=orders)

    again = await import_files(database, products=products, interactions=orders)

    assert again.products is not None
    assert again.interactions is not None
    assert (again.products.added, again.products.changed, again.products.unchanged) == (0, 0, small.products)
    assert (again.interactions.added, again.interactions.unchanged) == (0, small.purchases)
    assert (again.users_added, again.changed_products) == (0, [])
