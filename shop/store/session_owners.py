"""Which user an anonymous session belongs to: whoever named it first after signing in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pymongo import ReturnDocument

from shop.store.database import Database, Document, store_errors

if TYPE_CHECKING:
    from collections.abc import Collection

MOST_SESSIONS = 200  # of one user, the ones claimed last: what was done in others counts in training alone


class SessionOwnerStore:
    """An owner is never changed."""

    def __init__(self, database: Database) -> None:
        self._owners = database["session_owners"]
        self._interactions = database["interactions"]

    async def owners_of(self, session_ids: Collection[str]) -> dict[str, str]:
        """The user id of each of the sessions that belongs to somebody."""
        if not session_ids:
            return {}
        with store_errors():
            found = await self._owners.find({"_id": {"$in": list(session_ids)}}).to_list(None)
        return {document["_id"]: document["userId"] for document in found}

    async def sessions_of(self, user_id: str) -> list[str]:
        """The user's sessions, the one claimed last first."""
        with store_errors():
            found = self._owners.find({"userId": user_id}, {"_id": 1}).sort([("at", -1)]).limit(MOST_SESSIONS)
            return [document["_id"] for document in await found.to_list(MOST_SESSIONS)]

    async def claim(self, session_id: str, user_id: str) -> str | None:
        """The user whom the session belongs to: this one from now on, if it was nobody's.

        None for a session with events of another signed-in user: it stays nobody's.
        """
        with store_errors():
            foreign: Document = {"sessionId": session_id, "userId": {"$nin": [None, user_id]}}
            if await self._interactions.find_one(foreign, {"_id": 1}) is not None:
                return None
            document = await self._owners.find_one_and_update(
                {"_id": session_id},
                {"$setOnInsert": {"userId": user_id, "at": datetime.now(UTC)}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
        return str(document["userId"])
