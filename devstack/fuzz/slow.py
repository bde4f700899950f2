"""Connections that send and read hardly anything."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_BEGINNINGS = (
    b"",
    b"GET /graphql HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n{",
    b"POST /graphql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    b"GET /graphql?query={__schema{types{name}}} HTTP/1.1\r\nHost: x\r\n\r\n",
    b"NONSENSE\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 200_000,
)


@contextlib.asynccontextmanager
async def slow_connections(host: str, port: int, number: int) -> AsyncIterator[None]:
    """So many at every moment; each sends a byte a second, and one that is closed is replaced."""
    tasks = [asyncio.create_task(_keep(host, port, turn)) for turn in range(number)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep(host: str, port: int, turn: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(host, port, limit=1_024)
            try:
                writer.write(_BEGINNINGS[turn % len(_BEGINNINGS)])
                while not reader.at_eof() and not writer.is_closing():
                    await asyncio.sleep(1)
                    writer.write(b"y")
                    await writer.drain()
            finally:
                writer.close()
        turn += 1
        await asyncio.sleep(1)
