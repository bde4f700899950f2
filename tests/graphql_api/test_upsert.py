"""Products as the shop sends them: by the rules for values, plain, and answered as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.fixtures.queries import UPSERT

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop

STORED = """
query ($sku: String!) {
  product(sku: $sku) {
    id sku name description brand tags packageSize imageUrl inStock price { amount currencyCode } createdAt updatedAt
  }
}
"""


async def upsert(shop: Shop, *products: dict[str, Any]) -> dict[str, Any]:
    answer = await shop.data(UPSERT, {"input": {"products": list(products)}}, "demo-staff")
    return dict(answer["upsertProducts"])


async def stored(shop: Shop, sku: str) -> dict[str, Any] | None:
    """Read from the database, not from what the process remembers."""
    shop.resources.catalog.forget_all()
    product: dict[str, Any] | None = (await shop.data(STORED, {"sku": sku}))["product"]
    return product


def sku() -> str:
    return f"upsert-{uuid4().hex[:8]}"


async def test_good_products_are_stored_beside_bad_ones(shop: Shop) -> None:
    good, bad, odd = sku(), sku(), sku()

    answer = await upsert(
        shop,
        {"sku": good, "name": "Cup", "price": "1"},
        {"sku": bad, "name": "Pot", "price": "-1", "rating": 9},
        {"sku": odd, "name": "Pan", "categoryId": "no-id"},
    )

    assert [product["sku"] for product in answer["products"]] == [good]
    assert [(error["field"], error["code"]) for error in answer["userErrors"]] == [
        ("products.1.price", "OUT_OF_RANGE"),
        ("products.1.rating", "OUT_OF_RANGE"),
        ("products.2.categoryId", "INVALID"),
    ]
    assert await stored(shop, good) == answer["products"][0]
    assert await stored(shop, bad) is None


async def test_what_shoppers_read_is_plain_text(shop: Shop) -> None:
    id_ = sku()
    product = {
        "sku": f"\u00a0{id_} ",
        "name": "Tea &amp; <b>Cup</b>",
        "description": "<p>Holds&nbsp;tea.</p><script>alert(1)</script>",
        "brand": "<i>House</i> Brand",
        "tags": ["<u>kitchen</u>", " kitchen ", "<br>"],
        "packageSize": "1&nbsp;pc",
    }

    answer = await upsert(shop, product)

    (told,) = answer["products"]
    assert answer["userErrors"] == []
    assert told == await stored(shop, id_)
    assert told["sku"] == id_, "without the spaces around it"
    assert [told[name] for name in ("name", "description", "brand", "tags", "packageSize")] == [
        "Tea & Cup",
        "Holds tea.",
        "House Brand",
        ["kitchen"],
        "1 pc",
    ]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"imageUrl": "javascript:alert(1)"}, "imageUrl", "INVALID"),
        ({"imageUrl": "data:text/html,x"}, "imageUrl", "INVALID"),
        ({"price": "3.499", "currencyCode": "EUR"}, "price", "TOO_PRECISE"),
        ({"price": "0.001"}, "price", "TOO_PRECISE"),
        ({"price": "10.5", "currencyCode": "JPY"}, "price", "TOO_PRECISE"),
        ({"price": "1", "currencyCode": "ZZZ"}, "currencyCode", "INVALID"),
        ({"name": "<br>"}, "name", "REQUIRED"),
        ({"name": "x" * 20_001}, "name", "TOO_LONG"),
        ({"sku": "\u200b\u00a0"}, "sku", "REQUIRED"),
        ({"sku": "a\nb"}, "sku", "INVALID"),
    ],
)
async def test_a_value_that_cannot_be_kept_as_it_is_is_refused(
    shop: Shop, change: dict[str, Any], field: str, code: str
) -> None:
    id_ = sku()

    answer = await upsert(shop, {"sku": id_, "name": "Cup", **change})

    assert answer["products"] == []
    assert [(error["field"], error["code"]) for error in answer["userErrors"]] == [(f"products.0.{field}", code)]
    assert await stored(shop, id_) is None


async def test_two_spellings_of_one_sku_are_one_product(shop: Shop) -> None:
    id_ = sku()

    answer = await upsert(shop, {"sku": id_, "name": "Cup"}, {"sku": f" {id_}\u200b", "name": "Other"})

    assert [(error["field"], error["code"]) for error in answer["userErrors"]] == [("products.1.sku", "DUPLICATE")]
    assert [product["name"] for product in answer["products"]] == ["Cup"]
