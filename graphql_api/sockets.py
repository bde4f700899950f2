"""GraphQL over WebSocket (graphql-transport-ws): what a client may send, hold open and leave unread."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

import orjson
import structlog
from starlette.websockets import WebSocketDisconnect
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation

from graphql_api.context import Context
from graphql_api.errors import extensions_of
from graphql_api.request_ids import begin_operation
from graphql_api.tracing import operation_span
from shop.errors import CrowdedError, RateLimitedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.websockets import WebSocket
    from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
        ConnectionInitMessage,
        Message,
        SubscribeMessage,
    )

    from shop.entities.users import Viewer
    from shop.settings import Settings

_log = structlog.get_logger(__name__)
_BAD_REQUEST = 4400
_ENDED = 4403  # clients of graphql-ws fetch a new token and connect again
_TOO_MANY = 4429
_SLOW = 1013  # "try again later"
_LONGEST_OPERATION_ID = 200
_HELD_BYTES = 1 << 20


class SocketView(Protocol):
    """What a socket needs of the endpoint that it belongs to."""

    settings: Settings

    def encode_message(self, message: Mapping[str, object]) -> str: ...


class BoundedSocket(ASGIWebSocketAdapter):
    """A socket whose reader may fall behind by so many bytes, and so many seconds."""

    def __init__(self, view: SocketView, request: WebSocket, response: WebSocket) -> None:
        super().__init__(cast("Any", view), request, response)
        self._view = view
        self._waiting = 0
        self._closing: asyncio.Task[None] | None = None

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        async for message in super().iter_json(ignore_parsing_errors=ignore_parsing_errors):
            if not isinstance(message, dict):
                await self.close(_BAD_REQUEST, "A message is a JSON object")
                return
            yield message

    async def send_json(self, message: Mapping[str, object]) -> None:
        text, limits = self._view.encode_message(message), self._view.settings.api
        if self._waiting + len(text) > limits.max_socket_bytes:
            self._give_up()
        self._waiting += len(text)
        try:
            async with asyncio.timeout(limits.write_seconds):
                await self.ws.send_text(text)
        except TimeoutError:
            self._give_up()
        except RuntimeError as error:  # it is closed
            raise WebSocketDisconnected from error
        finally:
            self._waiting -= len(text)

    def _give_up(self) -> None:
        """Closes in the background: a closing frame waits for the same reader. Raises WebSocketDisconnected."""
        if self._closing is None:
            _log.info("socket_too_slow", waiting=self._waiting)
            self._closing = asyncio.create_task(self._close_slow())
        raise WebSocketDisconnected

    async def _close_slow(self) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(self._view.settings.api.write_seconds):
                await self.ws.close(_SLOW, "The client reads too slowly")

    async def settle(self) -> None:
        """Waits until a closing that was begun has ended."""
        if self._closing is not None:
            await self._closing


class ShopHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """Closes with a code for whatever is no message of the protocol, and when whoever opened it may no longer go on:
    the token has expired, they have signed out, or their role has changed."""

    _end: asyncio.Task[None] | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._counted = contextlib.ExitStack()
        self._is_counted = False
        self._held: dict[str, int] = {}  # bytes that running operations were sent with

    async def handle_message(self, message: Message) -> None:
        problem = _problem(cast("dict[str, Any]", message))
        if problem is None:
            await super().handle_message(message)
        else:
            await self.handle_invalid_message(problem)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Refuses an operation beside too many others, or beside others that were sent with too much: they hold it."""
        id_, size = message["id"], len(orjson.dumps(message["payload"]))
        held = sum(self._held.get(other, 0) for other in self.operations)
        crowded = len(self.operations) >= (self.max_subscriptions_per_connection or 0) or held + size > _HELD_BYTES
        if self.connection_acknowledged and crowded and id_ not in self.operations:
            error = CrowdedError()
            refused = {"message": error.message, "extensions": extensions_of(error)}
            await self.websocket.send_json({"id": id_, "type": "error", "payload": [refused]})
            return
        await super().handle_subscribe(message)
        self._held = {other: self._held.get(other, size) for other in self.operations}

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        try:
            await super().handle_connection_init(message)
        except RateLimitedError as error:
            await self.websocket.close(_TOO_MANY, error.message)
            return
        viewer = self.context.viewer
        if not self.connection_acknowledged or viewer is None or self._is_counted:
            return
        try:
            self._counted.enter_context(self.context.request.app.state.streams.of_viewer(viewer))
        except CrowdedError as error:
            await self.websocket.close(_TOO_MANY, error.message)
            return
        self._is_counted = True
        self._end = asyncio.create_task(self._close_when_ended(viewer))

    async def _close_when_ended(self, viewer: Viewer) -> None:
        reason = await self.context.resources.access.ended(viewer)
        await self.websocket.close(_ENDED, reason)

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        begin_operation()
        with operation_span():
            try:
                await super().run_operation(operation)
            except WebSocketDisconnected:
                return

    async def handle_task_exception(self, error: Exception) -> None:
        if not isinstance(error, WebSocketDisconnected):  # somebody who left is no error
            await super().handle_task_exception(error)

    async def shutdown(self) -> None:
        if self._end is not None:
            self._end.cancel()
        self._counted.close()
        await super().shutdown()
        await cast("BoundedSocket", self.websocket).settle()


def _problem(message: Mapping[str, Any]) -> str | None:
    """What is wrong with a message of this protocol."""
    kind = message.get("type")
    if not isinstance(kind, str):
        return "A message has a type"
    if kind in {"subscribe", "complete"}:
        id_ = message.get("id")
        if not isinstance(id_, str) or not 0 < len(id_) <= _LONGEST_OPERATION_ID:
            return f"id is to be a string of 1 to {_LONGEST_OPERATION_ID} characters"
    return _problem_of_operation(message.get("payload")) if kind == "subscribe" else None


def _problem_of_operation(payload: object) -> str | None:
    if not isinstance(payload, Mapping) or not isinstance(payload.get("query"), str):
        return "payload is to be an object with a query"
    if not isinstance(payload.get("variables"), Mapping | None):
        return "variables is to be an object"
    if not isinstance(payload.get("operationName"), str | None):
        return "operationName is to be a string"
    return None
