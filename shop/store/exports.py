"""Exports of shoppers' data: their orders, and the documents in chunks, which MongoDB deletes when they expire."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymongo import ReturnDocument

from shop.entities.privacy import ExportState, UserExport
from shop.store.audit import AuditStore
from shop.store.database import Database, in_transaction, iterate, store_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from shop.store.database import Session


class ExportStore:
    """All methods raise UnavailableError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._exports = database["exports"]
        self._chunks = database["export_chunks"]
        self._audit_log = AuditStore(database)

    async def order(self, export: UserExport, token: str, most: int) -> bool:
        """Stores an order with its entry in the audit log. False when the shopper has `most` already that can still be
        downloaded."""

        async def write(session: Session) -> bool:
            there = {"userId": export.user_id, "state": {"$ne": ExportState.ENDED.value}}
            there |= {"expiresAt": {"$gt": export.requested_at}}
            if await self._exports.count_documents(there, session=session) >= most:
                return False
            await self._exports.insert_one(_document(export, token), session=session)
            details = {"export": export.id}
            await self._audit_log.add("exportUserData", export.requested_by, export.user_id, details, session)
            return True

        return await in_transaction(self._database, write)

    async def note_command(self, user_id: str) -> None:
        """An entry in the audit log for an export that nobody has ordered through the API."""
        await self._audit_log.add_all([("exportUserData", None, user_id, {})])

    async def get(self, id_: str) -> UserExport | None:
        with store_errors():
            document = await self._exports.find_one({"_id": id_})
        return _export(document) if document else None

    async def by_token(self, token: str) -> UserExport | None:
        with store_errors():
            document = await self._exports.find_one({"tokenHash": _hash(token)})
        return _export(document) if document else None

    async def add_chunk(self, export: UserExport, number: int, data: bytes) -> None:
        chunk = {
            "_id": f"{export.id}:{number}",
            "exportId": export.id,
            "userId": export.user_id,
            "number": number,
            "data": data,
            "expiresAt": export.expires_at,
        }
        with store_errors():
            await self._chunks.insert_one(chunk)

    async def chunks(self, id_: str) -> AsyncIterator[bytes]:
        """The document, in pieces."""
        found = iterate(self._database, "export_chunks", {"exportId": id_}, sort=[("number", 1)], batch_size=4)
        async for chunk in found:
            yield bytes(chunk["data"])

    async def make_ready(self, id_: str) -> bool:
        """False if it has ended, or is not there any more."""
        return await self._move(id_, ExportState.WRITING, ExportState.READY) is not None

    async def take(self, token: str) -> UserExport | None:
        """Ends the export that is READY under this token, for the one who gets it; None for all others."""
        wanted = {"tokenHash": _hash(token), "state": ExportState.READY.value, "expiresAt": {"$gt": datetime.now(UTC)}}
        with store_errors():
            document: dict[str, Any] | None = await self._exports.find_one_and_update(
                wanted, {"$set": {"state": ExportState.ENDED.value}}, return_document=ReturnDocument.AFTER
            )
        return _export(document) if document else None

    async def delete_chunks(self, id_: str) -> None:
        with store_errors():
            await self._chunks.delete_many({"exportId": id_})

    async def end_expired(self) -> int:
        """Ends what has expired, and deletes its data; how many those were."""
        now, ended = datetime.now(UTC), 0
        wanted = {"state": {"$ne": ExportState.ENDED.value}, "expiresAt": {"$lte": now}}
        async for document in iterate(self._database, "exports", wanted, fields=[]):
            await self.delete_chunks(document["_id"])
            with store_errors():
                await self._exports.update_one({"_id": document["_id"]}, {"$set": {"state": ExportState.ENDED.value}})
            ended += 1
        with store_errors():
            await self._chunks.delete_many({"expiresAt": {"$lte": now}})
        return ended

    async def _move(self, id_: str, before: ExportState, after: ExportState) -> UserExport | None:
        with store_errors():
            document: dict[str, Any] | None = await self._exports.find_one_and_update(
                {"_id": id_, "state": before.value},
                {"$set": {"state": after.value}},
                return_document=ReturnDocument.AFTER,
            )
        return _export(document) if document else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _document(export: UserExport, token: str) -> dict[str, Any]:
    return {
        "_id": export.id,
        "userId": export.user_id,
        "state": export.state.value,
        "requestedAt": export.requested_at,
        "requestedBy": export.requested_by,
        "expiresAt": export.expires_at,
        "tokenHash": _hash(token),
    }


def _export(document: Mapping[str, Any]) -> UserExport:
    return UserExport(
        id=document["_id"],
        user_id=document["userId"],
        state=ExportState(document["state"]),
        requested_at=document["requestedAt"],
        expires_at=document["expiresAt"],
        requested_by=document["requestedBy"],
    )
