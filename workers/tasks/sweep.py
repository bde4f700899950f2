"""Deletes what is older than it may be, and puts lost jobs into the queue again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shop.jobs import Sweep
    from workers.context import WorkerContext


async def sweep(context: WorkerContext, _job: Sweep) -> str:
    """Returns what was done. Caches and claims in Redis need no sweep: each expires by itself."""
    jobs = context.resources.jobs
    lost = await jobs.put_lost()
    retention = timedelta(days=context.resources.settings.worker.job_retention_days)
    deleted = await jobs.delete_ended(datetime.now(UTC) - retention)
    resumed = await context.resources.erasures.resume()
    too_old = await context.resources.retention.apply()
    done = {**({"erasures resumed": resumed} if resumed else {}), **too_old}
    result = f"{lost} lost jobs put again, {deleted} old records forgotten" + "".join(
        f", {number:,} {what}" for what, number in done.items()
    )
    await context.advance(result, 1.0)
    return result
