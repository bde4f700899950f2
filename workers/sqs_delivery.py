"""A message of SQS as a delivery of its job: claimed, attempted, and dropped, or hidden until the next attempt.

Everything here returns the seconds until the message is to be delivered again, None when SQS may drop it. It raises
UnavailableError when Redis is away, and CancelledError: then the attempt does not count.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from shop.errors import UnavailableError
from shop.store.job_claims import Begun, Held
from workers.delivery import Delivery, RetryLater, handle_delivery, retry_delay_seconds, tries_of

if TYPE_CHECKING:
    from shop.store.sqs_queue import QueuedJob
    from workers.aws_worker import AwsWorker

_log = structlog.get_logger(__name__)
_EARLY_SECONDS = 1
_LOCK_MARGIN_SECONDS = 5


async def attempt(worker: AwsWorker, job: QueuedJob, deadline: float) -> float | None:
    """One attempt, until the loop's time `deadline`. One that is cut short by that counts, so that a job that needs
    more than a function has ends on record."""
    begun = await begin(worker, job, _lock_seconds(deadline))
    return await carry_out(worker, job, begun, deadline) if isinstance(begun, Begun) else begun


async def bury(worker: AwsWorker, job: QueuedJob, deadline: float) -> float | None:
    """Keeps a dead letter as a failed job: it was delivered often, and nothing was heard of it."""
    begun = await begin(worker, job, _lock_seconds(deadline))
    if not isinstance(begun, Begun):
        return begun
    return await carry_out(worker, job, replace(begun, attempt=tries_of(job.name) + 1), deadline)


async def begin(worker: AwsWorker, job: QueuedJob, seconds: float) -> Begun | float | None:
    """An attempt that nobody else begins for so many seconds; else what to return."""
    if (early := job.due_at - time.time()) > _EARLY_SECONDS:
        return early
    begun = await worker.queue.begin(job, seconds)
    return begun.seconds + 1 if isinstance(begun, Held) else begun


async def carry_out(worker: AwsWorker, job: QueuedJob, begun: Begun, deadline: float | None = None) -> float | None:
    """An attempt that has begun; without a limit if `deadline` is None."""
    later: RetryLater | None
    try:
        async with asyncio.timeout_at(deadline):
            later = await handle_delivery(worker.context, _delivery(await worker.queue.whole(job), begun.attempt))
    except TimeoutError:
        later = RetryLater(retry_delay_seconds(begun.attempt))
        _log.warning("job_handed_back", job=job.name, job_id=job.id, attempt=begun.attempt)
    except (asyncio.CancelledError, UnavailableError):
        await worker.queue.release(job, begun, 0, counts=False)
        raise
    if later is None:
        return None if await worker.queue.end(job, begun) else _EARLY_SECONDS
    await worker.queue.release(job, begun, later.seconds, counts=later.counts)
    return later.seconds


def _lock_seconds(deadline: float) -> float:
    return deadline - asyncio.get_running_loop().time() + _LOCK_MARGIN_SECONDS


def _delivery(job: QueuedJob, number: int) -> Delivery:
    return Delivery(
        id=job.id,
        name=job.name,
        message=job.message or {},
        put_at=datetime.fromtimestamp(job.put_at, UTC),
        attempt=number,
        recorded=job.recorded,
        request_id=job.request_id,
        trace=job.trace or {},
    )
