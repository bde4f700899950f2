"""The arq edge: a thin shell over the registry and run_job."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog
from arq import Retry, Worker, cron, func
from arq.connections import RedisSettings
from arq.constants import in_progress_key_prefix

from shop.errors import ShopError, UnavailableError
from shop.resources import open_resources
from shop.store.queue import deserialize, serialize
from workers.context import WorkerContext
from workers.llm.metered import metered_writer
from workers.registry import JOBS, SCHEDULES, JobSpec, Schedule
from workers.run import retry_delay_seconds, run_job

if TYPE_CHECKING:
    from arq.cron import CronJob
    from arq.worker import Function

    from shop.settings import Settings

_log = structlog.get_logger(__name__)
_RESTART_SECONDS = 1.0
_COMPLETION_WAIT_SECONDS = 5
LOCK_SECONDS = 12
_TICK_KEPT_SECONDS = 1800


async def serve(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT; unfinished jobs go back to the queue. A lost Redis is waited for."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with open_resources(settings) as resources:
        writer = metered_writer(resources)
        context = WorkerContext(resources, writer)
        _log.info("worker_started", jobs=list(JOBS), writer=settings.llm.provider)
        try:
            while not stopping.is_set():
                await _run_until(stopping, context)
        finally:
            await writer.aclose()
    _log.info("worker_stopped")


async def _run_until(stopping: asyncio.Event, context: WorkerContext) -> None:
    """One life of arq's worker, which ends at a signal or when it loses Redis."""
    worker = build_worker(context)
    running = asyncio.create_task(worker.async_run())
    signalled = asyncio.create_task(stopping.wait())
    await asyncio.wait({running, signalled}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.is_set() and not running.done():
        await _drain(worker)
        running.cancel()
    signalled.cancel()
    (outcome,) = await asyncio.gather(running, return_exceptions=True)
    with contextlib.suppress(Exception):
        await worker.close()
    if not stopping.is_set():
        _log.warning("worker_interrupted", reason=repr(outcome), retry_in_seconds=_RESTART_SECONDS)
        await asyncio.sleep(_RESTART_SECONDS)


async def _drain(worker: Worker) -> None:
    """Lets jobs that are nearly done finish; the rest is cancelled, and arq gives it to another worker."""
    tasks = list(worker.tasks.values())
    if tasks:
        await asyncio.wait(tasks, timeout=_COMPLETION_WAIT_SECONDS)


def build_worker(context: WorkerContext, *, burst: bool = False) -> Worker:
    """arq's worker over the registry. `burst` ends when the queue is empty."""
    settings = context.resources.settings
    worker = Worker(
        functions=[_function(spec) for spec in JOBS.values()],
        cron_jobs=[_cron(context.resources.keys.prefix, one) for one in SCHEDULES if settings.worker.schedule],
        redis_settings=RedisSettings.from_dsn(settings.redis.url or "redis://127.0.0.1:6379/0"),
        queue_name=context.resources.keys.queue,
        health_check_key=context.resources.keys.worker_health,
        health_check_interval=15,
        max_jobs=settings.worker.concurrency,
        poll_delay=0.05,
        burst=burst,
        handle_signals=False,
        job_serializer=serialize,
        job_deserializer=deserialize,
        ctx={"context": context},
    )
    # arq would lock a job for as long as the longest one may take: a worker that is killed in the middle would keep
    # it from everybody for an hour. A short lock that is renewed while the job runs is free soon after.
    worker.in_progress_timeout_s = LOCK_SECONDS
    return worker


def _function(spec: JobSpec) -> Function:
    async def edge(ctx: dict[Any, Any], message: dict[str, Any]) -> object:
        return await _attempt(ctx, spec, message)

    # A kept result would block the next job of the same id.
    return func(edge, name=spec.name, timeout=spec.timeout_seconds, max_tries=spec.tries, keep_result=0)


def _cron(prefix: str, schedule: Schedule) -> CronJob:
    async def edge(ctx: dict[Any, Any]) -> str:
        context: WorkerContext = ctx["context"]
        try:
            return (await context.resources.jobs.start(schedule.job)).id
        except UnavailableError as error:
            raise Retry(defer=retry_delay_seconds(ctx["job_try"])) from error

    return cron(
        edge,
        name=f"{prefix}:cron:{schedule.name}",
        hour=set(schedule.hours),
        minute=schedule.minute,
        weekday=schedule.weekday,
        max_tries=5,
        # All workers put the same tick, under an id made of its time. Kept, it also turns away one whose clock is late.
        keep_result=_TICK_KEPT_SECONDS,
        unique=True,
    )


async def _attempt(ctx: dict[Any, Any], spec: JobSpec, message: dict[str, Any]) -> object:
    last_try = ctx["job_try"] >= spec.tries
    context: WorkerContext = replace(ctx["context"], last_try=last_try)
    renewing = asyncio.create_task(_renew_lock(ctx))
    try:
        return await run_job(context, spec.name, message)
    except ShopError as error:
        _log.warning("job_failed", job=spec.name, attempt=ctx["job_try"], code=error.code, reason=str(error))
        if error.retryable and not last_try:
            raise Retry(defer=retry_delay_seconds(ctx["job_try"])) from error
        raise
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


async def _renew_lock(ctx: dict[Any, Any]) -> None:
    key = in_progress_key_prefix + ctx["job_id"]
    while True:
        await asyncio.sleep(LOCK_SECONDS / 4)
        with contextlib.suppress(Exception):  # a Redis that is away now may be back for the next turn
            await ctx["redis"].pexpire(key, LOCK_SECONDS * 1000)
