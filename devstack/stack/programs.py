"""Whybuy's own programs: the API, a worker, and commands that run in a process of their own."""

from __future__ import annotations

import sys

from devstack.stack.ports import HOST
from devstack.stack.process import Program, accepts


def api_program(environment: dict[str, str], host: str, port: int) -> Program:
    address = {"0.0.0.0": HOST, "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound

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
