"""Bad input gets a typed error that says what to do, and nothing of our insides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from graphql_api.relay import encode_cursor, encode_id
from shop.entities.paging import Cursor
from shop.store.bulk import BulkError
from tests.fixtures.queries import TRACK, TRACK_SEVERAL, products_in_stock

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop

UNKNOWN = encode_id("Product", "no-such-product")


@pytest.mark.parametrize(
    ("query", "code", "hint"),
    [
        ("{ recommendations(input: { limit: 0 }) { id } }", "BAD_USER_INPUT", "between 1 and 100"),
        ("{ recommendations(input: { limit: 101 }) { id } }", "BAD_USER_INPUT", "between 1 and 100"),
        ("{ recommendations(input: { diversity: 1.5 }) { id } }", "BAD_USER_INPUT", "between 0 and 1"),
        ("{ recommendations(input: { scenario: SIMILAR }) { id } }", "BAD_USER_INPUT", "productIds"),
        ("{ recommendations(input: { scenario: NONSENSE }) { id } }", "BAD_USER_INPUT", "Scenario"),
        ('{ recommendations(input: { limit: "five" }) { id } }', "BAD_USER_INPUT", "Int"),
        ('{ recommendations(input: { productIds: ["?"], scenario: CART }) { id } }', "BAD_USER_INPUT", "not an id"),
        (
            f'{{ recommendations(input: {{ productIds: ["{UNKNOWN}"], scenario: CART }}) {{ id }} }}',
            "NOT_FOUND",
            "no-such-product",
        ),
        ("{ recommendations(input: { context: { localHour: 24 } }) { id } }", "BAD_USER_INPUT", "localHour"),
        ("{ products(first: 0) { totalCount } }", "BAD_USER_INPUT", "between 1 and 100"),
        ("{ products(first: 101) { totalCount } }", "BAD_USER_INPUT", "between 1 and 100"),
        ("{ products(first: 5, last: 5) { totalCount } }", "BAD_USER_INPUT", "not both"),
        ('{ products(after: "not-a-cursor") { totalCount } }', "BAD_USER_INPUT", "cursor"),
        ('{ products(after: "WzEsMiwzXQ") { totalCount } }', "BAD_USER_INPUT", "cursor"),
        ("{ products(sort: RELEVANCE) { totalCount } }", "BAD_USER_INPUT", "search"),
        ('{ products(search: "!!") { totalCount } }', "BAD_USER_INPUT", "letter"),
        ('{ products(filter: { minPrice: "5", maxPrice: "2" }) { totalCount } }', "BAD_USER_INPUT", "minPrice"),
        ('{ node(id: "nonsense") { id } }', "BAD_USER_INPUT", "not an id"),
        ("{ product { id } }", "BAD_USER_INPUT", "id or sku"),
        ("{ users { totalCount } }", "UNAUTHENTICATED", "Sign in"),
        ("{ nothing }", "BAD_USER_INPUT", "nothing"),
        ("{ unbalanced", "BAD_USER_INPUT", "Syntax"),
        (
            'mutation { trackInteraction(input: { interaction: { productId: "x", type: VIEW } }) { __typename } }',
            "UNAUTHENTICATED",
            "sessionId",
        ),
    ],
)
async def test_bad_input(shop: Shop, query: str, code: str, hint: str) -> None:
    answer = await shop.ask(query)

    assert answer.code == code
    (error,) = answer.errors
    assert hint in error["message"]
    assert error["extensions"]["retryable"] is False
    assert error["extensions"]["requestId"]
    assert "Traceback" not in str(error)


async def test_a_cursor_of_another_order_is_refused(shop: Shop) -> None:
    end = (await shop.data("{ products(first: 1) { pageInfo { endCursor } } }"))["products"]["pageInfo"]["endCursor"]

    answer = await shop.ask("query ($c: String) { products(sort: NAME_ASC, after: $c) { totalCount } }", {"c": end})

    assert answer.code == "BAD_USER_INPUT"
    assert "POPULARITY" in answer.errors[0]["message"]


async def test_what_a_user_can_mend_comes_as_a_user_error(shop: Shop) -> None:
    (known,) = await products_in_stock(shop)
    events: list[dict[str, Any]] = [
        {"productId": UNKNOWN, "type": "VIEW"},
        {"productId": known, "type": "PURCHASE", "quantity": -2},
        {"productId": known, "type": "VIEW", "at": "2100-01-01T00:00:00Z"},
        {"productId": known, "type": "RATING", "rating": 11},
        {"productId": known, "type": "VIEW"},
    ]

    answer = await shop.data(TRACK_SEVERAL, {"input": {"sessionId": "mending", "interactions": events}})

    payload = answer["trackInteractions"]
    assert len(payload["interactions"]) == 1
    assert [(error["field"], error["code"]) for error in payload["userErrors"]] == [
        ("interactions.0.productId", "NOT_FOUND"),
        ("interactions.1.quantity", "OUT_OF_RANGE"),
        ("interactions.2.at", "OUT_OF_RANGE"),
        ("interactions.3.rating", "OUT_OF_RANGE"),
    ]


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"price": "-1"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"price": "Infinity"}, "price"),
        ({"price": "1e30"}, "price"),
        ({"price": "1", "currencyCode": "DOLLARS"}, "currencyCode"),
        ({"quantity": 1e300}, "quantity"),
        ({"orderId": "x" * 100_000}, "orderId"),
        ({"recommendationId": "x" * 1_000}, "recommendationId"),
        ({"key": ""}, "key"),
        ({"key": "k" * 300}, "key"),
    ],
)
async def test_one_bad_event_does_not_take_the_good_ones_with_it(shop: Shop, event: dict[str, Any], field: str) -> None:
    (known,) = await products_in_stock(shop)
    good = {"productId": known, "type": "VIEW"}
    batch = [{**good, "key": "good"}, {**good, **event}]

    answer = await shop.data(TRACK_SEVERAL, {"input": {"sessionId": "mixed", "interactions": batch}})

    assert len(answer["trackInteractions"]["interactions"]) == 1
    assert [error["field"] for error in answer["trackInteractions"]["userErrors"]] == [f"interactions.1.{field}"]


async def test_a_key_names_one_event(shop: Shop) -> None:
    products = await products_in_stock(shop, 2)
    batch = [{"productId": product, "type": "VIEW", "key": "same"} for product in products]

    tracked = await shop.data(TRACK_SEVERAL, {"input": {"sessionId": "twice", "interactions": batch}})

    answer = tracked["trackInteractions"]
    assert [event["product"]["id"] for event in answer["interactions"]] == products[:1]
    assert [(error["field"], error["code"]) for error in answer["userErrors"]] == [("interactions.1.key", "DUPLICATE")]


@pytest.mark.parametrize(
    "query",
    [
        '{ products(filter: { minPrice: "1e4000" }) { totalCount } }',
        '{ products(filter: { minPrice: "NaN" }) { totalCount } }',
        f'{{ products(after: "{encode_cursor(Cursor("POPULARITY", 2**63, "x"))}") {{ totalCount }} }}',
        f"{{ products(filter: {{ brands: [{','.join(['1'] * 3)}] }}) {{ totalCount }} }}",
        '{ nodes(ids: ["' + '","'.join(["x"] * 101) + '"]) { id } }',
    ],
)
async def test_hostile_values_are_bad_input_not_our_fault(shop: Shop, query: str) -> None:
    answer = await shop.ask(query)

    assert {error["extensions"]["code"] for error in answer.errors} == {"BAD_USER_INPUT"}


async def test_neighbours_of_neighbours_cost_too_much(shop: Shop) -> None:
    answer = await shop.ask("{ products(first: 2) { nodes { similar { boughtTogether { id } } } } }")

    assert {error["extensions"]["code"] for error in answer.errors} == {"COST_EXCEEDED"}


async def test_nobody_sees_another_shoppers_data(shop: Shop) -> None:
    ben = encode_id("User", "household-391")
    anna = "household-250"
    for query in (
        "query ($id: ID!) { user(id: $id) { email } }",
        "query ($id: ID!) { recommendations(input: { userId: $id }) { id } }",
        "query ($id: ID!) { insight(userId: $id) { text } }",
    ):
        assert (await shop.ask(query, {"id": ben}, anna)).code == "FORBIDDEN"
        assert (await shop.ask(query, {"id": ben})).code == "UNAUTHENTICATED"
    node = await shop.data("query ($id: ID!) { node(id: $id) { id } }", {"id": ben}, anna)
    assert node["node"] is None
    staff = await shop.data("query ($id: ID!) { user(id: $id) { email } }", {"id": ben}, "demo-staff")
    assert staff["user"]["email"] == "ben@demo.whybuy.example"
    async with shop.subscribe(
        "subscription ($id: ID) { explanationReady(userId: $id) { eventId } }", {"id": ben}, anna
    ) as spying:
        (error,) = await spying.next_errors()
        assert error["extensions"]["code"] == "FORBIDDEN"


async def test_hostile_queries_are_refused_before_they_run(shop: Shop) -> None:
    deep = "{ products { nodes " + "{ similar " * 12 + "{ id }" + " }" * 12 + " } }"
    wide = "{ " + " ".join(f"p{number}: products {{ totalCount }}" for number in range(40)) + " }"
    long = "{ products { totalCount } " + "__typename " * 5000 + "}"
    for query in (deep, wide, long):
        answer = await shop.ask(query)
        assert answer.data is None
        assert answer.errors[0]["extensions"]["code"] == "COST_EXCEEDED"


async def test_an_unexpected_error_says_nothing_but_its_request_id(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(type(shop.resources.catalog), "by_sku", broken)

    answer = await shop.ask('{ product(sku: "a") { id } }')

    assert answer.code == "INTERNAL"
    assert "hunter2" not in str(answer)
    assert answer.errors[0]["extensions"]["requestId"] in answer.errors[0]["message"]


async def test_a_refusal_of_the_database_is_not_shown(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It should not happen: inputs are checked before. If it does, the schema's words stay inside."""

    async def refused(*_: object) -> None:
        raise BulkError([(0, "the document does not fit {'operatorName': '$jsonSchema'}")])

    monkeypatch.setattr(type(shop.resources.stores.interactions), "append", refused)
    (known,) = await products_in_stock(shop)

    answer = await shop.ask(TRACK, {"input": {"sessionId": "x", "interaction": {"productId": known, "type": "VIEW"}}})

    assert answer.code == "INTERNAL"
    assert "jsonSchema" not in str(answer)
