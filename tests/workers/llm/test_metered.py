"""The cost of a writer's calls is recorded however they end, and with a budget that is used up no model is called."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from mongo_seed.migrate import migrate
from shop.entities.explanations import TextSource
from shop.entities.usage import Budget, Purpose, UsageCounts
from shop.resources.serving import open_serving
from shop.settings import LlmSettings
from tests.fixtures import llm_server
from tests.fixtures.cable import cable
from tests.fixtures.waiting import until
from tests.workers.llm.samples import INSIGHT, MILK, TASK
from workers.llm.metered import metered_writer
from workers.llm.protocol import TextChecked
from workers.llm.template import TemplateProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.resources.serving import ServingResources
    from shop.settings import Settings
    from shop.store.database import Database
    from tests.fixtures.llm_server import LlmServer
    from workers.llm.protocol import WrittenText
    from workers.llm.writer import Writer

COST = 321 + 5 * 45  # what the server says a call took, at the price of the default model


@pytest.fixture
async def server() -> AsyncIterator[LlmServer]:
    async with llm_server.llm_server() as running:
        yield running


def paid(settings: Settings, server: LlmServer, **others: Any) -> Settings:
    values = {"provider": "anthropic", "ANTHROPIC_API_KEY": "secret-key", "anthropic_base_url": server.url}
    llm = LlmSettings.model_validate({**values, "max_retries": 0, **others})
    return settings.model_copy(update={"llm": llm})


@contextlib.asynccontextmanager
async def worker(settings: Settings) -> AsyncIterator[tuple[Writer, ServingResources]]:
    async with open_serving(settings, start=False) as resources:
        writer = metered_writer(resources)
        yield writer, resources
        await writer.aclose()


async def written(settings: Settings, *, times: int = 1) -> list[WrittenText]:
    """Texts by a worker that ends right after."""
    async with worker(settings) as (writer, _):
        return [text for _ in range(times) for text in await writer.explain(TASK)]


async def usage_counts(settings: Settings) -> UsageCounts:
    async with open_serving(settings, start=False) as resources:
        return (await resources.usage.report()).totals


async def budget(resources: ServingResources, purpose: Purpose = Purpose.EXPLAIN) -> Budget:
    (found,) = [one for one in await resources.budgets.all() if one.purpose is purpose]
    return found


@pytest.fixture(autouse=True)
async def migrated(database: Database) -> None:
    await migrate(database)


async def test_every_call_is_in_the_books_with_its_tokens_and_cost(settings: Settings, server: LlmServer) -> None:
    async with worker(paid(settings, server)) as (writer, _):
        await writer.explain(TASK)
        await writer.insight(INSIGHT)
        await writer.explain(replace(TASK, items=()))

    async with open_serving(settings, start=False) as later:
        rows = (await later.usage.report()).rows
    assert [(row.purpose, row.source, row.model) for row in rows] == [
        (Purpose.EXPLAIN, TextSource.ANTHROPIC, "claude-haiku-4-5"),
        (Purpose.INSIGHT, TextSource.ANTHROPIC, "claude-haiku-4-5"),
    ]
    for row in rows:
        assert (row.counts.calls, row.counts.input_tokens, row.counts.output_tokens) == (1, 321, 45)
        assert (row.counts.cost_micros, row.counts.failures) == (COST, 0)
        assert row.counts.seconds > 0


@pytest.mark.parametrize(
    ("answer", "calls", "failures"),
    [
        # What claims too much is asked for once more.
        (
            '{"explanations": [{"index": 0, "text": "Bought 9,999 times."}, {"index": 1, "text": "7,777 like it."}]}',
            2,
            0,
        ),
        ("not JSON", 1, 1),
    ],
)
async def test_an_answer_that_is_rejected_has_cost_all_the_same(
    settings: Settings, server: LlmServer, answer: str, calls: int, failures: int
) -> None:
    server.script(llm_server.says(answer), llm_server.says(answer))

    texts = await written(paid(settings, server))

    assert {text.source for text in texts} == {TextSource.TEMPLATE}
    counts = await usage_counts(settings)
    assert (counts.calls, counts.failures, counts.cost_micros) == (calls, failures, calls * COST)


async def test_every_try_is_paid_and_a_failure_without_an_answer_is_free(settings: Settings, server: LlmServer) -> None:
    server.script(llm_server.says("not JSON"), llm_server.status(500))

    await written(paid(settings, server, max_retries=1))

    counts = await usage_counts(settings)
    assert (counts.calls, counts.failures, counts.cost_micros) == (1, 1, COST)


async def test_a_budget_that_is_used_up_leaves_the_writing_to_the_template(
    settings: Settings, server: LlmServer
) -> None:
    limited = paid(settings, server, daily_budget_explain_usd=0.0006)

    texts = await written(limited, times=3)

    assert [text.source for text in texts] == [TextSource.ANTHROPIC] * 4 + [TextSource.TEMPLATE] * 2
    assert [text.text for text in texts[4:]] == await TemplateProvider().explain(TASK)
    assert len(server.received) == 2, "546 of 600 micro-dollars leave room to begin one more call"
    counts = await usage_counts(settings)
    assert (counts.calls, counts.failures) == (2, 0)
    async with worker(limited) as (writer, resources):
        assert (await budget(resources)).used_micros == 2 * COST
        assert (await writer.insight(INSIGHT)).source is TextSource.ANTHROPIC


async def test_calls_at_the_same_time_pass_the_limit_by_one_at_most(settings: Settings, server: LlmServer) -> None:
    limited = paid(settings, server, daily_budget_explain_usd=0.01, max_output_tokens=1000)

    async with worker(limited) as (one, resources), worker(limited) as (other, _):
        await asyncio.gather(*(writer.explain(TASK) for writer in [one, other] * 10))
        spent = (await budget(resources)).used_micros

    assert 1 <= len(server.received) <= 20
    assert spent == len(server.received) * COST
    assert spent <= 10_000 + COST
    assert (await usage_counts(settings)).cost_micros == spent


async def test_without_redis_no_model_is_asked_under_a_limit(settings: Settings, server: LlmServer) -> None:
    async with cable(urlsplit(settings.redis.url or "").port or 0) as line:
        url = f"redis://127.0.0.1:{line.port}/0"
        cabled = settings.model_copy(update={"redis": settings.redis.model_copy(update={"url": url})})
        line.cut()

        texts = await written(paid(cabled, server, daily_budget_explain_usd=5))
        assert {text.source for text in texts} == {TextSource.TEMPLATE}
        assert server.received == []

        texts = await written(paid(cabled, server))
        assert {text.source for text in texts} == {TextSource.ANTHROPIC}, "no limit, nothing to ask"


async def test_a_call_that_was_given_up_on_stays_set_aside(settings: Settings, server: LlmServer) -> None:
    server.script(llm_server.SLOW, llm_server.SLOW)
    limited = paid(settings, server, daily_budget_explain_usd=5, daily_budget_insight_usd=5, timeout_seconds=0.3)

    async with worker(limited) as (writer, resources):
        await writer.explain(TASK)
        timed_out = await budget(resources)

    patient = paid(settings, server, daily_budget_insight_usd=5)
    before = len(server.received)  # on a busy machine the first call was given up on before it arrived
    async with worker(patient) as (writer, resources):
        waiting = asyncio.create_task(writer.insight(INSIGHT))

        async def asked() -> bool:
            return len(server.received) > before

        await until(asked, "the second call")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        cancelled = await budget(resources, Purpose.INSIGHT)

    assert timed_out.used_micros > COST
    assert cancelled.used_micros > COST
    counts = await usage_counts(settings)
    assert (counts.calls, counts.failures, counts.cost_micros) == (0, 2, 0)


async def test_what_is_set_aside_covers_what_a_call_takes(settings: Settings, server: LlmServer) -> None:
    """The reservation is an upper bound: the whole answer, and a prompt in any script."""
    server.script(llm_server.SLOW)
    limited = paid(settings, server, daily_budget_explain_usd=5, timeout_seconds=0.3, max_output_tokens=1000)

    async with worker(limited) as (writer, resources):
        product = replace(MILK, name="有机燕麦奶" * 30)
        await writer.explain(replace(TASK, items=(replace(TASK.items[0], product=product),)))
        reserved = (await budget(resources)).used_micros

    (request,) = server.received
    assert reserved >= 5 * 1000 + len(request.system) // 4 + 150


async def test_a_streamed_text_is_counted_and_paid_however_it_ends(settings: Settings, server: LlmServer) -> None:
    one_item = replace(TASK, items=TASK.items[:1])
    limited = paid(settings, server, daily_budget_stream_usd=5)

    async with worker(limited) as (writer, resources):
        whole = [part async for part in writer.stream(one_item)]
        left = writer.stream(one_item)
        await anext(left)
        await left.aclose()
        spent = await budget(resources, Purpose.STREAM)
        (row,) = (await resources.usage.report()).rows

    assert isinstance(whole[-1], TextChecked)
    assert whole[-1].written.source is TextSource.ANTHROPIC
    assert (row.purpose, row.counts.calls) == (Purpose.STREAM, 2)
    assert spent.used_micros == row.counts.cost_micros > COST

    async with worker(paid(settings, server, daily_budget_stream_usd=0)) as (writer, _):
        asked = len(server.received)
        (only,) = [part async for part in writer.stream(one_item)]

    assert isinstance(only, TextChecked)
    assert (only.written.source, only.replaced) == (TextSource.TEMPLATE, False)
    assert len(server.received) == asked


async def test_over_budget_the_next_in_line_writes_if_it_costs_nothing(settings: Settings, server: LlmServer) -> None:
    chain = {"fallbacks": "local", "local_base_url": f"{server.url}/v1", "daily_budget_explain_usd": 0}

    texts = await written(paid(settings, server, **chain))

    assert {text.source for text in texts} == {TextSource.LOCAL}
    assert [request.path for request in server.received] == ["/v1/chat/completions"]
    counts = await usage_counts(settings)
    assert (counts.calls, counts.cost, counts.priced) == (1, None, False)
