"""One id leads from what a client was told to every line in the log."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from structlog.contextvars import get_contextvars, merge_contextvars
from structlog.testing import capture_logs

from devstack.stack.ports import free_port
from shop.settings import ApiSettings
from shop.store.bulk import bulk_insert
from tests.fixtures.shop import open_shop, variant
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

    from tests.fixtures.shop import Shop

BROKEN = '{ product(sku: "a") { id } }'
MADE_UP = re.compile(r"[0-9a-f]{16}")
_log = structlog.get_logger(__name__)


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """Lines of the log, as a running process would write them."""
    with capture_logs([merge_contextvars]) as lines:
        yield lines


@pytest.fixture
def broken(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking up a product by its SKU logs from a task of its own, and fails."""

    async def log() -> None:
        _log.info("from_a_task")

    async def by_sku(*_: object) -> None:
        await asyncio.create_task(log())
        raise RuntimeError("This is broken.")

    monkeypatch.setattr(type(shop.resources.catalog), "by_sku", by_sku)


@pytest.mark.usefixtures("broken")
async def test_header_error_and_log_name_the_id_that_the_client_sent(
    shop: Shop, logged: list[MutableMapping[str, Any]]
) -> None:
    answer = await shop.ask(BROKEN, headers={"X-Request-Id": "Page-7.checkout_1"})

    assert answer.request_id == "Page-7.checkout_1"
    assert answer.errors[0]["extensions"]["requestId"] == "Page-7.checkout_1"
    lines = {line["event"]: line["request_id"] for line in logged if "request_id" in line}
    assert lines["unexpected_error"] == lines["from_a_task"] == "Page-7.checkout_1"


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("sent", ["", "two words", "x" * 65, "a;b", "événement", 'a"}'])
async def test_an_unsafe_id_is_replaced(shop: Shop, logged: list[MutableMapping[str, Any]], sent: str) -> None:
    answer = await shop.ask(BROKEN, headers={"X-Request-Id": sent})

    assert MADE_UP.fullmatch(answer.request_id)
    assert answer.errors[0]["extensions"]["requestId"] == answer.request_id
    assert {line["request_id"] for line in logged if "request_id" in line} == {answer.request_id}


async def test_each_request_has_an_id_of_its_own(shop: Shop) -> None:
    named = await shop.ask("{ model { version } }", headers={"X-Request-Id": "first"})
    others = [await shop.ask("{ nothing }") for _ in range(3)]  # on the connection that the first one left open

    ids = {answer.request_id for answer in others}
    assert named.request_id == "first"
    assert len(ids) == 3
    assert all(MADE_UP.fullmatch(id_) for id_ in ids)
    assert [answer.errors[0]["extensions"]["requestId"] for answer in others] == [each.request_id for each in others]


async def test_a_request_that_is_refused_is_in_the_log(shop: Shop, logged: list[MutableMapping[str, Any]]) -> None:
    answer = await shop.ask("{ viewer { id } }", headers={"Authorization": "Bearer nonsense"})

    assert answer.status == 401
    assert answer.errors[0]["extensions"]["requestId"] == answer.request_id
    (line,) = (line for line in logged if line["event"] == "request_refused")
    assert (line["request_id"], line["code"], line["log_level"]) == (answer.request_id, "UNAUTHENTICATED", "info")


async def test_what_fails_outside_of_graphql_has_an_id_too(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("This is broken.")

    bound: list[Mapping[str, Any]] = []

    class Bound(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            bound.append(dict(get_contextvars()))

    async def logged() -> bool:
        return bool(bound)

    monkeypatch.setattr(type(shop.resources.usage), "refresh_totals", broken)
    # Level and handler of its own: other servers of this process may have silenced the logger that they share.
    logger, handler = logging.getLogger("uvicorn.error"), Bound(logging.ERROR)
    logger.addHandler(handler)
    try:
        with caplog.at_level(logging.ERROR, logger=logger.name):
            async with shop.http.get(f"{shop.url}/metrics") as response:
                request_id = response.headers["X-Request-Id"]
            await until(logged, "the server's line, which follows the answer")
    finally:
        logger.removeHandler(handler)

    assert response.status == 500
    assert bound == [{"request_id": request_id}]


@pytest.mark.usefixtures("broken")
async def test_operations_of_a_web_socket_have_ids_of_their_own(
    shop: Shop, logged: list[MutableMapping[str, Any]]
) -> None:
    headers = {"X-Request-Id": "tab-3"}
    told: list[str] = []
    async with shop.http.ws_connect(
        f"{shop.url}/graphql", protocols=["graphql-transport-ws"], headers=headers
    ) as socket:
        await socket.send_json({"type": "connection_init"})
        assert (await socket.receive_json(timeout=20))["type"] == "connection_ack"
        for operation in ("a", "b"):
            await socket.send_json({"id": operation, "type": "subscribe", "payload": {"query": BROKEN}})
            (error,) = (await socket.receive_json(timeout=20))["payload"]["errors"]
            told.append(error["extensions"]["requestId"])
            assert (await socket.receive_json(timeout=20))["type"] == "complete"

    lines = [line for line in logged if line["event"] == "unexpected_error"]
    assert [line["request_id"] for line in lines] == told
    assert {line["connection_id"] for line in lines} == {"tab-3"}
    assert len(set(told)) == 2
    assert all(MADE_UP.fullmatch(id_) for id_ in told)


async def test_a_connection_that_is_refused_is_in_the_log(shop: Shop, logged: list[MutableMapping[str, Any]]) -> None:
    headers = {"X-Request-Id": "tab-4"}
    async with shop.http.ws_connect(
        f"{shop.url}/graphql", protocols=["graphql-transport-ws"], headers=headers
    ) as socket:
        await socket.send_json({"type": "connection_init", "payload": {"authorization": "Bearer nonsense"}})
        await socket.receive(timeout=20)

    (line,) = (line for line in logged if line["event"] == "connection_refused")
    assert (line["request_id"], line["code"]) == ("tab-4", "UNAUTHENTICATED")


async def test_background_work_has_no_requests_id(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written for several requests at once belongs to none of them."""
    bound: list[dict[str, Any]] = []

    async def watched(*arguments: Any) -> int:
        bound.append(get_contextvars())
        return await bulk_insert(*arguments)

    monkeypatch.setattr("shop.store.recommendation_log.bulk_insert", watched)

    await shop.data("{ recommendations(input: { scenario: POPULAR }) { id } }")
    await shop.resources.stores.recommendation_log.flush()

    assert bound
    assert all("request_id" not in variables for variables in bound)


async def test_pages_of_other_hosts_may_read_the_id(shop: Shop) -> None:
    origin = "https://shop.example"
    settings = variant(shop.settings, api=ApiSettings(port=free_port(), cors_origins=[origin]))
    async with (
        open_shop(settings) as other,
        other.http.get(f"{other.url}/health/live", headers={"Origin": origin}) as response,
    ):
        assert response.headers["Access-Control-Expose-Headers"] == "X-Request-Id"
        assert response.headers["X-Request-Id"]
