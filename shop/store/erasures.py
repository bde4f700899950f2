"""Receipts of erasures, and marks of the ids that were erased: salted hashes, which expire."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from shop.entities.privacy import Erasure
from shop.entities.users import Actor
from shop.store.audit import AuditStore
from shop.store.database import Database, in_transaction, iterate, store_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from shop.entities.privacy import Shopper
    from shop.store.database import Session

_SALT = "salt"
_UNFINISHED = {"subject": {"$exists": True}}
_BATCH = 1_000


class ErasureStore:
    """All methods raise UnavailableError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._erasures = database["erasures"]
        self._marks = database["erasure_marks"]
        self._audit_log = AuditStore(database)
        self._salt: bytes | None = None

    async def order(self, erasure: Erasure, actor_id: str | None) -> Erasure:
        """Stores an order with its entry in the audit log; or returns the one of this subject that has not finished."""
        document = {
            "_id": erasure.id,
            "requestedAt": erasure.requested_at,
            "passes": 0,
            "counts": {},
            "subject": erasure.subject,
            "sessions": [],
        }

        async def write(session: Session) -> Erasure:
            found = await self._erasures.find_one({"subject": erasure.subject}, session=session)
            if found is not None:
                return _erasure(found)
            await self._erasures.insert_one(document, session=session)
            details = {"erasure": erasure.id}
            await self._audit_log.add("eraseUserData", actor_id, erasure.subject or "", details, session)
            return erasure

        try:
            return await in_transaction(self._database, write)
        except DuplicateKeyError:  # somebody else has ordered it at the same time
            return await in_transaction(self._database, write)

    async def get(self, id_: str) -> Erasure | None:
        with store_errors():
            document = await self._erasures.find_one({"_id": id_})
        return _erasure(document) if document else None

    async def unfinished(self) -> AsyncIterator[Erasure]:
        async for document in iterate(self._database, "erasures", _UNFINISHED):
            yield _erasure(document)

    async def newest_order(self) -> datetime | None:
        """When an erasure was last ordered."""
        with store_errors():
            document = await self._erasures.find_one({}, {"requestedAt": 1}, sort=[("requestedAt", -1)])
        return document["requestedAt"] if document else None

    async def add_sessions(self, id_: str, sessions: Collection[str]) -> Erasure | None:
        """Remembers sessions of the subject, one pass more; None when it has finished, or is not there."""
        change = {"$addToSet": {"sessions": {"$each": sorted(sessions)}}, "$inc": {"passes": 1}}
        with store_errors():
            document: dict[str, Any] | None = await self._erasures.find_one_and_update(
                {"_id": id_, **_UNFINISHED}, change, return_document=ReturnDocument.AFTER
            )
        return _erasure(document) if document else None

    async def count(self, id_: str, place: str, number: int) -> None:
        """Adds to the receipt what was erased outside of MongoDB."""
        with store_errors():
            await self._erasures.update_one({"_id": id_}, {"$inc": {f"counts.{place}": number}})

    async def finish(self, id_: str) -> Erasure | None:
        """The receipt names nobody from now on."""
        change = {"$set": {"finishedAt": datetime.now(UTC)}, "$unset": {"subject": "", "sessions": ""}}
        with store_errors():
            await self._erasures.update_one({"_id": id_, **_UNFINISHED}, change)
        return await self.get(id_)

    async def mark(self, shopper: Shopper, days: float) -> None:
        """What was issued or ordered for the shopper until now is refused for so many days."""
        now = datetime.now(UTC)
        change = {"$set": {"at": now, "expiresAt": now + timedelta(days=days)}}
        keys = sorted(shopper.actor_keys)
        salt = await self._own_salt()
        with store_errors():
            for start in range(0, len(keys), _BATCH):
                batch = keys[start : start + _BATCH]
                await self._marks.bulk_write(
                    [UpdateOne({"_id": _hash(salt, key)}, change, upsert=True) for key in batch], ordered=False
                )

    async def was_erased_since(self, user_id: str, issued_at: datetime) -> bool:
        """Whether the user was erased at that time or later: then what was issued to the user at that time is void."""
        return await self.actor_erased_since(Actor(user_id).key, issued_at)

    async def actor_erased_since(self, actor_key: str, moment: datetime) -> bool:
        """The same for an actor, who may also be an anonymous session."""
        wanted = {"_id": _hash(await self._own_salt(), actor_key), "at": {"$gte": moment}}
        with store_errors():
            return await self._marks.find_one(wanted, {"_id": 1}) is not None

    async def _own_salt(self) -> bytes:
        """Made once for each database."""
        if self._salt is None:
            with store_errors():
                document = await self._marks.find_one({"_id": _SALT})
                if document is None:
                    document = {"_id": _SALT, "salt": secrets.token_bytes(32)}
                    try:
                        await self._marks.insert_one(document)
                    except DuplicateKeyError:  # another process has made it
                        return await self._own_salt()
            self._salt = bytes(document["salt"])
        return self._salt


def _hash(salt: bytes, actor_key: str) -> str:
    return hmac.new(salt, actor_key.encode(), hashlib.sha256).hexdigest()


def _erasure(document: Mapping[str, Any]) -> Erasure:
    return Erasure(
        id=document["_id"],
        requested_at=document["requestedAt"],
        finished_at=document.get("finishedAt"),
        passes=document["passes"],
        counts=document["counts"],
        subject=document.get("subject"),
        sessions=tuple(document.get("sessions", ())),
    )
