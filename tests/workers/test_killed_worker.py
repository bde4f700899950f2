"""Real worker processes are stopped and killed in the middle of jobs, and Redis with them: every job ends, once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from devstack.stack.binaries import find_valkey
from devstack.stack.ports import free_port
from devstack.stack.process import running
from devstack.stack.servers import valkey_server
from mongo_seed.migrate import migrate
from scoring.types import ReasonKind
from shop.entities.catalog import Product
from shop.entities.events import Topic
from shop.entities.evidence import Evidence
from shop.entities.explanations import TextStatus
from shop.entities.jobs import JobFilter, JobGroup, JobState
from shop.jobs import ExplainItem, ExplainList
from shop.resources.serving import open_serving
from shop.store.event_log import EventLog
from tests.fixtures.llm_server import SLOW, LlmServer, llm_server
from tests.fixtures.redis import redis_settings
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

    from devstack.stack.process import Program
    from shop.resources.serving import ServingResources
    from shop.settings import Settings
    from shop.store.database import Database

IN_HAND = 4  # jobs that a worker has texts written for at the same time
pytestmark = pytest.mark.slow


@pytest.fixture
def valkey(tmp_path: Path) -> Program:
    """A server of the test's own, for it to kill."""
    return valkey_server(find_valkey(), tmp_path / "valkey", free_port())


@pytest.fixture
async def own(settings: Settings, database: Database, valkey: Program) -> Settings:
    """A shop with one product."""
    await migrate(database)
    own = settings.model_copy(update={"redis": redis_settings(valkey.url, settings.redis.prefix)})
    async with open_serving(own, start=False) as resources:
        await resources.stores.catalog.upsert([Product("tea", "tea", "Tea")])
    return own


@contextlib.asynccontextmanager
async def worker(settings: Settings, llm: LlmServer) -> AsyncIterator[Process]:
    """A worker process; killed at the end if it still runs."""
    environment = os.environ | {
        "MONGODB_URI": settings.mongo.uri or "",
        "MONGODB_DATABASE": settings.mongo.database,
        "REDIS_URL": settings.redis.url or "",
        "REDIS_PREFIX": settings.redis.prefix,
        "WORKER_LLM_CONCURRENCY": str(IN_HAND),
        "LLM_PROVIDER": "local",
        "LLM_LOCAL_BASE_URL": f"{llm.url}/v1",
        "LLM_TIMEOUT_SECONDS": "120",
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "workers", env=environment)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def order(resources: ServingResources, count: int) -> list[str]:
    """Orders texts, one in each job; returns their keys."""
    keys = [f"text-{number}" for number in range(count)]
    for key in keys:
        item = ExplainItem(key, "tea", (Evidence(ReasonKind.POPULAR, count=12),))
        await resources.stores.queue.enqueue(ExplainList("s:killed", "en", (item,)), job_id=f"explain:{key}")
    return keys


async def in_hand(llm: LlmServer) -> None:
    async def all_asked() -> bool:
        return len(llm.received) >= IN_HAND

    await until(all_asked, "the worker to be in the middle of its jobs")


async def all_written(resources: ServingResources, keys: list[str]) -> None:
    async def written() -> bool:
        return len(await resources.stores.explanations.stored(keys)) == len(keys)

    await until(written, "all texts", 120)


async def announced(resources: ServingResources) -> Counter[str]:
    """How often the log says of each text that it is ready."""
    log = EventLog(resources.stores.redis, resources.stores.redis, resources.stores.keys)
    counted: Counter[str] = Counter()
    after = "0-0"
    while page := await log.between(after, "+"):
        counted.update(event.data["key"] for event in page if event.topic is Topic.EXPLANATION_READY)
        after = page[-1].id
    return counted


async def nothing_is_left(resources: ServingResources) -> None:
    async def empty() -> bool:
        return not any(
            [await resources.stores.redis.zcard(resources.stores.keys.queue_of(group)) for group in JobGroup]
        )

    await until(empty, "empty queues")
    assert await resources.jobs.count(JobFilter(JobState.FAILED)) == 0


async def test_killed_workers_and_a_killed_redis_lose_no_job(own: Settings, valkey: Program, tmp_path: Path) -> None:
    async with llm_server() as llm, open_serving(own, start=False) as resources:
        llm.script(*[SLOW] * IN_HAND)
        async with running(valkey, tmp_path / "valkey.log") as server:
            keys = await order(resources, 120)
            async with worker(own, llm) as first:
                await in_hand(llm)
                first.kill()
                await first.wait()
            assert await resources.stores.explanations.stored(keys) == {}
            server.kill()
            await server.wait()

        async with running(valkey, tmp_path / "valkey.log") as server, worker(own, llm), worker(own, llm) as second:

            async def half() -> bool:
                return len(await resources.stores.explanations.stored(keys)) >= 30

            await until(half, "a part of the texts")
            server.kill()
            await server.wait()
            second.kill()
            async with running(valkey, tmp_path / "valkey.log"):
                await all_written(resources, keys)
                await nothing_is_left(resources)
                events = await announced(resources)

        stored = await resources.stores.explanations.stored(keys)
        assert {text.status for text in stored.values()} == {TextStatus.READY}
        assert await resources.stores.database["explanations"].count_documents({}) == len(keys)
        assert set(events) == set(keys)


async def test_a_stopped_worker_hands_its_jobs_to_the_next_at_once(
    own: Settings, valkey: Program, tmp_path: Path
) -> None:
    async with (
        llm_server() as llm,
        open_serving(own, start=False) as resources,
        running(valkey, tmp_path / "valkey.log"),
    ):
        llm.script(*[SLOW] * IN_HAND)
        keys = await order(resources, IN_HAND)
        async with worker(own, llm) as first:
            await in_hand(llm)
            assert await resources.stores.redis.exists(resources.stores.keys.worker_health(JobGroup.LLM))
            first.terminate()
            assert await asyncio.wait_for(first.wait(), 30) == 0

        assert await resources.stores.redis.zcard(resources.stores.keys.queue_of(JobGroup.LLM)) == IN_HAND
        locks = [key async for key in resources.stores.redis.scan_iter("arq:in-progress:*")]
        tries = {
            await resources.stores.redis.get(f"arq:retry:{resources.stores.keys.job(f'explain:{key}')}") for key in keys
        }
        assert (locks, tries) == ([], {b"0"})

        async with worker(own, llm):
            await all_written(resources, keys)
            await nothing_is_left(resources)
        assert await announced(resources) == Counter(keys)
