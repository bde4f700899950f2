"""`whybuy status`: what runs, whether it is healthy, what the databases hold."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from devstack.stack.content import Content, content
from devstack.stack.data_dir import DataDir, StackState
from devstack.stack.environment import connected, shown_address
from devstack.stack.health import HEALTHY, http_health
from devstack.stack.local_llm import health_url
from devstack.stack.servers import mongo_address
from shop.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.settings import Settings


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process; `started` is in seconds since 1970, `pid` is None for a server that is not ours."""

    process: str
    pid: int | None
    port: int | None
    started: float | None
    restarts: int
    health: str


@dataclass(frozen=True, slots=True)
class Status:
    """Addresses are without their passwords; `problems` say why a database does not answer, and what to do."""

    running: bool
    api_url: str
    mongo_uri: str
    redis_url: str
    processes: tuple[ProcessStatus, ...]
    counts: Mapping[str, int]
    model: str | None
    problems: tuple[str, ...] = ()


async def status(settings: Settings) -> Status:
    """What can be found out; a part that does not answer is reported as such."""
    data = DataDir(settings.stack.data_dir)
    state = data.state()
    mongo_uri = settings.mongo.uri or (state.mongo_uri if state else "")
    redis_url = settings.redis.url or (state.redis_url if state else "")
    processes = await asyncio.gather(*(_process_status(name, state) for name in state.processes)) if state else []
    problems: list[str] = []
    found = connected(settings, data, mongo_uri, redis_url)
    databases = await _content(found, problems) if mongo_uri else Content({}, None)
    if redis_url:
        await _ping_redis(found, problems)
    return Status(
        running=state is not None,
        api_url=state.api_url if state else "",
        mongo_uri=shown_address(mongo_uri) if mongo_uri else "",
        redis_url=shown_address(redis_url) if redis_url else "",
        processes=tuple(processes),
        counts=databases.counts,
        model=databases.model,
        problems=tuple(problems),
    )


async def _content(settings: Settings, problems: list[str]) -> Content:
    try:
        return await content(settings)
    except UnavailableError as error:
        problems.append(error.message)
        return Content({}, None)


async def _ping_redis(settings: Settings, problems: list[str]) -> None:
    from shop.store.admin import redis_answers

    try:
        await redis_answers(settings.redis)
    except UnavailableError as error:
        problems.append(error.message)


async def _process_status(name: str, state: StackState) -> ProcessStatus:
    process = state.processes[name]
    health = await _health(name, state) if _alive(process.pid) else "stopped, will be started again"
    return ProcessStatus(name, process.pid, process.port, process.started, process.restarts, health)


async def _health(name: str, state: StackState) -> str:
    from shop.store.admin import is_primary, redis_ready

    process = state.processes[name]
    if name == "mongod":
        return HEALTHY if await is_primary(mongo_address(process.port or 0)) else "does not take writes"
    if name == "valkey":
        return HEALTHY if await redis_ready(state.redis_url) else "does not answer"
    if name == "api":
        return await asyncio.to_thread(http_health, f"{state.api_url}/health/ready")
    if name == "llm":
        return await asyncio.to_thread(http_health, health_url(process.port or 0))
    return HEALTHY


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def as_json(report: Status) -> str:
    return json.dumps(asdict(report), indent=2)


def show(report: Status) -> None:
    """The report as tables on the terminal."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not report.running:
        console.print("No stack runs here. Start one with `whybuy up`.")
    if report.processes:
        table = Table("process", "pid", "port", "up since", "restarts", "health")
        for row in report.processes:
            since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.started)) if row.started else ""
            table.add_row(row.process, str(row.pid), str(row.port or ""), since, str(row.restarts), row.health)
        console.print(table)
    if report.counts:
        console.print(", ".join(f"{count:,} {name}" for name, count in report.counts.items()))
        console.print(f"model {report.model}" if report.model else "no model yet: `whybuy train` makes one")
    for problem in report.problems:
        console.print(problem)
    if report.api_url:
        console.print(f"GraphQL {report.api_url}/graphql")
