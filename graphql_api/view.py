"""The GraphQL endpoint: who is asking, and how answers are encoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.types.unset import UnsetType

from graphql_api.context import Context
from graphql_api.request_ids import begin_operation
from graphql_api.schema import ShopSchema
from shop.errors import UnauthenticatedError
from shop.resources.serving import ServingResources

_log = structlog.get_logger(__name__)
STATIC = Path(__file__).parent / "static"


class _OperationHandler(BaseGraphQLTransportWSHandler[Context, None]):
    async def run_operation(self, operation: Operation[Context, None]) -> None:
        begin_operation()
        await super().run_operation(operation)


class ShopView(GraphQL[Context, None]):
    """GraphQL over HTTP, WebSocket (graphql-transport-ws) and server-sent events (graphql-sse)."""

    graphql_transport_ws_handler_class = _OperationHandler

    def __init__(self, schema: ShopSchema, allowed_origins: list[str]) -> None:
        super().__init__(
            schema,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            allowed_origins=allowed_origins,
        )

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        resources: ServingResources = request.app.state.resources
        if isinstance(request, WebSocket):  # names itself in connection_init, see on_ws_connect
            return Context(resources, None, request, response)
        headers = request.headers
        viewer = await resources.users.viewer(headers.get("authorization"), headers.get("x-user"))
        return Context(resources, viewer, request, response)

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        """`connection_init` carries what HTTP carries in headers: `authorization`, or `X-User` in development."""
        given = {str(name).lower(): value for name, value in (context.connection_params or {}).items()}
        authorization, x_user = given.get("authorization"), given.get("x-user")
        try:
            context.viewer = await context.resources.users.viewer(
                str(authorization) if authorization else None, str(x_user) if x_user else None
            )
        except UnauthenticatedError as error:
            _log.info("connection_refused", code=error.code, reason=error.message)
            raise ConnectionRejectionError({"code": error.code, "message": error.message}) from error
        return await super().on_ws_connect(context)

    async def render_graphql_ide(self, request: Request) -> Response:  # noqa: ARG002 (the base class's signature)
        return FileResponse(STATIC / "graphiql" / "index.html")

    def encode_json(self, data: object) -> str:
        return orjson.dumps(data, default=str).decode()

    def decode_json(self, data: str | bytes) -> Any:
        return orjson.loads(data)
