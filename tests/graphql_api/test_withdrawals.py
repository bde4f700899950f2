"""Products that the shop withdraws: gone from all that shoppers see, in every process, and back when restored."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from graphql_api.relay import decode_id, encode_id
from mongo_seed.popularity import recompute_popularity
from shop.entities.catalog import Product
from tests.fixtures.queries import TRACK, UPSERT, new_user, product_ids, products_in_stock
from tests.fixtures.shop import open_shop, variant
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.settings import Settings
    from tests.fixtures.shop import Shop

DELETE = """
mutation ($input: DeleteProductsInput!) {
  deleteProducts(input: $input) { products { id sku withdrawnAt } userErrors { field code message } }
}
"""
SEEN = """
query ($id: ID!, $sku: String!, $ids: [ID!]!) {
  byId: product(id: $id) { id withdrawnAt }
  bySku: product(sku: $sku) { id }
  node(id: $id) { id }
  nodes(ids: $ids) { id }
}
"""
LISTING = """
query ($search: String, $filter: ProductFilter) {
  products(search: $search, filter: $filter, first: 100) {
    totalCount nodes { id } facets { brands { value count } categories { category { id } count } prices { count } }
  }
}
"""
UPDATES = "subscription ($ids: [ID!]) { productUpdated(ids: $ids) { change productId product { id } } }"
AUDIT = '{ auditLog(first: 5, action: "deleteProducts", subject: "%s") { nodes { actorId details } } }'
NEIGHBOURS = "query ($id: ID!) { product(id: $id) { similar(first: 100) { id } boughtTogether(first: 100) { id } } }"


async def delete(shop: Shop, *, restore: bool = False, user: str = "demo-staff", **named: Any) -> dict[str, Any]:
    answer = await shop.data(DELETE, {"input": {**named, "restore": restore}}, user)
    return dict(answer["deleteProducts"])


@contextlib.asynccontextmanager
async def withdrawn(shop: Shop, product: str) -> AsyncIterator[None]:
    try:
        answer = await delete(shop, productIds=[product])
        assert answer["userErrors"] == []
        yield
    finally:
        await delete(shop, productIds=[product], restore=True)


async def listed(shop: Shop, user: str | None = None, **wanted: Any) -> list[str]:
    return product_ids((await shop.listed("items { product { id } }", user, **{"limit": 100, **wanted}))["items"])


async def every_list(shop: Shop, user: str, seed: str) -> dict[str, list[str]]:
    """What each scenario shows a shopper."""
    seeded = {"SIMILAR", "BOUGHT_TOGETHER", "CART"}
    scenarios = ["FOR_YOU", "TRENDING", "POPULAR", "BUY_AGAIN", "RECENTLY_VIEWED", "NEXT_IN_SESSION", *sorted(seeded)]
    shown = {
        scenario: await listed(
            shop,
            user,
            scenario=scenario,
            includePurchased=True,
            **({"productIds": [seed]} if scenario in seeded else {}),
        )
        for scenario in scenarios
    }
    of_seed = (await shop.data(NEIGHBOURS, {"id": seed}, user))["product"]
    return shown | {name: [product["id"] for product in products] for name, products in of_seed.items()}


async def acted(shop: Shop, user: str, product: str) -> None:
    for type_ in ("VIEW", "PURCHASE"):
        answer = await shop.data(TRACK, {"input": {"interaction": {"productId": product, "type": type_}}}, user)
        assert answer["trackInteraction"]["userErrors"] == []


async def partners(shop: Shop) -> tuple[str, str]:
    """A product that stands in the list of a seed, by likeness and by baskets, and the seed."""
    for seed in await products_in_stock(shop, 60):
        near = (await shop.data(NEIGHBOURS, {"id": seed}))["product"]
        both = {one["id"] for one in near["similar"]} & {one["id"] for one in near["boughtTogether"]}
        if both:
            return min(both), seed
    raise AssertionError("no two products are alike and bought together")


async def test_a_withdrawn_product_leaves_every_list_at_once_and_comes_back(shop: Shop) -> None:
    product, seed = await partners(shop)
    user = await new_user(shop)
    await acted(shop, user, product)
    before = await every_list(shop, user, seed)
    everywhere = {name for name, ids in before.items() if product in ids}
    assert everywhere >= {"BUY_AGAIN", "RECENTLY_VIEWED", "SIMILAR", "BOUGHT_TOGETHER", "similar", "boughtTogether"}

    async with withdrawn(shop, product):
        during = await every_list(shop, user, seed)
        history = await shop.data("{ viewer { interactions { totalCount nodes { product { id } } } } }", user=user)

    after = await every_list(shop, user, seed)
    assert {name for name, ids in during.items() if product in ids} == set()
    assert {name for name, ids in during.items() if not ids} == {"BUY_AGAIN", "RECENTLY_VIEWED"}
    assert history["viewer"]["interactions"]["totalCount"] == 2, "what was done stays"
    assert [event["product"] for event in history["viewer"]["interactions"]["nodes"]] == [None, None]
    assert {name for name, ids in after.items() if product in ids} == everywhere


async def test_shoppers_do_not_find_it_and_staff_do(shop: Shop) -> None:
    (product,) = await products_in_stock(shop)
    sku = (await shop.data("query ($id: ID!) { product(id: $id) { sku } }", {"id": product}))["product"]["sku"]
    asked = {"id": product, "sku": sku, "ids": [product]}
    user = await new_user(shop)

    async with withdrawn(shop, product):
        to_shopper = await shop.data(SEEN, asked, user)
        to_staff = await shop.data(SEEN, asked, "demo-staff")
        staffs = await shop.data(
            "{ products(withdrawn: true, first: 100) { totalCount nodes { id withdrawnAt } } }", None, "demo-staff"
        )
        forbidden = await shop.ask("{ products(withdrawn: true) { totalCount } }", user=user)

    after = await shop.data(SEEN, asked, user)
    assert to_shopper == {"byId": None, "bySku": None, "node": None, "nodes": [None]}
    assert to_staff["byId"]["withdrawnAt"] is not None
    assert to_staff["bySku"] == to_staff["node"] == to_staff["nodes"][0] == {"id": product}
    assert product in {node["id"] for node in staffs["products"]["nodes"]}
    assert all(node["withdrawnAt"] for node in staffs["products"]["nodes"])
    assert staffs["products"]["totalCount"] == len(staffs["products"]["nodes"])
    assert forbidden.code == "FORBIDDEN"
    assert after["byId"] == {"id": product, "withdrawnAt": None}
    assert after["node"] == {"id": product}


async def test_listings_and_their_counts_are_without_it(shop: Shop) -> None:
    brand, word = f"Brand {uuid4().hex[:6]}", f"wort{uuid4().hex[:6]}"
    (stocked,) = await products_in_stock(shop)
    path = (await shop.resources.catalog.get_many([decode_id("Product", stocked)])).popitem()[1].category_path
    products = [
        Product(f"{word}-{number}", f"{word}-{number}", f"{word} {number}", brand=brand, category_path=path)
        for number in range(3)
    ]
    await shop.resources.catalog.upsert(products)
    everything = (await shop.data("{ products { totalCount } }"))["products"]["totalCount"]
    gone = encode_id("Product", products[1].id)

    async with withdrawn(shop, gone):
        by_word = (await shop.data(LISTING, {"search": word}))["products"]
        by_brand = (await shop.data(LISTING, {"filter": {"brands": [brand]}}))["products"]
        rest = (await shop.data("{ products { totalCount } }"))["products"]["totalCount"]
        every_brand = (await shop.data("{ products { facets { brands(first: 100) { value count } } } }"))["products"]
    await shop.resources.stores.database["products"].delete_many({"brand": brand})
    shop.resources.catalog.forget_all()

    kept = {encode_id("Product", products[number].id) for number in (0, 2)}
    for listing in (by_word, by_brand):
        assert {node["id"] for node in listing["nodes"]} == kept
        assert listing["totalCount"] == 2
        assert listing["facets"]["brands"] == [{"value": brand, "count": 2}]
        assert {each["count"] for each in listing["facets"]["categories"]} == {2}
    assert rest == everything - 1
    assert {each["count"] for each in every_brand["facets"]["brands"] if each["value"] == brand} <= {2}


async def test_the_counts_of_categories_are_without_it(shop: Shop) -> None:
    (product,) = await products_in_stock(shop)
    database, id_ = shop.resources.stores.database, decode_id("Product", product)
    path = (await shop.resources.catalog.get_many([id_]))[id_].category_path

    async def counted() -> int:
        await recompute_popularity(database)
        category = await database["categories"].find_one({"_id": path[-1]})
        assert category is not None
        return int(category["productCount"])

    before = await counted()
    async with withdrawn(shop, product):
        assert await counted() == before - 1
    assert await counted() == before


async def test_another_process_hears_of_it(shop: Shop, stocked: Settings) -> None:
    product, seed = await partners(shop)
    async with open_shop(variant(stocked)) as second:
        assert product in await listed(second, scenario="SIMILAR", productIds=[seed], sessionId="second")

        async def is_gone() -> bool:
            return product not in await listed(second, scenario="SIMILAR", productIds=[seed], sessionId="second")

        async def is_back() -> bool:
            return not await is_gone()

        async with withdrawn(shop, product):
            await until(is_gone, "the list without it", 10)
            assert decode_id("Product", product) in second.resources.catalog.withdrawn
        await until(is_back, "the list with it", 10)


async def test_a_process_that_starts_later_knows_it_before_it_looks(shop: Shop, stocked: Settings) -> None:
    (product,) = await products_in_stock(shop)
    async with withdrawn(shop, product), open_shop(variant(stocked)) as later:

        async def knows() -> bool:
            return decode_id("Product", product) in later.resources.catalog.withdrawn

        await until(knows, "what is withdrawn", 10)


async def test_pages_are_told(shop: Shop) -> None:
    (product,) = await products_in_stock(shop)
    user = await new_user(shop)
    asked = {"ids": [product]}
    async with (
        shop.subscribe(UPDATES, asked, user, listening=True) as shoppers,
        shop.subscribe(UPDATES, asked, "demo-staff", listening=True) as staffs,
    ):
        async with withdrawn(shop, product):
            told, to_staff = await shoppers.next(), await staffs.next()
        restored = await shoppers.next()

    assert told["productUpdated"] == {"change": "DELETED", "productId": product, "product": None}
    assert to_staff["productUpdated"] == {"change": "DELETED", "productId": product, "product": {"id": product}}
    assert restored["productUpdated"] == {"change": "UPDATED", "productId": product, "product": {"id": product}}


async def test_a_list_may_start_from_it_and_does_not_show_it(shop: Shop) -> None:
    product, _ = await partners(shop)

    async with withdrawn(shop, product):
        similar = await listed(shop, scenario="SIMILAR", productIds=[product], sessionId="seed")
        cart = await listed(shop, scenario="CART", productIds=[product], sessionId="seed")

    assert similar
    assert cart
    assert product not in similar + cart


async def test_an_order_that_arrives_late_is_recorded(shop: Shop) -> None:
    (product,) = await products_in_stock(shop)
    user = await new_user(shop)

    async with withdrawn(shop, product):
        await acted(shop, user, product)

    assert product in await listed(shop, user, scenario="BUY_AGAIN")


async def test_a_withdrawn_product_that_is_stored_again_stays_withdrawn(shop: Shop) -> None:
    sku = f"gone-{uuid4().hex[:8]}"
    product = {"sku": sku, "name": "Cup"}
    await shop.data(UPSERT, {"input": {"products": [product]}}, "demo-staff")
    await delete(shop, productSkus=[sku])

    changed = await shop.data(UPSERT, {"input": {"products": [{**product, "name": "Mug"}]}}, "demo-staff")
    hidden = await shop.data("query ($sku: String!) { product(sku: $sku) { name } }", {"sku": sku})
    await delete(shop, productSkus=[sku], restore=True)
    shown = await shop.data("query ($sku: String!) { product(sku: $sku) { name } }", {"sku": sku})

    assert changed["upsertProducts"]["userErrors"] == []
    assert hidden["product"] is None
    assert shown["product"] == {"name": "Mug"}


async def test_good_ones_are_done_beside_bad_ones_and_again_changes_nothing(shop: Shop) -> None:
    name = f"gone-{uuid4().hex[:8]}"
    dress = Product(f"{name}-id", name, "Dress", variant_skus=(f"{name}-S",))
    await shop.resources.catalog.upsert([dress])
    id_ = encode_id("Product", dress.id)
    named: dict[str, Any] = {
        "productIds": [id_, encode_id("Product", "no-such"), "no-id", encode_id("User", "somebody")],
        "productSkus": [name, "no-such", f"{name}-S", " "],
    }

    first = await delete(shop, **named)
    again = await delete(shop, **named)
    audit = await shop.data(AUDIT % dress.id, None, "demo-staff")

    assert {product["id"] for product in first["products"]} == {id_}
    assert first == again, "also when it was withdrawn"
    assert [(error["field"], error["code"]) for error in first["userErrors"]] == [
        ("productIds.1", "NOT_FOUND"),
        ("productIds.2", "INVALID"),
        ("productIds.3", "INVALID"),
        ("productSkus.1", "NOT_FOUND"),
        ("productSkus.2", "CONFLICT"),
        ("productSkus.3", "NOT_FOUND"),
    ]
    staff = encode_id("User", "demo-staff")
    assert audit["auditLog"]["nodes"] == [{"actorId": staff, "details": {"restored": False}}]


async def test_only_staff_may(shop: Shop) -> None:
    (product,) = await products_in_stock(shop)

    shopper = await shop.ask(DELETE, {"input": {"productIds": [product]}}, await new_user(shop))
    nobody = await shop.ask(DELETE, {"input": {"productIds": [product]}})

    assert (shopper.code, nobody.code) == ("FORBIDDEN", "UNAUTHENTICATED")
    assert (await shop.data(SEEN, {"id": product, "sku": "x", "ids": []}))["byId"]["id"] == product
