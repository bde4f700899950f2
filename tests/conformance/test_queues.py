"""What every queue of jobs promises, with the edge that takes from it: arq with its worker, SQS with a function."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import pytest
from structlog.contextvars import bound_contextvars

from scoring.types import ReasonKind
from shop.entities.evidence import Evidence
from shop.entities.jobs import JobFilter, JobGroup, JobState
from shop.entities.paging import PageRequest
from shop.errors import BadInputError, UnavailableError
from shop.jobs import ExplainItem, ExplainList, RollUpSession, Sweep
from shop.resources.texts import open_texts
from shop.settings import QueueSettings, Settings
from shop.store.aws import AwsClient
from tests.fixtures.aws import deliver_all, new_queues
from tests.fixtures.redis import redis_settings
from tests.fixtures.waiting import until
from tests.fixtures.worker import run_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.entities.jobs import JobRecord
    from shop.resources.texts import TextResources
    from tests.fixtures.job_bodies import Body


class Edge(Protocol):
    """A queue's other side."""

    resources: TextResources

    async def work(self) -> None:
        """Runs jobs until none is left."""
        ...

    async def put_raw(self, text: str) -> None:
        """Puts something into the queue of general jobs that we would not."""
        ...


@dataclass
class ArqEdge:
    resources: TextResources

    async def work(self) -> None:
        await run_all(self.resources)

    async def put_raw(self, text: str) -> None:
        redis, keys = self.resources.stores.redis, self.resources.stores.keys
        key = keys.job("raw")
        await redis.set(f"arq:job:{key}", text.encode())
        await redis.zadd(keys.queue, {key: int(time.time() * 1000)})


@dataclass
class SqsEdge:
    resources: TextResources
    sqs: AwsClient

    async def work(self) -> None:
        await deliver_all(self.resources, self.sqs)

    async def put_raw(self, text: str) -> None:
        url = self.resources.settings.queue.urls[JobGroup.GENERAL]
        await self.sqs.call("send_message", QueueUrl=url, MessageBody=text)


@pytest.fixture(params=["arq", "sqs"])
async def edge(request: pytest.FixtureRequest, migrated: Settings, aws: str) -> AsyncIterator[Edge]:
    """A queue without jobs."""
    assert aws
    settings = migrated.model_copy(update={"redis": redis_settings(migrated.redis.url, uuid4().hex[:8])})
    sqs = AwsClient("sqs", timeout_seconds=10)
    if request.param == "sqs":
        settings = settings.model_copy(update={"queue": await new_queues(sqs)})
    async with open_texts(settings) as resources:
        yield SqsEdge(resources, sqs) if request.param == "sqs" else ArqEdge(resources)
        for collection in ("jobs", "large_messages"):
            await resources.stores.database[collection].delete_many({})
    await sqs.aclose()


ANNA, BEN = RollUpSession("anna"), RollUpSession("ben")


async def failed(edge: Edge) -> list[JobRecord]:
    page = await edge.resources.jobs.page(PageRequest(), JobFilter(JobState.FAILED))
    return [record for record, _ in page.rows]


async def test_a_job_that_waits_or_runs_is_not_put_twice_and_one_that_has_ended_is(edge: Edge, body: Body) -> None:
    queue = edge.resources.stores.queue
    body.gate.clear()
    assert await queue.enqueue(ANNA, job_id="anna")
    assert not await queue.enqueue(ANNA, job_id="anna")
    assert await queue.enqueue(BEN, job_id="ben"), "another id is another job"
    working = asyncio.create_task(edge.work())

    async def both_run() -> bool:
        return len(body.seen) == 2

    await until(both_run, "the jobs to run")
    assert not await queue.enqueue(ANNA, job_id="anna")
    body.gate.set()
    await working

    assert sorted(job.user_id for job in body.seen if isinstance(job, RollUpSession)) == ["anna", "ben"]
    assert await queue.enqueue(ANNA, job_id="anna")
    await edge.work()
    assert len(body.seen) == 3


async def test_many_who_put_the_same_job_at_once_put_one(edge: Edge, body: Body) -> None:
    queue = edge.resources.stores.queue

    put = await asyncio.gather(*(queue.enqueue(ANNA, job_id="anna") for _ in range(20)))

    assert put.count(True) == 1
    await edge.work()
    assert len(body.seen) == 1


async def test_what_may_pass_is_tried_again_and_the_job_is_put_once_meanwhile(edge: Edge, body: Body) -> None:
    queue = edge.resources.stores.queue
    body.errors = [UnavailableError("MongoDB"), UnavailableError("MongoDB")]
    await queue.enqueue(ANNA, job_id="anna")

    await edge.work()

    assert body.last_tries == [False, False, True]
    assert await failed(edge) == []


async def test_a_job_that_fails_for_good_is_on_record_and_can_be_put_again(edge: Edge, body: Body) -> None:
    body.errors = [BadInputError("No such shopper.")]
    await edge.resources.stores.queue.enqueue(ANNA, job_id="anna")

    await edge.work()

    (record,) = await failed(edge)
    assert (record.id, record.error_code, record.message["user_id"]) == ("anna", "BAD_USER_INPUT", "anna")
    await edge.resources.jobs.retry("anna")
    await edge.work()
    assert len(body.seen) == 2
    assert await failed(edge) == []


async def test_a_job_with_a_record_is_followed_there(edge: Edge, body: Body) -> None:
    started = await edge.resources.jobs.start(Sweep())
    again = await edge.resources.jobs.start(Sweep())

    await edge.work()

    record = await edge.resources.jobs.get(started.id)
    assert again.id == started.id
    assert record is not None
    assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)
    assert body.seen == [Sweep()]


@pytest.mark.parametrize("text", ["no JSON", '{"f": 7}', "[1]", "null", '{"id": "x", "name": "sweep"}'])
async def test_a_poison_message_is_kept_as_a_failed_job_and_blocks_no_other(edge: Edge, body: Body, text: str) -> None:
    await edge.put_raw(text)
    await edge.resources.stores.queue.enqueue(ANNA, job_id="anna")

    await edge.work()

    assert body.seen == [ANNA]
    (record,) = await failed(edge)
    assert (record.error_code, record.message) == ("BAD_USER_INPUT", {"text": text})


@pytest.mark.parametrize("label", ["ordinary " * 40_000, "\ufffe\uffff\x00€ " * 50_000], ids=["long", "odd letters"])
async def test_a_large_message_arrives_whole(edge: Edge, body: Body, label: str) -> None:
    items = tuple(ExplainItem(f"key-{part}", "1", (Evidence(ReasonKind.POPULAR, label=label),)) for part in range(4))
    job = ExplainList("u:anna", "en", items)

    assert await edge.resources.stores.queue.enqueue(job, job_id="large")
    assert not await edge.resources.stores.queue.enqueue(job, job_id="large")
    await edge.work()

    assert body.seen == [job]
    assert await edge.resources.stores.database["large_messages"].count_documents({}) == 0, "nothing is left behind"


async def test_a_delay_is_kept(edge: Edge, body: Body) -> None:
    began = time.time()
    await edge.resources.stores.queue.enqueue(ANNA, job_id="anna", delay_seconds=1.5)
    backlog = (await edge.resources.stores.queue.backlog())[JobGroup.GENERAL]
    assert (backlog.jobs, backlog.oldest_seconds) == (1, 0)

    await edge.work()

    assert body.times[0] - began >= 1.5


async def test_the_backlog_counts_what_has_not_ended(edge: Edge, body: Body) -> None:
    queue = edge.resources.stores.queue
    await queue.enqueue(ANNA, job_id="anna")
    await queue.enqueue(BEN, job_id="ben")
    await queue.enqueue(ExplainList("u:anna", "en", ()), job_id="list")

    backlog = await queue.backlog()
    assert {group: waiting.jobs for group, waiting in backlog.items()} == {
        JobGroup.GENERAL: 2,
        JobGroup.LLM: 1,
        JobGroup.TRAINING: 0,
    }
    await edge.work()

    assert {waiting.jobs for waiting in (await queue.backlog()).values()} == {0}
    assert len(body.seen) == 3


async def test_the_request_that_ordered_a_job_is_known_while_it_runs(edge: Edge, body: Body) -> None:
    with bound_contextvars(request_id="of-the-order"):
        await edge.resources.stores.queue.enqueue(ANNA, job_id="anna")
    await edge.resources.stores.queue.enqueue(BEN, job_id="ben")

    await edge.work()

    assert sorted(body.request_ids, key=str) == [None, "of-the-order"]


async def test_a_job_that_could_not_be_put_can_be_put_later(edge: Edge, body: Body) -> None:
    """The queue's server is away at first."""
    away: dict[str, Any] = {"redis": edge.resources.settings.redis.model_copy(update={"url": "redis://127.0.0.1:1/0"})}
    if isinstance(edge, SqsEdge):
        url = "http://127.0.0.1:1/0/none"
        gone = QueueSettings(backend="sqs", timeout_seconds=1, url_general=url, url_llm=url, url_training=url)
        away = {"queue": gone}
    async with open_texts(edge.resources.settings.model_copy(update=away)) as cut_off:
        with pytest.raises(UnavailableError):
            await cut_off.stores.queue.enqueue(ANNA, job_id="anna")

    assert await edge.resources.stores.queue.enqueue(ANNA, job_id="anna")
    await edge.work()
    assert body.seen == [ANNA]
