"""One delivery of a job, whatever edge it came through, and what becomes of it."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog
from structlog.contextvars import bound_contextvars

from shop.entities.jobs import JobRecord, JobState
from shop.errors import BadInputError, ShopError, UnavailableError
from shop.telemetry import spans
from shop.telemetry.spans import Kind
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
    """Each attempt ended with its worker, so the job itself may be the cause."""

    code = "WORKER_LOST"


@dataclass(frozen=True, slots=True)
class Delivery:
    """All that an edge knows of a job.

    `attempt` counts from 1; `recorded`: it has a record of the same id; `request_id` is that of the request that
    ordered it, None for the schedule; `trace` is the W3C trace context of whatever put it, empty without one.
    """

    id: str
    name: str
    message: dict[str, Any]
    put_at: datetime
    attempt: int
    recorded: bool = False
    request_id: str | None = None
    trace: Mapping[str, str] = field(default_factory=dict)

    @property
    def order(self) -> str:
        """Names the order that all attempts belong to: a job that is put again has another one."""
        return f"{self.id}:{self.put_at.timestamp()}"

    @property
    def tries(self) -> int:
        """How often it may be attempted."""
        return tries_of(self.name)

    @property
    def log_context(self) -> dict[str, Any]:
        """What every log line of this delivery carries."""
        ordered_by = {"request_id": self.request_id} if self.request_id is not None else {}
        return {"job": self.name, "job_id": self.id, "attempt": self.attempt, **ordered_by}

    @property
    def span_attributes(self) -> dict[str, str | int]:
        """Without the job's id, which may be made of a shopper's."""
        ordered_by = {"whybuy.request_id": self.request_id} if self.request_id is not None else {}
        return {"whybuy.job": self._known_name, "whybuy.job.attempt": self.attempt, **ordered_by}

    @property
    def span_name(self) -> str:
        return f"job {self._known_name}"

    @property
    def _known_name(self) -> str:
        return self.name if self.name in JOBS else "unknown"


def tries_of(name: str) -> int:
    """How often a job of this name may be attempted. What is not a job is refused at once."""
    return JOBS[name].tries if name in JOBS else 1


@dataclass(frozen=True, slots=True)
class RetryLater:
    """The job is to be delivered again after so many seconds; as the same attempt unless this one `counts`."""

    seconds: float
    counts: bool = True


async def handle_delivery(context: WorkerContext, delivery: Delivery) -> RetryLater | None:
    """One attempt at a job; None when the queue may drop it: it has succeeded, or is on record as a failed one.

    Raises nothing but CancelledError: then the job must be delivered again, and this attempt does not count.
    """
    measured = spans.span(delivery.span_name, Kind.CONSUMER, delivery.span_attributes, parent=delivery.trace)
    with bound_contextvars(**delivery.log_context), measured:
        return await _handle(context, delivery)


async def _handle(context: WorkerContext, delivery: Delivery) -> RetryLater | None:
    began = datetime.now(UTC)
    run: Run | None = None
    try:
        if delivery.recorded:
            run = await context.resources.jobs.begin(delivery.id, delivery.tries)
            if run is None:
                return None
        if await context.resources.erasures.voids(delivery.message, delivery.put_at):
            _log.info("job_dropped", reason="it is about somebody who has been erased")
            return None
        last_try = delivery.attempt >= delivery.tries
        await _attempt(replace(context, last_try=last_try, run=run, order=delivery.order), delivery)
    except asyncio.CancelledError:
        if run is not None:
            await run.release()
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, the job is kept)
        return await _failed(context, delivery, run, error, began)
    return None


async def _attempt(context: WorkerContext, delivery: Delivery) -> None:
    if delivery.attempt > delivery.tries:
        raise WorkerLostError(f"The worker ended in the middle of it, {delivery.tries} times.")
    result = await run_job(context, delivery.name, delivery.message)
    if context.run is not None:
        await context.run.succeed(result if isinstance(result, str) else None)


async def _failed(
    context: WorkerContext, delivery: Delivery, run: Run | None, error: Exception, began: datetime
) -> RetryLater | None:
    known = error if isinstance(error, ShopError) else None
    code, message = (known.code, known.message) if known else ("INTERNAL", _UNEXPECTED)
    _log.warning("job_failed", code=code, reason=str(error), exc_info=None if known else error)
    spans.current().fail(code)
    if known and known.retryable and delivery.attempt < delivery.tries:
        if run is not None:
            await run.release(code, message)
        return RetryLater(retry_delay_seconds(delivery.attempt) + (known.retry_after or 0))
    try:
        if run is not None:
            await run.fail(code, message)
        else:
            await context.resources.jobs.dead_letter(_failure(delivery, code, message, began))
    except UnavailableError:
        # The queue must not drop it before the failure is on record.
        return RetryLater(retry_delay_seconds(delivery.attempt), counts=False)
    _log.error("job_given_up", code=code)
    return None


def _failure(delivery: Delivery, code: str, message: str, began: datetime) -> JobRecord:
    return JobRecord(
        id=delivery.id,
        name=delivery.name,
        message=delivery.message,
        created_at=delivery.put_at,
        state=JobState.FAILED,
        attempt=min(delivery.attempt, delivery.tries),
        max_attempts=delivery.tries,
        started_at=began,
        finished_at=datetime.now(UTC),
        error_code=code,
        error_message=message,
        request_id=delivery.request_id,
    )


async def run_job(context: WorkerContext, name: str, message: Mapping[str, Any]) -> object:
    """Decodes the message and runs the body.

    Raises what the body raises, BadInputError for what is not a job, and JobTimeoutError when it takes too long.
    """
    spec = JOBS.get(name)
    if spec is None:
        raise BadInputError(f"There is no job {name!r}; known are {', '.join(JOBS)}.")
    try:
        job = spec.message.from_json(message)
    except BadInputError as error:
        refusal = f"This is not a message of the job {name!r}. {error.message}"
        raise BadInputError(refusal, field=error.field) from error
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
    _log.info("job_done", result=result, ms=round((time.monotonic() - started) * 1000))
    return result


def retry_delay_seconds(attempt: int) -> float:
    """Between half of and a whole span that doubles from one second, at most five minutes. `attempt` counts from 1.

    It is random so that jobs that failed together are not tried again together.
    """
    longest: int = min(_LONGEST_DELAY_SECONDS, 2 ** (attempt - 1))
    return longest * random.uniform(0.5, 1)  # noqa: S311 (no secret)
