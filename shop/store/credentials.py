"""Passwords of users, as hashes, apart from the users that everybody reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pymongo.errors import DuplicateKeyError

from shop.store.audit import AuditStore
from shop.store.database import Database, in_transaction, store_errors
from shop.store.documents import user_to_document

if TYPE_CHECKING:
    from shop.entities.users import User
    from shop.store.database import Session


class CredentialStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._audit_log = AuditStore(database)
        self._users = database["users"]
        self._credentials = database["credentials"]

    async def create_account(self, user: User, password_hash: str) -> bool:
        """The user and the password, both or neither. False if the e-mail is somebody's already."""

        async def write(session: Session) -> None:
            await self._users.insert_one(user_to_document(user), session=session)
            await self._credentials.insert_one(_document(user.id, password_hash), session=session)

        try:
            await in_transaction(self._database, write)
        except DuplicateKeyError:
            return False
        return True

    async def by_email(self, email: str) -> tuple[str, str] | None:
        """The user with this e-mail, as it is stored, and the hash of their password; None without either. It asks as
        often for an address that nobody has."""
        with store_errors():
            user = await self._users.find_one({"email": email}, {"_id": 1})
            credential = await self._credentials.find_one({"_id": user["_id"] if user else ""})
        return (credential["_id"], credential["passwordHash"]) if credential else None

    async def hash_of(self, user_id: str) -> str | None:
        """The hash of the user's password, if there is one."""
        with store_errors():
            credential = await self._credentials.find_one({"_id": user_id})
        return str(credential["passwordHash"]) if credential else None

    async def renew_hash(self, user_id: str, before: str, password_hash: str) -> None:
        """Unless the password was changed since."""
        change = {"$set": {"passwordHash": password_hash, "updatedAt": datetime.now(UTC)}}
        with store_errors():
            await self._credentials.update_one({"_id": user_id, "passwordHash": before}, change)

    async def set_hash(self, user_id: str, password_hash: str) -> None:
        """For an operator: also the first of a user who had none. With its entry in the audit log."""

        async def write(session: Session) -> None:
            await self._credentials.replace_one(
                {"_id": user_id}, _document(user_id, password_hash), upsert=True, session=session
            )
            await self._audit_log.add("changePassword", None, user_id, {}, session)

        await in_transaction(self._database, write)

    async def change_hash(self, user_id: str, before: str, password_hash: str) -> bool:
        """For the user. With its entry in the audit log. False if the password was changed since."""

        async def write(session: Session) -> bool:
            wanted = {"_id": user_id, "passwordHash": before}
            result = await self._credentials.replace_one(wanted, _document(user_id, password_hash), session=session)
            if result.matched_count:
                await self._audit_log.add("changePassword", user_id, user_id, {}, session)
            return result.matched_count == 1

        return await in_transaction(self._database, write)


def _document(user_id: str, password_hash: str) -> dict[str, object]:
    return {"_id": user_id, "passwordHash": password_hash, "updatedAt": datetime.now(UTC)}
