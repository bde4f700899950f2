"""Counts the lists that were shown, and the clicks and purchases that followed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shop.store.recommendation_log import ATTRIBUTION

if TYPE_CHECKING:
    from shop.jobs import RollUpExperiments
    from workers.context import WorkerContext

_DAY = timedelta(days=1)


async def roll_up_experiments(context: WorkerContext, _job: RollUpExperiments) -> str:
    """Counts every day again that may have changed since the last count. Returns which days."""
    rollups = context.resources.stores.rollups
    now = datetime.now(UTC)
    counted = await rollups.last_counted()
    days = days_between(counted - ATTRIBUTION if counted else await rollups.first_shown(), now)
    for done, day in enumerate(days):
        await context.advance(f"counting {day:%Y-%m-%d}", done / len(days))
        await rollups.count(day)
    result = f"counted {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}" if days else "nothing was shown yet"
    await context.advance(result, 1.0)
    return result


def days_between(start: datetime | None, end: datetime) -> list[datetime]:
    """The days (UTC, as their midnights) from that of `start` to that of `end`; none without a start."""
    if start is None:
        return []
    first = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [first + _DAY * number for number in range((end - first) // _DAY + 1)]
