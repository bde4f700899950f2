"""API keys of programs: their secrets as hashes, and the audit entry of every change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pymongo import ReturnDocument

from shop.entities.access import ApiKey, Scope
from shop.store.database import Database, Document, in_transaction, store_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.store.audit import AuditStore
    from shop.store.database import Session

_USE_NOTED_EVERY = timedelta(minutes=1)


class ApiKeyStore:
    def __init__(self, database: Database, audit_log: AuditStore) -> None:
        self._database = database
        self._keys = database["api_keys"]
        self._audit_log = audit_log

    async def create(self, key: ApiKey, secret_hash: str) -> None:
        async def write(session: Session) -> None:
            await self._keys.insert_one({**_to_document(key), "secretHash": secret_hash}, session=session)
            details = {"name": key.name, "scopes": sorted(key.scopes)}
            await self._audit_log.add("createApiKey", key.created_by, key.id, details, session)

        await in_transaction(self._database, write)

    async def get(self, key_id: str) -> tuple[ApiKey, str] | None:
        """The key and the hash of its secret."""
        with store_errors():
            found = await self._keys.find_one({"_id": key_id})
        return (_from_document(found), found["secretHash"]) if found else None

    async def all(self) -> list[ApiKey]:
        """Newest first."""
        with store_errors():
            return list(map(_from_document, await self._keys.find({}).sort("createdAt", -1).to_list(None)))

    async def revoke(self, key_id: str, actor_id: str | None) -> ApiKey | None:
        """The key as it is now; None if there is none. One that was revoked before stays as it is."""

        async def write(session: Session) -> ApiKey | None:
            alive: Document = {"_id": key_id, "revokedAt": None}
            change = {"$set": {"revokedAt": datetime.now(UTC)}}
            changed: Document | None = await self._keys.find_one_and_update(
                alive, change, return_document=ReturnDocument.AFTER, session=session
            )
            if changed is not None:
                await self._audit_log.add("revokeApiKey", actor_id, key_id, {"name": changed["name"]}, session)
            found = changed or await self._keys.find_one({"_id": key_id}, session=session)
            return _from_document(found) if found else None

        return await in_transaction(self._database, write)

    async def note_use(self, key_id: str) -> None:
        """Within a minute of the last time nothing is written."""
        now = datetime.now(UTC)
        stale: Document = {"_id": key_id, "lastUsedAt": {"$not": {"$gt": now - _USE_NOTED_EVERY}}}
        with store_errors():
            await self._keys.update_one(stale, {"$set": {"lastUsedAt": now}})


def _to_document(key: ApiKey) -> Document:
    return {
        "_id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "createdAt": key.created_at,
        "createdBy": key.created_by,
        "expiresAt": key.expires_at,
        "lastUsedAt": key.last_used_at,
        "revokedAt": key.revoked_at,
    }


def _from_document(document: Mapping[str, Any]) -> ApiKey:
    """A scope that this version does not know opens nothing."""
    return ApiKey(
        id=document["_id"],
        name=document["name"],
        scopes=frozenset(Scope(scope) for scope in document["scopes"] if scope in set(Scope)),
        created_at=document["createdAt"],
        created_by=document["createdBy"],
        expires_at=document["expiresAt"],
        last_used_at=document["lastUsedAt"],
        revoked_at=document["revokedAt"],
    )
