"""The GraphQL endpoint: who is asking, and how answers are encoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import structlog
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.base import BaseRequestProtocol
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.types import ExecutionResult
from strawberry.types.unset import UNSET, UnsetType

from graphql_api.context import Context
from graphql_api.errors import RequestError
from graphql_api.event_streams import EventStream, with_event_id
from graphql_api.http_requests import (
    NOT_CACHED,
    as_object,
    body_type,
    optional,
    require_json,
    required_query,
    transport,
)
from graphql_api.negotiation import GRAPHQL_RESPONSE, names
from graphql_api.origins import Origins
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
    stream_transport_classes_by_protocol = {GRAPHQL_SSE_PROTOCOL: EventStream}  # noqa: RUF012 (as the base class has it)

    def __init__(self, schema: ShopSchema, origins: Origins, max_query_tokens: int) -> None:
        super().__init__(schema, subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL))
        self._origins = origins
        self._max_query_tokens = max_query_tokens

    def is_websocket_origin_allowed(self, request: WebSocket, origin: str) -> bool:  # noqa: ARG002 (as the base class)
        return self._origins.allow(origin)

    async def run(self, request: Any, context: Any = UNSET, root_value: Any = UNSET) -> Any:
        try:
            return await super().run(request, context, root_value)
        except HTTPException as error:
            allowed = {"Allow": "GET, POST"} if error.status_code == 405 else None
            raise RequestError(error.reason, status=error.status_code, headers=allowed) from error

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        """For a browser that opens the address; a program gets JSON."""
        asked = request.method == "GET" and request.query_params.get("query") is None
        return asked and names(request.headers.get("accept"), "text/html")

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        if request.method == "GET":
            body = self.parse_query_params(request.query_params)
        else:
            require_json(request.content_type)
            body = self.parse_json(await request.get_body())
        asked = as_object(body)
        query = required_query(asked)
        operation_name = optional(asked, "operationName", str, "a string")
        protocol = transport(
            query,
            operation_name,
            accept=request.headers.get("accept"),
            method=request.method,
            max_tokens=self._max_query_tokens,
        )
        return GraphQLRequestData(
            query=query,
            variables=optional(asked, "variables", dict, "an object"),
            operation_name=operation_name,
            extensions=optional(asked, "extensions", dict, "an object"),
            protocol=protocol,
        )

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """Carries the media type of the answer to `create_response`, which does not see the request."""
        response = await super().get_sub_response(request)
        response.media_type = body_type(request.headers.get("accept"))
        return response

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        """A request that was not executed has no `data` at all."""
        answer = await super().process_result(request, result)
        if result.data is None and result.errors and not any(error.path for error in result.errors):
            del answer["data"]
        if extensions := with_event_id(answer.get("extensions"), request):
            answer["extensions"] = extensions
        return answer

    def create_response(self, response_data: Any, sub_response: Response) -> Response:
        response = super().create_response(response_data, sub_response)
        media_type = str(sub_response.media_type)
        response.headers["content-type"] = f"{media_type}; charset=utf-8"
        response.headers.update(NOT_CACHED)
        if media_type == GRAPHQL_RESPONSE and "data" not in response_data:
            response.status_code = 400
        return response

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        resources: ServingResources = request.app.state.resources
        if isinstance(request, WebSocket):  # names itself in connection_init, see on_ws_connect
            return Context(resources, None, request, response)
        headers = request.headers
        viewer = await resources.users.viewer(headers.get("authorization"), headers.get("x-user"))
        return Context(resources, viewer, request, response)

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        """`connection_init` carries what HTTP carries in headers: `authorization`, or `X-User` in development, and
        `accept-language`."""
        given = {str(name).lower(): value for name, value in (context.connection_params or {}).items()}
        authorization, x_user = given.get("authorization"), given.get("x-user")
        if language := given.get("accept-language"):
            context.accept_language = str(language)
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
