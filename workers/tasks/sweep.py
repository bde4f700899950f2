"""Keeps the records of jobs in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shop.jobs import Sweep
    from workers.context import WorkerContext


async def sweep(context: WorkerContext, _job: Sweep) -> str:
    """Returns what was done. Caches and claims are in Redis, where each has a time of its own to expire."""
    jobs = context.resources.jobs
    lost = await jobs.put_lost()
    kept = timedelta(days=context.resources.settings.worker.job_retention_days)
    forgotten = await jobs.forget(datetime.now(UTC) - kept)
    done = f"{lost} lost jobs put again, {forgotten} old records forgotten"
    await context.advance(done, 1.0)
    return done
