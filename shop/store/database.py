"""The connection to MongoDB and what an administrator does with it. Drivers' errors become ours here."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo import IndexModel, ReplaceOne, UpdateOne
from pymongo.errors import (
    BulkWriteError,
    CollectionInvalid,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    WriteConcernError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shop.errors import ShopError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence

    from shop.settings import MongoSettings

Document = dict[str, Any]
Database = AsyncIOMotorDatabase[Document]
Session = AsyncIOMotorClientSession
T = TypeVar("T")

_DUPLICATE_KEY = 11000
_ALREADY_INITIALIZED = 23
_INDEX_CONFLICTS = {85, 86}  # IndexOptionsConflict, IndexKeySpecsConflict
_TRANSACTION_SECONDS = 10


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    """Turns a lost connection into UnavailableError; everything else is a bug and goes on as it is."""
    try:
        yield
    except (ConnectionFailure, ExecutionTimeout, WTimeoutError, WriteConcernError) as error:
        raise UnavailableError("MongoDB") from error


def connect(settings: MongoSettings) -> tuple[AsyncIOMotorClient[Document], Database]:
    """A client and the shop's database. Nothing is sent until the first operation.

    Writes are acknowledged when a majority has journaled them.
    """
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
        settings.uri or "mongodb://127.0.0.1:27017",
        serverSelectionTimeoutMS=settings.timeout_ms,
        connectTimeoutMS=settings.timeout_ms,
        retryWrites=True,
        retryReads=True,
        appname="whybuy",
    )
    database = client.get_database(
        settings.database,
        codec_options=CodecOptions(tz_aware=True),
        write_concern=WriteConcern(w="majority", j=True, wtimeout=10_000),
        read_concern=ReadConcern("majority"),
    )
    return client, database


async def ping(database: Database) -> None:
    """Raises UnavailableError unless a primary answers."""
    with store_errors():
        await database.command("ping")


async def in_transaction(database: Database, write: Callable[[Session], Coroutine[Any, Any, T]]) -> T:
    """Runs `write` in one transaction, again if it met another one. Raises UnavailableError after ten seconds."""
    try:
        with store_errors():
            # The driver would try again for two minutes.
            async with asyncio.timeout(_TRANSACTION_SECONDS), await database.client.start_session() as session:
                return await session.with_transaction(
                    write, ReadConcern("majority"), WriteConcern(w="majority", j=True, wtimeout=10_000)
                )
    except TimeoutError as error:
        raise UnavailableError("MongoDB") from error


async def initiate_replica_set(uri: str, member: str) -> None:
    """Makes a fresh mongod a replica set of one, which transactions and change streams need. Idempotent.

    Raises UnavailableError when the server does not answer.
    """
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(uri, directConnection=True, serverSelectionTimeoutMS=5000)
    config = {"_id": "rs0", "members": [{"_id": 0, "host": member}]}
    try:
        with store_errors():
            try:
                await client.admin.command("replSetInitiate", config)
            except OperationFailure as error:
                if error.code != _ALREADY_INITIALIZED:
                    raise
                # The port may have changed since the last start: the data stays, the address is new.
                current = (await client.admin.command("replSetGetConfig"))["config"]
                if current["members"][0]["host"] != member:
                    current["members"][0]["host"] = member
                    current["version"] += 1
                    await client.admin.command("replSetReconfig", current, force=True)
    finally:
        client.close()


async def is_primary(uri: str) -> bool:
    """True once the server at this address accepts writes."""
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(uri, directConnection=True, serverSelectionTimeoutMS=1000)
    try:
        return bool((await client.admin.command("hello")).get("isWritablePrimary"))
    except ConnectionFailure:
        return False
    finally:
        client.close()


async def ensure_collection(
    database: Database, name: str, validator: Document, indexes: Sequence[tuple[str, list[tuple[str, Any]], Document]]
) -> None:
    """Creates or updates a collection's validator and indexes; what is already right is left alone.

    Each index is (name, keys, options); a changed index of the same name is rebuilt.
    """
    with store_errors():
        with contextlib.suppress(CollectionInvalid):
            await database.create_collection(name, check_exists=True)
        await database.command("collMod", name, validator=validator, validationLevel="strict", validationAction="error")
        models = [IndexModel(keys, name=index_name, **options) for index_name, keys, options in indexes]
        try:
            if models:
                await database[name].create_indexes(models)
        except OperationFailure as error:
            if error.code not in _INDEX_CONFLICTS:
                raise
            for model in models:
                await _ensure_index(database, name, model)


async def _ensure_index(database: Database, collection: str, model: IndexModel) -> None:
    try:
        await database[collection].create_indexes([model])
    except OperationFailure as error:
        if error.code not in _INDEX_CONFLICTS:
            raise
        await database[collection].drop_index(model.document["name"])
        await database[collection].create_indexes([model])


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
    if not documents:
        return 0
    target = database[collection]
    if bulk:
        target = target.with_options(write_concern=WriteConcern(w=1, j=False))
    with store_errors():
        try:
            result = await target.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            return _after_failures(error)
    return len(result.inserted_ids)


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
    if failure.get("code") == 121:  # DocumentValidationFailure
        return f"the document does not fit the collection's schema: {failure.get('errInfo', {}).get('details', '')}"
    return str(failure.get("errmsg", "refused"))


def iterate(
    database: Database,
    collection: str,
    filter_: Mapping[str, Any] | None = None,
    *,
    fields: Sequence[str] | None = None,
    sort: Sequence[tuple[str, int]] = (),
    batch_size: int = 2000,
) -> AsyncIterator[Document]:
    """Documents as they are stored, streamed; `fields` names those that are wanted besides `_id`."""
    cursor = database[collection].find(filter_ or {}, list(fields) if fields is not None else None)
    if sort:
        cursor = cursor.sort(list(sort))
    return _stream(cursor.batch_size(batch_size))


def aggregate(database: Database, collection: str, pipeline: Sequence[Document]) -> AsyncIterator[Document]:
    """The results of an aggregation, streamed; a large one may spill to the server's disk."""
    return _stream(database[collection].aggregate(list(pipeline), allowDiskUse=True, batchSize=5000))


async def _stream(cursor: AsyncIterator[Document]) -> AsyncIterator[Document]:
    with store_errors():
        async for document in cursor:
            yield document


async def delete_documents(database: Database, collection: str, query: Document) -> int:
    """Deletes what matches; returns how many there were."""
    with store_errors():
        return (await database[collection].delete_many(query)).deleted_count


async def put_document(database: Database, collection: str, document: Document) -> None:
    """Inserts or replaces one document by `_id`, acknowledged by the majority."""
    with store_errors():
        await database[collection].replace_one({"_id": document["_id"]}, document, upsert=True)


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


@contextlib.asynccontextmanager
async def lease(
    database: Database, collection: str, name: str, *, seconds: float = 10, patience_seconds: float = 600
) -> AsyncIterator[None]:
    """Holds a named lock that all processes respect while the block runs; others wait for it.

    It is renewed as long as this process lives, and free again `seconds` after the process died.
    Raises UnavailableError after `patience_seconds`.
    """
    holder = uuid4().hex
    deadline = asyncio.get_running_loop().time() + patience_seconds
    while not await _take_lease(database, collection, name, holder, seconds):
        if asyncio.get_running_loop().time() > deadline:
            raise UnavailableError("MongoDB", f"Another process holds {name!r} since long; see what it does.")
        await asyncio.sleep(0.2)
    renewal = asyncio.create_task(_renew_lease(database, collection, name, holder, seconds))
    try:
        yield
    finally:
        renewal.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionFailure):
            await renewal
        with contextlib.suppress(ConnectionFailure):
            await database[collection].delete_one({"_id": name, "holder": holder})


async def _take_lease(database: Database, collection: str, name: str, holder: str, seconds: float) -> bool:
    now = datetime.now(UTC)
    with store_errors():
        try:
            await database[collection].update_one(
                {"_id": name, "expiresAt": {"$lt": now}},
                {"$set": {"holder": holder, "expiresAt": now + timedelta(seconds=seconds)}},
                upsert=True,
            )
        except DuplicateKeyError:  # there, and not expired
            return False
    return True


async def _renew_lease(database: Database, collection: str, name: str, holder: str, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds / 3)
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        with contextlib.suppress(ConnectionFailure):
            await database[collection].update_one({"_id": name, "holder": holder}, {"$set": {"expiresAt": expires}})


async def count_documents(database: Database, collection: str) -> int:
    """How many documents a collection has, from its metadata: quick, and exact unless a server just crashed."""
    with store_errors():
        return await database[collection].estimated_document_count()
