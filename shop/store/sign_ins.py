"""Sign-ins, and their refresh tokens as hashes.

A refresh token is used once. All that came from one sign-in are its family (RFC 9700, section 4.14.2): whoever uses one
again, or a thief of it, ends the sign-in.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymongo import ReturnDocument

from shop.entities.access import SignInSession
from shop.store.database import Database, Document, in_transaction, store_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.store.database import Session

_MOST_SHOWN = 200
_AT_ONCE = 1_000


class SignInStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._sessions = database["sessions"]
        self._refresh_tokens = database["refresh_tokens"]

    async def begin(self, session: SignInSession, token_hash: str | None) -> None:
        """A new sign-in with its first refresh token, if it has one. A token without its sign-in opens nothing."""
        with store_errors():
            if token_hash is not None:
                await self._refresh_tokens.insert_one(_token(session, token_hash))
            await self._sessions.insert_one(_to_document(session))

    async def rotate(self, used_hash: str, next_hash: str, expires_at: datetime) -> SignInSession | None:
        """The sign-in that a refresh token is from, which is replaced by the next. None for a token that is unknown,
        expired or used before; the last ends the sign-in, which `family_of` tells."""
        now = datetime.now(UTC)

        async def write(transaction: Session) -> SignInSession | None:
            fresh: Document = {"_id": used_hash, "usedAt": None, "expiresAt": {"$gt": now}}
            noted = {"$set": {"usedAt": now}}
            used: Document | None = await self._refresh_tokens.find_one_and_update(fresh, noted, session=transaction)
            if used is None:
                return None
            alive: Document = {"_id": used["sessionId"], "endedAt": None}
            change = {"$set": {"lastUsedAt": now, "expiresAt": expires_at}}
            found: Document | None = await self._sessions.find_one_and_update(
                alive, change, return_document=ReturnDocument.AFTER, session=transaction
            )
            if found is None:
                return None
            session = _from_document(found)
            await self._refresh_tokens.insert_one(_token(session, next_hash), session=transaction)
            return session

        return await in_transaction(self._database, write)

    async def family_of(self, token_hash: str) -> tuple[SignInSession, bool] | None:
        """The sign-in that a refresh token is or was from, and whether it was used up."""
        with store_errors():
            token = await self._refresh_tokens.find_one({"_id": token_hash})
            found = await self._sessions.find_one({"_id": token["sessionId"]}) if token else None
        return (_from_document(found), token["usedAt"] is not None) if token and found else None

    async def get(self, session_id: str) -> SignInSession | None:
        with store_errors():
            found = await self._sessions.find_one({"_id": session_id})
        return _from_document(found) if found else None

    async def of_user(self, user_id: str) -> list[SignInSession]:
        """Those that are alive, the one used last first."""
        query: Document = {"userId": user_id, "endedAt": None, "expiresAt": {"$gt": datetime.now(UTC)}}
        with store_errors():
            found = await self._sessions.find(query).sort("lastUsedAt", -1).limit(_MOST_SHOWN).to_list(_MOST_SHOWN)
        return list(map(_from_document, found))

    async def end(self, user_id: str, *, only: str | None = None, but: str | None = None) -> list[str]:
        """Ends the user's sign-ins, or one of them, or all but one; the ids of those that ended now. A thousand at a
        time: none are left when it answers none."""
        query: Document = {"userId": user_id, "endedAt": None}
        if only is not None or but is not None:
            query["_id"] = only if only is not None else {"$ne": but}
        return await self._end(query)

    async def end_oldest(self, user_id: str, most: int) -> list[str]:
        """Ends those that were used least lately, so that so many are left; the ids of those that ended now."""
        return await self._end({"userId": user_id, "endedAt": None, "expiresAt": {"$gt": datetime.now(UTC)}}, skip=most)

    async def _end(self, query: Document, skip: int = 0) -> list[str]:
        with store_errors():
            cursor = self._sessions.find(query, {"_id": 1}).sort("lastUsedAt", -1).skip(skip)
            found = await cursor.limit(_AT_ONCE).to_list(_AT_ONCE)
            ended = [document["_id"] for document in found]
            if ended:
                await self._sessions.update_many({"_id": {"$in": ended}}, {"$set": {"endedAt": datetime.now(UTC)}})
        return ended


def _token(session: SignInSession, token_hash: str) -> Document:
    return {
        "_id": token_hash,
        "sessionId": session.id,
        "userId": session.user_id,
        "createdAt": datetime.now(UTC),
        "usedAt": None,
        "expiresAt": session.expires_at,
    }


def _to_document(session: SignInSession) -> Document:
    return {
        "_id": session.id,
        "userId": session.user_id,
        "createdAt": session.created_at,
        "lastUsedAt": session.last_used_at,
        "expiresAt": session.expires_at,
        "client": session.client,
        "endedAt": session.ended_at,
    }


def _from_document(document: Mapping[str, Any]) -> SignInSession:
    return SignInSession(
        id=document["_id"],
        user_id=document["userId"],
        created_at=document["createdAt"],
        last_used_at=document["lastUsedAt"],
        expires_at=document["expiresAt"],
        client=document["client"],
        ended_at=document["endedAt"],
    )
