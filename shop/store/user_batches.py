"""Many users in one round trip; roles and credentials are never touched."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from shop.entities.users import Role
from shop.errors import UnavailableError
from shop.store.database import Database, Document, store_errors
from shop.store.documents import user_to_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.entities.users import User

_DUPLICATE_KEY = 11000


class Refusal(StrEnum):
    """Why a user was not stored."""

    EMAIL_TAKEN = "email"
    NO_SHOPPER = "_id"  # the account of this id has another role


class UserBatchStore:
    def __init__(self, database: Database) -> None:
        self._users = database["users"]

    async def create(self, users: Sequence[User]) -> None:
        """Those that do not exist; the others stay as they are."""
        if not users:
            return
        operations = [UpdateOne({"_id": user.id}, {"$setOnInsert": user_to_document(user)}, True) for user in users]
        with store_errors():
            try:
                await self._users.bulk_write(operations, ordered=False)
            except BulkWriteError as error:  # somebody else has made one at the same time
                _refusals(error)

    async def save(self, users: Sequence[User], fields: Sequence[set[str]]) -> dict[int, Refusal]:
        """Creates shoppers, or sets these fields of those that exist; returns the places of those that were refused,
        when the others are stored. Raises UnavailableError."""
        operations = [_operation(user, given) for user, given in zip(users, fields, strict=True)]
        if not operations:
            return {}
        with store_errors():
            try:
                await self._users.bulk_write(operations, ordered=False)
            except BulkWriteError as error:
                return _refusals(error)
        return {}


def _operation(user: User, fields: set[str]) -> UpdateOne:
    document = user_to_document(user)
    given: Document = {name: value for name, value in document.items() if name in fields}
    rest = {name: value for name, value in document.items() if name not in fields}
    # Of another role none is found, and none can be made: its id is taken.
    wanted = {"_id": user.id, "role": Role.SHOPPER.value}
    rest = {name: value for name, value in rest.items() if name not in wanted}
    return UpdateOne(wanted, {"$set": given, "$setOnInsert": rest} if given else {"$setOnInsert": rest}, upsert=True)


def _refusals(error: BulkWriteError) -> dict[int, Refusal]:
    details = error.details or {}
    failures = details.get("writeErrors", [])
    if details.get("writeConcernErrors"):
        raise UnavailableError("MongoDB", "Not all users were acknowledged; send the same again.") from error
    if any(failure.get("code") != _DUPLICATE_KEY for failure in failures):
        raise error
    return {int(failure["index"]): Refusal(next(iter(failure["keyPattern"]))) for failure in failures}
