"""Records of jobs. At most one job of a name is active: a unique index on `activeName` holds that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from shop.entities.jobs import JobRecord, JobState
from shop.errors import NotFoundError
from shop.store.database import Database, Document, store_errors
from shop.store.paging import SortKey, find_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.entities.paging import Page, PageRequest

_NEWEST = SortKey("NEWEST", "createdAt", -1, 1)


class JobStore:
    def __init__(self, database: Database) -> None:
        self._jobs = database["jobs"]

    async def add(self, record: JobRecord) -> JobRecord:
        """Stores a queued job, or returns the one of the same name that is queued or running."""
        document = {
            "_id": record.id,
            "name": record.name,
            "activeName": record.name,
            "message": record.message,
            "createdAt": record.created_at,
            "state": record.state.value,
            "progress": record.progress,
            "stage": record.stage,
            "attempt": record.attempt,
            "requestedBy": record.requested_by,
            "notes": record.notes,
        }
        with store_errors():
            while True:
                try:
                    await self._jobs.insert_one(document)
                except DuplicateKeyError:
                    active = await self._jobs.find_one({"activeName": record.name})
                    if active is None:  # it ended just now
                        continue
                    return _record(active)
                return record

    async def get(self, id_: str) -> JobRecord | None:
        with store_errors():
            document = await self._jobs.find_one({"_id": id_})
        return _record(document) if document else None

    async def page(self, request: PageRequest) -> Page[JobRecord]:
        """The newest first."""
        with store_errors():
            return await find_page(self._jobs, {}, _NEWEST, request, _record)

    async def count(self) -> int:
        with store_errors():
            return await self._jobs.estimated_document_count()

    async def begin(self, id_: str) -> JobRecord | None:
        """Marks an active job as running, one attempt more; None when it has ended before. Raises NotFoundError."""
        now = datetime.now(UTC)
        change: Document = {
            "$set": {"state": JobState.RUNNING.value},
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
        """Keeps facts for a later attempt."""
        await self._change(id_, {"$set": {f"notes.{name}": value for name, value in notes.items()}})

    async def queue_again(self, id_: str, error_code: str | None = None, error_message: str | None = None) -> None:
        error = {"errorCode": error_code, "errorMessage": error_message} if error_code else {}
        await self._change(id_, {"$set": {"state": JobState.QUEUED.value, **error}})

    async def succeed(self, id_: str, stage: str, result: str) -> None:
        await self._end(id_, JobState.SUCCEEDED, {"stage": stage, "result": result, "progress": 1.0})

    async def fail(self, id_: str, error_code: str, error_message: str) -> None:
        await self._end(id_, JobState.FAILED, {"errorCode": error_code, "errorMessage": error_message})

    async def _end(self, id_: str, state: JobState, fields: Document) -> None:
        ended = {"state": state.value, "finishedAt": datetime.now(UTC), **fields}
        await self._change(id_, {"$set": ended, "$unset": {"activeName": ""}})

    async def _change(self, id_: str, change: Document) -> None:
        with store_errors():
            await self._jobs.update_one(_active(id_), change)


def _active(id_: str) -> Document:
    return {"_id": id_, "activeName": {"$exists": True}}


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
        requested_by=document["requestedBy"],
        started_at=document.get("startedAt"),
        finished_at=document.get("finishedAt"),
        error_code=document.get("errorCode"),
        error_message=document.get("errorMessage"),
        result=document.get("result"),
        notes=document["notes"],
    )
