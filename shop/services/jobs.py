"""Jobs that somebody follows: started once, told about while they run, and honest about how they ended."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog

from shop.entities.events import Event, Topic
from shop.entities.jobs import JobRecord
from shop.errors import ShopError, UnavailableError
from shop.jobs import to_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from shop.entities.paging import Page, PageRequest
    from shop.jobs import FollowedJob, JobQueue
    from shop.services.events import EventHub
    from shop.store.jobs import JobStore

_log = structlog.get_logger(__name__)
_UNEXPECTED = "Something went wrong on our side; the worker's log says what."


class JobService:
    def __init__(self, store: JobStore, queue: JobQueue, hub: EventHub) -> None:
        self._store = store
        self._queue = queue
        self._hub = hub

    async def start(self, job: FollowedJob, requested_by: str | None = None) -> JobRecord:
        """Puts a job into the queue, or returns the one of its name that is queued or running already.

        That one is put again as well, which changes nothing unless the queue has lost it.
        """
        message = {name: value for name, value in to_json(job).items() if name != "record"}
        wanted = JobRecord(uuid4().hex, job.name, message, datetime.now(UTC), requested_by=requested_by)
        record = await self._store.add(wanted)
        again = type(job).from_json({**record.message, "record": record.id})
        await self._queue.enqueue(again, job_id=record.id)
        if record is wanted:
            await self._tell(record.id)
        return record

    async def get(self, id_: str) -> JobRecord | None:
        return await self._store.get(id_)

    async def page(self, request: PageRequest) -> Page[JobRecord]:
        return await self._store.page(request)

    async def count(self) -> int:
        return await self._store.count()

    @contextlib.asynccontextmanager
    async def running(self, id_: str, *, last_try: bool) -> AsyncIterator[Run | None]:
        """One attempt at a job; None when it has ended before.

        An error is recorded and goes on: the job is queued again when the error is retryable and this is not the last
        try, else it has failed. A cancelled attempt hands the job back. Raises NotFoundError for an unknown job.
        """
        record = await self._store.begin(id_)
        if record is None:
            yield None
            return
        await self._tell(id_)
        try:
            yield Run(record, self._store, self._tell)
        except asyncio.CancelledError:
            await self._settle(id_, self._store.queue_again(id_))
            raise
        except ShopError as error:
            ended = self._store.queue_again if error.retryable and not last_try else self._store.fail
            await self._settle(id_, ended(id_, error.code, error.message))
            raise
        except Exception:
            await self._settle(id_, self._store.fail(id_, "INTERNAL", _UNEXPECTED))
            raise

    async def _settle(self, id_: str, change: Awaitable[None]) -> None:
        try:
            await change
        except UnavailableError as error:
            _log.warning("job_record_stale", job_id=id_, reason=str(error))
        await self._tell(id_)

    async def _tell(self, id_: str) -> None:
        with contextlib.suppress(UnavailableError):
            await self._hub.publish([Event(Topic.JOB_CHANGED, id_)])


@dataclass(frozen=True, slots=True)
class Run:
    """An attempt at a job, and what it says of itself."""

    record: JobRecord
    _store: JobStore
    _tell: Callable[[str], Awaitable[None]]

    async def advance(self, stage: str, progress: float) -> None:
        """How far it is, 0 to 1. The work goes on when nobody can be told."""
        with contextlib.suppress(UnavailableError):
            await self._store.advance(self.record.id, stage, progress)
            await self._tell(self.record.id)

    async def note(self, notes: Mapping[str, Any]) -> None:
        """Keeps facts for a later attempt. Raises UnavailableError."""
        await self._store.note(self.record.id, notes)

    async def succeed(self, stage: str, result: str) -> None:
        """Raises UnavailableError: then the job is tried again."""
        await self._store.succeed(self.record.id, stage, result)
        await self._tell(self.record.id)
