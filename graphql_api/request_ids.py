"""One id for each request: in the answer's header, in its errors, and in every log line that it causes.

It is bound as structlog's context variable `request_id`, so tasks that a resolver starts inherit it.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

from structlog.contextvars import bind_contextvars, reset_contextvars

from shop.logs import current_request_id

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-Id"
_WIRE_NAME = HEADER.lower().encode()
# What a client sends ends up in logs and in messages of the queue.
_SAFE = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_STARTS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}


def begin_operation() -> None:
    """Gives one operation of a WebSocket connection an id of its own. Call it in the operation's own task."""
    bind_contextvars(request_id=_made_up(), connection_id=current_request_id())


class RequestIdMiddleware:
    """Takes the id from the header `X-Request-Id` if it is a safe one, else makes one; the answer names it.

    A WebSocket connection has one, too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request_id = _sent(scope) or _made_up()

        async def send_with_id(message: Message) -> None:
            if message["type"] in _STARTS:
                message["headers"] = [*message.get("headers", ()), (_WIRE_NAME, request_id.encode())]
            await send(message)

        bound = bind_contextvars(request_id=request_id)
        await self._app(scope, receive, send_with_id)
        # Not after an exception: the server logs it in this same task, and that line needs the id most.
        reset_contextvars(**bound)


def _sent(scope: Scope) -> str | None:
    sent: bytes = next((value for name, value in scope["headers"] if name == _WIRE_NAME), b"")
    return sent.decode() if _SAFE.fullmatch(sent) else None


def _made_up() -> str:
    return uuid.uuid4().hex[:16]
