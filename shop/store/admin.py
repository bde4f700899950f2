"""Set-up and inspection of the servers and collections, for those who operate the shop."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import IndexModel
from pymongo.errors import CollectionInvalid, ConnectionFailure, OperationFailure
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shop.store.database import store_errors
from shop.store.redis import connect as connect_redis
from shop.store.redis import ping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.settings import RedisSettings
    from shop.store.database import Database, Document

_ALREADY_INITIALIZED = 23
_INDEX_CONFLICTS = {85, 86}  # IndexOptionsConflict, IndexKeySpecsConflict


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


async def redis_ready(url: str) -> bool:
    """True once the server at this address answers and has loaded its data."""
    client: Redis = Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()


async def redis_answers(settings: RedisSettings) -> None:
    """Raises UnavailableError that says what is wrong, unless the server answers."""
    client = connect_redis(settings)
    try:
        await ping(client)
    finally:
        await client.aclose()
        await client.connection_pool.disconnect()


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


async def count_documents(database: Database, collection: str) -> int:
    """How many documents a collection has, from its metadata: quick, and exact unless a server just crashed."""
    with store_errors():
        return await database[collection].estimated_document_count()


async def estimated_counts(database: Database, collections: Sequence[str]) -> dict[str, int]:
    """The same for several collections."""
    return {name: await count_documents(database, name) for name in collections}
