"""A client that costs the machine little: GraphQL over HTTP/1.1 keep-alive connections, without a full HTTP library."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import click
import orjson

from devstack.stack.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGEST_HEAD = 1 << 22


class Connection:
    """One keep-alive connection to the API."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection(HOST, port, limit=_LARGEST_HEAD))

    async def post(self, request: bytes) -> bytes:
        """The body of the response. Raises ClickException for an HTTP or a GraphQL error."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise click.ClickException(f"The API answered {head.splitlines()[0].decode()!r}.")
        length = next(
            int(line.split(b":")[1]) for line in head.lower().splitlines() if line.startswith(b"content-length:")
        )
        body = await self._reader.readexactly(length)
        if b'"errors"' in body:  # an error is quick to give, and must not count as an answer
            raise click.ClickException(f"The API answered with errors: {body[:300].decode()}")
        return body

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


def graphql_request(query: str, variables: Mapping[str, Any], headers: Mapping[str, str]) -> bytes:
    """A whole HTTP request with these headers, ready to be sent many times."""
    body = orjson.dumps({"query": query, "variables": variables})
    head = f"POST /graphql HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{head}{more}Content-Length: {len(body)}\r\n\r\n".encode() + body
