"""Log lines of a job say which request ordered it, whatever way it took through queue, records and retries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from structlog.contextvars import bound_contextvars, get_contextvars, merge_contextvars
from structlog.testing import capture_logs

from mongo_seed.migrate import migrate
from scoring.types import ReasonKind
from shop.entities.catalog import Product
from shop.entities.evidence import Evidence
from shop.entities.jobs import JobState
from shop.entities.models import TrainingKind
from shop.entities.users import Actor
from shop.jobs import Sweep, TrainModel, WriteInsight
from shop.resources.serving import open_serving
from shop.settings import LlmSettings
from shop.store.queue import serialize
from tests.fixtures.forgetting import forget_all
from tests.fixtures.llm_server import llm_server
from tests.fixtures.worker import run_all
from tests.workers.test_delivery import failed, worker_context
from workers.delivery import Delivery, handle_delivery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.resources.serving import ServingResources
    from shop.settings import Settings
    from shop.store.database import Database

ANNA = Actor(session_id="anna")
TEA, CUP = Product("tea", "tea", "Green Tea"), Product("cup", "cup", "Blue Cup")
REQUEST = "request-0815"


@pytest.fixture
async def resources(settings: Settings, database: Database) -> AsyncIterator[ServingResources]:
    """A shop whose texts a model writes."""
    await migrate(database)
    async with llm_server() as server:
        llm = LlmSettings(provider="local", local_model="smol", local_base_url=f"{server.url}/v1", max_retries=0)
        async with open_serving(settings.model_copy(update={"llm": llm}), start=False) as opened:
            await opened.stores.catalog.upsert([TEA, CUP])
            yield opened


async def logged_work(resources: ServingResources) -> list[dict[str, Any]]:
    """The lines on jobs that a worker logs until the queues are empty; other parts of the process may log as well."""
    with capture_logs(processors=[merge_contextvars]) as lines:
        await run_all(resources)
    return [dict(line) for line in lines if "job_id" in line]


async def test_the_lines_of_a_lists_texts_carry_the_lists_request(resources: ServingResources) -> None:
    evidence = (Evidence(ReasonKind.BOUGHT_TOGETHER, CUP.id, count=12),)
    with bound_contextvars(request_id=REQUEST):
        wanted = resources.explanations.identify(ANNA, TEA.id, evidence, "en")
        _, ordered = await resources.explanations.lookup(ANNA, "en", [wanted])
    assert ordered

    lines = await logged_work(resources)

    assert {"llm.call", "job_done"} <= {line["event"] for line in lines}
    for line in lines:
        assert (line["request_id"], line["job"], line["attempt"]) == (REQUEST, "explain_list", 1), line
        assert line["job_id"]


async def test_what_nobody_requested_has_no_request_id(resources: ServingResources) -> None:
    await resources.jobs.start(Sweep())

    (line,) = await logged_work(resources)

    assert (line["event"], line["job"]) == ("job_done", "sweep")
    assert "request_id" not in line


async def test_a_recorded_job_keeps_its_request_when_it_is_lost_and_when_it_is_tried_again(
    resources: ServingResources,
) -> None:
    with bound_contextvars(request_id=REQUEST):
        job = await resources.jobs.start(TrainModel(TrainingKind.CONTENT))  # fails: there is no model to refresh
    await forget_all(resources.stores)
    assert await resources.jobs.put_lost() == 1

    first = await logged_work(resources)
    (record,) = await failed(resources)
    with bound_contextvars(request_id="of-the-retry"):
        await resources.jobs.retry(job.id)
    second = await logged_work(resources)

    assert record.request_id == REQUEST
    assert [line["event"] for line in first] == [line["event"] for line in second] == ["job_failed", "job_given_up"]
    assert {line["request_id"] for line in (*first, *second)} == {REQUEST}


async def test_a_failed_job_without_a_record_keeps_its_request(resources: ServingResources) -> None:
    with bound_contextvars(request_id=REQUEST):
        await resources.stores.queue.enqueue(WriteInsight("anna"), job_id="insight")
    await resources.stores.redis.set(f"arq:retry:{resources.stores.keys.job('insight')}", 5)  # as killed workers do

    await run_all(resources)

    (record,) = await failed(resources)
    assert (record.state, record.request_id) == (JobState.FAILED, REQUEST)


async def test_a_job_that_was_put_without_a_request_id_is_run(resources: ServingResources) -> None:
    """As code before request ids has put it."""
    key = resources.stores.keys.job("old")
    old: dict[str, Any] = {"f": "roll_up_session", "a": [{"user_id": "anna"}], "k": {}, "t": None, "et": 1}
    await resources.stores.redis.set(f"arq:job:{key}", serialize(old))
    await resources.stores.redis.zadd(resources.stores.keys.queue, {key: 1})

    (line,) = await logged_work(resources)

    assert (line["event"], line["job_id"]) == ("job_done", "old")


async def test_nothing_stays_bound_after_a_delivery(resources: ServingResources) -> None:
    broken = Delivery("x", "nonsense", {}, datetime.now(UTC), attempt=1, request_id=REQUEST)

    async with worker_context(resources) as context:
        await handle_delivery(context, broken)

    assert get_contextvars() == {}
