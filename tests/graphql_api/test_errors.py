"""Bad input gets a typed error that says what to do, and nothing of our insides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest

from graphql_api.relay import encode_id
from tests.fixtures.shop import SECRET

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop

UNKNOWN = encode_id("Product", "no-such-product")
RECOMMEND = "query ($input: RecommendationInput) { recommendations(input: $input) { items { rank } } }"


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
            "BAD_USER_INPUT",
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
    track = """mutation ($input: TrackInteractionsInput!) { trackInteractions(input: $input) {
      interactions { id } userErrors { field code message } } }"""
    known = (await shop.data("{ products(first: 1) { nodes { id } } }"))["products"]["nodes"][0]["id"]
    events: list[dict[str, Any]] = [
        {"productId": UNKNOWN, "type": "VIEW"},
        {"productId": known, "type": "PURCHASE", "quantity": -2},
        {"productId": known, "type": "VIEW", "at": "2100-01-01T00:00:00Z"},
        {"productId": known, "type": "RATING", "rating": 11},
        {"productId": known, "type": "VIEW"},
    ]

    answer = await shop.data(track, {"input": {"sessionId": "mending", "interactions": events}})

    payload = answer["trackInteractions"]
    assert len(payload["interactions"]) == 1
    assert [(error["field"], error["code"]) for error in payload["userErrors"]] == [
        ("interactions.0.productId", "NOT_FOUND"),
        ("interactions.1.quantity", "OUT_OF_RANGE"),
        ("interactions.2.at", "OUT_OF_RANGE"),
        ("interactions.3.rating", "OUT_OF_RANGE"),
    ]


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


async def test_tokens(shop: Shop) -> None:
    viewer = "{ viewer { displayName } }"
    token = shop.resources.accounts.issue_token("household-250")

    assert (await shop.ask(viewer, headers={"Authorization": f"Bearer {token}"})).data == {
        "viewer": {"displayName": "Anna"}
    }
    forged = jwt.encode({"sub": "demo-staff", "iss": "whybuy", "exp": 4e9}, "x" * 40, "HS256")
    unsigned = jwt.encode({"sub": "demo-staff", "iss": "whybuy", "exp": 4e9}, None, "none")
    expired = jwt.encode({"sub": "demo-staff", "iss": "whybuy", "exp": 1}, SECRET, "HS256")
    for bad in (forged, unsigned, expired, "nonsense"):
        answer = await shop.ask(viewer, headers={"Authorization": f"Bearer {bad}"})
        assert answer.status == 401
        assert answer.errors[0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await shop.ask(viewer, user="nobody-of-that-name")).status == 401


async def test_hostile_queries_are_refused_before_they_run(shop: Shop) -> None:
    deep = "{ products { nodes " + "{ similar " * 12 + "{ id }" + " }" * 12 + " } }"
    wide = "{ " + " ".join(f"p{number}: products {{ totalCount }}" for number in range(40)) + " }"
    long = "{ products { totalCount } " + "__typename " * 5000 + "}"
    for query in (deep, wide, long):
        answer = await shop.ask(query)
        assert answer.data is None
        assert answer.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_an_unexpected_error_says_nothing_but_its_request_id(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(type(shop.resources.catalog), "by_sku", broken)

    answer = await shop.ask('{ product(sku: "a") { id } }')

    assert answer.code == "INTERNAL"
    assert "hunter2" not in str(answer)
    assert answer.errors[0]["extensions"]["requestId"] in answer.errors[0]["message"]
