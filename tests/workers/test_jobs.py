"""Jobs through the real queue: once in effect, tried again when it helps, and never blocked by their own past."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from devstack.bench.databases import announced_texts
from scoring.types import ReasonKind
from shop.entities.evidence import Evidence
from shop.entities.explanations import TextStatus
from shop.errors import BadInputError
from shop.jobs import ExplainItem, ExplainList, RollUpSession, to_json
from shop.resources.serving import open_serving
from tests.fixtures.cable import cable
from tests.fixtures.redis import redis_settings
from tests.fixtures.shop import working
from tests.fixtures.waiting import until
from tests.fixtures.worker import run_all
from workers.context import WorkerContext
from workers.delivery import Delivery, handle_delivery, run_job
from workers.llm.writer import build_writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.resources.serving import ServingResources
    from shop.settings import Settings

BANANAS = "1082185"


@pytest.fixture
def quiet(stocked: Settings) -> Settings:
    """The stocked shop with a queue of its own, which no worker serves yet."""
    return stocked.model_copy(update={"redis": redis_settings(stocked.redis.url, f"quiet_{uuid4().hex[:8]}")})


@pytest.fixture
async def resources(quiet: Settings) -> AsyncIterator[ServingResources]:
    async with open_serving(quiet, start=False) as opened:
        yield opened


def explain(key: str, product_id: str = BANANAS) -> ExplainList:
    evidence = (Evidence(ReasonKind.POPULAR, count=12),)
    return ExplainList("s:jobs", "en", (ExplainItem(key, product_id, evidence),))


async def test_a_job_is_put_once_and_can_be_put_again_when_it_is_done(resources: ServingResources) -> None:
    job = explain(uuid4().hex)

    assert await resources.stores.queue.enqueue(job, job_id="same")
    assert not await resources.stores.queue.enqueue(job, job_id="same")
    assert await run_all(resources) == 1
    assert await resources.stores.queue.enqueue(job, job_id="same"), "a finished job does not block the next"
    assert await run_all(resources) == 1


async def test_a_text_is_written_once_however_often_it_is_ordered(resources: ServingResources) -> None:
    key = uuid4().hex
    for number in range(3):
        await resources.stores.queue.enqueue(explain(key), job_id=f"order-{number}")

    await run_all(resources)

    stored = await resources.stores.explanations.stored([key])
    cached = await resources.stores.explanations.cached([key])
    assert stored[key].status is TextStatus.READY
    assert stored[key].text
    assert cached[key] == stored[key]
    assert await resources.stores.database["explanations"].count_documents({"_id": key}) == 1


async def test_the_explanation_of_a_product_that_is_gone_fails_and_says_so(resources: ServingResources) -> None:
    key = uuid4().hex
    await resources.stores.queue.enqueue(explain(key, "no-such-product"), job_id=key)

    await run_all(resources)

    failed = (await resources.stores.explanations.stored([key]))[key]
    assert failed.status is TextStatus.FAILED
    assert failed.error is not None
    assert "no longer in the catalogue" in failed.error


async def test_a_job_that_is_delivered_again_announces_its_texts_once_and_one_that_is_put_again_once_more(
    resources: ServingResources,
) -> None:
    """As after a worker that was killed when all was done, but before the queue knew it."""
    context, key = WorkerContext(resources, build_writer(resources.settings.llm)), uuid4().hex
    delivery = Delivery(key, ExplainList.name, to_json(explain(key)), datetime.now(UTC), attempt=1)

    assert await handle_delivery(context, delivery) is None
    assert await handle_delivery(context, replace(delivery, attempt=2)) is None
    assert (await announced_texts(resources.stores.event_log))[key] == 1

    assert await handle_delivery(context, replace(delivery, put_at=datetime.now(UTC))) is None
    assert (await announced_texts(resources.stores.event_log))[key] == 2


async def test_a_job_waits_for_a_database_that_is_away(quiet: Settings) -> None:
    key = uuid4().hex
    port = urlsplit(quiet.mongo.uri or "").port or 0
    async with cable(port) as mongo:
        uri = f"mongodb://127.0.0.1:{mongo.port}/?directConnection=true"
        settings = quiet.model_copy(update={"mongo": quiet.mongo.model_copy(update={"uri": uri, "timeout_ms": 200})})
        async with open_serving(quiet, start=False) as outside, contextlib.AsyncExitStack() as stack:
            mongo.cut()
            await stack.enter_async_context(working(settings))
            await outside.stores.queue.enqueue(explain(key), job_id=key)

            async def tried() -> bool:
                return bool(await outside.stores.redis.exists(f"arq:retry:{outside.stores.keys.prefix}:{key}"))

            async def written() -> bool:
                return key in await outside.stores.explanations.stored([key])

            await until(tried, "the first try")
            mongo.mend()
            await until(written, "the text after the database came back")


async def test_what_is_not_a_job_is_refused_with_a_reason(resources: ServingResources) -> None:
    context = WorkerContext(resources, build_writer(resources.settings.llm))

    with pytest.raises(BadInputError, match="no job 'nonsense'"):
        await run_job(context, "nonsense", {})
    with pytest.raises(BadInputError, match="not a message"):
        await run_job(context, "explain_list", {"wrong": 1})


async def test_a_profile_adds_up_what_a_shopper_did(resources: ServingResources) -> None:
    await resources.stores.queue.enqueue(RollUpSession("household-391"), job_id="rollup")

    await run_all(resources)

    profile = await resources.stores.users.profile("household-391")
    assert profile is not None
    assert profile.purchase_count > 100
    assert profile.order_count > 1
    assert profile.categories[0][1] >= profile.categories[-1][1]
    assert profile.average_price is not None
