"""Jobs with a record: started once, followed while they run, and tried again on demand when they have failed.

The steps of a job's life are here; workers/delivery.py decides which is taken when, and how often.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog

from shop.entities.events import Event, Topic
from shop.entities.jobs import JobRecord, JobState
from shop.errors import BadInputError, NotFoundError, UnavailableError
from shop.jobs import to_json
from shop.logs import current_request_id
from shop.store.documents import stored_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from shop.entities.jobs import JobFilter
    from shop.entities.paging import Page, PageRequest
    from shop.jobs import JobQueue, RecordedJob
    from shop.services.events import EventHub
    from shop.store.jobs import JobStore

_log = structlog.get_logger(__name__)


class JobService:
    def __init__(self, store: JobStore, queue: JobQueue, hub: EventHub) -> None:
        self._store = store
        self._queue = queue
        self._hub = hub

    async def start(self, job: RecordedJob, requested_by: str | None = None, *, job_id: str | None = None) -> JobRecord:
        """Puts a job into the queue, or returns the one of its name that is queued or running already.

        That one is put again as well, which changes nothing unless the queue has lost it. A job that was started under
        this `job_id` before is not started again, even if it has ended.
        """
        wanted = JobRecord(
            job_id or uuid4().hex,
            job.name,
            to_json(job),
            stored_time(datetime.now(UTC)),
            requested_by=requested_by,
            request_id=current_request_id(),
        )
        record = await self._store.add(wanted)
        if not record.state.is_final:
            await self._queue.put(record)
        if record is wanted:
            await self._publish_change(record.id)
        return record

    async def retry(self, id_: str, requested_by: str | None = None) -> JobRecord:
        """Puts a failed job into the queue again: once, however many ask for it. It keeps the request id of its order.

        Raises NotFoundError, BadInputError when it has not failed or another of its name is active, and
        UnavailableError, after which it is a failed one as before.
        """
        failed = await self._store.get(id_)
        if failed is None:
            raise NotFoundError("job", id_)
        queued = await self._store.requeue_failed(failed, requested_by)
        if queued is None:
            raise BadInputError(_refusal(failed), field="id")
        try:
            await self._queue.put(queued)
        except UnavailableError:
            await self._store.fail(id_, failed.error_code or "INTERNAL", failed.error_message or "")
            raise
        await self._publish_change(id_)
        return queued

    async def get(self, id_: str) -> JobRecord | None:
        return await self._store.get(id_)

    async def page(self, request: PageRequest, wanted: JobFilter) -> Page[JobRecord]:
        return await self._store.page(request, wanted)

    async def count(self, wanted: JobFilter) -> int:
        return await self._store.count(wanted)

    async def begin(self, id_: str, max_attempts: int) -> Run | None:
        """One attempt at a job; None when it has ended before. Raises NotFoundError for an unknown one."""
        record = await self._store.begin(id_, max_attempts)
        if record is None:
            return None
        await self._publish_change(id_)
        return Run(record, self._store, self._publish_change)

    async def dead_letter(self, record: JobRecord) -> None:
        """Records a failed job that had no record. Raises UnavailableError."""
        await self._store.dead_letter(record)
        await self._publish_change(record.id)

    async def put_lost(self) -> int:
        """Puts the jobs again that should be in the queue and are not; returns how many those were."""
        lost = 0
        async for record in self._store.active():
            lost += await self._queue.put(record)
        return lost

    async def delete_ended(self, before: datetime) -> int:
        """Deletes the records of jobs that ended before then; returns how many."""
        return await self._store.delete_ended(before)

    async def _publish_change(self, id_: str) -> None:
        with contextlib.suppress(UnavailableError):
            await self._hub.publish([Event(Topic.JOB_CHANGED, id_)])


@dataclass(frozen=True, slots=True)
class Run:
    """An attempt at a job that has a record; its progress and its end are written there."""

    record: JobRecord
    _store: JobStore
    _publish_change: Callable[[str], Awaitable[None]]

    async def advance(self, stage: str, progress: float) -> None:
        """Records how far it is, 0 to 1. The work goes on when that cannot be recorded."""
        with contextlib.suppress(UnavailableError):
            await self._store.advance(self.record.id, stage, progress)
            await self._publish_change(self.record.id)

    async def note(self, notes: Mapping[str, Any]) -> None:
        """Records facts for a later attempt. Raises UnavailableError."""
        await self._store.note(self.record.id, notes)

    async def succeed(self, result: str | None) -> None:
        """Raises UnavailableError: then the job is tried again."""
        await self._store.succeed(self.record.id, result)
        await self._publish_change(self.record.id)

    async def fail(self, error_code: str, error_message: str) -> None:
        """Raises UnavailableError."""
        await self._store.fail(self.record.id, error_code, error_message)
        await self._publish_change(self.record.id)

    async def release(self, error_code: str | None = None, error_message: str | None = None) -> None:
        """Another attempt follows. When this cannot be recorded now, the next attempt's beginning will be."""
        try:
            await self._store.release(self.record.id, error_code, error_message)
        except UnavailableError as error:
            _log.warning("job_record_stale", job_id=self.record.id, reason=str(error))
        await self._publish_change(self.record.id)


def _refusal(record: JobRecord) -> str:
    if record.state is JobState.FAILED:
        return f"Another {record.name} is queued or running, or somebody else was quicker to put this one again."
    return f"Only a failed job can be put again; this one is {record.state.value}."
