"""What the local stack is made of, and the databases for commands that only need those."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from devstack.stack.binaries import find_mongod, find_valkey
from devstack.stack.data_dir import DataDir, StackState
from devstack.stack.ports import free_port
from devstack.stack.process import Program, accepts, running
from devstack.stack.servers import mongo_server, valkey_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.settings import Settings


@dataclass(frozen=True, slots=True)
class Databases:
    """Where the databases are, and the programs of those that we must start ourselves."""

    mongo_uri: str
    redis_url: str
    programs: tuple[Program, ...]


def plan_databases(settings: Settings, data: DataDir) -> Databases:
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


def connected(settings: Settings, data: DataDir, mongo_uri: str, redis_url: str) -> Settings:
    """The same settings, with the databases filled in and the models in the data folder."""
    named = "cache_dir" in settings.model.model_fields_set
    return with_secret(settings, data).model_copy(
        update={
            "mongo": settings.mongo.model_copy(update={"uri": mongo_uri}),
            "redis": settings.redis.model_copy(update={"url": redis_url}),
            "model": settings.model if named else settings.model.model_copy(update={"cache_dir": data.models}),
        }
    )


def with_secret(settings: Settings, data: DataDir) -> Settings:
    """In development, tokens can be signed without any setting: the data folder keeps a key."""
    if settings.auth.secret is not None or settings.stack.env != "development":
        return settings
    auth = settings.auth.model_copy(update={"secret": SecretStr(data.secret())})
    return settings.model_copy(update={"auth": auth})


def child_environment(settings: Settings, data: DataDir) -> dict[str, str]:
    """What a child process needs to know beside its inherited environment; `settings` are connected ones."""
    return {
        "MONGODB_URI": settings.mongo.uri or "",
        "REDIS_URL": settings.redis.url or "",
        "MODEL_CACHE_DIR": str(settings.model.cache_dir),
        "WHYBUY_DATA_DIR": str(data.root),
        "AUTH_SECRET": settings.auth.secret.get_secret_value() if settings.auth.secret else "",
        "PYTHONUNBUFFERED": "1",
        # Small matrix products: waking a second thread costs more than it brings, and training ran 3 times slower.
        "OPENBLAS_NUM_THREADS": "1",
    }


def api_program(environment: dict[str, str], host: str, port: int) -> Program:
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound

    async def ready() -> bool:
        return await accepts(address, port)

    return Program(
        "api",
        (sys.executable, "-m", "graphql_api"),
        environment | {"API_HOST": host, "API_PORT": str(port)},
        ready,
        port,
        f"http://{f'[{address}]' if ':' in address else address}:{port}",
    )


def worker_program(environment: dict[str, str]) -> Program:
    return command_program("worker", environment, sys.executable, "-m", "workers")


def command_program(name: str, environment: dict[str, str], *command: str) -> Program:
    """A program without a port: it serves as soon as it runs."""

    async def ready() -> bool:
        return True

    return Program(name, command, environment, ready)


def running_stack(settings: Settings, data: DataDir) -> Settings | None:
    """Settings connected to the databases that run already (named by the user, or of a running stack), else None."""
    state: StackState | None = data.state()
    mongo_uri = settings.mongo.uri or (state.mongo_uri if state else None)
    redis_url = settings.redis.url or (state.redis_url if state else None)
    if mongo_uri is None or redis_url is None:
        return None
    return connected(settings, data, mongo_uri, redis_url)


@contextlib.asynccontextmanager
async def databases(settings: Settings) -> AsyncIterator[Settings]:
    """Connected settings; when no databases run, they are started for the duration of the block."""
    data = DataDir(settings.stack.data_dir)
    if (found := running_stack(settings, data)) is not None:
        yield found
        return
    data.prepare()
    with data.held():
        plan = plan_databases(settings, data)
        async with contextlib.AsyncExitStack() as stack:
            for program in plan.programs:
                await stack.enter_async_context(running(program, data.logs / f"{program.name}.log"))
            yield connected(settings, data, plan.mongo_uri, plan.redis_url)
