"""The arq edge: a thin shell over the registry and handle_delivery.

There is one arq worker for each group of jobs, so that a group at its limit leaves its jobs in a queue of its own,
where they wait without a time-out and block no other group.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Any

import structlog
from arq import Retry, Worker, func
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix, retry_key_prefix
from arq.utils import timestamp_ms

from shop.entities.jobs import JobGroup
from shop.errors import UnavailableError
from shop.resources.texts import open_texts
from shop.store import redis
from shop.store.queue import deserialize, serialize
from workers.context import WorkerContext
from workers.delivery import Delivery, handle_delivery
from workers.llm.chain import import_sdks
from workers.llm.metered import metered_writer
from workers.registry import JOBS, SCHEDULES
from workers.schedule import Scheduler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from arq.worker import Function

    from shop.settings import Settings

_log = structlog.get_logger(__name__)
_RESTART_SECONDS = 1.0
_COMPLETION_WAIT_SECONDS = 5
_LOOK_SECONDS = 5  # a look at the queue takes milliseconds, unless Redis is away
LOCK_SECONDS = 12
_EDGE = "job"
_UNREADABLE = "unreadable"
# arq's own limits are out of reach, so that those of handle_delivery count.
_MOST_TRIES = 1_000_000
_LONGEST_SECONDS = max(spec.timeout_seconds for spec in JOBS.values()) + 600
_SHOWN_BYTES = 1_000
_REDIS_PATIENCE_SECONDS = 30  # a worker has nobody who waits for it


async def serve(settings: Settings) -> None:
    """Runs jobs until SIGTERM or SIGINT; unfinished ones go back to the queue. Without Redis it waits."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with open_texts(settings) as resources:
        writer = metered_writer(resources)
        context = WorkerContext(resources, writer)
        await import_sdks(settings.llm)
        _log.info(
            "worker_started",
            jobs=list(JOBS),
            limits={group.value: limit for group, limit in _limits(settings).items()},
            writer=settings.llm.provider,
        )
        try:
            async with _scheduling(context):
                while not stopping.is_set():
                    await _run_until(stopping, context)
        finally:
            await writer.aclose()
    _log.info("worker_stopped")


@contextlib.asynccontextmanager
async def _scheduling(context: WorkerContext) -> AsyncIterator[None]:
    if not context.resources.settings.worker.schedule:
        yield
        return
    scheduler = asyncio.create_task(Scheduler(context.resources, SCHEDULES).run())
    try:
        yield
    finally:
        scheduler.cancel()
        await asyncio.gather(scheduler, return_exceptions=True)


async def _run_until(stopping: asyncio.Event, context: WorkerContext) -> None:
    """Runs arq's workers until a signal comes or Redis is lost."""
    worker = build_worker(context)
    running = asyncio.create_task(worker.async_run())
    signalled = asyncio.create_task(stopping.wait())
    await asyncio.wait({running, signalled}, return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    patience = _COMPLETION_WAIT_SECONDS if stopping.is_set() else 0
    await asyncio.gather(worker.stop(running, patience), return_exceptions=True)
    if not stopping.is_set():
        (outcome,) = await asyncio.gather(running, return_exceptions=True)
        reason = await _reason(context, outcome)
        _log.warning("worker_interrupted", reason=reason, retry_in_seconds=_RESTART_SECONDS)
        await asyncio.sleep(_RESTART_SECONDS)


async def _reason(context: WorkerContext, outcome: int | BaseException) -> str:
    """What is wrong with Redis; if nothing is any longer, the kind of what has ended the worker."""
    try:
        await redis.ping(context.resources.stores.redis)
    except UnavailableError as error:
        return error.message
    return type(outcome).__name__


class _QueueWorker(Worker):
    """arq's worker, that can be stopped between two looks at its queue: in the middle of one, redis-py would lose a
    connection that watches a key."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.looking = asyncio.Lock()

    async def _poll_iteration(self) -> None:
        async with self.looking:
            await super()._poll_iteration()


class JobWorker:
    """arq's workers, one for each group of jobs, as one."""

    def __init__(self, workers: list[_QueueWorker], *, burst: bool) -> None:
        self._workers = workers
        self._burst = burst

    async def async_run(self) -> int:
        """Runs until it is cancelled, a burst until all queues are empty; returns how many jobs have succeeded. Raises
        what ends any of them."""
        while True:
            await asyncio.gather(*(worker.async_run() for worker in self._workers))
            if not self._burst or not await self._waiting():
                return sum(worker.jobs_complete for worker in self._workers)

    async def _waiting(self) -> bool:
        """Whether a job of one group has put one of another, whose burst was over."""
        return any([await worker.pool.zcard(worker.queue_name) for worker in self._workers])

    async def stop(self, running: asyncio.Task[int], seconds: float) -> None:
        """Takes no more jobs, lets those finish that take no longer than `seconds`, and gives the rest to another
        worker. `running`: the task of `async_run`."""
        for worker in self._workers:
            worker.allow_pick_jobs = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                for worker in self._workers:
                    async with worker.looking:
                        pass
        tasks = [task for worker in self._workers for task in worker.tasks.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await self.close()

    async def close(self) -> None:
        """Raises the first error, after all are closed."""
        outcomes = await asyncio.gather(*(worker.close() for worker in self._workers), return_exceptions=True)
        for error in outcomes:
            if error is not None:
                raise error


def build_worker(context: WorkerContext, *, burst: bool = False) -> JobWorker:
    """The worker over the registry. `burst` ends by itself when the queues are empty."""
    return JobWorker([_worker(context, group, burst=burst) for group in JobGroup], burst=burst)


def _limits(settings: Settings) -> dict[JobGroup, int]:
    worker = settings.worker
    return {
        JobGroup.GENERAL: worker.concurrency,
        # Templates call no provider.
        JobGroup.LLM: worker.concurrency if settings.llm.provider == "template" else worker.llm_concurrency,
        JobGroup.TRAINING: worker.training_concurrency,
    }


def _worker(context: WorkerContext, group: JobGroup, *, burst: bool) -> _QueueWorker:
    settings, keys = context.resources.settings, context.resources.stores.keys
    worker = _QueueWorker(
        functions=[_function(context, keys.job(""))],
        redis_pool=_pool(settings),
        queue_name=keys.queue_of(group),
        health_check_key=keys.worker_health(group),
        health_check_interval=15,
        max_jobs=_limits(settings)[group],
        poll_delay=0.5 if group is JobGroup.TRAINING and not burst else 0.05,
        burst=burst,
        handle_signals=False,
        job_serializer=serialize,
        job_deserializer=_incoming,
    )
    # arq would lock a job for as long as the longest one may take: a worker that is killed in the middle would block
    # it for an hour. A short lock that is renewed while the job runs expires soon after.
    worker.in_progress_timeout_s = LOCK_SECONDS
    return worker


def _pool(settings: Settings) -> ArqRedis:
    """As arq makes its own, but connected as everything else is, with the same checks of certificates."""
    client = redis.connect(settings.redis, patience_seconds=_REDIS_PATIENCE_SECONDS)
    return ArqRedis(client.connection_pool, job_serializer=serialize, job_deserializer=_incoming)


def _incoming(data: bytes) -> dict[str, Any]:
    """A queue's entry as a call of the one arq function. What is not a job is passed on as well, to be refused and kept
    there: arq would drop it."""
    try:
        put: Any = deserialize(data)
    except ValueError:
        put = None
    match put:
        case {"f": str(name), "a": [dict(message)], "k": dict(options), "et": int(put_at)} if name:
            call = [name, message, options]
        case _:
            call = [_UNREADABLE, {"text": data[:_SHOWN_BYTES].decode(errors="replace")}, {}]
            put_at = timestamp_ms()
    return {"f": _EDGE, "a": call, "k": {}, "t": None, "et": put_at}


def _function(context: WorkerContext, prefix: str) -> Function:
    async def edge(ctx: dict[Any, Any], name: str, message: dict[str, Any], options: dict[str, Any]) -> None:
        request_id, trace = options.get("request_id"), options.get("trace")
        delivery = Delivery(
            id=ctx["job_id"].removeprefix(prefix),
            name=name,
            message=message,
            put_at=ctx["enqueue_time"],
            attempt=ctx["job_try"],
            recorded=bool(options.get("recorded")),
            request_id=request_id if isinstance(request_id, str) else None,
            trace={str(name): str(value) for name, value in trace.items()} if isinstance(trace, dict) else {},
        )
        renewing = asyncio.create_task(_renew_lock(ctx))
        try:
            retry = await handle_delivery(context, delivery)
        except asyncio.CancelledError:
            await _give_back_try(ctx)
            raise
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
        if retry is not None:
            if not retry.counts:
                await _give_back_try(ctx)
            raise Retry(defer=retry.seconds)

    # A kept result would block the next job of the same id.
    return func(edge, name=_EDGE, timeout=_LONGEST_SECONDS, max_tries=_MOST_TRIES, keep_result=0)


async def _give_back_try(ctx: dict[Any, Any]) -> None:
    with contextlib.suppress(Exception):  # without Redis it counts: one try less
        await ctx["redis"].decr(retry_key_prefix + ctx["job_id"])


async def _renew_lock(ctx: dict[Any, Any]) -> None:
    key = in_progress_key_prefix + ctx["job_id"]
    while True:
        await asyncio.sleep(LOCK_SECONDS / 4)
        with contextlib.suppress(Exception):  # a Redis that is away now may be back for the next turn
            await ctx["redis"].pexpire(key, LOCK_SECONDS * 1000)
