"""What strangers may ask, send and leave: over HTTP, of a shop with small limits."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import socket
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from graphql_api.relay import encode_id
from shop.settings import ApiSettings, RateSettings
from tests.fixtures.queries import new_user
from tests.fixtures.shop import Shop, open_shop, serving, variant
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from shop.settings import Settings

TRACK = """
mutation ($input: TrackInteractionsInput!) {
  trackInteractions(input: $input) { interactions { id } userErrors { field code } }
}
"""
WRITES = 40


@pytest.fixture(scope="module")
async def strict(stocked: Settings) -> AsyncIterator[Shop]:
    """A client's address is what `X-Forwarded-For` says, so that each test has one of its own."""
    api = ApiSettings(
        trusted_proxies=["127.0.0.1"],
        read_seconds=0.5,
        write_seconds=0.5,
        deadline_seconds=2,
        max_answer_bytes=20_000,
    )
    rate = RateSettings(cost_per_minute=20_000, writes_per_minute=WRITES, address_factor=1)
    async with open_shop(variant(stocked.model_copy(update={"api": api}), own_keys=uuid4().hex, rate=rate)) as served:
        yield served


@pytest.fixture
def somewhere() -> dict[str, str]:
    """Headers of a client at an address that no other test has."""
    return {"X-Forwarded-For": f"10.{uuid4().int % 256}.{uuid4().int % 256}.{uuid4().int % 256}"}


async def post(shop: Shop, body: Any, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Status and answer, with its headers under `headers`."""
    data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    sent = {"Content-Type": "application/json", **(headers or {})}
    async with shop.http.post(f"{shop.url}/graphql", data=data, headers=sent) as response:
        return response.status, {**json.loads(await response.read()), "headers": response.headers}


def code_of(answer: dict[str, Any]) -> str:
    return str(answer["errors"][0]["extensions"]["code"])


# Cost


@pytest.mark.parametrize("levels", [20, 40, 90])
async def test_fragments_that_double_are_refused_at_once(shop: Shop, levels: int) -> None:
    fragments = "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }} " for n in range(levels))
    bomb = f"{{ ...F0 }} {fragments} fragment F{levels} on Query {{ model {{ version }} }}"

    answer = await shop.ask(bomb)

    assert answer.errors[0]["extensions"]["code"] == "COST_EXCEEDED"


async def test_trees_that_go_up_and_down_are_refused_also_by_get(shop: Shop) -> None:
    bomb = "{ categories { children { parent { children { parent { children { name } } } } } } }"
    async with shop.http.get(f"{shop.url}/graphql", params={"query": bomb}) as response:
        answer = await response.json()

    assert code_of(answer) == "COST_EXCEEDED"
    cost = answer["extensions"]["cost"]
    assert cost["requested"] > cost["limit"] == shop.settings.api.max_query_cost


async def test_every_answer_says_what_it_cost(strict: Shop, somewhere: dict[str, str]) -> None:
    costs = []
    for _ in range(2):
        _, answer = await post(strict, {"query": "{ products(first: 5) { nodes { id } } }"}, somewhere)
        costs.append(answer["extensions"]["cost"])

    assert [cost["requested"] for cost in costs] == [26, 26]
    assert costs[0]["remaining"] - costs[1]["remaining"] == pytest.approx(
        26, abs=20_000 / 60 * 5
    )  # what time gave back


async def test_neighbours_of_neighbours_are_refused_under_other_names_too(shop: Shop) -> None:
    bomb = "{ products(first: 50) { nodes { a: similar(first: 50) { b: similar(first: 50) { id name } } } } }"

    assert (await shop.ask(bomb)).errors[0]["extensions"]["code"] == "COST_EXCEEDED"


async def test_an_id_that_is_named_often_is_one_object(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    user = await new_user(shop)
    asked: list[str] = []
    found = shop.resources.users.user

    async def counting(_self: object, user_id: str) -> Any:
        asked.append(user_id)
        return await found(user_id)

    monkeypatch.setattr(type(shop.resources.users), "user", counting)
    ids = [encode_id("User", user)] * 100
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    data = await shop.data(query, {"ids": ids}, user)

    assert [node["id"] for node in data["nodes"]] == ids
    assert len(asked) < 5
    dear = (
        "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on User { recommendations(limit: 100) { items { rank } } } } }"
    )
    assert (await shop.ask(dear, {"ids": ids}, user)).errors[0]["extensions"]["code"] == "COST_EXCEEDED"


# Sizes


async def test_a_body_may_have_a_megabyte(shop: Shop) -> None:
    status, answer = await post(shop, {"query": "{ model { version } }", "variables": {"x": "y" * (1 << 20)}})

    assert (status, code_of(answer)) == (413, "BAD_USER_INPUT")
    assert "1,048,576" in answer["errors"][0]["message"]


async def test_a_body_that_hides_its_length_is_measured_too(shop: Shop) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * (64 << 10)

    headers = {"Content-Type": "application/json"}
    async with shop.http.post(f"{shop.url}/graphql", data=endless(), headers=headers) as response:
        assert response.status == 413


PAGE = "query ($f: ProductFilter) { products(filter: $f) { totalCount } }"
SHELF = "query ($i: RecommendationInput) { recommendations(input: $i) { id } }"
SESSION = "{ recommendations(input: { sessionId: $s }) { id } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
NODE = "query ($id: ID!) { node(id: $id) { id } }"


def mutation(name: str) -> str:
    type_ = f"{name[0].upper()}{name[1:]}Input"
    return f"mutation ($i: {type_}!) {{ {name}(input: $i) {{ userErrors {{ field code }} }} }}"


RULE = {"action": "BOOST", "target": {}, "scope": {"devices": ["d" * 5_000]}}


@pytest.mark.parametrize(
    ("query", "variables", "field"),
    [
        (PAGE, {"f": {"brands": ["b"] * 501}}, "filter.brands"),
        (PAGE, {"f": {"tags": ["t" * 501]}}, "filter.tags.0"),
        (SHELF, {"i": {"behavior": {"viewed": ["x"] * 501}}}, "behavior.viewed"),
        (SHELF, {"i": {"context": {"device": "d" * 101}}}, "context.device"),
        (f"query ($s: String) {SESSION}", {"s": "s" * 129}, "sessionId"),
        (f'query ($s: String = "{"s" * 129}") {SESSION}', {}, "sessionId"),
        (SESSION.replace("$s", f'"{"s" * 129}"'), {}, "sessionId"),
        (NODES, {"ids": ["x"] * 101}, "ids"),
        (NODE, {"id": "x" * 2_000}, "id"),
        (f'{{ products(search: "{"x" * 201}") {{ totalCount }} }}', {}, "search"),
        (mutation("updatePreferences"), {"i": {"tags": ["x" * 10_000]}}, "tags.0"),
        (mutation("trackInteractions"), {"i": {"interactions": [{"type": "VIEW"}] * 1001}}, "interactions"),
        (mutation("saveMerchandisingRule"), {"i": RULE}, "scope.devices.0"),
    ],
)
async def test_every_string_and_list_has_a_size_that_is_checked_first(
    shop: Shop, query: str, variables: dict[str, Any], field: str
) -> None:
    answer = await shop.ask(query, variables)

    (error,) = answer.errors
    assert (error["extensions"]["code"], error["extensions"]["field"]) == ("BAD_USER_INPUT", field)
    assert "at most" in error["message"]
    assert answer.data is None


async def test_a_batch_tells_of_each_text_that_is_too_long_and_keeps_the_rest(shop: Shop) -> None:
    query = mutation("upsertProducts").replace("userErrors", "products { sku } userErrors")
    sku = f"strangers-{uuid4().hex[:8]}"
    products = [
        {"sku": sku, "name": "Fine"},
        {"sku": "long", "name": "n" * 1_001},
        {"sku": "long", "name": "x", "brand": "b" * 501, "imageUrl": "https://x.example/" + "y" * 2_000},
        {"sku": "long", "name": "x", "tags": [f"t{n}" for n in range(100)] + ["t" * 501]},
    ]

    data = await shop.data(query, {"i": {"products": products}}, "demo-staff")
    payload = data["upsertProducts"]

    assert [product["sku"] for product in payload["products"]] == [sku]
    assert {(error["field"], error["code"]) for error in payload["userErrors"]} == {
        ("products.1.name", "TOO_LONG"),
        ("products.2.brand", "TOO_LONG"),
        ("products.2.imageUrl", "TOO_LONG"),
        ("products.3.tags", "TOO_LONG"),
    }


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
@pytest.mark.parametrize("argument", ["from", "to"])
async def test_reports_of_times_at_the_end_of_the_calendar(shop: Shop, moment: str, argument: str) -> None:
    query = f'{{ explanationReport({argument}: "{moment}") {{ ratings {{ shown }} }} }}'
    answer = await shop.ask(query, user="demo-staff")

    assert {error["extensions"]["code"] for error in answer.errors} <= {"BAD_USER_INPUT"}


async def test_an_answer_may_have_so_many_bytes(strict: Shop, somewhere: dict[str, str]) -> None:
    query = "{ products(first: 100) { nodes { id name description brand tags category { path } } } }"
    status, answer = await post(strict, {"query": query}, {**somewhere, "Accept": "application/graphql-response+json"})

    assert (status, code_of(answer)) == (400, "COST_EXCEEDED")
    assert "20,000" in answer["errors"][0]["message"]
    assert "data" not in answer


# Time


async def test_a_request_has_a_deadline_and_its_work_is_cancelled(
    strict: Shop, somewhere: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()

    async def endless(*_: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(type(strict.resources.catalog), "by_sku", endless)
    status, answer = await post(
        strict, {"query": '{ product(sku: "x") { id } }'}, {**somewhere, "Accept": "application/graphql-response+json"}
    )

    assert (status, code_of(answer)) == (503, "UNAVAILABLE")
    assert "2 seconds" in answer["errors"][0]["message"]
    assert ended.is_set()


async def test_the_work_of_a_client_that_leaves_is_cancelled(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def endless(*_: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(type(shop.resources.catalog), "get_many", endless)
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    asking = asyncio.create_task(shop.ask(query, {"ids": [encode_id("Product", "x")]}))
    await begun.wait()
    asking.cancel()

    await asyncio.wait_for(ended.wait(), 10)


async def test_what_loaders_load_is_cancelled_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def endless(*_: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr(type(shop.resources.neighbours), "of", endless)
    asking = asyncio.create_task(shop.ask("{ products(first: 3) { nodes { similar { id } } } }"))
    await begun.wait()
    asking.cancel()

    await asyncio.wait_for(ended.wait(), 10)


async def test_others_get_their_turn_while_a_long_list_is_made(shop: Shop) -> None:
    turns = 0

    async def bystander() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    standing = asyncio.create_task(bystander())
    fields = (
        "id sku name description brand tags inStock rating popularity buyerCount price { amount } category { path }"
    )
    before = turns
    try:
        await shop.data(f"{{ products(first: 100) {{ nodes {{ {fields} }} }} }}")
    finally:
        standing.cancel()

    assert turns - before > 10


async def test_a_body_that_does_not_come_is_given_up(strict: Shop) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", strict.settings.api.port)
    writer.write(b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")

    assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 408")
    writer.close()


async def test_a_client_that_does_not_read_its_answer_is_disconnected(
    strict: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    path = "/graphiql/graphiql.min.js"
    async with strict.http.get(f"{strict.url}{path}") as response:
        whole = len(await response.read())
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(("127.0.0.1", strict.settings.api.port))
    reader, writer = await asyncio.open_connection(sock=client, limit=1_024)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 3)  # more than the system keeps
    printed = ""

    async def is_given_up() -> bool:
        nonlocal printed
        printed += capsys.readouterr().out
        return "client_does_not_read" in printed

    await until(is_given_up, "the end of patience")
    received = 0
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(10):
            while part := await reader.read(1 << 16):
                received += len(part)
    writer.close()

    assert received < 3 * whole


async def test_a_client_that_reads_slowly_gets_its_whole_answer(strict: Shop) -> None:
    answer = bytes(16 << 20)  # in one part, and more than the system keeps
    app = Starlette(routes=[Route("/", lambda _: Response(answer))])
    settings = variant(strict.settings)
    settings = settings.model_copy(update={"api": settings.api.model_copy(update={"write_seconds": 1})})
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
    received = 0
    async with serving(app, settings):
        client.connect(("127.0.0.1", settings.api.port))
        reader, writer = await asyncio.open_connection(sock=client, limit=1 << 16)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        while part := await reader.read(1 << 18):
            received += len(part)
            await asyncio.sleep(len(part) / len(answer) * 3)  # three times as long as a part may take
        writer.close()

    assert received == len(answer)


@pytest.mark.parametrize(
    "begun", [b"", b"GET /graphql HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=["silent", "half a header"]
)
async def test_a_connection_without_a_request_is_closed(strict: Shop, begun: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", strict.settings.api.port)
    writer.write(begun)

    assert await asyncio.wait_for(reader.read(), 10) == b""
    writer.close()


@pytest.mark.parametrize("pieces", [1, 50], ids=["one header", "many headers"])
async def test_headers_may_have_so_many_bytes(shop: Shop, pieces: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shop.settings.api.port)
    head = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
    for number in range(pieces):
        head += b"X-%d: %s\r\n" % (number, b"y" * (100_000 // pieces))
    writer.write(head + b"\r\n")

    assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 431")
    writer.close()


async def test_a_header_without_an_end_is_cut_off(shop: Shop) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shop.settings.api.port)
    writer.write(b"GET /health/live HTTP/1.1\r\nX-Long: ")
    answer = asyncio.create_task(reader.readline())
    sent = 0
    while not answer.done():
        writer.write(b"y" * 65_536)
        sent += 65_536
        assert sent < 20_000_000, "nobody stops it"
        await asyncio.sleep(0.001)

    assert (await answer).startswith(b"HTTP/1.1 431")
    writer.close()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


async def test_an_upload_that_breaks_off_leaves_no_trace_of_the_program(
    shop: Shop, logged: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", shop.settings.api.port)
    writer.write(b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()
    printed = ""

    async def is_noticed() -> bool:
        nonlocal printed
        printed += capsys.readouterr().out
        return "client_left" in printed or bool(logged.records)

    await until(is_noticed, "the end of the upload")
    assert "Traceback" not in printed
    assert not logged.records


# Rate


def clicks(session: str, number: int) -> dict[str, Any]:
    events = [{"productSku": "none", "type": "CLICK"} for _ in range(number)]
    return {"query": TRACK, "variables": {"input": {"sessionId": session, "interactions": events}}}


async def test_an_address_writes_so_many_records_in_a_minute(strict: Shop, somewhere: dict[str, str]) -> None:
    answers = [await post(strict, clicks(f"s{number}", 10), somewhere) for number in range(WRITES // 10 + 2)]

    refused = [(status, answer) for status, answer in answers if "errors" in answer]
    assert len(refused) in {1, 2}  # the bucket fills up meanwhile
    status, answer = refused[-1]
    (error,) = answer["errors"]
    assert (status, error["extensions"]["code"], error["extensions"]["retryable"]) == (200, "RATE_LIMITED", True)
    assert 0 < error["extensions"]["retryAfter"] <= 60
    assert int(answer["headers"]["Retry-After"]) >= 1
    _, elsewhere = await post(strict, clicks("elsewhere", 10), {"X-Forwarded-For": "192.0.2.77"})
    assert "errors" not in elsewhere


async def test_a_session_writes_so_many_records_from_wherever(strict: Shop) -> None:
    session = uuid4().hex
    answers = [
        await post(strict, clicks(session, 20), {"X-Forwarded-For": f"192.0.2.{number}"}) for number in range(1, 5)
    ]

    assert [("errors" in answer) for _, answer in answers][:2] == [False, False]
    assert code_of(answers[-1][1]) == "RATE_LIMITED"


async def test_a_viewer_is_counted_wherever_the_viewer_is_and_others_are_not(strict: Shop) -> None:
    user, other = await new_user(strict), await new_user(strict)
    body = {"query": "{ products(first: 100) { nodes { id name sku brand } } }"}  # 521
    codes = []
    for number in range(60):
        _, answer = await post(strict, body, {"X-User": user, "X-Forwarded-For": f"198.51.100.{number}"})
        codes.append(code_of(answer) if "errors" in answer else None)
    _, others = await post(strict, body, {"X-User": other, "X-Forwarded-For": "198.51.100.200"})

    assert codes[0] is None
    assert codes[-1] == "RATE_LIMITED"
    assert "errors" not in others


async def test_who_was_told_to_wait_costs_nothing_more(strict: Shop, somewhere: dict[str, str]) -> None:
    """Refused before the body is read as JSON, with a status of its own."""
    body = {"query": "{ products(first: 100) { nodes { id name sku brand tags description } } }"}
    statuses = [(await post(strict, body, somewhere))[0] for _ in range(40)]
    status, answer = await post(strict, b"this is no JSON", somewhere)

    staff_status, staff = await post(strict, body, {**somewhere, "X-User": "demo-staff"})

    assert statuses[0] == 200
    assert (status, code_of(answer)) == (429, "RATE_LIMITED")
    assert staff_status == 200
    assert "errors" not in staff or code_of(staff) != "RATE_LIMITED"


async def test_documents_that_are_none_cost_something_too(strict: Shop, somewhere: dict[str, str]) -> None:
    for number in range(400):
        _, answer = await post(strict, {"query": f"{{ unknown{number} }} #" + "x" * 30_000}, somewhere)
        if code_of(answer) == "RATE_LIMITED":
            return
    pytest.fail("nobody was told to wait")


async def test_what_a_forwarded_header_says_counts_only_from_a_trusted_proxy(shop: Shop) -> None:
    seen: list[str] = []
    take = shop.resources.rates.take

    async def noting(viewer: Any, address: str, *rest: Any) -> float:
        seen.append(address)
        return await take(viewer, address, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop.resources.rates, "take", noting)
        await post(shop, {"query": "{ model { version } }"}, {"X-Forwarded-For": "203.0.113.9"})

    assert set(seen) == {"127.0.0.1"}
