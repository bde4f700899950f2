"""Jobs that have a record: one of a kind at a time, never lost, their end on record, and tried again on demand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from mongo_seed.migrate import migrate
from shop.entities.jobs import JobFilter, JobGroup, JobRecord, JobState
from shop.entities.models import TrainingKind
from shop.entities.paging import PageRequest
from shop.errors import BadInputError, NotFoundError, UnavailableError
from shop.jobs import RollUpSession, Sweep, TrainModel, to_json
from shop.resources.serving import open_serving
from tests.fixtures.cable import cable
from tests.fixtures.forgetting import forget_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.resources.serving import ServingResources
    from shop.services.jobs import Run
    from shop.settings import Settings
    from shop.store.database import Database

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)


@pytest.fixture
async def resources(settings: Settings, database: Database) -> AsyncIterator[ServingResources]:
    await migrate(database)
    async with open_serving(settings, start=False) as opened:
        yield opened


async def fetched(resources: ServingResources, id_: str) -> JobRecord:
    record = await resources.jobs.get(id_)
    assert record
    return record


async def waiting(resources: ServingResources) -> int:
    return sum([int(await resources.stores.redis.zcard(resources.stores.keys.queue_of(group))) for group in JobGroup])


async def begun(resources: ServingResources, id_: str) -> Run:
    run = await resources.jobs.begin(id_, 5)
    assert run
    return run


def failure(id_: str, user_id: str = "anna") -> JobRecord:
    return JobRecord(
        id=id_,
        name=RollUpSession.name,
        message=to_json(RollUpSession(user_id)),
        created_at=NOW,
        state=JobState.FAILED,
        attempt=5,
        max_attempts=5,
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=2),
        error_code="UNAVAILABLE",
        error_message="MongoDB is not reachable right now.",
    )


async def test_of_many_starts_one_counts(resources: ServingResources) -> None:
    records = await asyncio.gather(*(resources.jobs.start(TrainModel(seed=number)) for number in range(8)))

    assert len({record.id for record in records}) == 1
    assert await waiting(resources) == 1
    assert (await fetched(resources, records[0].id)).state is JobState.QUEUED


async def test_an_ended_job_makes_room_for_the_next(resources: ServingResources) -> None:
    first = await resources.jobs.start(TrainModel())
    run = await begun(resources, first.id)
    await run.succeed("v1")

    second = await resources.jobs.start(TrainModel(TrainingKind.CONTENT))

    assert second.id != first.id
    ended = await fetched(resources, first.id)
    assert (ended.state, ended.result, ended.progress) == (JobState.SUCCEEDED, "v1", 1.0)
    assert ended.duration_ms is not None
    assert await resources.jobs.begin(first.id, 5) is None, "what has ended is not run again"


async def test_what_was_started_under_an_id_is_not_started_again(resources: ServingResources) -> None:
    first = await resources.jobs.start(Sweep(), job_id="sweep:one")
    await (await begun(resources, first.id)).succeed("done")
    await forget_all(resources.stores)

    again = await resources.jobs.start(Sweep(), job_id="sweep:one")

    assert (again.id, again.state) == (first.id, JobState.SUCCEEDED)
    assert await waiting(resources) == 0


async def test_a_job_that_the_queue_has_lost_is_put_again(resources: ServingResources) -> None:
    first = await resources.jobs.start(TrainModel(seed=1))
    await forget_all(resources.stores)

    again = await resources.jobs.start(TrainModel(seed=2))

    assert again.id == first.id
    assert await waiting(resources) == 1
    await forget_all(resources.stores)
    assert await resources.jobs.put_lost() == 1
    assert await resources.jobs.put_lost() == 0, "it is there"
    assert await waiting(resources) == 1


async def test_progress_never_falls(resources: ServingResources) -> None:
    job = await resources.jobs.start(TrainModel())
    run = await begun(resources, job.id)
    await run.advance("far", 0.7)
    await run.advance("begun again", 0.2)

    now = await fetched(resources, job.id)

    assert (now.stage, now.progress, now.state) == ("begun again", 0.7, JobState.RUNNING)
    assert (now.attempt, now.max_attempts) == (1, 5)


async def test_an_unknown_job_is_an_error(resources: ServingResources) -> None:
    with pytest.raises(NotFoundError):
        await resources.jobs.begin("nonsense", 5)
    with pytest.raises(NotFoundError):
        await resources.jobs.retry("nonsense")


async def test_a_failed_job_is_put_again_once(resources: ServingResources) -> None:
    await resources.jobs.dead_letter(failure("rollup:anna"))

    answers = await asyncio.gather(
        *(resources.jobs.retry("rollup:anna", "boss") for _ in range(8)), return_exceptions=True
    )

    assert [type(answer) for answer in answers].count(JobRecord) == 1
    assert [type(answer) for answer in answers].count(BadInputError) == 7
    assert await waiting(resources) == 1
    record = await fetched(resources, "rollup:anna")
    assert (record.state, record.attempt, record.requested_by) == (JobState.QUEUED, 0, "boss")
    assert record.finished_at is None


async def test_many_failed_jobs_of_a_name_are_put_again_together(resources: ServingResources) -> None:
    for number in range(3):
        await resources.jobs.dead_letter(failure(f"rollup:{number}", f"user-{number}"))
    for number in range(3):
        await resources.jobs.retry(f"rollup:{number}")

    assert await waiting(resources) == 3


async def test_a_failed_training_waits_for_the_one_that_runs(resources: ServingResources) -> None:
    failed = await resources.jobs.start(TrainModel())
    await (await begun(resources, failed.id)).fail("INTERNAL", "It broke.")
    other = await resources.jobs.start(TrainModel())

    with pytest.raises(BadInputError, match="Another train_model"):
        await resources.jobs.retry(failed.id)
    await (await begun(resources, other.id)).succeed("v2")
    with pytest.raises(BadInputError, match="this one is SUCCEEDED"):
        await resources.jobs.retry(other.id)

    assert (await resources.jobs.retry(failed.id)).state is JobState.QUEUED


async def test_a_retry_without_redis_leaves_the_job_failed(settings: Settings, resources: ServingResources) -> None:
    await resources.jobs.dead_letter(failure("rollup:anna"))
    async with cable(urlsplit(settings.redis.url or "").port or 0) as redis:
        url = f"redis://127.0.0.1:{redis.port}/0"
        cut = settings.model_copy(update={"redis": settings.redis.model_copy(update={"url": url})})
        redis.cut()
        async with open_serving(cut, start=False) as without_redis:
            with pytest.raises(UnavailableError):
                await without_redis.jobs.retry("rollup:anna")

    record = await fetched(resources, "rollup:anna")
    assert (record.state, record.error_code) == (JobState.FAILED, "UNAVAILABLE")
    assert (await resources.jobs.retry("rollup:anna")).state is JobState.QUEUED


async def test_records_are_found_by_state_and_name(resources: ServingResources) -> None:
    training = await resources.jobs.start(TrainModel())
    for number in range(3):
        await resources.jobs.dead_letter(failure(f"rollup:{number}"))

    async def found(wanted: JobFilter) -> set[str]:
        page = await resources.jobs.page(PageRequest(), wanted)
        assert len(page.rows) == await resources.jobs.count(wanted)
        return {record.id for record, _ in page.rows}

    assert await found(JobFilter(JobState.FAILED)) == {"rollup:0", "rollup:1", "rollup:2"}
    assert await found(JobFilter(name=TrainModel.name)) == {training.id}
    assert await found(JobFilter(JobState.FAILED, TrainModel.name)) == set()
    assert len(await found(JobFilter())) == 4


async def test_old_records_of_ended_jobs_are_deleted(resources: ServingResources) -> None:
    await resources.jobs.dead_letter(failure("rollup:anna"))
    active = await resources.jobs.start(TrainModel())

    assert await resources.jobs.delete_ended(NOW) == 0
    assert await resources.jobs.delete_ended(NOW + timedelta(days=1)) == 1

    assert await resources.jobs.get("rollup:anna") is None
    assert await resources.jobs.get(active.id) is not None
