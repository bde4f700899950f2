"""Searching as shoppers do: misspelled, half typed, in any script, by SKU; and what comes first."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from shop.services.listing import Listing
from shop.store.listing import ListingStore
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fixtures.shop import Shop

SEARCH = """
query ($search: String, $filter: ProductFilter, $sort: ProductSort, $first: Int, $after: String, $last: Int,
       $before: String) {
  products(search: $search, filter: $filter, sort: $sort, first: $first, after: $after, last: $last, before: $before) {
    totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    nodes { id sku name brand buyerCount price { amount } category { path } }
  }
}
"""
FACETS = """
query ($search: String, $filter: ProductFilter) {
  products(search: $search, filter: $filter, first: 1) {
    totalCount
    facets {
      categories { category { id name } count }
      brands { value count }
      prices { min { amount currencyCode } max { amount } count }
    }
  }
}
"""
UPSERT = """
mutation ($input: UpsertProductsInput!) {
  upsertProducts(input: $input) { products { id } userErrors { field code message } }
}
"""
NEW: list[dict[str, Any]] = [
    {"sku": "sr-1", "name": "IŞIK lamba"},
    {"sku": "sr-2", "name": "DİYARBAKIR IŞIK"},
    {"sku": "sr-3", "name": "緑茶ティーバッグ"},
    {"sku": "sr-4", "name": "Hauptstraße Pralinen"},
    {"sku": "sr-5", "name": "Cafe\u0301 cre\u0300me zumtest"},
    {"sku": "sr-6", "name": "שלום עולם"},
    {"sku": "sr-7", "name": "Zumtest T-shirt"},
    {"sku": "SR/88.B-7", "name": "Zumtest neck", "brand": "Quelmarina", "tags": ["hikinggear"], "price": "1.00"},
    {"sku": "sr-9", "name": "Quelmarina", "description": "Of the lake."},
    {"sku": "sr-10", "name": "Large Quelmarina with much cheese", "price": "2.50"},
    {"sku": "sr-11", "name": "Zumtest shapes", "price": "0.50"},
    {"sku": "sr-12", "name": "Cheese"},
    {"sku": "sr-13", "name": "cheese cheese cheese"},
]


@pytest.fixture(scope="module")
async def stocked_shop(shop: Shop) -> AsyncIterator[Shop]:
    """The shop with products of these tests, deleted afterwards; its vocabulary knows them."""
    payload = (await shop.data(UPSERT, {"input": {"products": NEW}}, "demo-staff"))["upsertProducts"]
    assert payload["userErrors"] == []

    async def is_known() -> bool:
        return "quelmarina" in (await shop.resources.spelling.vocabulary()).beginning("quelma")

    await until(is_known, "the new words")
    yield shop
    skus = [product["sku"] for product in NEW]
    await shop.resources.stores.database["products"].delete_many({"sku": {"$in": skus}})
    shop.resources.catalog.forget_all()


async def page(shop: Shop, **variables: Any) -> dict[str, Any]:
    return dict((await shop.data(SEARCH, variables))["products"])


async def found(shop: Shop, search: str, **variables: Any) -> list[str]:
    return [node["sku"] for node in (await page(shop, search=search, **variables))["nodes"]]


@pytest.mark.parametrize(
    ("search", "skus"),
    [
        ("ışık", {"sr-1", "sr-2"}),
        ("IŞIK", {"sr-1", "sr-2"}),
        ("diyarbakır ışık", {"sr-2"}),
        ("緑茶", {"sr-3"}),
        ("ティーバッグ", {"sr-3"}),
        ("HAUPTSTRASSE", {"sr-4"}),
        ("hauptstraße", {"sr-4"}),
        ("ＨＡＵＰＴＳＴＲＡＳＳＥ", {"sr-4"}),
        ("café zumtest", {"sr-5"}),
        ("cafe\u0301 zumtest", {"sr-5"}),
        ("שלום", {"sr-6"}),
        ("zumtest tshirt", {"sr-7"}),
        ("zumtest t-shirts", {"sr-7"}),
        ("SR/88.B-7", {"SR/88.B-7"}),
        ("sr88b7", {"SR/88.B-7"}),
        ("hikinggear", {"SR/88.B-7"}),
        ('"zumtest" -neck', {"SR/88.B-7"}),
        ("quelmarina neck", {"SR/88.B-7"}),
        ("Quelmarnia", {"sr-9", "sr-10", "SR/88.B-7"}),
        ("quelmarin", {"sr-9", "sr-10", "SR/88.B-7"}),
        ("quelm", {"sr-9", "sr-10", "SR/88.B-7"}),
        ("quelm neck", set()),
    ],
)
async def test_products_are_found_as_shoppers_write(stocked_shop: Shop, search: str, skus: set[str]) -> None:
    assert set(await found(stocked_shop, search)) == skus


async def test_a_sku_of_a_variant_finds_its_product(stocked_shop: Shop) -> None:
    product = await stocked_shop.resources.catalog.by_sku("sr-11")
    assert product is not None
    await stocked_shop.resources.stores.catalog.upsert([replace(product, variant_skus=("ZT-900-XL", "ZT-900-S"))])

    assert await found(stocked_shop, "ZT-900-XL") == ["sr-11"]
    assert await found(stocked_shop, "zt900s") == ["sr-11"]


@pytest.mark.parametrize("typed", ["chees", "chesee", "cheeese"])
async def test_a_misspelled_word_finds_what_the_right_one_finds(stocked_shop: Shop, typed: str) -> None:
    right = await page(stocked_shop, search="cheese", first=100)
    wrong = await page(stocked_shop, search=typed, first=100)

    assert right["totalCount"] > 20
    assert wrong["totalCount"] >= right["totalCount"]
    assert "cheese" in " ".join([wrong["nodes"][0]["name"], *wrong["nodes"][0]["category"]["path"]]).lower()


async def test_what_shoppers_buy_comes_before_what_only_says_the_word(stocked_shop: Shop) -> None:
    nodes = (await page(stocked_shop, search="cheese", first=100))["nodes"]

    # the exact name first, whoever has bought it; then nothing that nobody has bought for a page
    assert nodes[0]["sku"] == "sr-12"
    assert all(node["buyerCount"] for node in nodes[1:21])
    names = [node["name"].lower() for node in nodes]
    assert "cheese cheese cheese" not in names[:21]


async def test_exact_names_and_skus_come_first(stocked_shop: Shop) -> None:
    assert (await found(stocked_shop, "quelmarina"))[0] == "sr-9"
    popular = (await page(stocked_shop, first=1))["nodes"][0]
    assert (await found(stocked_shop, popular["sku"]))[0] == popular["sku"]


async def test_relevance_pages_join_in_both_directions(stocked_shop: Shop) -> None:
    whole = [node["id"] for node in (await page(stocked_shop, search="chees", first=60))["nodes"]]
    first = await page(stocked_shop, search="chees", first=30)
    second = await page(stocked_shop, search="chees", first=30, after=first["pageInfo"]["endCursor"])
    back = await page(stocked_shop, search="chees", last=10, before=second["pageInfo"]["startCursor"])

    assert [node["id"] for node in first["nodes"] + second["nodes"]] == whole
    assert [node["id"] for node in back["nodes"]] == whole[20:30]


@pytest.mark.parametrize("sort", ["PRICE_ASC", "PRICE_DESC"])
async def test_products_without_a_price_come_last_and_pages_join(stocked_shop: Shop, sort: str) -> None:
    whole = (await page(stocked_shop, search="zumtest", sort=sort))["nodes"]
    prices = [node["price"] and Decimal(node["price"]["amount"]) for node in whole]
    by_price = sorted((price for price in prices if price), reverse=sort == "PRICE_DESC")
    assert prices == [*by_price, None, None]

    forwards: list[dict[str, Any]] = []
    backwards: list[dict[str, Any]] = []
    after = before = None
    for _ in whole:
        one = await page(stocked_shop, search="zumtest", sort=sort, first=1, after=after)
        forwards += one["nodes"]
        after = one["pageInfo"]["endCursor"]
        other = await page(stocked_shop, search="zumtest", sort=sort, last=1, before=before)
        backwards = other["nodes"] + backwards
        before = other["pageInfo"]["startCursor"]
    assert forwards == whole
    assert backwards == whole
    end = await page(stocked_shop, search="zumtest", sort=sort, last=2)
    assert (end["nodes"], end["pageInfo"]["hasPreviousPage"]) == (whole[-2:], True)
    after_end = await page(stocked_shop, search="zumtest", sort=sort, first=1, after=after)
    assert (after_end["nodes"], after_end["pageInfo"]["hasNextPage"]) == ([], False)


async def test_facets_say_what_their_filters_would_find(stocked_shop: Shop) -> None:
    asked: list[dict[str, Any]] = [{"search": "chees"}, {}, {"filter": {"inStock": True, "maxPrice": "5"}}]
    for variables in asked:
        whole = (await stocked_shop.data(FACETS, variables))["products"]
        facets = whole["facets"]
        assert all(len(facets[name]) > 2 for name in ("categories", "brands", "prices"))
        given = variables.get("filter", {})
        brand, category = facets["brands"][0], facets["categories"][-1]
        price = facets["prices"][1]
        narrowed = [
            (brand["count"], {"brands": [brand["value"]]}),
            (category["count"], {"categories": [category["category"]["id"]]}),
            (
                price["count"],
                {
                    "minPrice": price["min"]["amount"],
                    "maxPrice": price["max"]["amount"],
                    "currencyCode": price["min"]["currencyCode"],
                },
            ),
        ]
        for count, filter_ in narrowed:
            assert 0 < count <= whole["totalCount"]
            request = {**variables, "filter": {**given, **filter_}}
            assert (await stocked_shop.data(FACETS, request))["products"]["totalCount"] == count
        bounds = [Decimal(each[end]["amount"]) for each in facets["prices"] for end in ("min", "max")]
        assert bounds == sorted(set(bounds))


async def test_prices_of_every_currency_are_compared_by_their_amount(stocked_shop: Shop) -> None:
    prices = {"sr-yen": ("500", "JPY"), "sr-dinar": ("5.250", "KWD"), "sr-dollar": ("5.00", "USD")}
    products = [
        {"sku": sku, "name": "Zumpreis", "price": amount, "currencyCode": code}
        for sku, (amount, code) in prices.items()
    ]
    await stocked_shop.data(UPSERT, {"input": {"products": products}}, "demo-staff")

    async def skus(**filter_: str) -> set[str]:
        return set(await found(stocked_shop, "zumpreis", filter=filter_))

    try:
        assert await skus(minPrice="5", maxPrice="6") == {"sr-dinar", "sr-dollar"}
        assert await skus(minPrice="500") == await skus(currencyCode="JPY") == {"sr-yen"}
        assert await skus(minPrice="5", maxPrice="6", currencyCode="USD") == {"sr-dollar"}
    finally:
        await stocked_shop.resources.stores.database["products"].delete_many({"sku": {"$in": list(prices)}})
        stocked_shop.resources.catalog.forget_all()
    answer = await stocked_shop.ask('{ products(filter: { currencyCode: "EURO" }) { totalCount } }')
    assert answer.code == "BAD_USER_INPUT"


async def test_a_search_that_is_given_up_leaves_the_words(stocked_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    spelling = stocked_shop.resources.spelling
    begun = asyncio.Event()

    async def never(*_: object) -> dict[str, int]:
        begun.set()
        return await asyncio.Future()

    with monkeypatch.context() as patch:
        patch.setattr(ListingStore, "word_counts", never)
        await stocked_shop.resources.catalog.announce_import([])

        async def is_stale() -> bool:
            reading = asyncio.create_task(spelling.vocabulary())
            await asyncio.wait({reading}, timeout=0.1)
            reading.cancel()
            return begun.is_set()

        await until(is_stale, "the words to be read anew")

    assert "quelmarina" in (await spelling.vocabulary()).beginning("quelma")


async def test_facets_of_nothing_are_empty_and_their_size_is_bounded(stocked_shop: Shop) -> None:
    nothing = (await stocked_shop.data(FACETS, {"search": "zzzzqqqqxxxx"}))["products"]
    assert nothing == {"totalCount": 0, "facets": {"categories": [], "brands": [], "prices": []}}

    few = "{ products { facets { brands(first: 2) { value } prices(first: 3) { count } } } }"
    facets = (await stocked_shop.data(few))["products"]["facets"]
    assert len(facets["brands"]) == 2
    assert len(facets["prices"]) <= 3
    for part in ("brands(first: 101)", "categories(first: 0)", "prices(first: 11)"):
        answer = await stocked_shop.ask(f"{{ products {{ facets {{ {part} {{ count }} }} }} }}")
        assert answer.code == "BAD_USER_INPUT"


async def test_a_page_without_facets_counts_nothing(stocked_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object) -> None:
        raise AssertionError("Counting may take longer than the page.")

    for name in ("count", "categories", "brands", "prices"):
        monkeypatch.setattr(Listing, name, refused)

    answer = await stocked_shop.data('{ products(first: 2, search: "cheese") { nodes { id } } }')

    assert len(answer["products"]["nodes"]) == 2


@pytest.mark.parametrize("search", ["x" * 201, "…", "\u0640"])
async def test_a_text_that_cannot_be_searched_for_is_refused(shop: Shop, search: str) -> None:
    answer = await shop.ask(SEARCH, {"search": search})

    assert answer.code == "BAD_USER_INPUT"
    assert "search" in answer.errors[0]["message"]


@pytest.mark.parametrize("search", ["$where", "a" * 200, "a b c " * 33, "緑" * 200, "\x00 tea", "chees " * 33])
async def test_strange_texts_are_answered(shop: Shop, search: str) -> None:
    assert (await shop.ask(SEARCH, {"search": search})).errors == []
