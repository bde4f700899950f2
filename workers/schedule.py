"""What is started at which times. A time that passed while no worker ran is made up for once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

import structlog

from shop.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.jobs import FollowedJob
    from shop.resources.texts import TextResources

_log = structlog.get_logger(__name__)
_LOOK_SECONDS = 1.0
_EVERY_HOUR = frozenset(range(24))


@dataclass(frozen=True, slots=True)
class JobSchedule:
    """Starts a job at these hours and minutes, UTC; on one day of the week (0 is Monday) or on all."""

    name: str
    job: FollowedJob
    hours: frozenset[int] = _EVERY_HOUR
    minutes: frozenset[int] = frozenset({0})
    weekday: int | None = None

    def due(self, now: datetime) -> datetime:
        """The latest time of the schedule that is not after `now`."""
        days = [now.date() - timedelta(days=back) for back in range(8)]
        return next(
            moment
            for day in days
            if self.weekday in {None, day.weekday()}
            for hour in sorted(self.hours, reverse=True)
            for minute in sorted(self.minutes, reverse=True)
            if (moment := datetime.combine(day, time(hour, minute), UTC)) <= now
        )


class Scheduler:
    """Any number of these may run at once: they start a job once for each time."""

    def __init__(self, resources: TextResources, schedules: Sequence[JobSchedule]) -> None:
        self._resources = resources
        self._schedules = schedules
        self._seen: dict[str, datetime] = {}

    async def run(self) -> None:
        """Looks at the clock until it is cancelled."""
        away = False
        while True:
            try:
                await self.look(datetime.now(UTC))
                away = False
            except UnavailableError as error:
                if not away:
                    _log.warning("schedule_waits", reason=str(error))
                away = True
            except Exception:  # noqa: BLE001 (a bug in one look must not end all schedules)
                _log.exception("schedule_failed")
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self, now: datetime) -> None:
        """Starts what is due and has not been started. Raises UnavailableError; then the next look makes up for it."""
        for schedule in self._schedules:
            due = schedule.due(now)
            if self._seen.get(schedule.name) != due:
                await self._start(schedule, due)
                self._seen[schedule.name] = due

    async def _start(self, schedule: JobSchedule, due: datetime) -> None:
        """The job's id is made of the time, and the time is marked after the job is in the queue: whatever happens
        between the two, and however many do this at once, there is one job."""
        times = self._resources.stores.schedules
        if await times.last(schedule.name, due) >= due:
            return
        record = await self._resources.jobs.start(schedule.job, job_id=f"{schedule.name}:{due:%Y-%m-%dT%H:%MZ}")
        await times.mark(schedule.name, due)
        _log.info("scheduled", schedule=schedule.name, due=due.isoformat(), job_id=record.id)
