"""Starts jobs at their times. Of the times that passed while no worker ran, the latest is made up for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from cronsim import CronSim, CronSimError

from shop.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.jobs import RecordedJob
    from shop.resources.texts import TextResources

_log = structlog.get_logger(__name__)
_CHECK_SECONDS = 1.0
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class JobSchedule:
    """Starts a job at the times of `cron`, in UTC: minute, hour, day of the month, month, day of the week.

    Raises ValueError for a string that is not of this form or has no time.
    """

    name: str
    job: RecordedJob
    cron: str

    def __post_init__(self) -> None:
        # The parser also knows a sixth field for seconds, which other schedulers do not.
        if len(self.cron.split()) != 5:
            raise ValueError(f"The schedule {self.name!r} needs five fields of cron, not {self.cron!r}.")
        try:
            self.due(datetime.now(UTC))
        except (CronSimError, StopIteration) as error:
            reason = str(error) or "it has no time"
            raise ValueError(f"The schedule {self.name!r} has a bad cron string {self.cron!r}: {reason}.") from error

    def due(self, now: datetime) -> datetime:
        """The latest time of the schedule that is not after `now`."""
        exclusive = now.replace(microsecond=0) + _SECOND
        return next(CronSim(self.cron, exclusive, reverse=True))


class Scheduler:
    """Any number of these may run at once: they start a job once for each time."""

    def __init__(self, resources: TextResources, schedules: Sequence[JobSchedule]) -> None:
        self._resources = resources
        self._schedules = schedules
        self._seen: dict[str, datetime] = {}

    async def run(self) -> None:
        """Checks what is due, once a second, until it is cancelled."""
        away = False
        while True:
            try:
                await self.start_due(datetime.now(UTC))
                away = False
            except UnavailableError as error:
                if not away:
                    _log.warning("schedule_waits", reason=str(error))
                away = True
            except Exception:  # noqa: BLE001 (a bug in one check must not end all schedules)
                _log.exception("schedule_failed")
            await asyncio.sleep(_CHECK_SECONDS)

    async def start_due(self, now: datetime) -> None:
        """Starts what is due and has not been started. Raises UnavailableError; then the next call starts it."""
        for schedule in self._schedules:
            due = schedule.due(now)
            if self._seen.get(schedule.name) != due:
                await self._start(schedule, due)
                self._seen[schedule.name] = due

    async def _start(self, schedule: JobSchedule, due: datetime) -> None:
        """The job's id is made of the time, and the time is marked after the job is in the queue: so there is one job,
        whatever happens between the two steps and however many workers take them at once."""
        times = self._resources.stores.schedules
        if await times.last(schedule.name, due) >= due:
            return
        record = await self._resources.jobs.start(schedule.job, job_id=f"{schedule.name}:{due:%Y-%m-%dT%H:%MZ}")
        await times.mark(schedule.name, due)
        _log.info("scheduled", schedule=schedule.name, due=due.isoformat(), job_id=record.id)
