"""When each scheduled job was started last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import ReturnDocument

from shop.store.database import Database, Document, store_errors

if TYPE_CHECKING:
    from datetime import datetime


class ScheduleStore:
    def __init__(self, database: Database) -> None:
        self._schedules = database["schedules"]

    async def last(self, name: str, first: datetime) -> datetime:
        """The time for which the schedule's job was started last; a new schedule counts as started for `first`."""
        with store_errors():
            document: Document = await self._schedules.find_one_and_update(
                {"_id": name},
                {"$setOnInsert": {"startedFor": first}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        last: datetime = document["startedFor"]
        return last

    async def mark(self, name: str, time: datetime) -> None:
        with store_errors():
            await self._schedules.update_one({"_id": name}, {"$max": {"startedFor": time}})
