"""serverless.yml, deployed to an emulator of AWS: the worker's jobs in cloud functions.

Each has nothing but its package. Lambda's own runtime client runs them; SQS delivers, and delivers again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from devstack.bench.databases import announced_texts
from devstack.errors import StackError
from devstack.serverless.deploy import deploy, osls, put_secrets, queue_urls, require_osls
from devstack.serverless.emulator import aws_environment
from devstack.serverless.package import OUTPUT
from devstack.serverless.schedules import aws_cron
from scoring.types import ReasonKind
from shop.entities.evidence import Evidence
from shop.entities.explanations import TextSource, TextStatus
from shop.entities.jobs import JobGroup
from shop.jobs import ExplainItem, ExplainList
from shop.settings import LlmSettings, QueueSettings
from tests.fixtures import llm_server
from tests.fixtures.llm_server import Fault, rate_limited, status
from tests.fixtures.queries import EXPLANATION_READY
from tests.fixtures.shop import open_shop, variant
from tests.fixtures.waiting import until
from workers.registry import SCHEDULES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.settings import Settings
    from tests.fixtures.llm_server import LlmServer
    from tests.fixtures.shop import Shop

pytestmark = pytest.mark.slow

BANANAS = "1082185"
JOBS = 500
CALL_SECONDS = "12"  # a message of a call that has died comes back after it


@pytest.fixture(scope="module", autouse=True)
def _deployable() -> None:
    """Continuous integration has Node, and no leave to do without it."""
    try:
        require_osls()
    except StackError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error).splitlines()[0])
    missing = [name for name in ("texts", "training") if not (OUTPUT / "local" / f"{name}.zip").exists()]
    assert not missing, "`make test` builds the packages of functions; `make package-lambda ARGS=--local` does it alone"


@pytest.fixture(scope="module")
async def model() -> AsyncIterator[LlmServer]:
    async with llm_server.llm_server() as running:
        yield running


@pytest.fixture(scope="module")
async def shop(stocked: Settings, aws: str, model: LlmServer) -> AsyncIterator[Shop]:
    """The stocked shop, whose jobs go to deployed functions and to no other worker."""
    name = f"functions_{uuid4().hex[:8]}"
    llm = LlmSettings(provider="local", local_model=name, local_base_url=f"{model.url}/v1")
    settings = variant(stocked, own_keys=name, llm=llm)
    assert settings.mongo.uri
    assert settings.redis.url
    await put_secrets(
        {
            "MONGODB_URI": settings.mongo.uri,
            "REDIS_URL": settings.redis.url,
            "REDIS_TIMEOUT_SECONDS": "10",
            "LLM_LOCAL_BASE_URL": llm.local_base_url,
            "LLM_LOCAL_MODEL": name,
            "LLM_MAX_RETRIES": "1",
        }
    )
    params = {
        "mongodbDatabase": settings.mongo.database,
        "redisPrefix": name,
        "llmProvider": "local",
        "seconds": CALL_SECONDS,
    }
    await deploy(aws_environment(int(aws.rpartition(":")[2])), params)
    urls = await queue_urls()
    queue = QueueSettings(
        backend="sqs",
        url_general=urls[JobGroup.GENERAL],
        url_llm=urls[JobGroup.LLM],
        url_training=urls[JobGroup.TRAINING],
    )
    async with open_shop(settings.model_copy(update={"queue": queue})) as served:
        yield served


def function_processes(name: str) -> list[int]:
    """Process ids of a function's containers, of the emulator that these tests have started."""
    wanted = {
        f"AWS_LAMBDA_FUNCTION_NAME=whybuy-local-{name}".encode(),
        f"AWS_ENDPOINT_URL={os.environ['AWS_ENDPOINT_URL']}".encode(),
    }
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted <= set((process / "environ").read_bytes().split(b"\0")):
                found.append(int(process.name))
    return found


async def test_a_function_writes_what_a_list_has_ordered_and_it_is_pushed(shop: Shop, model: LlmServer) -> None:
    session = uuid4().hex
    subscription = shop.subscribe(EXPLANATION_READY, {"session": session}, listening=True)
    async with subscription as ready:
        shown = await shop.listed(
            "items { product { id } explanation { status text } }", sessionId=session, scenario="POPULAR", limit=3
        )
        assert [item["explanation"]["status"] for item in shown["items"]] == ["PENDING"] * 3
        told: dict[str, Any] = {}
        while len(told) < 3:
            event = (await ready.next())["explanationReady"]
            told[event["productId"]] = event["explanation"]

    assert told.keys() == {item["product"]["id"] for item in shown["items"]}
    assert {text["source"] for text in told.values()} == {"LOCAL"}
    assert len(model.received) == 1, "one call for the list"
    assert function_processes("llm")


async def test_of_many_jobs_with_faults_none_is_lost_and_none_has_its_effect_twice(
    shop: Shop, model: LlmServer
) -> None:
    """Of twenty calls of the language model one fails in some way, and two calls of the function are killed."""
    faults = [rate_limited("0"), status(503), Fault("cut"), Fault("broken"), Fault("hollow")]
    plan: list[Fault | None] = [faults[(call // 20) % 5] if call % 20 == 10 else None for call in range(JOBS)]
    for killed in (100, 300):
        plan[killed] = Fault("slow")
    model.script(*plan)
    evidence = (Evidence(ReasonKind.POPULAR, count=12),)
    keys = [uuid4().hex for _ in range(JOBS)]
    killing = asyncio.create_task(kill_slow_calls(model, 2))

    for start in range(0, JOBS, 25):  # the emulator answers no more than these in time
        put = [
            shop.resources.stores.queue.enqueue(
                ExplainList(f"s:{key}", "en", (ExplainItem(key, BANANAS, evidence),)), job_id=f"explain:{key}"
            )
            for key in keys[start : start + 25]
        ]
        assert all(await asyncio.gather(*put))

    async def all_ended() -> bool:
        return not any(backlog.jobs for backlog in (await shop.resources.stores.queue.backlog()).values())

    await until(all_ended, "the end of all jobs", patience_seconds=300)
    assert await killing == 2
    stored = await shop.resources.stores.explanations.stored(keys)
    assert Counter(text.status for text in stored.values()) == {TextStatus.READY: JOBS}
    times = await announced_texts(shop.resources.stores.event_log)
    assert Counter(times[key] for key in keys) == {1: JOBS}
    sources = Counter(text.text.source for text in stored.values() if text.text)
    assert sources[TextSource.LOCAL] > JOBS * 0.9


async def kill_slow_calls(model: LlmServer, times: int) -> int:
    """Kills all containers of the function each time that the model does not answer; how often that was."""
    for killed in range(times):

        async def one_more_is_slow() -> bool:
            return model.slow_calls > killed  # noqa: B023 (waited for at once)

        await until(one_more_is_slow, "a call that hangs", patience_seconds=300)
        for pid in function_processes("llm"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return times


async def test_what_osls_prints_has_the_schedules_of_the_registry() -> None:
    printed = json.loads(await osls("print", "--format", "json", stage="prod"))

    events = [event["schedule"] for event in printed["functions"]["schedule"]["events"]]
    assert {event["input"]["schedule"]: event["rate"] for event in events} == {
        schedule.name: [aws_cron(schedule.cron)] for schedule in SCHEDULES
    }
