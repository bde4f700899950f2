"""Databases of a measurement: fresh servers, and queries about the shop in them."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from devstack.stack.binaries import find_mongod, find_valkey
from devstack.stack.data_dir import DataDir
from devstack.stack.environment import connected
from devstack.stack.ports import free_port
from devstack.stack.process import running
from devstack.stack.servers import mongo_server, valkey_server
from shop.entities.events import Topic
from shop.store.database import iterate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.settings import Settings
    from shop.store.database import Database
    from shop.store.event_log import EventLog


@contextlib.asynccontextmanager
async def own_databases(settings: Settings, data: DataDir) -> AsyncIterator[Settings]:
    """The settings, connected to fresh servers whose files are in `data`."""
    libraries = DataDir(settings.stack.data_dir).libraries
    mongod = mongo_server(find_mongod(libraries), data.mongod, free_port())
    valkey = valkey_server(find_valkey(), data.valkey, free_port())
    async with running(mongod, data.logs / "mongod.log"), running(valkey, data.logs / "valkey.log"):
        yield connected(settings, data, mongod.url, valkey.url)


async def shopper_ids(database: Database) -> list[str]:
    """All shoppers, always in the same order."""
    return sorted([row["_id"] async for row in iterate(database, "users", {"role": "shopper"}, fields=["_id"])])


async def announced_texts(log: EventLog) -> Counter[str]:
    """How often each text, by its key, was announced as ready."""
    counted: Counter[str] = Counter()
    newest, after = await log.newest_id(), "0-0"
    while page := await log.between(after, newest):
        counted.update(event.data["key"] for event in page if event.topic is Topic.EXPLANATION_READY)
        after = page[-1].id
    return counted
