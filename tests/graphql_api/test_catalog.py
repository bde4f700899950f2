"""Browsing: pages, search, filters, sorting, and what goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from graphql_api.relay import decode_id
from mongo_seed.announce import announce_import
from shop.entities import catalog as entities
from shop.services.listing import Listing
from tests.fixtures.queries import UPSERT

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop

PRODUCTS = """
query ($search: String, $filter: ProductFilter, $sort: ProductSort, $first: Int, $after: String, $last: Int,
       $before: String) {
  products(search: $search, filter: $filter, sort: $sort, first: $first, after: $after, last: $last, before: $before) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    nodes { id sku name brand tags popularity price { amount } createdAt }
    edges { cursor }
  }
}
"""


AS_SENT = """
query ($id: ID!) {
  node(id: $id) {
    ... on Product {
      sku name description brand tags packageSize imageUrl inStock rating price { amount currencyCode } category { id }
    }
  }
}
"""


async def as_sent(shop: Shop, product: str) -> dict[str, Any]:
    """All that the shop says of a product, to change a part of it and to put it back."""
    said = dict((await shop.data(AS_SENT, {"id": product}))["node"])
    price, category = said.pop("price"), said.pop("category")
    priced = {"price": price["amount"], "currencyCode": price["currencyCode"]} if price else {}
    return said | priced | ({"categoryId": category["id"]} if category else {})


async def put(shop: Shop, product: dict[str, Any]) -> None:
    answer = await shop.data(UPSERT, {"input": {"products": [product]}}, "demo-staff")
    assert answer["upsertProducts"]["userErrors"] == []


async def page(shop: Shop, **variables: Any) -> dict[str, Any]:
    return dict((await shop.data(PRODUCTS, variables))["products"])


def amount(product: dict[str, Any]) -> float | None:
    return None if product["price"] is None else float(product["price"]["amount"])


@pytest.mark.parametrize("sort", ["POPULARITY", "PRICE_ASC", "PRICE_DESC", "NAME_ASC", "NAME_DESC", "NEWEST"])
async def test_pages_join_without_gap_or_repeat(shop: Shop, sort: str) -> None:
    whole = await page(shop, sort=sort, first=60)
    ids = [node["id"] for node in whole["nodes"]]

    walked, cursor = [], None
    for _ in range(3):
        part = await page(shop, sort=sort, first=20, after=cursor)
        walked += [node["id"] for node in part["nodes"]]
        cursor = part["pageInfo"]["endCursor"]
    back = await page(shop, sort=sort, last=20, before=cursor)

    assert walked == ids
    assert len(set(ids)) == 60
    assert [node["id"] for node in back["nodes"]] == ids[39:59]
    assert back["pageInfo"]["hasNextPage"]
    assert back["pageInfo"]["hasPreviousPage"]


async def test_prices_come_in_order(shop: Shop) -> None:
    dear = [amount(node) for node in (await page(shop, sort="PRICE_DESC", first=100))["nodes"]]
    cheap = [amount(node) for node in (await page(shop, sort="PRICE_ASC", first=100))["nodes"]]

    assert None not in dear + cheap
    assert dear == sorted(dear, key=lambda price: -(price or 0))
    assert cheap == sorted(cheap, key=lambda price: price or 0)


async def test_a_page_is_counted_only_for_who_asks(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object) -> int:
        raise AssertionError("A count may take longer than the page.")

    monkeypatch.setattr(Listing, "count", refused)

    found = await shop.data("{ products(first: 2) { nodes { id } edges { cursor node { id } } } }")

    assert [edge["node"] for edge in found["products"]["edges"]] == found["products"]["nodes"]
    assert (await shop.ask("{ products { totalCount } }")).code == "INTERNAL"


async def test_search_wants_all_words_and_pages_by_relevance(shop: Shop) -> None:
    one = await page(shop, search="milk", first=100)
    both = await page(shop, search="milk chocolate", first=100)

    assert 0 < both["totalCount"] < one["totalCount"]
    first = await page(shop, search="milk", first=5)
    second = await page(shop, search="milk", first=5, after=first["pageInfo"]["endCursor"])
    ids = [node["id"] for node in first["nodes"] + second["nodes"]]
    assert ids == [node["id"] for node in one["nodes"][:10]]


async def test_filters_hold_for_every_row(shop: Shop) -> None:
    categories = (await shop.data("{ categories { id name productCount } }"))["categories"]
    category = max(categories, key=lambda each: int(each["productCount"]))
    filter_ = {"categories": [category["id"]], "minPrice": "1", "maxPrice": "3"}
    found = await page(shop, filter=filter_, first=100)

    assert found["nodes"]
    assert all(1 <= (amount(node) or 0) <= 3 for node in found["nodes"])
    assert found["totalCount"] <= category["productCount"]


async def test_a_product_by_id_by_sku_and_as_a_node(shop: Shop) -> None:
    node = (await page(shop, first=1))["nodes"][0]
    query = "query ($id: ID!, $sku: String!) { a: product(id: $id) { name } b: product(sku: $sku) { name } "
    query += "c: node(id: $id) { id ... on Product { name } } nodes(ids: [$id]) { id } }"

    found = await shop.data(query, {"id": node["id"], "sku": node["sku"]})

    assert found["a"]["name"] == found["b"]["name"] == found["c"]["name"] == node["name"]
    assert found["nodes"] == [{"id": node["id"]}]
    unknown = await shop.data('{ product(sku: "no-such-sku") { name } }')
    assert unknown["product"] is None


async def test_the_category_tree_hangs_together(shop: Shop) -> None:
    tree = await shop.data("{ categories { id path parent { id } children { id path parent { id } } } }")

    assert tree["categories"]
    for top in tree["categories"]:
        assert top["parent"] is None
        for child in top["children"]:
            assert child["parent"]["id"] == top["id"]
            assert child["path"][: len(top["path"])] == top["path"]


async def test_similar_and_bought_together_are_other_products(shop: Shop) -> None:
    query = "{ products(first: 10) { nodes { id similar(first: 4) { id } boughtTogether(first: 4) { id } } } }"
    nodes = (await shop.data(query))["products"]["nodes"]

    assert any(node["similar"] for node in nodes)
    assert any(node["boughtTogether"] for node in nodes)
    for node in nodes:
        near = [other["id"] for other in node["similar"]]
        assert node["id"] not in near
        assert len(near) == len(set(near))


async def test_staff_changes_a_product_and_open_pages_are_told(shop: Shop) -> None:
    node = (await page(shop, first=1, sort="NAME_ASC"))["nodes"][0]
    live = "subscription ($ids: [ID!]) { productUpdated(ids: $ids) { eventId product { name price { amount } } } }"
    before = await as_sent(shop, node["id"])

    async with shop.subscribe(live, {"ids": [node["id"]]}, listening=True) as updates:
        await put(shop, {**before, "name": "A new name", "price": "12.34", "currencyCode": "USD"})
        event = (await updates.next())["productUpdated"]

    assert event["product"] == {"name": "A new name", "price": {"amount": "12.34"}}
    missed = "subscription ($after: String) { productUpdated(after: $after) { eventId product { name } } }"
    earlier = f"{int(event['eventId'].split('-')[0]) - 1}-0"
    async with shop.subscribe(missed, {"after": earlier}) as updates:
        assert (await updates.next())["productUpdated"]["eventId"] == event["eventId"]
    await put(shop, before)


async def test_a_bad_product_is_refused_with_its_field(shop: Shop) -> None:
    bad = {"sku": "x-1", "name": " ", "price": "-1", "rating": 6}

    answer = await shop.data(UPSERT, {"input": {"products": [bad]}}, "demo-staff")

    fields = {error["field"] for error in answer["upsertProducts"]["userErrors"]}
    assert fields == {"products.0.name", "products.0.price", "products.0.rating"}
    assert (await shop.data('{ product(sku: "x-1") { id } }'))["product"] is None


async def test_a_new_sku_never_takes_another_products_place(shop: Shop) -> None:
    """The shop's ids and SKUs are two name spaces; a new SKU may look like an old id."""
    bananas = 'query { product(id: "UHJvZHVjdDoxMDgyMTg1") { name } }'
    before = await shop.data(bananas)

    answer = await shop.data(UPSERT, {"input": {"products": [{"sku": "1082185", "name": "A pan"}]}}, "demo-staff")
    twice = [{"sku": "pan-1", "name": "A pan"}, {"sku": "pan-1", "name": "Another pan"}]
    repeated = await shop.data(UPSERT, {"input": {"products": twice}}, "demo-staff")

    assert [error["code"] for error in answer["upsertProducts"]["userErrors"]] == ["CONFLICT"]
    assert [error["code"] for error in repeated["upsertProducts"]["userErrors"]] == ["DUPLICATE"]
    assert await shop.data(bananas) == before


async def test_the_sku_of_a_variant_finds_the_product_and_never_replaces_it(shop: Shop) -> None:
    dress = entities.Product("dress", "DRESS", "Dress", variant_skus=("DRESS-S",))
    await shop.resources.stores.catalog.upsert([dress])

    answer = await shop.data(UPSERT, {"input": {"products": [{"sku": "DRESS-S", "name": "A pan"}]}}, "demo-staff")
    await shop.data(UPSERT, {"input": {"products": [{"sku": "DRESS", "name": "Gown"}]}}, "demo-staff")
    found = await shop.data('{ product(sku: "DRESS-S") { name sku } }')

    assert [error["code"] for error in answer["upsertProducts"]["userErrors"]] == ["CONFLICT"]
    assert found["product"] == {"name": "Gown", "sku": "DRESS"}


async def test_out_of_stock_products_are_not_recommended(shop: Shop) -> None:
    query = "{ recommendations(input: { scenario: POPULAR, limit: 5 }) { items { product { id } } } }"
    first = (await shop.data(query))["recommendations"]["items"][0]["product"]

    before = await as_sent(shop, first["id"])
    await put(shop, {**before, "inStock": False})
    after = (await shop.data(query))["recommendations"]["items"]

    assert first["id"] not in [item["product"]["id"] for item in after]
    assert len(after) == 5
    await put(shop, before)
    assert await as_sent(shop, first["id"]) == before


async def test_an_import_reaches_the_running_processes(shop: Shop) -> None:
    """Prices that a bulk import wrote behind the API's back are served, not the ones in memory."""
    node = (await page(shop, first=1, sort="NAME_DESC"))["nodes"][0]
    by_id = "query ($id: ID!) { product(id: $id) { brand } }"
    await shop.data(by_id, {"id": node["id"]})
    await shop.resources.stores.database["products"].update_one({"sku": node["sku"]}, {"$set": {"brand": "Imported"}})

    async with shop.subscribe("subscription { productUpdated { product { brand } } }", listening=True) as updates:
        assert await announce_import(shop.settings, [decode_id("Product", node["id"])])
        event = (await updates.next())["productUpdated"]

    assert event["product"]["brand"] == "Imported"
    assert (await shop.data(by_id, {"id": node["id"]}))["product"]["brand"] == "Imported"
