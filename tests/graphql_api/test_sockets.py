"""WebSockets: what is no message of the protocol, who opens how many, and what is left unread."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import pytest

from shop.settings import ApiSettings, RateSettings
from tests.fixtures.queries import new_user
from tests.fixtures.shop import Shop, open_shop, variant
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.settings import Settings

MODEL = "{ model { version } }"
LIVE = "subscription { recommendationsUpdated { eventId } }"
_PATIENCE = 20


@pytest.fixture(scope="module")
async def strict(stocked: Settings) -> AsyncIterator[Shop]:
    """A client's address is what `X-Forwarded-For` says, so that each test has one of its own."""
    api = ApiSettings(
        trusted_proxies=["127.0.0.1"],
        max_sockets_per_address=3,
        max_sockets_per_viewer=2,
        max_subscriptions=4,
        max_socket_bytes=50_000,
        read_seconds=0.5,
    )
    rate = RateSettings(cost_per_minute=20_000, address_factor=1)
    async with open_shop(variant(stocked.model_copy(update={"api": api}), own_keys=uuid4().hex, rate=rate)) as served:
        yield served


@contextlib.asynccontextmanager
async def connected(
    shop: Shop, payload: dict[str, Any] | None = None, address: str | None = None
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    headers = {"X-Forwarded-For": address} if address else {}
    async with shop.http.ws_connect(
        f"{shop.url}/graphql", protocols=["graphql-transport-ws"], headers=headers, max_msg_size=0
    ) as opened:
        if payload is not None:
            await opened.send_json({"type": "connection_init", "payload": payload})
            assert (await opened.receive_json())["type"] == "connection_ack"
        yield opened


async def closing_code(opened: aiohttp.ClientWebSocketResponse) -> int | None:
    """The code with which the server closes, whatever it says before."""
    async with asyncio.timeout(_PATIENCE):
        async for _ in opened:
            pass
    return opened.close_code


def subscribe(query: str, id_: str = "1", **payload: Any) -> str:
    return json.dumps({"id": id_, "type": "subscribe", "payload": {"query": query, **payload}})


@pytest.mark.parametrize(
    "frame",
    [
        "[1,2]", "null", "1", '"x"', "{", "", "{}", '{"type": null}', '{"type": "unknown"}', '{"type": ["subscribe"]}',
        '{"type": "subscribe"}', '{"type": "subscribe", "id": 1, "payload": {"query": "{ __typename }"}}',
        '{"type": "subscribe", "id": "1", "payload": []}', '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }", "variables": [1]}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }", "operationName": {}}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ __typename }"}}', '{"type": "complete"}',
        '{"type": "complete", "id": []}', "[" * 5_000, subscribe(MODEL, "x" * 201),
    ],
)  # fmt: skip
async def test_what_is_no_message_closes_with_its_code(shop: Shop, frame: str) -> None:
    async with connected(shop, {}) as opened:
        await opened.send_str(frame)

        assert await closing_code(opened) == 4400


async def test_binary_frames_and_payloads_that_are_none_close_with_their_codes(shop: Shop) -> None:
    async with connected(shop, {}) as opened:
        await opened.send_bytes(b"\x00\xff")
        assert await closing_code(opened) == 4400
    async with connected(shop) as opened:
        await opened.send_str('{"type": "connection_init", "payload": []}')
        assert await closing_code(opened) == 4400
    async with connected(shop, {}) as opened:
        await opened.send_str('{"type": "connection_init"}')
        assert await closing_code(opened) == 4429
    async with connected(shop) as opened:
        await opened.send_str(subscribe(MODEL))
        assert await closing_code(opened) == 4401


async def test_a_message_may_have_so_many_bytes(shop: Shop) -> None:
    async with connected(shop, {}) as opened:
        await opened.send_str(subscribe(MODEL, variables={"x": "y" * 200_000}))

        assert await closing_code(opened) == 1009


async def test_a_socket_that_does_not_begin_is_closed(strict: Shop) -> None:
    async with connected(strict, address="203.0.113.1") as opened:
        assert await closing_code(opened) == 4408


async def test_operations_over_a_socket_have_the_limits_of_all_others(strict: Shop) -> None:
    bomb = "{ categories { children { parent { children { parent { children { name } } } } } } }"
    async with connected(strict, {}, "203.0.113.2") as opened:
        await opened.send_str(subscribe(bomb))
        refused = await opened.receive_json(timeout=_PATIENCE)
        await opened.send_str(subscribe(MODEL, "2"))
        answered = await opened.receive_json(timeout=_PATIENCE)

    assert refused["type"] == "error"
    assert refused["payload"][0]["extensions"]["code"] == "COST_EXCEEDED"
    assert answered["payload"]["data"]["model"]["version"]
    assert answered["payload"]["extensions"]["cost"]["requested"] == 2


async def test_operations_over_a_socket_are_counted_like_all_others(strict: Shop) -> None:
    dear = "{ products(first: 100) { nodes { id name sku brand tags } } }"
    codes = []
    async with connected(strict, {}, "203.0.113.3") as opened:
        for number in range(60):
            await opened.send_str(subscribe(dear, str(number)))
            message = await opened.receive_json(timeout=_PATIENCE)
            if message["type"] == "error":
                codes.append(message["payload"][0]["extensions"]["code"])
            else:
                assert (await opened.receive_json(timeout=_PATIENCE))["type"] == "complete"

    assert set(codes) == {"RATE_LIMITED"}


async def test_an_address_has_so_many_sockets_and_gets_them_back(strict: Shop) -> None:
    address = "203.0.113.4"
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(connected(strict, {}, address))
        with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
            await stack.enter_async_context(connected(strict, {}, address))
        await stack.enter_async_context(connected(strict, {}, "203.0.113.5"))

    async def has_one_again() -> bool:
        try:
            async with connected(strict, {}, address):
                return True
        except aiohttp.WSServerHandshakeError:
            return False

    await until(has_one_again, "a free opened")


async def test_a_viewer_has_so_many_sockets_from_wherever(strict: Shop) -> None:
    user = await new_user(strict)
    async with contextlib.AsyncExitStack() as stack:
        for number in range(2):
            await stack.enter_async_context(connected(strict, {"X-User": user}, f"198.51.100.{number}"))
        third = await stack.enter_async_context(connected(strict, None, "198.51.100.9"))
        await third.send_json({"type": "connection_init", "payload": {"X-User": user}})

        assert await closing_code(third) == 4429


async def test_streams_over_http_are_counted_as_sockets_are(strict: Shop) -> None:
    user = await new_user(strict)
    headers = {"Accept": "text/event-stream", "X-User": user, "X-Forwarded-For": "203.0.113.8"}
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(connected(strict, {"X-User": user}, "203.0.113.9"))
        async with strict.http.post(f"{strict.url}/graphql", json={"query": LIVE}, headers=headers) as response:
            refused = (await asyncio.wait_for(response.read(), _PATIENCE)).decode()

    assert "RATE_LIMITED" in refused
    assert "event: complete" in refused


async def test_a_socket_runs_so_many_operations_at_once(strict: Shop) -> None:
    async with connected(strict, {"X-User": await new_user(strict)}, "203.0.113.6") as opened:
        for number in range(5):
            await opened.send_str(subscribe(LIVE, str(number)))
        messages = [await opened.receive_json(timeout=_PATIENCE) for _ in range(5)]

    assert sorted(message["type"] for message in messages) == ["error", "next", "next", "next", "next"]
    (error,) = [message["payload"][0] for message in messages if message["type"] == "error"]
    assert error["extensions"]["code"] == "RATE_LIMITED"


async def test_what_open_operations_were_sent_with_is_bounded(shop: Shop) -> None:
    live = "subscription { productUpdated { eventId } }"
    async with connected(shop, {}) as opened:
        for number in range(11):  # nobody asked for the variable: it would be held all the same
            await opened.send_str(subscribe(live, str(number), variables={"x": "y" * 100_000}))
        refused = await opened.receive_json(timeout=_PATIENCE)
        for number in range(11):
            await opened.send_str(json.dumps({"type": "complete", "id": str(number)}))
        await opened.send_str(subscribe(MODEL, "after", variables={"x": "y" * 100_000}))
        answered = await opened.receive_json(timeout=_PATIENCE)

    assert (refused["id"], refused["type"]) == ("10", "error")
    assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert answered["payload"]["data"]["model"]["version"]


async def token(shop: Shop, seconds: float) -> str:
    """Of a user of its own."""
    return await shop.resources.sign_ins.development_token(await new_user(shop), seconds / 3600)


async def test_the_expiry_of_a_token_closes_the_socket_that_it_opened(shop: Shop) -> None:
    async with connected(shop, {"authorization": f"Bearer {await token(shop, 2)}"}) as opened:
        await opened.send_str(subscribe(LIVE))
        assert (await opened.receive_json(timeout=_PATIENCE))["type"] == "next"

        assert await closing_code(opened) == 4403


async def test_the_expiry_of_a_token_ends_the_events_that_it_opened(shop: Shop) -> None:
    headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {await token(shop, 2)}"}
    async with shop.http.post(f"{shop.url}/graphql", json={"query": LIVE}, headers=headers) as response:
        async with asyncio.timeout(_PATIENCE):
            text = (await response.read()).decode()

    assert text.count("event: next") == 2
    assert "UNAUTHENTICATED" in text
    assert "event: complete" in text


async def test_what_a_slow_reader_leaves_unread_is_bounded(strict: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """It asks and does not read: once so many bytes wait for it, the socket is closed."""
    page = "{ products(first: 100) { nodes { id name sku brand tags description category { path } } } }"
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(("127.0.0.1", strict.settings.api.port))
    reader, writer = await asyncio.open_connection(sock=client, limit=1_024)
    writer.write(
        b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    writer.write(frame('{"type": "connection_init", "payload": {"X-User": "demo-staff"}}'))
    printed, number = "", 0

    async def is_given_up() -> bool:
        nonlocal printed, number
        for _ in range(4):
            number += 1
            writer.write(frame(subscribe(page, str(number))))
        printed += capsys.readouterr().out
        return "socket_too_slow" in printed

    await until(is_given_up, "the end of patience")
    async with asyncio.timeout(_PATIENCE):
        rest = await reader.read(-1)
    writer.close()

    assert (1013).to_bytes(2) + b"The client reads too slowly" in rest


def frame(text: str) -> bytes:
    """A masked text frame."""
    data = text.encode()
    length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + len(data).to_bytes(2)
    return b"\x81" + length + b"\0\0\0\0" + data
