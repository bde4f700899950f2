"""The databases of a command: those that run already, or servers of our own for as long as they are needed."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from devstack.stack.binaries import find_mongod, find_valkey
from devstack.stack.data_dir import DataDir
from devstack.stack.environment import connected
from devstack.stack.ports import free_port
from devstack.stack.process import running
from devstack.stack.servers import mongo_server, valkey_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from devstack.stack.process import Program
    from shop.settings import Settings


@dataclass(frozen=True, slots=True)
class Databases:
    """Where the databases are, and the programs of those that we must start ourselves."""

    mongo_uri: str
    redis_url: str
    programs: tuple[Program, ...]


def find_databases(settings: Settings, data: DataDir) -> Databases:
    """MONGODB_URI and REDIS_URL where they are set, our own servers otherwise, on the ports of the last run."""
    programs: dict[str, Program] = {}
    known = data.ports()
    if settings.mongo.uri is None:
        programs["mongod"] = mongo_server(find_mongod(data.libraries), data.mongod, free_port(known.get("mongod", 0)))
    if settings.redis.url is None:
        programs["valkey"] = valkey_server(find_valkey(), data.valkey, free_port(known.get("valkey", 0)))
    data.write_ports(known | {name: program.port for name, program in programs.items() if program.port is not None})
    return Databases(
        mongo_uri=settings.mongo.uri or programs["mongod"].url,
        redis_url=settings.redis.url or programs["valkey"].url,
        programs=tuple(programs.values()),
    )


def connected_to_running(settings: Settings, data: DataDir) -> Settings | None:
    """Settings connected to databases that run already (named by the user, or of a running stack), else None."""
    state = data.state()
    mongo_uri = settings.mongo.uri or (state.mongo_uri if state else None)
    redis_url = settings.redis.url or (state.redis_url if state else None)
    if mongo_uri is None or redis_url is None:
        return None
    return connected(settings, data, mongo_uri, redis_url)


@contextlib.asynccontextmanager
async def open_databases(settings: Settings) -> AsyncIterator[Settings]:
    """Connected settings; when no databases run, they are started for the duration of the block."""
    data = DataDir(settings.stack.data_dir)
    if (found := connected_to_running(settings, data)) is not None:
        yield found
        return
    data.prepare()
    with data.locked():
        own = find_databases(settings, data)
        async with contextlib.AsyncExitStack() as stack:
            for program in own.programs:
                await stack.enter_async_context(running(program, data.logs / f"{program.name}.log"))
            yield connected(settings, data, own.mongo_uri, own.redis_url)
