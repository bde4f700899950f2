"""Jobs that can be followed: one of a kind at a time, never lost, honest about their end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mongo_seed.migrate import migrate
from shop.entities.jobs import JobState
from shop.entities.models import TrainingKind
from shop.entities.paging import PageRequest
from shop.errors import BadInputError, NotFoundError, UnavailableError
from shop.jobs import TrainModel
from shop.resources import open_resources
from workers.arq_app import build_worker
from workers.context import WorkerContext
from workers.llm.writer import build_writer
from workers.registry import SCHEDULES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.entities.jobs import JobRecord
    from shop.resources import Resources
    from shop.settings import Settings
    from shop.store.database import Database


@pytest.fixture
async def resources(settings: Settings, database: Database) -> AsyncIterator[Resources]:
    await migrate(database)
    async with open_resources(settings) as opened:
        yield opened


async def fetched(resources: Resources, id_: str) -> JobRecord:
    record = await resources.jobs.get(id_)
    assert record
    return record


async def waiting(resources: Resources) -> int:
    return int(await resources.redis.zcard(resources.keys.queue))


async def test_of_many_starts_one_counts(resources: Resources) -> None:
    records = await asyncio.gather(*(resources.jobs.start(TrainModel(seed=number)) for number in range(8)))

    assert len({record.id for record in records}) == 1
    assert await waiting(resources) == 1
    assert (await fetched(resources, records[0].id)).state is JobState.QUEUED


async def test_an_ended_job_makes_room_for_the_next(resources: Resources) -> None:
    first = await resources.jobs.start(TrainModel())
    async with resources.jobs.running(first.id, last_try=False) as run:
        assert run
        await run.succeed("done", "v1")

    second = await resources.jobs.start(TrainModel(TrainingKind.CONTENT))

    assert second.id != first.id
    ended = await fetched(resources, first.id)
    assert (ended.state, ended.result, ended.progress) == (JobState.SUCCEEDED, "v1", 1.0)
    async with resources.jobs.running(first.id, last_try=False) as run:
        assert run is None, "what has ended is not run again"


async def test_a_job_that_the_queue_has_lost_is_put_again(resources: Resources) -> None:
    first = await resources.jobs.start(TrainModel(seed=1))
    await resources.redis.flushdb()

    again = await resources.jobs.start(TrainModel(seed=2))

    assert again.id == first.id
    assert await waiting(resources) == 1


async def test_progress_never_falls(resources: Resources) -> None:
    job = await resources.jobs.start(TrainModel())
    async with resources.jobs.running(job.id, last_try=False) as run:
        assert run
        await run.advance("far", 0.7)
        await run.advance("begun again", 0.2)

        now = await fetched(resources, job.id)

    assert (now.stage, now.progress, now.state) == ("begun again", 0.7, JobState.RUNNING)


@dataclass(frozen=True)
class Ending:
    """How a run ends, and what the record says then."""

    error: BaseException
    last_try: bool
    state: JobState
    code: str | None


@pytest.mark.parametrize(
    "ending",
    [
        Ending(UnavailableError("MongoDB"), False, JobState.QUEUED, "UNAVAILABLE"),
        Ending(UnavailableError("MongoDB"), True, JobState.FAILED, "UNAVAILABLE"),
        Ending(BadInputError("No products."), False, JobState.FAILED, "BAD_USER_INPUT"),
        Ending(RuntimeError("secret detail"), False, JobState.FAILED, "INTERNAL"),
        Ending(asyncio.CancelledError(), False, JobState.QUEUED, None),
    ],
    ids=["away", "away for good", "bad input", "bug", "cancelled"],
)
async def test_an_error_is_on_record(resources: Resources, ending: Ending) -> None:
    job = await resources.jobs.start(TrainModel())

    with pytest.raises(type(ending.error)):
        async with resources.jobs.running(job.id, last_try=ending.last_try):
            raise ending.error

    record = await fetched(resources, job.id)
    assert (record.state, record.error_code) == (ending.state, ending.code)
    assert "secret detail" not in (record.error_message or "")
    assert (record.finished_at is None) == (ending.state is JobState.QUEUED)


async def test_an_unknown_job_is_an_error(resources: Resources) -> None:
    with pytest.raises(NotFoundError):
        async with resources.jobs.running("nonsense", last_try=False):
            pass


async def test_two_workers_start_one_training_at_a_tick(settings: Settings, resources: Resources) -> None:
    """Also when one's clock is late, so that it puts the tick after the other has run it and all that it started."""
    writer = build_writer(settings.llm)
    last_tick: datetime | None = None
    for _ in range(2):
        worker = build_worker(WorkerContext(resources, writer), burst=True)
        (tick,) = (job for job in worker.cron_jobs if job.name.endswith(":train_full"))
        if last_tick is None:
            tick.calculate_next(datetime.now(UTC) - timedelta(days=1))
            last_tick = tick.next_run
        tick.next_run = last_tick
        await worker.async_run()
        await worker.close()
    await writer.aclose()

    records = [record for record, _ in (await resources.jobs.page(PageRequest())).rows]
    assert [record.message["kind"] for record in records] == ["FULL"]
    assert (records[0].state, records[0].requested_by) == (JobState.FAILED, None)
    assert "no products to train on" in (records[0].error_message or "")


async def test_the_schedule_is_the_registrys(settings: Settings, resources: Resources) -> None:
    writer = build_writer(settings.llm)
    times = {schedule.name: (set(schedule.hours), schedule.weekday) for schedule in SCHEDULES}

    worker = build_worker(WorkerContext(resources, writer))

    planned = {tick.name.rpartition(":")[2]: (tick.hour, tick.weekday) for tick in worker.cron_jobs}
    assert planned == times
    assert times["train_full"] == ({3}, None)
    assert times["refresh_embeddings"] == ({0, 6, 12, 18}, None)
    assert times["refresh_content"] == ({4}, 6)
    await writer.aclose()
