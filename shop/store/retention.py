"""Deleting what is older than it may be, in batches that hold up nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.store.database import Database, store_errors

if TYPE_CHECKING:
    from datetime import datetime

_BATCH = 1_000


class RetentionStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def delete_older(self, collection: str, field: str, before: datetime, most: int) -> int:
        """Deletes the oldest documents whose time in `field` is before then, at most so many; how many those were.

        Raises UnavailableError.
        """
        documents = self._database[collection]
        deleted = 0
        with store_errors():
            while deleted < most:
                oldest = documents.find({field: {"$lt": before}}, {"_id": 1}).sort([(field, 1)])
                ids = [document["_id"] for document in await oldest.limit(min(_BATCH, most - deleted)).to_list(None)]
                if not ids:
                    break
                deleted += (await documents.delete_many({"_id": {"$in": ids}})).deleted_count
        return deleted
