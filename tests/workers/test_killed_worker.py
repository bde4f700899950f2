"""A worker that is killed in the middle of a job: another one takes it up, and the text comes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from scoring.types import ReasonKind
from shop.entities.recommendations import Evidence
from shop.jobs import ExplainItem, ExplainList
from shop.resources import open_resources
from shop.settings import RedisSettings
from tests.fixtures.shop import working
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from shop.settings import Settings


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A language model that never answers; its connection ends with the worker."""
    while await reader.read(1 << 16):
        pass
    writer.close()


@pytest.mark.slow
async def test_a_job_outlives_its_worker(stocked: Settings) -> None:
    settings = stocked.model_copy(
        update={"redis": RedisSettings(url=stocked.redis.url, prefix=f"killed_{uuid4().hex[:8]}")}
    )
    key = uuid4().hex
    item = ExplainItem(key, "1082185", (Evidence(ReasonKind.POPULAR, count=12),))
    silent = await asyncio.start_server(_say_nothing, "127.0.0.1", 0)
    environment = os.environ | {
        "MONGODB_URI": settings.mongo.uri or "",
        "MONGODB_DATABASE": settings.mongo.database,
        "REDIS_URL": settings.redis.url or "",
        "REDIS_PREFIX": settings.redis.prefix,
        "LLM_PROVIDER": "local",
        "LLM_LOCAL_BASE_URL": f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/v1",
    }
    async with open_resources(settings) as resources:
        lock = f"arq:in-progress:{settings.redis.prefix}:{key}"

        async def begun() -> bool:
            return bool(await resources.redis.exists(lock))

        async def written() -> bool:
            return key in await resources.explanation_store.stored([key])

        await resources.queue.enqueue(ExplainList("s:killed", "en", (item,)), job_id=key)
        worker = await asyncio.create_subprocess_exec(sys.executable, "-m", "workers", env=environment)
        try:
            await until(begun, "the worker to take the job")
        finally:
            worker.send_signal(signal.SIGKILL)
            await worker.wait()
        assert not await written()

        async with working(settings):
            await until(written, "another worker to finish the job")
    silent.close()
