"""An explanation is read while it is written; and a language model that fails is never the shopper's problem."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from graphql_api.relay import decode_id
from shop.entities.users import Actor
from shop.jobs import ExplainItem, ExplainList, to_json
from shop.settings import LlmSettings
from shop.texts.labels import product_label
from tests.fixtures import llm_server
from tests.fixtures.llm_server import pieces_of, truthful_text
from tests.fixtures.queries import EXPLANATION_READY
from tests.fixtures.redis import redis_settings
from tests.fixtures.shop import open_shop, variant, working
from tests.fixtures.waiting import until
from workers.context import WorkerContext
from workers.delivery import run_job
from workers.llm.writer import Writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.settings import Settings
    from tests.fixtures.llm_server import Fault, LlmServer
    from tests.fixtures.shop import Shop, Subscription

LIST = "degraded items { product { id name } explanation { status } }"
STREAM = """
subscription ($product: ID!, $session: String) {
  explanationStream(productId: $product, sessionId: $session) {
    eventId delta text final replaced explanation { status text source evidence { kind } }
  }
}
"""
EXPLANATION = """
query ($product: ID!, $session: String) {
  explanation(productId: $product, sessionId: $session) { status text source model }
}
"""


@pytest.fixture(scope="module")
async def api(stocked: Settings) -> AsyncIterator[Shop]:
    """The stocked shop with a queue and an event log of its own, which no worker serves yet."""
    name = f"streaming_{uuid4().hex[:8]}"
    settings = variant(
        stocked,
        redis=redis_settings(stocked.redis.url, name),
        llm=LlmSettings(provider="local", local_model=name),
    )
    async with open_shop(settings) as shop:
        yield shop


@pytest.fixture
async def server() -> AsyncIterator[LlmServer]:
    async with llm_server.llm_server() as running:
        yield running


@contextlib.asynccontextmanager
async def worker(api: Shop, server: LlmServer, **others: Any) -> AsyncIterator[None]:
    """A worker that asks this language model; nothing is left to do when it ends."""
    changes = {"local_base_url": f"{server.url}/v1", "max_retries": 0, **others}
    settings = api.settings.model_copy(update={"llm": api.settings.llm.model_copy(update=changes)})
    async with working(settings):
        yield
        server.close()


async def shown(api: Shop, session: str) -> dict[str, Any]:
    """The first place of a new visitor's list."""
    answer = await api.listed(LIST, sessionId=session, scenario="POPULAR", limit=1)
    assert answer["degraded"] == []
    (item,) = answer["items"]
    return dict(item)


async def asked(server: LlmServer, times: int) -> None:
    async def enough() -> bool:
        return len(server.received) >= times

    await until(enough, f"{times} calls of the language model", 20)


async def rest(stream: Subscription) -> list[dict[str, Any]]:
    """The chunks until the last one, after which the subscription must complete."""
    chunks = [(await stream.next())["explanationStream"]]
    while not chunks[-1]["final"]:
        chunks.append((await stream.next())["explanationStream"])
    assert (await stream.socket.receive_json(timeout=20))["type"] == "complete"
    return chunks


async def test_the_text_grows_on_the_page_and_stays(api: Shop, server: LlmServer) -> None:
    # Given a list whose texts the model is slow to write
    session = uuid4().hex
    server.script(llm_server.SLOW)
    server.gate = asyncio.Semaphore(0)
    async with worker(api, server), api.subscribe(EXPLANATION_READY, {"session": session}, listening=True) as ready:
        item = await shown(api, session)
        assert item["explanation"]["status"] == "PENDING", "no query waits for a model"
        await asked(server, 1)
        variables = {"product": item["product"]["id"], "session": session}
        text = truthful_text(product_label(item["product"]["name"]))

        # When a page asks for one of them, and the model writes half of it
        async with api.subscribe(STREAM, variables) as stream:
            await asked(server, 2)
            for _ in range(len(pieces_of(text)) // 2):
                server.gate.release()
            first = (await stream.next())["explanationStream"]

            # Then the page has words while the rest is still to be written
            assert text.startswith(first["text"])
            assert text != first["text"] == first["delta"]
            assert (first["final"], first["replaced"], first["explanation"]) == (False, False, None)

            # And they grow to the checked text
            for _ in pieces_of(text):
                server.gate.release()
            chunks = [first, *await rest(stream)]
        assert [chunk["final"] for chunk in chunks].index(True) >= 2
        assert len(chunks) <= len(text) // 16 + 2, "not one event for each word"
        lengths = [len(chunk["text"]) for chunk in chunks]
        assert lengths == sorted(lengths)
        assert "".join(chunk["delta"] for chunk in chunks) == text
        assert not any(chunk["replaced"] for chunk in chunks)
        assert chunks[-1]["explanation"] == {
            "status": "READY",
            "text": text,
            "source": "LOCAL",
            "evidence": [{"kind": "POPULAR"}],
        }

        # And it is the explanation from now on, for all who ask or wait
        known = (await api.data(EXPLANATION, variables))["explanation"]
        assert known == {"status": "READY", "text": text, "source": "LOCAL", "model": api.settings.llm.local_model}
        assert (await ready.next())["explanationReady"] == {"productId": variables["product"], "explanation": known}
        async with api.subscribe(STREAM, variables) as again:
            (only,) = await rest(again)
        assert (only["text"], only["delta"], only["replaced"]) == (text, text, False)
        assert len(server.received) == 2


async def test_a_text_that_claims_too_much_is_replaced_on_the_page(api: Shop, server: LlmServer) -> None:
    session = uuid4().hex
    invented = "This product was bought by 9,999 people in your street alone, and all of them came back for more."
    server.script(llm_server.SLOW, llm_server.says(invented))
    async with worker(api, server):
        item = await shown(api, session)
        await asked(server, 1)
        variables = {"product": item["product"]["id"], "session": session}

        async with api.subscribe(STREAM, variables) as stream:
            *growing, last = await rest(stream)

        assert len(growing) >= 2
        assert all(invented.startswith(chunk["text"]) for chunk in growing)
        assert (last["replaced"], last["delta"]) == (True, None)
        assert last["explanation"]["source"] == "TEMPLATE"
        assert "9,999" not in last["text"] == last["explanation"]["text"]
        assert (await api.data(EXPLANATION, variables))["explanation"]["text"] == last["text"]


async def test_whoever_is_first_counts_and_the_page_is_told(api: Shop, server: LlmServer) -> None:
    session = uuid4().hex
    server.script(llm_server.SLOW)
    server.gate = asyncio.Semaphore(5)
    async with worker(api, server):
        item = await shown(api, session)
        await asked(server, 1)
        variables = {"product": item["product"]["id"], "session": session}
        async with api.subscribe(STREAM, variables) as stream:
            first = (await stream.next())["explanationStream"]

            await write_by_template(api, session, item["product"]["id"])
            (last,) = await rest(stream)

        assert last["text"] != first["text"]
        assert (last["replaced"], last["explanation"]["source"]) == (True, "TEMPLATE")


async def write_by_template(api: Shop, session: str, product_id: str) -> None:
    """The list's own job comes to its end, without a model."""
    wanted = await api.resources.explanations.current(Actor(session_id=session), decode_id("Product", product_id, "id"))
    assert wanted is not None
    item = ExplainItem(wanted.key, wanted.product_id, wanted.evidence)
    message = to_json(ExplainList(wanted.actor_key, wanted.language, (item,)))
    await run_job(WorkerContext(api.resources, Writer([])), "explain_list", message)


async def test_a_product_that_was_not_recommended_has_nothing_to_say(api: Shop) -> None:
    variables = {"product": "UHJvZHVjdDoxMDgyMTg1", "session": uuid4().hex}

    async with api.subscribe(STREAM, variables) as stream:
        (error,) = await stream.next_errors()

    assert error["extensions"]["code"] == "NOT_FOUND"
    assert "Ask for recommendations first" in error["message"]


async def test_nobody_reads_along(api: Shop) -> None:
    of_another = """
    subscription { explanationStream(productId: "UHJvZHVjdDoxMDgyMTg1", userId: "VXNlcjpob3VzZWhvbGQtODI=") { text } }
    """
    async with api.subscribe(of_another, user="household-250") as stream:
        (error,) = await stream.next_errors()

    assert error["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("fault", "others"),
    [
        (None, {"local_base_url": "http://127.0.0.1:1/v1"}),
        (llm_server.SLOW, {"timeout_seconds": 0.3}),
        (llm_server.SLOW, {"deadline_seconds": 0.3}),
        (llm_server.says("I would rather talk about the weather."), {}),
        (llm_server.rate_limited("60"), {}),
        (llm_server.CUT_MIDWAY, {}),
    ],
    ids=["down", "slow", "too slow for all", "nonsense", "limited", "cut"],
)
async def test_when_the_model_fails_the_template_writes(
    api: Shop, server: LlmServer, fault: Fault | None, others: dict[str, Any]
) -> None:
    session = uuid4().hex
    if fault is not None:
        server.script(fault)
    async with (
        worker(api, server, **others),
        api.subscribe(EXPLANATION_READY, {"session": session}, listening=True) as ready,
    ):
        assert (await shown(api, session))["explanation"]["status"] == "PENDING"
        explanation = (await ready.next())["explanationReady"]["explanation"]

    assert (explanation["status"], explanation["source"]) == ("READY", "TEMPLATE")
    assert explanation["text"]


async def test_lists_come_while_the_model_is_still_thinking(api: Shop, server: LlmServer) -> None:
    session = uuid4().hex
    server.script(llm_server.SLOW)
    async with worker(api, server):
        await shown(api, session)
        await asked(server, 1)

        again = await shown(api, session)

        assert server.active == 1, "the model has not answered yet"
        assert again["explanation"]["status"] == "PENDING"
        assert len(server.received) == 1, "and is not asked again"


async def test_the_client_of_the_docs_reads_along(api: Shop, server: LlmServer) -> None:
    page = (Path(__file__).parents[2] / "docs" / "llm.md").read_text()
    (query,) = re.findall(r"```graphql\n(.*?)```", page, re.DOTALL)
    (client,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    module: dict[str, Any] = {}
    exec(client, module)  # noqa: S102 (our own documentation)
    session = uuid4().hex
    server.script(llm_server.SLOW)
    async with worker(api, server):
        item = await shown(api, session)
        await asked(server, 1)

        read = await asyncio.to_thread(
            lambda: list(module["read_along"](f"{api.url}/graphql", query, item["product"]["id"], session))
        )

    assert len(read) >= 3
    assert [chunk["final"] for chunk in read].index(True) == len(read) - 1
    assert read[-1]["explanation"]["text"] == truthful_text(product_label(item["product"]["name"]))
