"""The connection to MongoDB, transactions, and streamed reads. Drivers' errors become ours here."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, TypeVar, cast

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession, AsyncIOMotorDatabase
from pymongo.errors import (
    ConnectionFailure,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from shop.errors import UnavailableError
from shop.store.tls import Server, tls_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence

    from pymongo.topology_description import TopologyDescription

    from shop.settings import MongoSettings

Document = dict[str, Any]
Database = AsyncIOMotorDatabase[Document]
Session = AsyncIOMotorClientSession
T = TypeVar("T")

AWAY_SECONDS = 5  # after a read that failed, whoever has an older copy uses it for so long before the next read
_TRANSACTION_SECONDS = 10
_UNAUTHORIZED = 13
_REFUSED = {11, 18}  # UserNotFound, AuthenticationFailed
_ATLAS = 8000  # Atlas says this of several errors
_SERVER = Server("MongoDB", "MONGODB_URI", "MONGODB")


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    """Turns a lost connection, one that cannot be encrypted, and a user who is not let in, into UnavailableError;
    everything else is a bug and goes on as it is."""
    try:
        yield
    except ConnectionFailure as error:
        raise _unreachable(error) from error
    except (ExecutionTimeout, WTimeoutError, WriteConcernError) as error:
        raise UnavailableError("MongoDB") from error
    except OperationFailure as error:
        if (denied := _denied(error)) is None:
            raise
        raise denied from error


def _unreachable(error: ConnectionFailure) -> UnavailableError:
    """What the operator has to correct, where that is known."""
    reason = str(error)
    if (refused := tls_error(_SERVER, reason)) is not None:
        return refused
    if isinstance(error, ServerSelectionTimeoutError) and "connection closed" in reason:
        return _SERVER.error(
            "closes our connections at once.",
            "If it wants TLS, add tls=true to {address}; if it asks for a certificate, name the file of ours in "
            "{prefix}_TLS_CERTIFICATE_FILE.",
        )
    return UnavailableError("MongoDB")


def _denied(error: OperationFailure) -> UnavailableError | None:
    """What the operator has to correct. The server's own words may hold a command with its values."""
    if error.code in _REFUSED or (error.code == _ATLAS and "bad auth" in str(error)):
        problem = "refuses the user name or password of MONGODB_URI."
        hint = "Check them, the authSource, and MONGODB_PASSWORD_FILE if it is set."
        return UnavailableError("MongoDB", hint, problem=problem)
    if error.code != _UNAUTHORIZED:
        return None
    if "requires authentication" in str(error):
        problem = "wants a user name and a password, and MONGODB_URI has none."
        return UnavailableError("MongoDB", "Add them to it.", problem=problem)
    return UnavailableError(
        "MongoDB",
        "It needs the role readWrite on the database, and dbAdmin for migrations.",
        problem="gives the user of MONGODB_URI too few rights.",
    )


def connect(settings: MongoSettings) -> tuple[AsyncIOMotorClient[Document], Database]:
    """A client and the shop's database. Nothing is sent until the first operation.

    Writes are acknowledged when a majority has journaled them. Raises UnavailableError for an address that is none.
    """
    try:
        client = _client(settings)
    except (PyMongoError, ValueError, OSError):
        raise UnavailableError(
            "MongoDB",
            "Check how it is written, the files that are named, and the name server if it begins with mongodb+srv.",
            problem="cannot be asked with this MONGODB_URI.",
        ) from None  # the driver's error may repeat a part of the address
    database = client.get_database(
        settings.database,
        codec_options=CodecOptions(tz_aware=True),
        write_concern=WriteConcern(w="majority", j=True, wtimeout=10_000),
        read_concern=ReadConcern("majority"),
    )
    return client, database


def _client(settings: MongoSettings) -> AsyncIOMotorClient[Document]:
    options: dict[str, Any] = {}
    if settings.tls_ca_file is not None or settings.tls_certificate_file is not None:
        options["tls"] = True
    if settings.tls_ca_file is not None:
        options["tlsCAFile"] = str(settings.tls_ca_file)
    if settings.tls_certificate_file is not None:
        options["tlsCertificateKeyFile"] = str(settings.tls_certificate_file)
    if (password := settings.password) is not None:
        options["password"] = password
    return AsyncIOMotorClient(
        settings.uri or "mongodb://127.0.0.1:27017",
        serverSelectionTimeoutMS=settings.timeout_ms,
        connectTimeoutMS=settings.timeout_ms,
        retryWrites=True,
        retryReads=True,
        appname=settings.app_name,
        maxPoolSize=settings.max_connections,
        **options,
    )


async def ping(database: Database) -> None:
    """Raises UnavailableError unless a primary answers."""
    with _first_reason(database), store_errors():
        await database.command("ping")


async def require_writes(database: Database) -> None:
    """Raises UnavailableError unless a primary answers and the user may read and write. Changes nothing."""
    products = database["products"].with_options(write_concern=WriteConcern(w=1))
    with _first_reason(database), store_errors():
        await products.find_one_and_update({"_id": {"$in": []}}, {"$unset": {"nothing": ""}})


@contextlib.contextmanager
def _first_reason(database: Database) -> Iterator[None]:
    """Of a server that has refused the password the driver says for a while only that there is none."""
    try:
        yield
    except UnavailableError:
        topology = cast("TopologyDescription", database.client.topology_description)  # a property
        for server in topology.server_descriptions().values():
            if isinstance(server.error, OperationFailure) and (denied := _denied(server.error)) is not None:
                raise denied from server.error
        raise


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


async def set_fields(database: Database, collection: str, query: Document, fields: Document) -> int:
    """Sets fields of all documents that match; returns how many changed."""
    with store_errors():
        return (await database[collection].update_many(query, {"$set": fields})).modified_count


async def put_document(database: Database, collection: str, document: Document) -> None:
    """Inserts or replaces one document by `_id`, acknowledged by the majority."""
    with store_errors():
        await database[collection].replace_one({"_id": document["_id"]}, document, upsert=True)
