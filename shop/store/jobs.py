"""Records of jobs. Of the jobs that run one at a time, at most one of a name is active: a unique index on `activeName`
holds that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from shop.entities.jobs import JobFilter, JobRecord, JobState
from shop.errors import NotFoundError
from shop.jobs import ONE_AT_A_TIME
from shop.store.database import Database, Document, iterate, store_errors
from shop.store.paging import SortKey, find_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from shop.entities.paging import Page, PageRequest

_NEWEST = SortKey("NEWEST", "createdAt", -1, 1)
_ACTIVE = {"$in": [JobState.QUEUED.value, JobState.RUNNING.value]}
_ENDED = {"$in": [state.value for state in JobState if state.is_final]}
_EVERY = JobFilter()


class JobStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._jobs = database["jobs"]

    async def add(self, record: JobRecord) -> JobRecord:
        """Stores a queued job; or returns the one of the same id, or else the active one of the same name."""
        document = _document(record) | _active_name(record.name)
        with store_errors():
            while True:
                try:
                    await self._jobs.insert_one(document)
                except DuplicateKeyError:
                    there = await self._jobs.find_one({"_id": record.id})
                    there = there or await self._jobs.find_one({"activeName": record.name})
                    if there is None:  # it ended just now
                        continue
                    return _record(there)
                return record

    async def dead_letter(self, record: JobRecord) -> None:
        """Adds the record of a failed job that had none."""
        with store_errors():
            await self._jobs.replace_one({"_id": record.id}, _document(record), upsert=True)

    async def requeue_failed(self, record: JobRecord, requested_by: str | None) -> JobRecord | None:
        """Makes a failed job a queued one, as if it were new; None unless it is a failed one.

        None as well when another one of its name is active, of those that run one at a time.
        """
        fresh = {"state": JobState.QUEUED.value, "progress": 0.0, "stage": "", "attempt": 0, "notes": {}}
        change: Document = {
            "$set": {**fresh, "requestedBy": requested_by, **_active_name(record.name)},
            "$unset": {"startedAt": "", "finishedAt": "", "result": ""},
        }
        with store_errors():
            try:
                document: Document | None = await self._jobs.find_one_and_update(
                    {"_id": record.id, "state": JobState.FAILED.value}, change, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:
                return None
        return _record(document) if document else None

    async def get(self, id_: str) -> JobRecord | None:
        with store_errors():
            document = await self._jobs.find_one({"_id": id_})
        return _record(document) if document else None

    async def page(self, request: PageRequest, wanted: JobFilter = _EVERY) -> Page[JobRecord]:
        """The newest first."""
        with store_errors():
            return await find_page(self._jobs, _query(wanted), _NEWEST, request, _record)

    async def count(self, wanted: JobFilter = _EVERY) -> int:
        with store_errors():
            if wanted == _EVERY:
                return await self._jobs.estimated_document_count()
            return await self._jobs.count_documents(_query(wanted))

    async def active(self) -> AsyncIterator[JobRecord]:
        async for document in iterate(self._database, "jobs", {"state": _ACTIVE}):
            yield _record(document)

    async def delete_ended(self, before: datetime) -> int:
        """Deletes the records of jobs that ended before then; returns how many."""
        with store_errors():
            result = await self._jobs.delete_many({"state": _ENDED, "finishedAt": {"$lt": before}})
        return int(result.deleted_count)

    async def begin(self, id_: str, max_attempts: int) -> JobRecord | None:
        """Marks an active job as running, one attempt more; None when it has ended before. Raises NotFoundError."""
        now = datetime.now(UTC)
        change: Document = {
            "$set": {"state": JobState.RUNNING.value, "maxAttempts": max_attempts},
            "$min": {"startedAt": now},
            "$inc": {"attempt": 1},
            "$unset": {"errorCode": "", "errorMessage": ""},
        }
        with store_errors():
            document: Document | None = await self._jobs.find_one_and_update(
                _active(id_), change, return_document=ReturnDocument.AFTER
            )
        if document:
            return _record(document)
        if await self.get(id_) is None:
            raise NotFoundError("job", id_)
        return None

    async def advance(self, id_: str, stage: str, progress: float) -> None:
        await self._change(id_, {"$set": {"stage": stage}, "$max": {"progress": progress}})

    async def note(self, id_: str, notes: Mapping[str, Any]) -> None:
        """Adds facts for a later attempt."""
        await self._change(id_, {"$set": {f"notes.{name}": value for name, value in notes.items()}})

    async def release(self, id_: str, error_code: str | None = None, error_message: str | None = None) -> None:
        error = {"errorCode": error_code, "errorMessage": error_message} if error_code else {}
        await self._change(id_, {"$set": {"state": JobState.QUEUED.value, **error}})

    async def succeed(self, id_: str, result: str | None) -> None:
        await self._end(id_, JobState.SUCCEEDED, {"progress": 1.0, **({"result": result} if result else {})})

    async def fail(self, id_: str, error_code: str, error_message: str) -> None:
        await self._end(id_, JobState.FAILED, {"errorCode": error_code, "errorMessage": error_message})

    async def _end(self, id_: str, state: JobState, fields: Document) -> None:
        ended = {"state": state.value, "finishedAt": datetime.now(UTC), **fields}
        await self._change(id_, {"$set": ended, "$unset": {"activeName": ""}})

    async def _change(self, id_: str, change: Document) -> None:
        with store_errors():
            await self._jobs.update_one(_active(id_), change)


def _active(id_: str) -> Document:
    return {"_id": id_, "state": _ACTIVE}


def _active_name(name: str) -> Document:
    return {"activeName": name} if name in ONE_AT_A_TIME else {}


def _query(wanted: JobFilter) -> Document:
    query = {"state": wanted.state.value if wanted.state else None, "name": wanted.name}
    return {field: value for field, value in query.items() if value is not None}


def _document(record: JobRecord) -> Document:
    document: Document = {
        "_id": record.id,
        "name": record.name,
        "message": record.message,
        "createdAt": record.created_at,
        "state": record.state.value,
        "progress": record.progress,
        "stage": record.stage,
        "attempt": record.attempt,
        "requestedBy": record.requested_by,
        "notes": record.notes,
    }
    optional = {
        "maxAttempts": record.max_attempts,
        "startedAt": record.started_at,
        "finishedAt": record.finished_at,
        "errorCode": record.error_code,
        "errorMessage": record.error_message,
        "result": record.result,
        "requestId": record.request_id,
    }
    document.update((name, value) for name, value in optional.items() if value is not None)
    return document


def _record(document: Mapping[str, Any]) -> JobRecord:
    return JobRecord(
        id=document["_id"],
        name=document["name"],
        message=document["message"],
        created_at=document["createdAt"],
        state=JobState(document["state"]),
        progress=document["progress"],
        stage=document["stage"],
        attempt=document["attempt"],
        max_attempts=document.get("maxAttempts"),
        requested_by=document["requestedBy"],
        started_at=document.get("startedAt"),
        finished_at=document.get("finishedAt"),
        error_code=document.get("errorCode"),
        error_message=document.get("errorMessage"),
        result=document.get("result"),
        request_id=document.get("requestId"),
        notes=document["notes"],
    )
