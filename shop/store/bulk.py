"""Many documents in one round trip; a batch goes in as far as it can, and says what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymongo import ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError
from pymongo.write_concern import WriteConcern

from shop.errors import ShopError, UnavailableError
from shop.store.database import store_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from motor.motor_asyncio import AsyncIOMotorCollection

    from shop.store.database import Database, Document

    Collection = AsyncIOMotorCollection[Document]

_DUPLICATE_KEY = 11000
_INVALID_DOCUMENT = 121  # DocumentValidationFailure


class BulkError(ShopError):
    """Some documents of a batch were refused; `failures` has (position in the batch, reason) of each.

    Its message names collections and schemas: for operators, not for a client of the API.

    `stored` is how many of the others are new or changed.
    """

    public = False
    code = "BAD_USER_INPUT"

    def __init__(self, failures: list[tuple[int, str]], stored: int = 0) -> None:
        super().__init__(f"{len(failures)} documents were refused, the first: {failures[0][1]}")
        self.failures = failures
        self.stored = stored


async def bulk_insert(database: Database, collection: str, documents: Sequence[Document], *, bulk: bool = False) -> int:
    """Inserts what is new; a document whose `_id` is already there is left as it is. Returns how many were new.

    The rest of the batch goes in even if some fail; those raise BulkError afterwards. With `bulk` the primary alone
    acknowledges: for loads that count what arrived in the end (majority reads see only what cannot be rolled back).
    """
    target = database[collection]
    if bulk:
        target = target.with_options(write_concern=WriteConcern(w=1, j=False))
    return len(documents) - len(await _insert(target, documents))


async def insert_new(database: Database, collection: str, documents: Sequence[Document]) -> list[Document]:
    """Inserts what is new, as bulk_insert does; returns those of the documents whose `_id` was already there."""
    return [documents[position] for position in await _insert(database[collection], documents)]


async def _insert(target: Collection, documents: Sequence[Document]) -> list[int]:
    """The positions of those that were there."""
    if not documents:
        return []
    with store_errors():
        try:
            await target.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            _after_failures(error)
            return sorted(int(failure["index"]) for failure in (error.details or {}).get("writeErrors", []))
    return []


async def bulk_replace(database: Database, collection: str, documents: Sequence[Document]) -> int:
    """Inserts or replaces by `_id`; returns how many were new or changed. Raises BulkError as bulk_insert does."""
    if not documents:
        return 0
    operations = [ReplaceOne({"_id": document["_id"]}, document, upsert=True) for document in documents]
    with store_errors():
        try:
            result = await database[collection].bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            return _after_failures(error)
    return result.modified_count + result.upserted_count


async def bulk_merge(database: Database, collection: str, documents: Sequence[Document]) -> int:
    """Inserts what is new, and of what is there sets the fields that are named: others stay, also those that somebody
    else writes at the same time. Returns how many were new or changed. Raises BulkError as bulk_insert does."""
    if not documents:
        return 0
    operations = [UpdateOne({"_id": document["_id"]}, {"$set": document}, upsert=True) for document in documents]
    with store_errors():
        try:
            result = await database[collection].bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            return _after_failures(error)
    return result.modified_count + result.upserted_count


async def bulk_set(database: Database, collection: str, changes: Sequence[tuple[Any, Document]]) -> int:
    """Sets fields of documents that exist: (`_id`, fields) each. Returns how many changed. Raises BulkError."""
    if not changes:
        return 0
    operations = [UpdateOne({"_id": id_}, {"$set": fields}) for id_, fields in changes]
    with store_errors():
        try:
            result = await database[collection].bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            return _after_failures(error)
    return result.modified_count


def _after_failures(error: BulkWriteError) -> int:
    details = error.details or {}
    failures = [
        (int(failure["index"]), _reason(failure))
        for failure in details.get("writeErrors", [])
        if not _is_same_id(failure)
    ]
    if details.get("writeConcernErrors"):
        raise UnavailableError("MongoDB", "Not all documents were acknowledged; run the same command again.") from error
    stored = sum(int(details.get(name, 0)) for name in ("nInserted", "nUpserted", "nModified"))
    if failures:
        raise BulkError(failures, stored) from error
    return stored


def _is_same_id(failure: Document) -> bool:
    return failure.get("code") == _DUPLICATE_KEY and failure.get("keyPattern", {"_id": 1}) == {"_id": 1}


def _reason(failure: Document) -> str:
    if failure.get("code") == _DUPLICATE_KEY:
        pairs = ", ".join(f"{field} {value!r}" for field, value in failure["keyValue"].items())
        return f"another document already has {pairs}"
    if failure.get("code") == _INVALID_DOCUMENT:
        return f"the document does not fit the collection's schema: {failure.get('errInfo', {}).get('details', '')}"
    return str(failure.get("errmsg", "refused"))
