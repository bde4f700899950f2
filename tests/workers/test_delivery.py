"""What becomes of a job: done, tried again, or kept as a failed one. All through the real queue and worker."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from mongo_seed.migrate import migrate
from shop.entities.jobs import JobFilter, JobGroup, JobState
from shop.entities.paging import PageRequest
from shop.errors import BadInputError, ShopError, UnavailableError
from shop.jobs import ExplainList, RollUpSession, Sweep, TrainModel, WriteInsight
from shop.resources.serving import open_serving
from shop.settings import LlmSettings, WorkerSettings
from shop.store.queue import serialize
from tests.fixtures.cable import cable
from tests.fixtures.forgetting import forget_all
from tests.fixtures.shop import working
from tests.fixtures.waiting import until
from tests.fixtures.worker import run_all
from workers import arq_app
from workers import delivery as delivery_module
from workers.__main__ import main
from workers.arq_app import build_worker
from workers.context import WorkerContext
from workers.delivery import Delivery, RetryLater, handle_delivery, retry_delay_seconds
from workers.llm.writer import build_writer
from workers.registry import JOBS, JobSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.entities.jobs import JobRecord
    from shop.resources.serving import ServingResources
    from shop.settings import Settings
    from shop.store.database import Database


@pytest.fixture
async def resources(settings: Settings, database: Database) -> AsyncIterator[ServingResources]:
    await migrate(database)
    async with open_serving(settings, start=False) as opened:
        yield opened


@dataclass
class Script:
    """A job's body: raises one error after the other, and then succeeds."""

    errors: list[BaseException] = field(default_factory=list)
    seen: list[tuple[str, bool]] = field(default_factory=list)  # whose job, and whether it was the last try

    async def body(self, context: WorkerContext, job: RollUpSession) -> None:
        self.seen.append((job.user_id, context.last_try))
        if self.errors:
            raise self.errors.pop(0)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Replaces the body of RollUpSession; nobody waits between two tries."""
    written = Script()
    spec = JobSpec(RollUpSession, lambda: written.body, timeout_seconds=30, tries=3)
    put_script(monkeypatch, RollUpSession.name, spec)
    monkeypatch.setattr(delivery_module, "retry_delay_seconds", lambda _attempt: 0.01)
    return written


def put_script(monkeypatch: pytest.MonkeyPatch, name: str, spec: JobSpec) -> None:
    monkeypatch.setitem(JOBS, name, spec)


@contextlib.asynccontextmanager
async def worker_context(resources: ServingResources) -> AsyncIterator[WorkerContext]:
    writer = build_writer(resources.settings.llm)
    yield WorkerContext(resources, writer)
    await writer.aclose()


async def failed(resources: ServingResources) -> list[JobRecord]:
    page = await resources.jobs.page(PageRequest(), JobFilter(JobState.FAILED))
    return [record for record, _ in page.rows]


async def test_what_may_pass_is_tried_again(resources: ServingResources, script: Script) -> None:
    script.errors = [UnavailableError("MongoDB"), UnavailableError("Redis")]
    await resources.stores.queue.enqueue(RollUpSession("anna"), job_id="rollup")

    await run_all(resources)

    assert script.seen == [("anna", False), ("anna", False), ("anna", True)]
    assert await failed(resources) == []


@dataclass(frozen=True)
class Ending:
    """How a job fails, and what is on record then."""

    errors: list[BaseException]
    attempts: int
    code: str


@pytest.mark.parametrize(
    "ending",
    [
        Ending([UnavailableError("MongoDB") for _ in range(3)], 3, "UNAVAILABLE"),
        Ending([BadInputError("No products.")], 1, "BAD_USER_INPUT"),
        Ending([RuntimeError("secret detail")], 1, "INTERNAL"),
        Ending([TimeoutError("of something else")], 1, "INTERNAL"),
    ],
    ids=["away for good", "bad input", "bug", "foreign time-out"],
)
async def test_a_job_that_fails_for_good_is_kept_and_can_be_tried_again(
    resources: ServingResources, script: Script, ending: Ending
) -> None:
    before = datetime.now(UTC)
    script.errors = list(ending.errors)
    await resources.stores.queue.enqueue(RollUpSession("anna"), job_id="rollup")

    await run_all(resources)

    (record,) = await failed(resources)
    assert (record.id, record.name, record.message) == ("rollup", "roll_up_session", {"version": 1, "user_id": "anna"})
    assert (record.error_code, record.attempt, record.max_attempts) == (ending.code, ending.attempts, 3)
    assert record.error_message
    assert "secret detail" not in record.error_message
    assert record.started_at
    assert record.finished_at
    assert before.replace(microsecond=0) <= record.created_at <= record.started_at <= record.finished_at

    await resources.jobs.retry("rollup", "boss")
    await run_all(resources)

    again = await resources.jobs.get("rollup")
    assert again
    assert (again.state, again.attempt, again.error_code) == (JobState.SUCCEEDED, 1, None)
    assert len(script.seen) == ending.attempts + 1


async def test_a_failed_job_does_not_block_the_next_of_its_id(resources: ServingResources, script: Script) -> None:
    script.errors = [BadInputError("No."), BadInputError("No.")]

    for _ in range(3):
        assert await resources.stores.queue.enqueue(RollUpSession("anna"), job_id="rollup")
        await run_all(resources)

    assert len(script.seen) == 3
    assert len(await failed(resources)) == 1


async def test_a_job_that_takes_too_long_is_ended_and_kept(
    resources: ServingResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_context: WorkerContext, _job: RollUpSession) -> None:
        await asyncio.Event().wait()

    put_script(monkeypatch, RollUpSession.name, JobSpec(RollUpSession, lambda: hang, timeout_seconds=0))
    await resources.stores.queue.enqueue(RollUpSession("anna"), job_id="rollup")

    await run_all(resources)

    (record,) = await failed(resources)
    assert (record.error_code, record.attempt) == ("TIMEOUT", 1)


@pytest.mark.parametrize(
    ("put", "name", "code"),
    [
        (b"\x80\x04no json", "unreadable", "BAD_USER_INPUT"),
        (b'{"f": 7}', "unreadable", "BAD_USER_INPUT"),
        (serialize({"f": "nonsense", "a": [{}], "k": {}, "t": None, "et": 1}), "nonsense", "BAD_USER_INPUT"),
        (serialize({"f": "sweep", "a": [{"x": 1}], "k": {}, "t": None, "et": 1}), "sweep", "BAD_USER_INPUT"),
        (serialize({"f": "explain_list", "a": [{"items": 3}], "k": {}, "t": 1, "et": 1}), "explain_list",
         "BAD_USER_INPUT"),
    ],
    ids=["no JSON", "no call", "no job", "wrong fields", "wrong types"],
)  # fmt: skip
async def test_a_worker_survives_what_is_not_a_job(
    resources: ServingResources, script: Script, put: bytes, name: str, code: str
) -> None:
    broken = resources.stores.keys.job("broken")
    await resources.stores.redis.set(f"arq:job:{broken}", put)
    await resources.stores.redis.zadd(resources.stores.keys.queue, {broken: 1})
    await resources.stores.queue.enqueue(RollUpSession("anna"), job_id="rollup")

    await run_all(resources)

    assert [user for user, _ in script.seen] == ["anna"]
    (record,) = await failed(resources)
    assert (record.id, record.name, record.error_code) == ("broken", name, code)
    assert await resources.jobs.retry("broken"), "also this can be tried again, say with a newer worker"
    await run_all(resources)
    assert [one.id for one in await failed(resources)] == ["broken"]


async def test_an_attempt_that_is_released_does_not_count(resources: ServingResources) -> None:
    """A worker that stops cancels what it cannot finish."""
    job = await resources.jobs.start(TrainModel())
    begun, cancelled = asyncio.Event(), 0

    async def never_done(_context: WorkerContext, _job: TrainModel) -> None:
        begun.set()
        await asyncio.Event().wait()

    with pytest.MonkeyPatch.context() as patch:
        put_script(patch, TrainModel.name, JobSpec(TrainModel, lambda: never_done, timeout_seconds=60, tries=2))
        for _ in range(4):
            begun.clear()
            async with worker_context(resources) as context:
                worker = build_worker(context)
                task = asyncio.create_task(worker.async_run())
                await asyncio.wait_for(begun.wait(), 20)
                await worker.stop(task, 0)
            cancelled += 1
            record = await resources.jobs.get(job.id)
            assert record
            assert (record.state, record.attempt) == (JobState.QUEUED, cancelled)
    assert await failed(resources) == []


async def test_a_worker_stops_between_two_looks_at_its_queue(
    resources: ServingResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis' client loses a connection when it is interrupted in the middle of one."""
    looking, go_on, looked = asyncio.Event(), asyncio.Event(), 0

    async def look(_job_ids: list[bytes]) -> None:
        nonlocal looked
        looking.set()
        await go_on.wait()
        looked += 1

    monkeypatch.setattr(arq_app, "_LOOK_SECONDS", 120)
    async with worker_context(resources) as context:
        worker = build_worker(context)
        for one in worker._workers:  # not the class: other shops of this process have workers, too
            monkeypatch.setattr(one, "start_jobs", look)
        running = asyncio.create_task(worker.async_run())
        await asyncio.wait_for(looking.wait(), 20)
        stopping = asyncio.create_task(worker.stop(running, 0))
        await asyncio.wait({stopping}, timeout=0.1)
        waited = not stopping.done()
        go_on.set()
        await stopping

    assert waited
    assert looked > 0, "the look went on to its end"


async def test_a_job_that_kills_its_workers_is_given_up(resources: ServingResources, script: Script) -> None:
    await resources.stores.queue.enqueue(RollUpSession("anna"), job_id="rollup")
    await resources.stores.redis.set(
        f"arq:retry:{resources.stores.keys.job('rollup')}", 3
    )  # as three killed workers leave it

    await run_all(resources)

    (record,) = await failed(resources)
    assert (record.error_code, record.attempt) == ("WORKER_LOST", 3)
    assert script.seen == []


async def test_a_failure_that_cannot_be_recorded_is_not_forgotten(
    settings: Settings, resources: ServingResources
) -> None:
    async with cable(urlsplit(settings.mongo.uri or "").port or 0) as mongo:
        uri = f"mongodb://127.0.0.1:{mongo.port}/?directConnection=true&heartbeatFrequencyMS=500"
        away = settings.model_copy(update={"mongo": settings.mongo.model_copy(update={"uri": uri, "timeout_ms": 300})})
        delivery = Delivery("x", "nonsense", {}, datetime.now(UTC), attempt=1)
        async with open_serving(away, start=False) as without_mongo, worker_context(without_mongo) as context:
            mongo.cut()
            outcome = await handle_delivery(context, delivery)

            assert isinstance(outcome, RetryLater)
            assert not outcome.counts
            mongo.mend()

            async def recorded() -> bool:
                return await handle_delivery(context, delivery) is None

            await until(recorded, "the record of the failure")
    assert [record.id for record in await failed(resources)] == ["x"]


async def test_a_server_that_says_when_is_asked_then(
    resources: ServingResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BusyError(ShopError):
        retryable = True
        retry_after = 40.0

    script = Script([BusyError("Too many requests.")])
    put_script(monkeypatch, RollUpSession.name, JobSpec(RollUpSession, lambda: script.body, timeout_seconds=30))
    delivery = Delivery("x", RollUpSession.name, {"user_id": "anna"}, datetime.now(UTC), attempt=1)
    async with worker_context(resources) as context:
        outcome = await handle_delivery(context, delivery)

    assert isinstance(outcome, RetryLater)
    assert outcome.counts
    assert 40 <= outcome.seconds <= 42


async def test_a_group_at_its_limit_blocks_no_other(
    settings: Settings, resources: ServingResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"worker": WorkerSettings(llm_concurrency=2), "llm": LlmSettings(provider="local")}
    limited = settings.model_copy(update=limits)
    running, most, done, release = 0, 0, 0, asyncio.Event()

    async def call_provider(_context: WorkerContext, _job: WriteInsight) -> None:
        nonlocal running, most, done
        running += 1
        most = max(most, running)
        await release.wait()
        running, done = running - 1, done + 1

    script = Script()
    put_script(monkeypatch, WriteInsight.name, JobSpec(WriteInsight, lambda: call_provider, timeout_seconds=60))
    put_script(monkeypatch, RollUpSession.name, JobSpec(RollUpSession, lambda: script.body, timeout_seconds=60))
    for number in range(200):
        await resources.stores.queue.enqueue(WriteInsight(f"user-{number}"), job_id=f"insight:{number}")
    await resources.stores.queue.enqueue(RollUpSession("anna"), job_id="rollup")

    async def both_full_and_passed() -> bool:
        return running == 2 and bool(script.seen)

    async def all_done() -> bool:
        return done == 200

    async with working(limited):
        await until(both_full_and_passed, "the limit to be reached, and another group's job to be done")
        tried = [key async for key in resources.stores.redis.scan_iter(f"arq:retry:{resources.stores.keys.prefix}:*")]
        assert len(tried) == 2, "those that wait have not begun: neither a try nor their time is used up"
        release.set()
        await until(all_done, "all jobs of the group")
    assert most == 2


async def test_the_sweep_puts_lost_jobs_again_and_forgets_old_records(
    resources: ServingResources, script: Script
) -> None:
    script.errors = [BadInputError("No.")]
    await resources.stores.queue.enqueue(RollUpSession("anna"), job_id="old")
    await run_all(resources)
    long_ago = datetime.now(UTC) - timedelta(days=resources.settings.worker.job_retention_days + 1)
    await resources.stores.database["jobs"].update_one({"_id": "old"}, {"$set": {"finishedAt": long_ago}})
    lost = await resources.jobs.start(TrainModel())
    await forget_all(resources.stores)

    swept = await resources.jobs.start(Sweep())
    await run_all(resources)

    assert await resources.jobs.get("old") is None
    done, training = await resources.jobs.get(swept.id), await resources.jobs.get(lost.id)
    assert done
    assert done.result == "1 lost jobs put again, 1 old records forgotten"
    assert training
    assert training.state is JobState.FAILED, "it was run: there is nothing to train on here"


def test_retries_back_off_and_spread() -> None:
    for attempt, longest in enumerate((1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300), start=1):
        delays = {retry_delay_seconds(attempt) for _ in range(50)}
        assert longest / 2 <= min(delays) <= max(delays) <= longest
        assert len(delays) > 40


def test_each_kind_of_job_has_a_limit_of_its_own() -> None:
    groups = {name: spec.group for name, spec in JOBS.items()}

    assert groups[ExplainList.name] is groups[WriteInsight.name] is JobGroup.LLM
    assert groups[TrainModel.name] is JobGroup.TRAINING
    assert groups[RollUpSession.name] is groups[Sweep.name] is JobGroup.GENERAL


def test_the_command_explains_itself() -> None:
    shown = CliRunner().invoke(main, ["--help"])

    assert shown.exit_code == 0
    for word in ("SIGTERM", "MONGODB_URI", "REDIS_URL", "docs/jobs.md"):
        assert word in shown.output
