"""Runs one job, whatever edge it came through, and decides what becomes of it."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from shop.entities.jobs import JobRecord, JobState
from shop.errors import BadInputError, ShopError, UnavailableError
from workers.registry import JOBS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.services.jobs import Run
    from workers.context import WorkerContext

_log = structlog.get_logger(__name__)
_UNEXPECTED = "Something went wrong on our side; the worker's log says what."
_LONGEST_DELAY_SECONDS = 300


class JobTimeoutError(ShopError):
    """The job took longer than it may; trying again would take as long."""

    code = "TIMEOUT"


class WorkerLostError(ShopError):
    """Each attempt ended with its worker, which may well be the job's fault."""

    code = "WORKER_LOST"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A job as an edge hands it over. `attempt` counts from 1; `recorded`: it has a record of the same id."""

    id: str
    name: str
    message: dict[str, Any]
    put_at: datetime
    attempt: int
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class RetryLater:
    """The job is to be delivered again after so many seconds; as the same attempt unless this one `counts`."""

    seconds: float
    counts: bool = True


async def handle_delivery(context: WorkerContext, delivery: Delivery) -> RetryLater | None:
    """One attempt at a job; None when the queue may forget it: it is done, or kept as a failed one.

    Raises nothing but CancelledError: then the job must be delivered again, and this attempt does not count.
    """
    tries = _tries(delivery.name)
    began = datetime.now(UTC)
    run: Run | None = None
    try:
        if delivery.recorded:
            run = await context.resources.jobs.begin(delivery.id, tries)
            if run is None:
                return None
        await _attempt(replace(context, last_try=delivery.attempt >= tries, run=run), delivery, tries)
    except asyncio.CancelledError:
        if run is not None:
            await run.release()
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, the job is kept)
        return await _failed(context, delivery, run, error, began)
    return None


def _tries(name: str) -> int:
    return JOBS[name].tries if name in JOBS else 1


async def _attempt(context: WorkerContext, delivery: Delivery, tries: int) -> None:
    if delivery.attempt > tries:
        raise WorkerLostError(f"The worker ended in the middle of it, {tries} times.")
    result = await run_job(context, delivery.name, delivery.message)
    if context.run is not None:
        await context.run.succeed(result if isinstance(result, str) else None)


async def _failed(
    context: WorkerContext, delivery: Delivery, run: Run | None, error: Exception, began: datetime
) -> RetryLater | None:
    tries = _tries(delivery.name)
    known = error if isinstance(error, ShopError) else None
    code, message = (known.code, known.message) if known else ("INTERNAL", _UNEXPECTED)
    _log.warning(
        "job_failed",
        job=delivery.name,
        id=delivery.id,
        attempt=delivery.attempt,
        code=code,
        reason=str(error),
        exc_info=None if known else error,
    )
    if known and known.retryable and delivery.attempt < tries:
        if run is not None:
            await run.release(code, message)
        return RetryLater(retry_delay_seconds(delivery.attempt) + (known.retry_after or 0))
    try:
        if run is not None:
            await run.fail(code, message)
        else:
            await context.resources.jobs.dead_letter(_failure(delivery, tries, code, message, began))
    except UnavailableError:
        # It must not be forgotten before it is on record.
        return RetryLater(retry_delay_seconds(delivery.attempt), counts=False)
    _log.error("job_given_up", job=delivery.name, id=delivery.id, attempt=delivery.attempt, code=code)
    return None


def _failure(delivery: Delivery, tries: int, code: str, message: str, began: datetime) -> JobRecord:
    return JobRecord(
        id=delivery.id,
        name=delivery.name,
        message=delivery.message,
        created_at=delivery.put_at,
        state=JobState.FAILED,
        attempt=min(delivery.attempt, tries),
        max_attempts=tries,
        started_at=began,
        finished_at=datetime.now(UTC),
        error_code=code,
        error_message=message,
    )


async def run_job(context: WorkerContext, name: str, message: Mapping[str, Any]) -> object:
    """Decodes the message and runs the body.

    Raises what the body raises, BadInputError for what is not a job, and JobTimeoutError when it takes too long.
    """
    spec = JOBS.get(name)
    if spec is None:
        raise BadInputError(f"There is no job {name!r}; known are {', '.join(JOBS)}.")
    try:
        job = spec.message.from_json(dict(message))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"This is not a message of the job {name!r}: {error!r}") from error
    started = time.monotonic()
    limit = asyncio.timeout(spec.timeout_seconds)
    try:
        async with limit:
            body = await asyncio.to_thread(spec.load)  # the first import of a training takes seconds
            result = await body(context, job)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise JobTimeoutError(f"{name} took longer than {spec.timeout_seconds} s and was ended.") from error
    _log.info("job_done", job=name, result=result, ms=round((time.monotonic() - started) * 1000))
    return result


def retry_delay_seconds(attempt: int) -> float:
    """Between half of and a whole span that doubles from one second, at most five minutes. `attempt` counts from 1.

    The chance in it keeps jobs that failed together from coming back together.
    """
    longest: int = min(_LONGEST_DELAY_SECONDS, 2 ** (attempt - 1))
    return longest * random.uniform(0.5, 1)  # noqa: S311 (no secret)
