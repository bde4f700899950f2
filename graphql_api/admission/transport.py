"""How much a client may send, in what time, and what becomes of its work when it leaves."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog
from starlette.requests import ClientDisconnect

from graphql_api.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from shop.settings import ApiSettings

_log = structlog.get_logger(__name__)


_BODY = "whybuy.body"  # in the scope of a request
_UNWATCHED_SECONDS = 0.1  # most requests are answered within, and need nobody to watch


@contextlib.asynccontextmanager
async def cancelled_with_client(request: Request) -> AsyncIterator[None]:
    """Cancels what is inside when the client leaves. Its body must have been read. Raises ClientDisconnect."""
    work, loop = asyncio.current_task(), asyncio.get_running_loop()
    watcher: asyncio.Task[None] | None = None
    left = False

    async def watch() -> None:
        nonlocal left
        while (await request.receive())["type"] != "http.disconnect":
            pass
        left = True
        if work is not None:
            work.cancel()

    def begin() -> None:
        nonlocal watcher
        watcher = loop.create_task(watch())

    timer = loop.call_later(_UNWATCHED_SECONDS, begin)
    try:
        yield
    except asyncio.CancelledError:
        if left and work is not None and work.uncancel() == 0:
            raise ClientDisconnect from None
        raise
    finally:
        timer.cancel()
        if watcher is not None:
            watcher.cancel()


class PatienceMiddleware:
    """Bounds the body of a request in bytes and in seconds.

    What is received after the body, such as that the client has left, is not timed.
    """

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = scope[_BODY] = _Body(scope, receive, self._settings)
        try:
            await self._app(scope, body.receive, send)
        except ClientDisconnect:
            _log.info("client_left", path=shown_path(scope["path"]))


class _Body:
    """What a client sends of one request."""

    def __init__(self, scope: Scope, receive: Receive, settings: ApiSettings) -> None:
        self._receive = receive
        self._settings = settings
        self.most = settings.max_body_bytes
        stated = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        self.stated = int(stated) if stated.isdigit() else 0
        self._received = 0
        self._complete = False
        self._deadline: float | None = None

    async def receive(self) -> Message:
        """Raises RequestError for a body that is too large or too late."""
        if self._complete:
            return await self._receive()
        self._require_size(self.stated)
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._settings.read_seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError as error:
            raise RequestError("The body took too long to arrive.", status=408) from error
        self._received += len(message.get("body", b""))
        self._complete = message["type"] != "http.request" or not message.get("more_body", False)
        self._require_size(self._received)
        return message

    def _require_size(self, size: int) -> None:
        if size > self.most:
            closing = {"Connection": "close"}
            raise RequestError(f"The body may have {self.most:,} bytes at most.", status=413, headers=closing)


def shown_path(path: str) -> str:
    """Its first part, for logs: what follows may be the secret of a link."""
    return "/" + path.lstrip("/").partition("/")[0]


def states_more_than(request: Request, size: int) -> bool:
    """Whether the request says that its body has more bytes."""
    body: _Body = request.scope[_BODY]
    return body.stated > size


def allow_body(request: Request, size: int) -> None:
    """Lets the body have so many bytes; before it is read."""
    body: _Body = request.scope[_BODY]
    body.most = size
