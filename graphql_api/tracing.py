"""A span for each GraphQL request over HTTP, and for each operation on a WebSocket, under the operation's name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

from graphql import get_operation_ast
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from strawberry.extensions import SchemaExtension

from graphql_api import operation_names
from shop.logs import current_request_id
from shop.telemetry import spans
from shop.telemetry.spans import Kind, Span

_UNREAD = "GraphQL operation"  # the name until the operation is read
_W3C = (b"traceparent", b"tracestate")


class TracingMiddleware:
    """Continues the trace that a request's `traceparent` names. Use it within RequestIdMiddleware."""

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not spans.is_on() or scope["type"] not in {"http", "websocket"} or scope["path"] != self._path:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":  # its operations have the spans
            with spans.joined(_carrier(scope)):
                await self._app(scope, receive, send)
        else:
            await self._request(scope, receive, send)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        with _begun({"http.request.method": scope["method"], "url.path": scope["path"]}, _carrier(scope)) as span:

            async def watch(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set({"http.response.status_code": message["status"]})
                    if message["status"] >= 500:
                        span.fail(str(message["status"]))
                await send(message)

            await self._app(scope, receive, watch)


def operation_span() -> AbstractContextManager[Span]:
    """Around one operation on a WebSocket, in its own task."""
    return _begun({"network.protocol.name": "websocket"})


def tracing_extensions() -> list[type[SchemaExtension]]:
    """What the schema needs for tracing; nothing when it is off."""
    return [OperationName] if spans.is_on() else []


class OperationName(SchemaExtension):
    """Names the current span after the operation as soon as it is read."""

    def on_parse(self) -> Iterator[None]:
        yield
        context = self.execution_context
        document = context.graphql_document
        operation = get_operation_ast(document, context.operation_name) if document else None
        if operation is None:
            return
        kind = operation.operation.value
        name = operation_names.kept(operation.name.value) if operation.name else None
        span = spans.current()
        span.rename(f"{kind} {name}" if name else kind)
        span.set({"graphql.operation.type": kind} | ({"graphql.operation.name": name} if name else {}))


def _begun(attributes: dict[str, str | int], parent: dict[str, str] | None = None) -> AbstractContextManager[Span]:
    request_id = current_request_id()
    ordered_by = {"whybuy.request_id": request_id} if request_id is not None else {}
    return spans.span(_UNREAD, Kind.SERVER, attributes | ordered_by, parent=parent)


def _carrier(scope: Scope) -> dict[str, str]:
    return {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in _W3C}
