"""When jobs are started: once for each time, however many workers check, and once for all times that were missed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from mongo_seed.migrate import migrate
from shop.entities.jobs import JobFilter, JobState
from shop.entities.models import TrainingKind
from shop.entities.paging import PageRequest
from shop.errors import UnavailableError
from shop.jobs import Sweep, TrainModel
from shop.resources.serving import open_serving
from tests.fixtures.cable import cable
from tests.fixtures.forgetting import forget_all
from tests.fixtures.worker import run_all
from tests.workers.test_delivery import failed
from workers.registry import SCHEDULES
from workers.schedule import JobSchedule, Scheduler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.entities.jobs import JobRecord
    from shop.resources.serving import ServingResources
    from shop.settings import Settings
    from shop.store.database import Database

HOURLY = JobSchedule("hourly", Sweep(), cron="17 * * * *")
BEFORE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)  # a Thursday
DUE = datetime(2026, 11, 26, 9, 17, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def resources(settings: Settings, database: Database) -> AsyncIterator[ServingResources]:
    await migrate(database)
    async with open_serving(settings, start=False) as opened:
        yield opened


async def records(resources: ServingResources) -> list[JobRecord]:
    return [record for record, _ in (await resources.jobs.page(PageRequest(), JobFilter())).rows]


async def check(resources: ServingResources, now: datetime) -> None:
    """As a worker does that has just been started."""
    await Scheduler(resources, [HOURLY]).start_due(now)


async def test_a_new_shop_has_nothing_to_make_up_for(resources: ServingResources) -> None:
    await check(resources, BEFORE)

    assert await records(resources) == []


async def test_a_time_starts_one_job(resources: ServingResources) -> None:
    scheduler = Scheduler(resources, [HOURLY])
    await scheduler.start_due(BEFORE)

    for second in range(5):
        await scheduler.start_due(DUE + timedelta(seconds=second))

    (record,) = await records(resources)
    assert (record.id, record.name) == ("hourly:2026-11-26T09:17Z", "sweep")
    assert (record.state, record.requested_by) == (JobState.QUEUED, None)


async def test_the_times_that_were_missed_are_made_up_for_once(resources: ServingResources) -> None:
    await check(resources, BEFORE)

    for _ in range(3):
        await check(resources, DUE + 5 * HOUR + timedelta(minutes=20))
        await run_all(resources)

    (record,) = await records(resources)
    assert (record.id, record.state) == ("hourly:2026-11-26T14:17Z", JobState.SUCCEEDED)


async def test_workers_that_check_at_once_start_one_job(settings: Settings, resources: ServingResources) -> None:
    await check(resources, BEFORE)
    async with open_serving(settings, start=False) as others:
        await asyncio.gather(*(check(one, DUE) for one in (resources, others) * 5))
    await run_all(resources)

    # One whose clock is late, and one that had begun to check before the job was over.
    await check(resources, DUE - timedelta(minutes=3))
    await resources.jobs.start(Sweep(), job_id="hourly:2026-11-26T09:17Z")
    await run_all(resources)

    (record,) = await records(resources)
    assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)


async def test_a_worker_killed_between_two_steps_leaves_nothing_undone(resources: ServingResources) -> None:
    await check(resources, BEFORE)
    await resources.jobs.start(Sweep(), job_id="hourly:2026-11-26T09:17Z")
    await forget_all(resources.stores)  # it was killed before the job was in the queue, and the time not marked

    await check(resources, DUE + timedelta(minutes=1))
    await run_all(resources)

    (record,) = await records(resources)
    assert record.state is JobState.SUCCEEDED


async def test_a_time_without_redis_is_made_up_for(settings: Settings, resources: ServingResources) -> None:
    async with cable(urlsplit(settings.redis.url or "").port or 0) as redis:
        url = f"redis://127.0.0.1:{redis.port}/0"
        cut = settings.model_copy(update={"redis": settings.redis.model_copy(update={"url": url})})
        async with open_serving(cut, start=False) as without_redis:
            scheduler = Scheduler(without_redis, [HOURLY])
            await scheduler.start_due(BEFORE)
            redis.cut()
            with pytest.raises(UnavailableError):
                await scheduler.start_due(DUE)
            redis.mend()
            await scheduler.start_due(DUE + timedelta(seconds=30))

    await run_all(resources)
    (record,) = await records(resources)
    assert (record.state, record.attempt) == (JobState.SUCCEEDED, 1)


async def test_two_workers_start_one_training_at_a_time(resources: ServingResources) -> None:
    (full,) = (one for one in SCHEDULES if one.name == "train_full")
    now = datetime(2026, 11, 26, 3, 0, 1, tzinfo=UTC)
    for moment in (now - timedelta(days=1), now, now):
        await Scheduler(resources, [full]).start_due(moment)
        await run_all(resources)

    (record,) = await failed(resources)
    assert record.message["kind"] == "FULL"
    assert "no products to train on" in (record.error_message or "")


@pytest.mark.parametrize(
    ("name", "now", "due"),
    [
        ("train_full", "2026-11-26T02:59", "2026-11-25T03:00"),
        ("train_full", "2026-11-26T03:00", "2026-11-26T03:00"),
        ("refresh_embeddings", "2026-11-26T17:59", "2026-11-26T12:00"),
        ("refresh_content", "2026-11-26T09:00", "2026-11-22T04:30"),
        ("refresh_content", "2026-11-29T04:29", "2026-11-22T04:30"),
        ("roll_up_experiments", "2026-11-26T09:04", "2026-11-26T09:00"),
        ("roll_up_experiments", "2026-11-26T00:00", "2026-11-26T00:00"),
        ("sweep", "2026-11-26T00:16", "2026-11-25T23:17"),
    ],
)
def test_the_schedule_says_what_was_due_last(name: str, now: str, due: str) -> None:
    (schedule,) = (one for one in SCHEDULES if one.name == name)

    assert schedule.due(datetime.fromisoformat(now + "Z")) == datetime.fromisoformat(due + "Z")


@dataclass(frozen=True)
class FieldRule:
    """The times of a schedule by the sets of its hours and minutes (0 is Monday), written out without a parser."""

    hours: frozenset[int] = frozenset(range(24))
    minutes: frozenset[int] = frozenset({0})
    weekday: int | None = None

    def due(self, now: datetime) -> datetime:
        days = [now.date() - timedelta(days=back) for back in range(8)]
        return next(
            moment
            for day in days
            if self.weekday in {None, day.weekday()}
            for hour in sorted(self.hours, reverse=True)
            for minute in sorted(self.minutes, reverse=True)
            if (moment := datetime.combine(day, time(hour, minute), UTC)) <= now
        )


EVERY_TIME = {
    "train_full": FieldRule(hours=frozenset({3})),
    "refresh_embeddings": FieldRule(hours=frozenset({0, 6, 12, 18})),
    "refresh_content": FieldRule(hours=frozenset({4}), minutes=frozenset({30}), weekday=6),
    "roll_up_experiments": FieldRule(minutes=frozenset(range(0, 60, 5))),
    "sweep": FieldRule(minutes=frozenset({17})),
}


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_the_cron_strings_mean_the_times_that_were_decided(schedule: JobSchedule) -> None:
    """Over five weeks with a leap day, a year's end and times between two minutes."""
    rule = EVERY_TIME[schedule.name]
    for start in (datetime(2027, 12, 20, tzinfo=UTC), datetime(2028, 2, 21, tzinfo=UTC)):
        for step in range(17 * 24 * 4):
            moment = start + step * timedelta(minutes=15, seconds=7, microseconds=300)
            assert schedule.due(moment) == rule.due(moment), moment
    assert schedule.due(rule.due(BEFORE)) == rule.due(BEFORE), "a time is due from its first instant on"


@pytest.mark.parametrize(
    ("cron", "reason"),
    [
        ("0 25 * * *", "Bad hour"),
        ("0 3 * * nonsense", "Bad day-of-week"),
        ("0 3 * *", "five fields"),
        ("0 0 3 * * *", "five fields"),
        ("0 0 31 2 *", "Bad day-of-month"),
        ("", "five fields"),
    ],
)
def test_a_bad_cron_string_is_refused_at_once_with_its_name(cron: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"'nightly'.*{reason}"):
        JobSchedule("nightly", Sweep(), cron)


def test_no_two_trainings_are_due_at_the_same_minute() -> None:
    week = [BEFORE.replace(hour=0) + timedelta(minutes=30 * step) for step in range(7 * 48)]
    trainings = [one for one in SCHEDULES if isinstance(one.job, TrainModel)]

    due = [[one for one in trainings if one.due(moment) == moment] for moment in week]

    assert {one.job.kind for one in trainings if isinstance(one.job, TrainModel)} == set(TrainingKind)
    assert max(map(len, due)) == 1
