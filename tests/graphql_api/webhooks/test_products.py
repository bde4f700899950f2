"""Products that Shopify and WooCommerce tell of: made, changed in the order of their times, withdrawn, restored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from graphql_api.relay import encode_id
from shop.entities.catalog import Product
from tests.graphql_api.webhooks.messages import (
    number,
    shopify,
    shopify_product,
    woocommerce,
    woocommerce_product,
)

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop

STORED = """
query ($sku: String!) {
  product(sku: $sku) {
    id sku name description brand tags imageUrl inStock rating price { amount currencyCode } category { path }
  }
}
"""


async def stored(shop: Shop, sku: str, user: str | None = None) -> dict[str, Any] | None:
    product: dict[str, Any] | None = (await shop.data(STORED, {"sku": sku}, user))["product"]
    return product


async def test_shopifys_product_is_read_as_its_export_is(told: Shop) -> None:
    id_ = number()
    product = shopify_product(id_)

    answer = await shopify(told, "products/create", product)

    found = await stored(told, f"LB-{id_}-M")
    assert (answer.outcome, answer.problems) == ("DONE", [])
    assert found == await stored(told, f"LB-{id_}-S")
    assert found == {
        "id": encode_id("Product", f"linen-{id_}"),
        "sku": f"LB-{id_}-S",
        "name": "Linen Blouse",
        "description": "Cool & light.",
        "brand": "Maison",
        "tags": ["linen", "summer"],
        "imageUrl": "https://cdn.shopify.com/blouse.jpg",
        "inStock": True,
        "rating": None,
        "price": {"amount": "49.90", "currencyCode": "EUR"},
        "category": {"path": [f"Apparel {id_}", "Shirts", "Blouses"]},
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "draft"},
        {"published_at": None},
        {"variants": []},
        {"variants": [{"id": 1, "sku": "", "price": "1.00", "inventory_quantity": 0}]},
    ],
)
async def test_what_cannot_be_bought_is_not_in_stock(told: Shop, changes: dict[str, Any]) -> None:
    id_ = number()
    await shopify(told, "products/create", shopify_product(id_))

    answer = await shopify(told, "products/update", shopify_product(id_, **changes))

    query = "query ($id: ID!) { product(id: $id) { inStock } }"
    found = (await told.data(query, {"id": encode_id("Product", f"linen-{id_}")}))["product"]
    assert answer.outcome == "DONE"
    assert found == {"inStock": False}


async def test_an_older_state_does_not_overwrite_a_newer_one(told: Shop) -> None:
    id_ = number()
    newer = shopify_product(id_, title="Newer", updated_at="2026-02-02T10:00:00Z")
    older = shopify_product(id_, title="Older", updated_at="2026-02-01T10:00:00Z")

    first = await shopify(told, "products/update", newer)
    second = await shopify(told, "products/create", older)
    same_time = await shopify(told, "products/update", {**newer, "title": "Newest"})

    assert [one.outcome for one in (first, second, same_time)] == ["DONE", "STALE", "DONE"]
    found = await stored(told, f"LB-{id_}-S")
    assert found is not None
    assert found["name"] == "Newest"


async def test_a_deleted_product_is_withdrawn_and_no_late_update_brings_it_back(told: Shop) -> None:
    id_, never = number(), number()
    await shopify(told, "products/create", shopify_product(id_))

    gone = await shopify(told, "products/delete", {"id": id_})
    late = await shopify(told, "products/update", shopify_product(id_, title="Late"))
    before_it_came = await shopify(told, "products/delete", {"id": never})
    overtaken = await shopify(told, "products/create", shopify_product(never))

    assert [one.outcome for one in (gone, late, before_it_came, overtaken)] == ["DONE", "STALE", "DONE", "STALE"]
    assert await stored(told, f"LB-{id_}-S") is None
    to_staff = await stored(told, f"LB-{id_}-S", "demo-staff")
    assert to_staff is not None, "its past stays"
    assert to_staff["name"] == "Linen Blouse"
    assert await stored(told, f"LB-{never}-S", "demo-staff") is None


async def test_a_product_under_another_topic_is_no_deletion(told: Shop) -> None:
    """Topics are in headers, which nobody signs."""
    id_ = number()
    await shopify(told, "products/create", shopify_product(id_))

    answer = await shopify(told, "products/delete", shopify_product(id_))

    assert (answer.outcome, answer.problems) == ("REFUSED", [("title", "INVALID")])
    assert await stored(told, f"LB-{id_}-S") is not None


async def test_a_new_product_with_the_handle_of_a_deleted_one_is_on_offer(told: Shop) -> None:
    old, new = number(), number()
    await shopify(told, "products/create", shopify_product(old))
    await shopify(told, "products/delete", {"id": old})

    answer = await shopify(told, "products/create", shopify_product(new, handle=f"linen-{old}", title="Again"))

    found = await stored(told, f"LB-{new}-S")
    assert answer.outcome == "DONE"
    assert found is not None
    assert (found["id"], found["name"]) == (encode_id("Product", f"linen-{old}"), "Again")


async def test_what_staff_withdrew_stays_withdrawn(told: Shop) -> None:
    id_ = number()
    await shopify(told, "products/create", shopify_product(id_))
    delete = "mutation ($s: String!) { deleteProducts(input: { productSkus: [$s] }) { userErrors { code } } }"
    await told.data(delete, {"s": f"LB-{id_}-S"}, "demo-staff")

    answer = await shopify(told, "products/update", shopify_product(id_, updated_at="2026-03-01T10:00:00Z"))

    assert answer.outcome == "DONE"
    assert await stored(told, f"LB-{id_}-S") is None


async def test_a_product_that_was_there_by_its_sku_or_its_handle_is_that_one(told: Shop) -> None:
    by_sku, by_handle = number(), number()
    own = f"own-{uuid4().hex[:8]}"
    await told.resources.catalog.upsert(
        [
            Product(own, f"LB-{by_sku}-S", "Mine", package_size="1 pc"),
            Product(f"linen-{by_handle}", f"linen-{by_handle}", "Imported"),
        ]
    )

    await shopify(told, "products/update", shopify_product(by_sku))
    await shopify(told, "products/update", shopify_product(by_handle))
    renamed = shopify_product(by_handle, handle="another-handle", title="Renamed", updated_at="2026-04-01T10:00:00Z")
    await shopify(told, "products/update", renamed)

    first, second = await stored(told, f"LB-{by_sku}-S"), await stored(told, f"LB-{by_handle}-S")
    assert first is not None
    assert second is not None
    assert (first["id"], first["name"]) == (encode_id("Product", own), "Linen Blouse")
    assert (second["id"], second["name"]) == (encode_id("Product", f"linen-{by_handle}"), "Renamed")


async def test_a_sku_belongs_to_the_product_that_had_it_first(told: Shop) -> None:
    first, second = number(), number()
    await shopify(told, "products/create", shopify_product(first))
    variants = [{"id": 1, "sku": f"LB-{first}-S", "price": "1.00"}]

    answer = await shopify(told, "products/create", shopify_product(second, variants=variants))

    found = await stored(told, f"LB-{first}-S")
    other = await stored(told, f"linen-{second}")
    assert answer.outcome == "DONE"
    assert found is not None
    assert other is not None
    assert (found["id"], other["id"]) == (
        encode_id("Product", f"linen-{first}"),
        encode_id("Product", f"linen-{second}"),
    )


async def test_what_staff_withdrew_is_not_restored_by_another_system(told: Shop) -> None:
    id_ = number()
    sku = f"TH-{id_}"
    await woocommerce(told, "product.created", woocommerce_product(id_))
    delete = "mutation ($s: String!) { deleteProducts(input: { productSkus: [$s] }) { userErrors { code } } }"
    await told.data(delete, {"s": sku}, "demo-staff")

    back = await woocommerce(told, "product.restored", woocommerce_product(id_))

    assert back.outcome == "DONE"
    assert await stored(told, sku) is None


async def test_a_product_that_was_imported_is_withdrawn_by_its_id_and_comes_back(told: Shop) -> None:
    id_ = number()
    sku = f"TH-{id_}"
    await told.resources.catalog.upsert([Product(str(id_), sku, "Imported")])
    assert await stored(told, sku) is not None

    await woocommerce(told, "product.deleted", {"id": id_})
    hidden = await stored(told, sku)
    await woocommerce(told, "product.restored", woocommerce_product(id_))

    assert hidden is None
    assert await stored(told, sku) is not None


async def test_woocommerces_product_lives_and_is_trashed_and_restored(told: Shop) -> None:
    id_ = number()
    sku = f"TH-{id_}"

    made = await woocommerce(told, "product.created", woocommerce_product(id_))
    found = await stored(told, sku)
    gone = await woocommerce(told, "product.deleted", {"id": id_})
    hidden = await stored(told, sku)
    back = await woocommerce(told, "product.restored", woocommerce_product(id_))
    shown = await stored(told, sku)

    assert [one.outcome for one in (made, gone, back)] == ["DONE"] * 3
    assert found == {
        "id": encode_id("Product", str(id_)),
        "sku": sku,
        "name": "Tea & Honey",
        "description": "Strong. From Assam.",
        "brand": "House",
        "tags": ["strong"],
        "imageUrl": "https://shop.example/tea.jpg",
        "inStock": True,
        "rating": 4.5,
        "price": {"amount": "4.50", "currencyCode": "EUR"},
        "category": {"path": [f"Teas & Herbs {id_}"]},
    }
    assert hidden is None
    assert shown == found


async def test_woocommerces_category_is_found_in_the_tree_by_its_name(told: Shop) -> None:
    id_ = number()
    await shopify(told, "products/create", shopify_product(id_))
    names = [{"name": f"Apparel {id_}"}, {"name": "Blouses"}]

    await woocommerce(told, "product.created", woocommerce_product(id_, categories=names))

    found = await stored(told, f"TH-{id_}")
    assert found is not None
    assert found["category"]["path"][-1] == "Blouses"
