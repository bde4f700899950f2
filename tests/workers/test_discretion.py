"""Prompts and answers are in no log and no record of a job, whatever the environment asks for and a provider says."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import pytest

from mongo_seed.migrate import migrate
from scoring.types import ReasonKind
from shop.entities.catalog import Product
from shop.entities.evidence import Evidence
from shop.entities.users import Preferences, User
from shop.jobs import ExplainItem, ExplainList, StreamExplanation, WriteInsight
from shop.resources.serving import open_serving
from shop.store.documents import user_to_document
from tests.fixtures import llm_server
from tests.fixtures.waiting import until
from tests.workers.llm.samples import MILK

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from shop.jobs import Job
    from shop.resources.serving import ServingResources
    from shop.settings import Settings
    from shop.store.database import Database
    from tests.fixtures.llm_server import LlmServer

TEA = Product("tea", "tea", "Zanzibar Tea", "Picked at dawn.", brand="Stonetown", tags=("unsweetened",))
ANNA = User("anna", preferences=Preferences(tags=("unsweetened",)))
TASTE = (Evidence(ReasonKind.STATED_TASTE, label="unsweetened"),)
# Words of the instructions, of the data, and of the answers, good and bad.
PROMPT = ("online shop", "stated_taste", "Zanzibar", "dawn", "Stonetown", "unsweetened")
ANSWERS = ("good reasons", "evidence speaks", "come back for it", "Madagascar", "9,999")
EVERYTHING = {"WHYBUY_LOG_LEVEL": "DEBUG", "OPENAI_LOG": "debug", "ANTHROPIC_LOG": "debug", "PYTHONUNBUFFERED": "1"}
INVENTED = "The Madagascar Vanilla was bought by 9,999 people. It is free."
# As `whybuy prompts eval` asks: without a configured log.
ASK = """
import asyncio
from shop.settings import LlmSettings
from tests.workers.llm.samples import INSIGHT, TASK
from workers.llm.chain import build_provider

async def main():
    for name in ("openai", "anthropic"):
        provider = build_provider(name, LlmSettings())
        assert await provider.explain(TASK)
        assert await provider.insight(INSIGHT)
        await provider.aclose()
    print("done")

asyncio.run(main())
"""


@pytest.fixture
async def server() -> AsyncIterator[LlmServer]:
    async with llm_server.llm_server() as running:
        yield running


@pytest.fixture
async def resources(settings: Settings, database: Database) -> AsyncIterator[ServingResources]:
    await migrate(database)
    await database["users"].insert_one(user_to_document(ANNA))
    async with open_serving(settings, start=False) as opened:
        await opened.stores.catalog.upsert([TEA])
        yield opened


def models(server: LlmServer) -> dict[str, str]:
    """The environment of a process that asks OpenAI, then Anthropic."""
    return {
        "LLM_PROVIDER": "openai",
        "LLM_FALLBACKS": "anthropic",
        "LLM_MAX_RETRIES": "0",
        "LLM_BREAKER_FAILURES": "100",
        "OPENAI_API_KEY": "secret-key",
        "LLM_OPENAI_BASE_URL": f"{server.url}/v1",
        "ANTHROPIC_API_KEY": "secret-key",
        "LLM_ANTHROPIC_BASE_URL": server.url,
    }


async def process(*arguments: str, **environment: str) -> Process:
    """A Python process, what it writes in one stream."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env=os.environ | EVERYTHING | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def said(process: Process) -> str:
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return output.decode()


async def test_a_worker_logs_what_happened_and_nothing_of_prompts_and_answers(
    resources: ServingResources, server: LlmServer
) -> None:
    # Given a worker that logs everything
    settings, queue = resources.settings, resources.stores.queue
    worker = await process(
        "-m",
        "workers",
        **models(server),
        MONGODB_URI=settings.mongo.uri or "",
        MONGODB_DATABASE=settings.mongo.database,
        REDIS_URL=settings.redis.url or "",
        REDIS_PREFIX=settings.redis.prefix,
    )
    reading = asyncio.create_task(said(worker))

    async def done(job: Job, *faults: llm_server.Fault) -> None:
        """Has the job run while the providers do this."""
        asked = len(server.received)
        server.script(*faults)
        await queue.enqueue(job, job_id=f"job-{asked}")

        async def ended() -> bool:
            return len(server.received) > asked and not await resources.stores.redis.keys("arq:in-progress:*")

        await until(ended, "the job")

    def items(key: str) -> ExplainList:
        return ExplainList("u:anna", "en", (ExplainItem(key, TEA.id, TASTE),))

    # When both write, refuse by repeating what they were asked, and invent, for each kind of text
    echo = llm_server.echoes(400)
    invented = llm_server.says(f'{{"explanations": [{{"index": 0, "text": "{INVENTED}"}}]}}')
    broken = llm_server.says(f'{{"explanations": [{{"index": "{INVENTED}"}}]}}')
    await resources.insights.get(ANNA, "en")
    await done(WriteInsight("anna"), echo)
    await done(items("a"))
    await done(items("b"), echo, echo)
    await done(items("c"), invented, invented)
    await done(items("d"), broken, broken)
    await done(StreamExplanation("u:anna", "en", ExplainItem("e", TEA.id, TASTE)), echo)
    await done(StreamExplanation("u:anna", "en", ExplainItem("f", TEA.id, TASTE)), llm_server.fails_midway(INVENTED))
    worker.terminate()
    log = await reading

    # Then the log says so, in no word of theirs, and no job has one
    assert all(one in "".join(request.text for request in server.received) for one in PROMPT)
    assert {"llm.call", "llm.failed", "llm.ungrounded", "job_done"} <= set(log.split())
    assert [one for one in (*PROMPT, *ANSWERS, "secret-key") if one in log] == []
    records = str([document async for document in resources.stores.database["jobs"].find()])
    assert [one for one in (*PROMPT, *ANSWERS) if one in records] == []


async def test_a_process_without_a_configured_log_prints_no_prompt(server: LlmServer) -> None:
    printed = await said(await process("-c", ASK, **models(server)))

    assert len(server.received) == 4
    assert printed.endswith("done\n")
    assert [one for one in (*PROMPT, *ANSWERS, MILK.name) if one in printed] == []
