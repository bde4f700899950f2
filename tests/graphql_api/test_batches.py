"""A thousand at a time, as a shop's own server sends them: allowed by default, a result for each, and each its own."""

from __future__ import annotations

import asyncio
import io
import json
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from graphql_api.relay import encode_id
from shop.entities.events import Topic
from shop.settings import RateSettings
from tests.fixtures.accounts import bearer
from tests.fixtures.queries import new_user, product_ids, products_in_stock
from tests.fixtures.shop import Answer, open_shop, variant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.settings import Settings
    from tests.fixtures.shop import Shop

MANY = 1_000
PRODUCT = "id sku name description brand tags packageSize imageUrl inStock price { amount currencyCode } updatedAt"
UPSERT = f"""
mutation ($input: UpsertProductsInput!) {{
  upsertProducts(input: $input) {{
    products {{ {PRODUCT} }}
    results {{ index status product {{ {PRODUCT} }} userErrors {{ field code message }} }}
    userErrors {{ field code message }}
  }}
}}
"""
TRACK = """
mutation ($input: TrackInteractionsInput!) {
  trackInteractions(input: $input) {
    interactions { id type at quantity product { id sku } }
    results {
      index status interaction { id product { id } } userErrors { field code message } warnings { field code }
    }
    userErrors { field code }
    warnings { field code }
  }
}
"""
DELETE = "mutation ($input: DeleteProductsInput!) { deleteProducts(input: $input) { products { id withdrawnAt } } }"
HISTORY = "query ($id: ID!) { user(id: $id) { interactions(first: 100) { totalCount nodes { product { id } type } } } }"


@pytest.fixture
async def usual(stocked: Settings) -> AsyncIterator[Shop]:
    """The shop with the limits that everybody gets by default."""
    async with open_shop(variant(stocked, own_keys=f"usual-{uuid4().hex[:8]}", rate=RateSettings())) as served:
        yield served


def made(prefix: str, number: int, **more: Any) -> dict[str, Any]:
    words = "<p>Holds tea &amp; coffee, and is <b>blue</b> or green as the sea.</p> " * 30
    return {"sku": f"{prefix}-{number}", "name": f"Cup {number}", "description": words, "price": "3.49", **more}


async def send(shop: Shop, query: str, input_: dict[str, Any], user: str) -> Answer:
    """As `shop.ask`, for large bodies."""
    body = io.BytesIO(json.dumps({"query": query, "variables": {"input": input_}}).encode())
    headers = {"X-User": user, "Content-Type": "application/json"}
    async with shop.http.post(f"{shop.url}/graphql", data=body, headers=headers) as response:
        answer = await response.json()
        return Answer(response.status, answer.get("data"), answer.get("errors") or [])


async def status_of(shop: Shop, size: int, user: str) -> int:
    """The answer to somebody who says how large the body is, and sends none of it."""
    reader, writer = await asyncio.open_connection(shop.settings.api.host, shop.settings.api.port)
    head = f"POST /graphql HTTP/1.1\r\nHost: shop\r\nX-User: {user}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {size}\r\n\r\n".encode())
    line = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    return int(line.split()[1])


async def upsert(shop: Shop, products: list[dict[str, Any]]) -> dict[str, Any]:
    answer = await send(shop, UPSERT, {"products": products}, "demo-staff")
    assert answer.data is not None, answer.errors
    return dict(answer.data["upsertProducts"])


async def track(shop: Shop, events: list[dict[str, Any]], user: str | None = "demo-staff") -> dict[str, Any]:
    return dict((await shop.data(TRACK, {"input": {"interactions": events}}, user))["trackInteractions"])


async def test_a_thousand_products_pass_by_default_well_within_the_deadline(usual: Shop) -> None:
    prefix = f"many-{uuid4().hex[:6]}"
    products = [made(prefix, number) for number in range(MANY)]
    assert len(json.dumps(products)) > usual.settings.api.max_body_bytes, "more than a shopper may send"

    started = time.perf_counter()
    answer = await upsert(usual, products)
    seconds = time.perf_counter() - started
    again = await upsert(usual, [*products[:-2], {**products[-2], "name": "Mug"}, {**products[-1], "price": "-1"}])

    started = time.perf_counter()
    named = {"productSkus": [product["sku"] for product in products]}
    deleted = await usual.data(DELETE, {"input": named}, "demo-staff")
    await usual.resources.stores.database["products"].delete_many({"sku": {"$in": named["productSkus"]}})
    print(f"{MANY} products: {seconds:.2f} s, withdrawn in {time.perf_counter() - started:.2f} s")
    assert len(deleted["deleteProducts"]["products"]) == MANY
    assert seconds < usual.settings.api.deadline_seconds
    assert [(one["index"], one["status"]) for one in answer["results"]] == [(n, "CREATED") for n in range(MANY)]
    assert [one["product"] for one in answer["results"]] == answer["products"]
    assert [one["status"] for one in again["results"]] == ["UNCHANGED"] * (MANY - 2) + ["UPDATED", "REFUSED"]
    assert again["results"][-1]["product"] is None
    assert again["results"][-1]["userErrors"] == again["userErrors"]
    assert [(error["field"], error["code"]) for error in again["userErrors"]] == [
        ("products.999.price", "OUT_OF_RANGE")
    ]
    unchanged = answer["products"][0]["updatedAt"]
    assert again["products"][0]["updatedAt"] == unchanged, "what is so already is not written"


async def test_a_thousand_events_of_as_many_shoppers_pass_by_default(usual: Shop) -> None:
    prefix = f"srv-{uuid4().hex[:6]}"
    bought, seen = await products_in_stock(usual, 2)
    events = [
        {"productId": bought, "type": "PURCHASE", "externalUserId": f"{prefix}-{number}", "key": "order-1"}
        for number in range(MANY)
    ]

    started = time.perf_counter()
    answer = await track(usual, events)
    seconds = time.perf_counter() - started
    again = await track(usual, [*events[:-1], {**events[-1], "productId": seen}])

    print(f"{MANY} events of {MANY} shoppers: {seconds:.2f} s")
    assert seconds < usual.settings.api.deadline_seconds
    assert [(one["index"], one["status"]) for one in answer["results"]] == [(n, "CREATED") for n in range(MANY)]
    assert answer["userErrors"] == []
    assert [one["status"] for one in again["results"]] == ["UNCHANGED"] * (MANY - 1) + ["REFUSED"]
    assert [(error["field"], error["code"]) for error in again["userErrors"]] == [("interactions.999.key", "CONFLICT")]


async def test_shoppers_send_no_larger_bodies_and_no_dearer_queries_than_before(usual: Shop) -> None:
    user = await new_user(usual)
    api = usual.settings.api

    large = await status_of(usual, api.max_body_bytes + 1, user)
    larger = await status_of(usual, api.max_batch_bytes + 1, "demo-staff")
    dear = await usual.ask(TRACK, {"input": {"interactions": [{"type": "VIEW"}] * MANY}}, user)

    assert (large, larger) == (413, 413)
    assert dear.code == "COST_EXCEEDED"


async def test_staff_whom_a_cookie_names_send_as_much_as_those_with_a_token(usual: Shop) -> None:
    token = (await bearer(usual, "demo-staff"))["Authorization"].removeprefix("Bearer ")
    body = json.dumps({"query": "{ __typename }"}).encode() + b" " * usual.settings.api.max_body_bytes

    async def status(cookie: str) -> int:
        headers = {"Content-Type": "application/json", "Cookie": f"whybuy-access={cookie}"}
        async with usual.http.post(f"{usual.url}/graphql", data=io.BytesIO(body), headers=headers) as answer:
            return answer.status

    assert (await status(token), await status("x")) == (200, 413)


async def test_more_than_a_thousand_are_refused(shop: Shop) -> None:
    events = [{"type": "VIEW", "productSku": "x"}] * (MANY + 1)

    answer = await shop.ask(TRACK, {"input": {"interactions": events}}, "demo-staff")

    assert answer.code == "BAD_USER_INPUT"
    assert "1,000 entries at most" in answer.errors[0]["message"]


async def test_each_event_is_its_own_shoppers(shop: Shop) -> None:
    ann, bob, visit = await new_user(shop), f"ext-{uuid4().hex[:8]}", uuid4().hex
    first, second, third = await products_in_stock(shop, 3)
    log = shop.resources.stores.event_log
    start = await log.newest_id()

    answer = await track(
        shop,
        [
            {"productId": first, "type": "PURCHASE", "userId": encode_id("User", ann)},
            {"productId": second, "type": "PURCHASE", "externalUserId": f" {bob} "},
            {"productId": third, "type": "PURCHASE", "sessionId": visit},
            {"productId": second, "type": "VIEW", "userId": encode_id("User", ann)},
        ],
    )

    assert answer["userErrors"] == []
    told = [
        event.subject for event in await log.between(start, await log.newest_id()) if event.topic is Topic.INTERACTION
    ]
    assert sorted(told) == sorted([f"u:{ann}"] * 2 + [f"u:{bob}", f"s:{visit}"])
    bought: dict[str, Any] = {"scenario": "BUY_AGAIN", "limit": 10}
    for_ann = await shop.listed("items { product { id } }", ann, **bought)
    for_bob = await shop.listed("items { product { id } }", bob, **bought)
    for_visit = await shop.listed("items { product { id } }", sessionId=visit, **bought)
    assert [product_ids(shown["items"]) for shown in (for_ann, for_bob, for_visit)] == [[first], [second], [third]]
    history = (await shop.data(HISTORY, {"id": encode_id("User", ann)}, "demo-staff"))["user"]["interactions"]
    assert history["totalCount"] == 2
    staff = (await shop.data(HISTORY, {"id": encode_id("User", "demo-staff")}, "demo-staff"))["user"]["interactions"]
    assert staff["totalCount"] == 0


async def test_a_list_is_credited_to_whom_it_was_shown(shop: Shop) -> None:
    ann, bob = await new_user(shop), await new_user(shop)
    shown = await shop.listed("id items { product { id } }", ann, limit=1)
    event = {"productId": product_ids(shown["items"])[0], "type": "CLICK", "recommendationId": shown["id"]}

    answer = await track(shop, [{**event, "externalUserId": bob}, {**event, "externalUserId": ann}])

    assert [one["warnings"] for one in answer["results"]] == [
        [{"field": "interactions.0.recommendationId", "code": "FORBIDDEN"}],
        [],
    ]


async def test_a_visit_is_merged_with_the_user_that_the_server_names_beside_it(shop: Shop) -> None:
    visit, user = uuid4().hex, await new_user(shop)
    first, second = await products_in_stock(shop, 2)
    await track(shop, [{"productId": first, "type": "PURCHASE", "sessionId": visit}])

    await track(shop, [{"productId": second, "type": "PURCHASE", "sessionId": visit, "externalUserId": user}])

    shown = await shop.listed("items { product { id } }", user, scenario="BUY_AGAIN", limit=10)
    assert set(product_ids(shown["items"])) == {first, second}


@pytest.mark.parametrize("whose", ["userId", "externalUserId", "sessionId"])
async def test_a_shopper_who_says_whose_an_event_is_gets_forbidden(shop: Shop, whose: str) -> None:
    other = await new_user(shop)
    (product,) = await products_in_stock(shop)
    named = {"userId": encode_id("User", other)}.get(whose, other)
    event = {"productId": product, "type": "PURCHASE"}

    answer = await shop.ask(TRACK, {"input": {"interactions": [event, {**event, whose: named}]}}, await new_user(shop))
    nobody = await shop.ask(TRACK, {"input": {"sessionId": "v", "interactions": [{**event, whose: named}]}})

    assert (answer.code, nobody.code) == ("FORBIDDEN", "UNAUTHENTICATED")
    history = (await shop.data(HISTORY, {"id": encode_id("User", other)}, "demo-staff"))["user"]["interactions"]
    assert history["totalCount"] == 0


async def test_an_event_that_does_not_say_whose_it_is_is_refused_beside_good_ones(shop: Shop) -> None:
    (product,) = await products_in_stock(shop)
    event = {"productId": product, "type": "VIEW"}
    ann = await new_user(shop)

    answer = await track(
        shop,
        [
            {**event, "externalUserId": ann},
            event,
            {**event, "userId": encode_id("User", "nobody-has-this-id")},
            {**event, "userId": "no-id"},
            {**event, "externalUserId": "a\nb"},
            {**event, "sessionId": " "},
            {**event, "userId": encode_id("User", ann), "externalUserId": ann},
        ],
    )

    assert [one["status"] for one in answer["results"]] == ["CREATED"] + ["REFUSED"] * 6
    assert [error["field"] for error in answer["userErrors"]] == [
        "interactions.1.userId",
        "interactions.2.userId",
        "interactions.3.userId",
        "interactions.4.externalUserId",
        "interactions.5.sessionId",
        "interactions.6.externalUserId",
    ]
