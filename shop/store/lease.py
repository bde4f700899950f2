"""A named lock in MongoDB that all processes respect."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from pymongo.errors import ConnectionFailure, DuplicateKeyError

from shop.errors import UnavailableError
from shop.store.database import store_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.store.database import Database


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
