"""GraphQL over HTTP as other people's clients speak it: media types, refusals, streams, origins, compression."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from graphql_api.origins import Origins
from shop.errors import BadInputError
from shop.settings import StackSettings
from shop.store.event_log import event_order
from tests.fixtures.queries import TRACK, products_in_stock
from tests.fixtures.shop import open_shop, variant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fixtures.shop import Shop

JSON, GRAPHQL, EVENTS = "application/json", "application/graphql-response+json", "text/event-stream"
MODEL = "{ model { version } }"
LIST = "subscription ($session: String) { recommendationsUpdated(input: { sessionId: $session }) { list { id } } }"
URQL = f"{GRAPHQL}, application/graphql+json, {JSON}, {EVENTS}, multipart/mixed"
APOLLO = f"{GRAPHQL},{JSON};q=0.9"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "served"),
    [
        (URQL, GRAPHQL),
        (APOLLO, GRAPHQL),
        (BROWSER, JSON),
        ("*/*", JSON),
        ("", JSON),
        ("application/*", JSON),
        (f"{JSON}, {GRAPHQL}", JSON),
        (f"{JSON};q=0.5, {GRAPHQL}", GRAPHQL),
        (f"{EVENTS}, {JSON};q=0.1", JSON),
        (f"{GRAPHQL};q=0, */*", JSON),
        (f"{JSON};charset=utf-8", JSON),
        (EVENTS, EVENTS),  # graphql-sse asks for everything so
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_query_is_answered_in_the_form_that_is_wanted_most(
    shop: Shop, method: str, accept: str, served: str
) -> None:
    sent: dict[str, Any] = {"params": {"query": MODEL}} if method == "GET" else {"json": {"query": MODEL}}
    async with shop.http.request(method, f"{shop.url}/graphql", headers={"Accept": accept}, **sent) as answer:
        text = await answer.text()

    assert (answer.status, answer.content_type) == (200, served)
    if served != EVENTS:
        assert json.loads(text)["data"]["model"]["version"]


def body(**parts: Any) -> dict[str, Any]:
    return {"data": json.dumps(parts), "headers": {"Content-Type": JSON}}


@pytest.mark.parametrize(
    ("method", "sent", "status", "hint"),
    [
        ("POST", {"data": "{", "headers": {"Content-Type": JSON}}, 400, "JSON"),
        ("POST", {"data": b'{"query": "\xff"}', "headers": {"Content-Type": JSON}}, 400, "JSON"),
        ("POST", body(), 400, "query"),
        ("POST", body(query=""), 400, "query"),
        ("POST", body(query=5), 400, "string"),
        ("POST", body(query=MODEL, variables=[]), 400, "object"),
        ("POST", body(query=MODEL, operationName=5), 400, "string"),
        ("POST", body(query=MODEL, extensions="x"), 400, "object"),
        ("POST", body(query="query A { __typename } query B { __typename }"), 400, "name it"),
        ("POST", body(query="query A { __typename }", operationName="B"), 400, "'B'"),
        ("POST", {"json": [{"query": MODEL}]}, 400, "batches"),
        ("POST", {"json": "text"}, 400, "object"),
        ("POST", {"data": "null", "headers": {"Content-Type": JSON}}, 400, "object"),
        ("POST", {"data": MODEL, "headers": {"Content-Type": "text/plain"}}, 415, JSON),
        ("POST", {"data": {"query": MODEL}}, 415, JSON),
        ("POST", {"data": b"", "headers": {"Content-Type": ""}}, 415, JSON),
        ("POST", body(query="subscription { modelActivated { eventId } }"), 406, EVENTS),
        ("POST", {"json": {"query": MODEL}, "headers": {"Accept": "text/plain"}}, 406, GRAPHQL),
        ("GET", {"params": {"query": "mutation { deleteProducts(input: {ids: []}) { __typename } }"}}, 405, "POST"),
        ("GET", {"params": {"query": MODEL, "variables": "{"}}, 400, "JSON"),
        ("GET", {}, 400, "query"),
        ("PUT", {"json": {"query": MODEL}}, 405, "GET and POST"),
    ],
)
@pytest.mark.parametrize("user", [None, "household-250"])
async def test_a_refusal_before_execution_is_typed(
    shop: Shop, method: str, sent: dict[str, Any], status: int, hint: str, user: str | None
) -> None:
    headers = {**sent.get("headers", {}), **({"X-User": user} if user else {})}
    async with shop.http.request(method, f"{shop.url}/graphql", **{**sent, "headers": headers}) as answer:
        refused = await answer.json(content_type=None)

    (error,) = refused["errors"]
    assert answer.status == status
    assert answer.content_type == JSON
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["requestId"] == answer.headers["X-Request-Id"]
    assert hint in error["message"]
    assert "data" not in refused
    if status == 405:
        assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("path", "status", "code"), [("/nothing", 404, "NOT_FOUND"), ("/health/live", 405, "BAD_USER_INPUT")]
)
async def test_an_address_that_there_is_not_is_told_in_json(shop: Shop, path: str, status: int, code: str) -> None:
    async with shop.http.post(shop.url + path) as answer:
        (error,) = (await answer.json())["errors"]
    assert (answer.status, error["extensions"]["code"]) == (status, code)
    assert error["extensions"]["requestId"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("query", "in_graphql", "has_data"),
    [
        ("{ nothing }", 400, False),
        ("{", 400, False),
        ("query ($n: Int!) { products(first: $n) { totalCount } }", 400, False),
        ("{ users { totalCount } }", 200, True),
    ],
)
async def test_the_status_says_whether_a_request_was_executed_where_the_media_type_allows_it(
    shop: Shop, query: str, in_graphql: int, *, has_data: bool
) -> None:
    for accept, status in ((JSON, 200), (GRAPHQL, in_graphql)):
        async with shop.http.post(f"{shop.url}/graphql", json={"query": query}, headers={"Accept": accept}) as answer:
            told = await answer.json(content_type=None)
        assert (answer.status, "data" in told) == (status, has_data)


async def test_who_is_not_signed_in_and_names_no_session_is_told_to_sign_in(shop: Shop) -> None:
    (known,) = await products_in_stock(shop)

    tracked = await shop.ask(TRACK, {"input": {"interaction": {"productId": known, "type": "VIEW"}}})
    async with shop.subscribe("subscription { explanationReady { eventId } }") as waiting:
        (waited,) = await waiting.next_errors()

    assert tracked.code == waited["extensions"]["code"] == "UNAUTHENTICATED"


class Events:
    """What a stream of server-sent events said, read by the HTML standard's rules."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> dict[str, str]:
        found: dict[str, str] = {}
        async with asyncio.timeout(20):
            while line := await self._response.content.readline():
                assert not line.endswith(b"\r\n")
                if line == b"\n" and found:
                    return found
                name, _, value = line.decode().rstrip("\n").partition(":")
                if name:
                    found[name] = value.removeprefix(" ")
        return found


async def test_an_event_stream_goes_on_after_the_event_seen_last(shop: Shop) -> None:
    products = await products_in_stock(shop, 2)
    session = "resumed"
    asked = {"query": LIST, "variables": json.dumps({"session": session})}
    async with shop.http.get(f"{shop.url}/graphql", params=asked, headers={"Accept": EVENTS}) as response:
        begun = await Events(response).next()
    for product in products:
        event = {"productId": product, "type": "VIEW"}
        await shop.data(TRACK, {"input": {"sessionId": session, "interaction": event}})

    headers = {"Accept": EVENTS, "Last-Event-ID": begun["id"]}
    async with shop.http.get(f"{shop.url}/graphql", params=asked, headers=headers) as response:
        missed = await Events(response).next()

    assert (begun["event"], missed["event"]) == ("next", "next")
    assert event_order(missed["id"]) > event_order(begun["id"])
    assert json.loads(missed["data"])["extensions"]["eventId"] == missed["id"]


async def test_an_event_id_that_is_none_is_refused_in_the_stream(shop: Shop) -> None:
    headers = {"Accept": EVENTS, "Last-Event-ID": "nonsense"}
    query = 'subscription { explanationReady(sessionId: "x") { eventId } }'
    async with shop.http.get(f"{shop.url}/graphql", params={"query": query}, headers=headers) as response:
        told = await Events(response).next()

    (error,) = json.loads(told["data"])["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


@pytest.fixture(scope="module")
async def in_production(stocked: Any) -> AsyncIterator[Shop]:
    api = stocked.api.model_copy(update={"cors_origins": ["https://shop.example"]})
    settings = variant(stocked.model_copy(update={"api": api}), stack=StackSettings(env="production"))
    async with open_shop(settings) as served:
        yield served


@pytest.mark.parametrize(
    ("origin", "development", "production"),
    [
        ("http://localhost:5173", True, False),
        ("http://127.0.0.1:3000", True, False),
        ("http://[::1]:3000", True, False),
        ("https://shop.localhost", True, False),
        ("https://shop.example", False, True),
        ("https://localhost.evil.example", False, False),
        ("https://shop.example.evil.example", False, False),
        ("null", False, False),
    ],
)
async def test_pages_of_this_machine_may_call_in_development_and_listed_ones_in_production(
    shop: Shop, in_production: Shop, origin: str, *, development: bool, production: bool
) -> None:
    for served, allowed in ((shop, development), (in_production, production)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-user"}
        async with served.http.options(f"{served.url}/graphql", headers=asked) as preflight:
            assert (preflight.headers.get("Access-Control-Allow-Origin") == origin) is allowed
        async with served.http.post(
            f"{served.url}/graphql", json={"query": MODEL}, headers={"Origin": origin}
        ) as answer:
            assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed
        socket = served.http.ws_connect(f"{served.url}/graphql", protocols=["graphql-transport-ws"], origin=origin)
        if allowed:
            async with socket:
                pass
        else:
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await socket


async def test_no_cache_gives_an_answer_to_somebody_else(shop: Shop) -> None:
    asked: list[dict[str, Any]] = [{"query": MODEL}, {"query": "{"}, {}]
    for params in asked:
        async with shop.http.get(f"{shop.url}/graphql", params=params, headers={"Accept": GRAPHQL}) as answer:
            assert answer.headers["Cache-Control"] == "private, no-store"
            varies = {name.strip() for value in answer.headers.getall("Vary") for name in value.split(",")}
            assert {"Accept", "Accept-Language", "Authorization", "X-User"} <= varies


async def test_a_page_of_another_origin_can_read_what_went_wrong(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(shop.resources.access, "viewer", fail)
    origin = "http://localhost:5173"
    async with shop.http.post(
        f"{shop.url}/graphql", json={"query": MODEL}, headers={"Origin": origin, "X-User": "household-250"}
    ) as answer:
        (error,) = (await answer.json())["errors"]

    assert (answer.status, error["extensions"]["code"]) == (500, "INTERNAL")
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("written", ["https://shop.example/", "https://SHOP.example:443"])
def test_an_origin_may_be_written_in_any_way(stocked: Any, written: str) -> None:
    api = stocked.api.model_copy(update={"cors_origins": [written]})

    origins = Origins.of(stocked.model_copy(update={"api": api}))

    assert origins.listed == ("https://shop.example",)
    assert origins.allow("https://shop.example")


def test_what_is_no_origin_is_refused_at_the_start(stocked: Any) -> None:
    api = stocked.api.model_copy(update={"cors_origins": ["shop.example"]})

    with pytest.raises(BadInputError, match="API_CORS_ORIGINS"):
        Origins.of(stocked.model_copy(update={"api": api}))


async def test_long_answers_are_compressed_and_streams_are_not(shop: Shop) -> None:
    packed = {"Accept-Encoding": "gzip"}
    query = "{ products(first: 100) { nodes { id name description } } }"
    async with shop.http.post(f"{shop.url}/graphql", json={"query": query}, headers=packed) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert len((await answer.json())["data"]["products"]["nodes"]) == 100
    async with shop.http.post(f"{shop.url}/graphql", json={"query": MODEL}, headers=packed) as answer:
        assert "Content-Encoding" not in answer.headers
    asked = {"query": LIST, "variables": {"session": "packed"}}
    headers = packed | {"Accept": EVENTS}
    async with shop.http.post(f"{shop.url}/graphql", json=asked, headers=headers) as stream:
        assert "Content-Encoding" not in stream.headers
        assert (await Events(stream).next())["event"] == "next"


async def test_a_field_that_fails_leaves_the_rest_of_the_page(shop: Shop) -> None:
    query = """
    { model { version }
      empty: recommendations(input: { scenario: CART, productIds: [], sessionId: "s" }) { items { rank } }
      broken: recommendations(input: { scenario: SIMILAR, sessionId: "s" }) { id } }
    """

    answer = await shop.ask(query)

    assert answer.data is not None
    assert answer.data["model"]["version"]
    assert answer.data["empty"] == {"items": []}
    assert answer.data["broken"] is None
    assert answer.errors[0]["path"] == ["broken"]
