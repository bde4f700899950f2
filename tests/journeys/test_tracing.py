"""One trace leads from a page's request through the job that it ordered to the call of the language model."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from opentelemetry.trace import SpanKind, StatusCode
from structlog.testing import capture_logs

from devstack.stack.ports import HOST, free_port
from graphql_api import operation_names
from mongo_seed.migrate import migrate
from shop.entities.explanations import TextStatus
from shop.entities.users import User
from shop.jobs import TrainModel, WriteInsight
from shop.resources.serving import open_serving
from shop.settings import LlmSettings, Settings, TelemetrySettings
from shop.store.database import put_document
from shop.store.documents import user_to_document
from shop.telemetry import spans
from shop.telemetry.tracing import start_tracing
from tests.fixtures.llm_server import SLOW, llm_server, rate_limited
from tests.fixtures.shop import open_shop, variant
from tests.fixtures.tracing import Recording, attributes, collector, is_part_of, recording, trace_id
from tests.fixtures.waiting import until
from tests.fixtures.worker import run_all
from workers.delivery import Delivery

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Iterator

    from shop.resources.serving import ServingResources
    from shop.store.database import Database
    from tests.fixtures.llm_server import LlmServer
    from tests.fixtures.shop import Shop

ANNA = User("anna-nym", display_name="Anna Nym", locale="en")
REFRESH = "mutation Refresh { refreshInsight(input: {}) { insight { status } userErrors { code } } }"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
async def llm() -> AsyncIterator[LlmServer]:
    async with llm_server() as server:
        yield server


@pytest.fixture
async def small(settings: Settings, database: Database, llm: LlmServer) -> Settings:
    """A shop with one shopper, whose texts a model writes."""
    await migrate(database)
    await put_document(database, "users", user_to_document(ANNA))
    written_by = LlmSettings(provider="local", local_model="smol", local_base_url=f"{llm.url}/v1", max_retries=1)
    return variant(settings, llm=written_by)


@pytest.fixture
def recorded() -> Iterator[Recording]:
    with recording() as spans_of_this_process:
        yield spans_of_this_process


@pytest.fixture
async def shop(small: Settings, recorded: Recording) -> AsyncIterator[Shop]:  # noqa: ARG001 (traced from its start)
    async with open_shop(small) as served:
        yield served


@pytest.fixture
async def resources(small: Settings, recorded: Recording) -> AsyncIterator[ServingResources]:  # noqa: ARG001
    async with open_serving(small, start=False) as opened:
        yield opened


async def test_request_job_and_provider_call_are_one_trace(
    shop: Shop, recorded: Recording, resources: ServingResources
) -> None:
    answer = await shop.ask(REFRESH, user=ANNA.id, headers={"traceparent": PARENT, "X-Request-Id": "page-7"})
    assert not answer.errors
    await run_all(resources)

    (request,) = recorded.named("mutation Refresh")
    (job,) = recorded.named("job write_insight")
    (call,) = recorded.named("chat smol")
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" in PARENT
    assert is_part_of(job, request)
    assert is_part_of(call, job)
    assert {trace_id(span) for span in (request, job, call)} == {int(TRACE, 16)}
    assert [span.kind for span in (request, job, call)] == [SpanKind.SERVER, SpanKind.CONSUMER, SpanKind.CLIENT]
    assert attributes(request) == {
        "http.request.method": "POST",
        "url.path": "/graphql",
        "http.response.status_code": 200,
        "graphql.operation.type": "mutation",
        "graphql.operation.name": "Refresh",
        "whybuy.request_id": "page-7",
    }
    assert attributes(job) == {
        "whybuy.job": "write_insight",
        "whybuy.job.attempt": 1,
        "whybuy.request_id": "page-7",
    }
    tokens = {name: attributes(call).get(f"gen_ai.usage.{name}") for name in ("input_tokens", "output_tokens")}
    assert all(isinstance(count, int) and count > 0 for count in tokens.values())
    assert attributes(call) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "local",
        "gen_ai.request.model": "smol",
        "whybuy.llm.purpose": "insight",
        **{f"gen_ai.usage.{name}": count for name, count in tokens.items()},
    }


async def test_spans_say_nothing_of_a_shopper_a_variable_or_a_text(
    shop: Shop, recorded: Recording, resources: ServingResources, llm: LlmServer
) -> None:
    secret = "a-variable-of-nobodys-business"
    await shop.ask("query Look($sku: String!) { product(sku: $sku) { id } }", {"sku": secret}, ANNA.id)
    await shop.ask(REFRESH, user=ANNA.id)
    await run_all(resources)
    insight = await resources.insights.current(ANNA.id, "en")

    assert insight is not None
    assert insight.text is not None
    assert len(recorded.spans) == 4
    for hidden in (secret, ANNA.id, "Anna", insight.text.text, llm.received[0].system[:40]):
        assert hidden not in recorded.text


async def test_operations_of_a_web_socket_have_a_span_each(shop: Shop, recorded: Recording) -> None:
    async with shop.http.ws_connect(
        f"{shop.url}/graphql", protocols=["graphql-transport-ws"], headers={"traceparent": PARENT}
    ) as socket:
        await socket.send_json({"type": "connection_init", "payload": {"X-User": ANNA.id}})
        assert (await socket.receive_json(timeout=20))["type"] == "connection_ack"
        for number, query in enumerate(("query First { model { version } }", "{ viewer { id } }")):
            await socket.send_json({"id": str(number), "type": "subscribe", "payload": {"query": query}})
            assert (await socket.receive_json(timeout=20))["type"] == "next"
            assert (await socket.receive_json(timeout=20))["type"] == "complete"

    async def ended() -> bool:
        return len(recorded.spans) == 2

    await until(ended, "both operations")
    assert {span.name for span in recorded.spans} == {"query First", "query"}
    assert {trace_id(span) for span in recorded.spans} == {int(TRACE, 16)}
    assert len({attributes(span)["whybuy.request_id"] for span in recorded.spans}) == 2


async def test_a_subscription_that_a_client_ends_has_not_failed(shop: Shop, recorded: Recording) -> None:
    live = "subscription Live { insightUpdated { insight { status } } }"
    async with shop.subscribe(live, user=ANNA.id, listening=True):
        assert recorded.named("subscription Live") == []

    async def ended() -> bool:
        return bool(recorded.named("subscription Live"))

    await until(ended, "the subscription's end")
    assert recorded.named("subscription Live")[0].status.status_code is StatusCode.UNSET


async def test_names_that_clients_make_up_are_not_all_kept(
    shop: Shop, recorded: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation_names, "_known", set())
    monkeypatch.setattr(operation_names, "_MOST_NAMES", 2)
    for name in ("Home", "x" * 65, "Product", "Cart", "Home"):
        await shop.ask(f"query {name} {{ model {{ version }} }}")

    assert [span.name for span in recorded.spans] == ["query Home", "query", "query Product", "query", "query Home"]


async def test_what_was_refused_before_it_was_read_has_a_span(shop: Shop, recorded: Recording) -> None:
    await shop.ask("{ viewer { id } }", headers={"Authorization": "Bearer nonsense"})
    await shop.ask("{ nonsense")

    assert [span.name for span in recorded.spans] == ["GraphQL operation"] * 2
    assert [attributes(span)["http.response.status_code"] for span in recorded.spans] == [401, 200]
    assert {trace_id(span) for span in recorded.spans} != {0}


async def test_a_bug_fails_the_span_without_its_message(
    shop: Shop, recorded: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("The shopper Anna is to blame.")

    monkeypatch.setattr(type(shop.resources.catalog), "by_sku", broken)
    await shop.ask('{ product(sku: "a") { id } }')

    (span,) = recorded.spans
    assert span.status.status_code is StatusCode.ERROR
    assert attributes(span)["error.type"] == "INTERNAL"
    assert "Anna" not in recorded.text


async def test_a_call_that_is_tried_again_has_a_span_for_each_try(
    recorded: Recording, resources: ServingResources, llm: LlmServer
) -> None:
    llm.script(rate_limited("0"))
    await resources.insights.refresh(ANNA, "en")
    await run_all(resources)

    first, second = recorded.named("chat smol")
    assert attributes(first)["error.type"] == "RateLimitedError"
    assert second.status.status_code is StatusCode.UNSET
    assert trace_id(first) == trace_id(second)


async def test_a_call_that_takes_too_long_has_failed(small: Settings, recorded: Recording, llm: LlmServer) -> None:
    llm.script(SLOW)
    hasty = small.model_copy(update={"llm": small.llm.model_copy(update={"timeout_seconds": 0.2, "max_retries": 0})})
    async with open_serving(hasty, start=False) as resources:
        await resources.insights.refresh(ANNA, "en")
        await run_all(resources)

    (call,) = recorded.named("chat smol")
    assert call.status.status_code is StatusCode.ERROR


async def test_a_job_that_fails_says_why_and_one_without_a_trace_begins_its_own(
    recorded: Recording, resources: ServingResources
) -> None:
    await resources.jobs.start(TrainModel())  # there is nothing to train on
    await run_all(resources)

    (job,) = recorded.named("job train_model")
    assert job.parent is None
    assert (job.status.status_code, attributes(job)["error.type"]) == (StatusCode.ERROR, "BAD_USER_INPUT")


def test_a_job_that_there_is_not_lends_no_name() -> None:
    made_up = Delivery("x", "made up by somebody", {}, datetime.now(UTC), attempt=1)

    assert made_up.span_name == "job unknown"


async def test_without_tracing_jobs_carry_nothing(small: Settings) -> None:
    async with open_serving(small, start=False) as resources:
        with spans.span("anything", spans.Kind.SERVER, {}):
            await resources.stores.queue.enqueue(WriteInsight(ANNA.id), job_id="plain")
        key = resources.stores.keys.job("plain")
        put = await resources.stores.redis.get(f"arq:job:{key}")

        assert put is not None
        assert b"trace" not in put


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        (TelemetrySettings(), False),
        (TelemetrySettings(exporter_otlp_endpoint="http://collector:4318"), True),
        (TelemetrySettings(exporter_otlp_endpoint="http://collector:4318", traces_exporter="none"), False),
        (TelemetrySettings(traces_exporter="otlp"), True),
    ],
)
def test_tracing_is_off_unless_it_is_asked_for(settings: TelemetrySettings, wanted: bool) -> None:
    assert settings.wanted is wanted


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "shop.telemetry.otel", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with capture_logs() as lines:
        start_tracing(TelemetrySettings(exporter_otlp_endpoint="http://collector:4318"), "whybuy-api")

    (line,) = lines
    assert (line["event"], line["log_level"]) == ("tracing_not_installed", "error")
    assert "whybuy[telemetry]" in line["hint"]
    assert not spans.is_on()


@contextlib.asynccontextmanager
async def process(module: str, environment: dict[str, str]) -> AsyncIterator[Process]:
    """Ends it as an operator does."""
    running = await asyncio.create_subprocess_exec(sys.executable, "-m", module, env=os.environ | environment)
    try:
        yield running
        running.terminate()
        await asyncio.wait_for(running.wait(), 60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            running.kill()
        await running.wait()


@pytest.mark.slow
async def test_processes_send_their_last_spans_when_they_are_stopped(small: Settings, llm: LlmServer) -> None:
    port = free_port()
    async with collector() as received, open_serving(small, start=False) as resources:
        environment = {
            "MONGODB_URI": small.mongo.uri or "",
            "MONGODB_DATABASE": small.mongo.database,
            "REDIS_URL": small.redis.url or "",
            "REDIS_PREFIX": small.redis.prefix,
            "MODEL_CACHE_DIR": str(small.model.cache_dir),
            "API_PORT": str(port),
            "LLM_PROVIDER": "local",
            "LLM_LOCAL_MODEL": "smol",
            "LLM_LOCAL_BASE_URL": f"{llm.url}/v1",
            "WORKER_SCHEDULE": "false",
            "OTEL_EXPORTER_OTLP_ENDPOINT": received.url,
            "OTEL_BSP_SCHEDULE_DELAY": "600000",  # only the end sends them
        }
        async with (
            process("graphql_api", environment),
            process("workers", environment),
            aiohttp.ClientSession() as http,
        ):

            async def asked() -> bool:
                headers = {"traceparent": PARENT, "X-User": ANNA.id}
                with contextlib.suppress(aiohttp.ClientError):
                    url = f"http://{HOST}:{port}/graphql"
                    async with http.post(url, json={"query": REFRESH}, headers=headers) as response:
                        return "errors" not in await response.json()
                return False

            async def written() -> bool:
                insight = await resources.insights.current(ANNA.id, "en")
                return insight is not None and insight.status is TextStatus.READY

            await until(asked, "the API")
            await until(written, "the insight")
            assert received.received == {}

        sent: dict[str, Any] = {
            service: {span.name for span in arrived if span.trace_id.hex() == TRACE}
            for service, arrived in received.received.items()
        }
        assert sent == {"whybuy-api": {"mutation Refresh"}, "whybuy-worker": {"job write_insight", "chat smol"}}
