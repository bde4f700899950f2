"""The chain of providers: whoever can writes, in the order of the settings, in time, and as it is read."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from shop.entities.explanations import TextSource
from shop.settings import LlmSettings
from tests.fixtures import llm_server
from tests.fixtures.llm_server import truthful_text
from tests.fixtures.waiting import until
from tests.workers.llm.samples import INSIGHT, MILK, TASK
from workers.llm.protocol import TextChecked, TextDelta
from workers.llm.template import TemplateProvider
from workers.llm.writer import build_writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.fixtures.llm_server import Fault, LlmServer
    from workers.llm.writer import Writer

ONE = replace(TASK, items=TASK.items[:1])
DOWN = llm_server.status(503)


@pytest.fixture
async def server() -> AsyncIterator[LlmServer]:
    async with llm_server.llm_server() as running:
        yield running


@pytest.fixture
async def write(server: LlmServer) -> AsyncIterator[Callable[..., Writer]]:
    """Builds writers whose clouds, and own server, are the test's server."""
    built: list[Writer] = []

    def build(provider: str = "anthropic", fallbacks: str = "openai", **others: Any) -> Writer:
        writer = build_writer(settings(provider=provider, fallbacks=fallbacks, url=server.url, **others))
        built.append(writer)
        return writer

    yield build
    for writer in built:
        await writer.aclose()


def settings(url: str = "http://127.0.0.1:1", **others: Any) -> LlmSettings:
    keys = {"ANTHROPIC_API_KEY": "secret-key", "OPENAI_API_KEY": "secret-key"}
    addresses = {"anthropic_base_url": url, "openai_base_url": f"{url}/v1", "local_base_url": f"{url}/v1"}
    return LlmSettings.model_validate({"max_retries": 0} | keys | addresses | others)


def asked(server: LlmServer) -> list[str]:
    """Who was asked, in order."""
    names = {"/v1/messages": "anthropic", "/v1/chat/completions": "openai"}
    return [names[request.path] for request in server.received]


async def streamed(writer: Writer) -> tuple[list[str], TextChecked]:
    """The pieces, and the end."""
    events = [event async for event in writer.stream(ONE)]
    *pieces, end = events
    assert isinstance(end, TextChecked)
    return [piece.text for piece in pieces if isinstance(piece, TextDelta)], end


@pytest.mark.parametrize(
    ("provider", "fallbacks", "chain"),
    [
        ("template", "", ()),
        ("template", "openai", ()),
        ("openai", "", ("openai",)),
        ("anthropic", " OpenAI, local,template", ("anthropic", "openai", "local")),
        ("local", "local,openai,local", ("local", "openai")),
        ("openai", "template,local", ("openai",)),
    ],
)
def test_the_settings_name_the_order(provider: str, fallbacks: str, chain: tuple[str, ...]) -> None:
    assert settings(provider=provider, fallbacks=fallbacks).chain == chain


def test_an_unknown_fallback_stops_the_start_and_says_what_is_known() -> None:
    with pytest.raises(ValidationError, match="opnai: known are anthropic, openai, local, template"):
        settings(provider="anthropic", fallbacks="opnai")


async def test_the_next_in_line_writes_and_signs(write: Callable[..., Writer], server: LlmServer) -> None:
    writer = write()
    server.script(DOWN)
    texts = await writer.explain(TASK)
    server.script(DOWN)
    insight = await writer.insight(INSIGHT)

    assert {text.source for text in (*texts, insight)} == {TextSource.OPENAI}
    assert asked(server) == ["anthropic", "openai"] * 2


async def test_when_all_fail_the_template_writes(write: Callable[..., Writer], server: LlmServer) -> None:
    writer = write(fallbacks="openai,local")
    server.script(DOWN, llm_server.says("nonsense"), llm_server.REFUSES)

    texts = await writer.explain(TASK)

    assert {text.source for text in texts} == {TextSource.TEMPLATE}
    assert len(server.received) == 3


async def test_one_without_a_key_is_left_out(write: Callable[..., Writer], server: LlmServer) -> None:
    writer = write(ANTHROPIC_API_KEY="")

    texts = await writer.explain(TASK)

    assert {text.source for text in texts} == {TextSource.OPENAI}
    assert asked(server) == ["openai"]


async def test_a_provider_that_keeps_failing_is_not_asked_any_more(
    write: Callable[..., Writer], server: LlmServer
) -> None:
    writer = write(breaker_failures=2)
    ok = llm_server.says('{"text": "You know what you like, and you come back for it."}')
    server.script(DOWN, ok, DOWN)

    with capture_logs() as logs:
        for _ in range(4):
            assert (await writer.insight(INSIGHT)).source is TextSource.OPENAI

    assert asked(server) == ["anthropic", "openai", "anthropic", "openai", "openai", "openai"]
    (opened,) = [entry for entry in logs if entry["event"] == "llm.breaker_opened"]
    assert (opened["source"], opened["seconds"]) == (TextSource.ANTHROPIC, 30)


@pytest.mark.parametrize(
    "fault", [llm_server.rate_limited("60"), llm_server.status(401, "authentication_error")], ids=["limit", "key"]
)
async def test_a_limit_or_a_wrong_key_gives_way_after_one_call(
    write: Callable[..., Writer], server: LlmServer, fault: Fault
) -> None:
    writer = write()
    server.script(fault)

    for _ in range(3):
        assert (await writer.insight(INSIGHT)).source is TextSource.OPENAI

    assert asked(server) == ["anthropic", "openai", "openai", "openai"]


async def test_a_slow_provider_gives_way_in_time(write: Callable[..., Writer], server: LlmServer) -> None:
    writer = write(timeout_seconds=0.5)
    server.script(llm_server.SLOW)

    assert (await writer.insight(INSIGHT)).source is TextSource.OPENAI


async def test_at_the_deadline_of_the_whole_the_template_writes(
    write: Callable[..., Writer], server: LlmServer
) -> None:
    writer = write(timeout_seconds=100, deadline_seconds=0.5)
    server.script(llm_server.SLOW, llm_server.SLOW)

    with capture_logs() as logs:
        texts = await writer.explain(TASK)
        _, end = await streamed(writer)

    assert {text.source for text in (*texts, end.written)} == {TextSource.TEMPLATE}
    assert asked(server) == ["anthropic", "anthropic"], "a text that is out of time says nothing of the provider"
    assert "LLM_DEADLINE_SECONDS" in next(e["hint"] for e in logs if e["event"] == "llm.out_of_time")


async def test_no_more_calls_run_at_once_than_the_settings_allow(
    write: Callable[..., Writer], server: LlmServer
) -> None:
    writer = write(max_concurrency=2)
    server.gate = asyncio.Semaphore(0)
    running = [asyncio.create_task(streamed(writer)) for _ in range(5)]

    async def two() -> bool:
        return server.active == 2

    await until(two, "two calls")
    for _ in range(200):
        server.gate.release()
    ends = [end for _, end in await asyncio.gather(*running)]

    assert {end.written.source for end in ends} == {TextSource.ANTHROPIC}
    assert server.most_active == 2


async def test_one_who_waits_too_long_for_a_slot_is_served_by_the_next(
    write: Callable[..., Writer], server: LlmServer
) -> None:
    writer = write(max_concurrency=1, deadline_seconds=1)
    server.script(llm_server.SLOW)
    held = asyncio.create_task(writer.insight(INSIGHT))

    async def taken() -> bool:
        return server.active == 1

    await until(taken, "the slot to be taken")

    assert (await writer.insight(INSIGHT)).source is TextSource.OPENAI
    await held


class TestStreams:
    async def test_a_verified_text_comes_in_pieces_and_stays(
        self, write: Callable[..., Writer], server: LlmServer
    ) -> None:
        server.script(llm_server.says(f"  {MILK.name} is here\nfor good  reasons. It goes with milk. "))

        pieces, end = await streamed(write())

        assert len(pieces) > 3
        assert "".join(pieces) == end.written.text == f"{MILK.name} is here for good reasons. It goes with milk."
        assert (end.written.source, end.replaced) == (TextSource.ANTHROPIC, False)

    async def test_a_text_that_claims_too_much_is_replaced_by_the_template(
        self, write: Callable[..., Writer], server: LlmServer
    ) -> None:
        server.script(llm_server.says(f"{MILK.name} was bought by 9,999 people. It is a delight."))

        pieces, end = await streamed(write())

        assert "9,999" in "".join(pieces)
        assert [end.written.text] == await TemplateProvider().explain(ONE)
        assert (end.written.source, end.replaced) == (TextSource.TEMPLATE, True)
        assert asked(server) == ["anthropic"]

    async def test_what_a_model_thinks_is_not_shown(self, write: Callable[..., Writer], server: LlmServer) -> None:
        server.script(llm_server.says(f"<think> They want {MILK.name}. 9,999? </think> {truthful_text(MILK.name)}"))

        pieces, end = await streamed(write())

        assert "".join(pieces) == end.written.text == truthful_text(MILK.name)
        assert not end.replaced

    async def test_before_the_first_word_the_next_provider_streams(
        self, write: Callable[..., Writer], server: LlmServer
    ) -> None:
        server.script(llm_server.status(529, "overloaded_error"))

        pieces, end = await streamed(write())

        assert "".join(pieces) == truthful_text(MILK.name)
        assert (end.written.source, end.replaced) == (TextSource.OPENAI, False)

    @pytest.mark.parametrize(
        "fault", [llm_server.STOPS, llm_server.TOO_LONG, llm_server.fails_midway("overloaded_error")]
    )
    async def test_what_is_cut_is_replaced_by_the_template(
        self, write: Callable[..., Writer], server: LlmServer, fault: Fault
    ) -> None:
        server.script(fault)

        pieces, end = await streamed(write())

        assert "".join(pieces) == "The beginning of"
        assert (end.written.source, end.replaced) == (TextSource.TEMPLATE, True)

    @pytest.mark.parametrize("provider", ["template", "local"])
    async def test_the_template_alone_comes_whole(self, write: Callable[..., Writer], provider: str) -> None:
        writer = write(provider=provider, fallbacks="", local_base_url="http://127.0.0.1:1/v1")

        pieces, end = await streamed(writer)

        assert pieces == []
        assert [end.written.text] == await TemplateProvider().explain(ONE)
        assert not end.replaced

    async def test_one_that_will_not_stream_writes_it_whole(
        self, write: Callable[..., Writer], server: LlmServer
    ) -> None:
        server.script(llm_server.status(400, "unsupported_value"))

        pieces, end = await streamed(write(provider="openai", fallbacks=""))

        assert pieces == []
        assert (end.written.text, end.written.source) == (truthful_text(MILK.name), TextSource.OPENAI)
        assert not end.replaced

    async def test_a_reader_who_leaves_frees_the_slot(self, write: Callable[..., Writer], server: LlmServer) -> None:
        writer = write(fallbacks="", max_concurrency=1, deadline_seconds=5)
        server.gate = asyncio.Semaphore(1)
        left = writer.stream(ONE)
        assert isinstance(await anext(left), TextDelta)
        await left.aclose()

        server.gate = None
        _, end = await streamed(writer)

        assert end.written.source is TextSource.ANTHROPIC
