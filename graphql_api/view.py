"""The GraphQL endpoint: who is asking, and how answers are encoded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import orjson
import structlog
from cross_web import AsyncHTTPRequestAdapter, HTTPException, StarletteRequestAdapter
from graphql import GraphQLError, OperationType
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.base import BaseRequestProtocol
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.unset import UNSET, UnsetType

from graphql_api.admission.extension import reading_costs
from graphql_api.admission.persisted import query_of
from graphql_api.admission.transport import allow_body, cancelled_with_client, states_more_than
from graphql_api.context import Context
from graphql_api.cookies import Cookies, cookies_of
from graphql_api.errors import RequestError, extensions_of, refused_status
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
from graphql_api.identity import viewer_of
from graphql_api.limits.addresses import address_of
from graphql_api.limits.streams import OpenStreams
from graphql_api.negotiation import GRAPHQL_RESPONSE, names
from graphql_api.origins import Origins
from graphql_api.schema import ServedSchema
from graphql_api.sockets import BoundedSocket, ShopHandler
from shop.entities.users import Viewer
from shop.errors import CostExceededError, CrowdedError, UnauthenticatedError
from shop.resources.serving import ServingResources
from shop.services.rates import RateService
from shop.settings import Settings

_log = structlog.get_logger(__name__)
STATIC = Path(__file__).parent / "static"


class _Asked(StarletteRequestAdapter):
    """With the request itself, in whose state is kept what was read of it."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.request = request


class ShopView(GraphQL[Context, None]):
    """GraphQL over HTTP, WebSocket (graphql-transport-ws) and server-sent events (graphql-sse)."""

    request_adapter_class = _Asked
    graphql_transport_ws_handler_class = ShopHandler
    websocket_adapter_class = BoundedSocket  # type: ignore[assignment]  # (as the base class has it)
    stream_transport_classes_by_protocol = {GRAPHQL_SSE_PROTOCOL: EventStream}  # noqa: RUF012 (as the base class has it)

    def __init__(self, served: ServedSchema, origins: Origins, settings: Settings) -> None:
        super().__init__(
            served.schema,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL),
            connection_init_wait_timeout=timedelta(seconds=settings.api.read_seconds),
            max_subscriptions_per_connection=settings.api.max_subscriptions,
        )
        self.settings = settings
        self._documents = served.documents
        self._trusted = served.trusted
        self._origins = origins

    def is_websocket_origin_allowed(self, request: WebSocket, origin: str) -> bool:  # noqa: ARG002 (as the base class)
        return self._origins.allow(origin)

    async def run(self, request: Any, context: Any = UNSET, root_value: Any = UNSET) -> Any:
        if isinstance(request, WebSocket):
            return await self._run_socket(request, context, root_value)
        try:
            await self._allow_batch(request)
            await request.body()  # all of it, so that what comes after can only be that the client leaves
            async with cancelled_with_client(request):
                return await super().run(request, context, root_value)
        except HTTPException as error:
            allowed = {"Allow": "GET, POST"} if error.status_code == 405 else None
            raise RequestError(error.reason, status=error.status_code, headers=allowed) from error

    async def _allow_batch(self, request: Request) -> None:
        """Staff and services may send larger bodies; who asks is looked at first only for one that says it is large."""
        settings = self.settings.api
        if states_more_than(request, settings.max_body_bytes):
            viewer = await self._viewer(request, self._cookies(request))
            if viewer is not None and viewer.is_staff:
                allow_body(request, max(settings.max_body_bytes, settings.max_batch_bytes))

    async def _run_socket(self, socket: WebSocket, context: Any, root_value: Any) -> Any:
        streams: OpenStreams = socket.app.state.streams
        try:
            with streams.of_address(address_of(socket)):
                return await super().run(socket, context, root_value)
        except CrowdedError as error:
            refused = {"errors": [{"message": error.message, "extensions": extensions_of(error)}]}
            await socket.send_denial_response(JSONResponse(refused, 429))
            return socket

    def should_render_graphql_ide(self, request: BaseRequestProtocol) -> bool:
        """For a browser that opens the address; a program gets JSON."""
        if not self.settings.shows_graphiql:
            return False
        asked = request.method == "GET" and request.query_params.get("query") is None
        return asked and names(request.headers.get("accept"), "text/html")

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        if request.method == "GET":
            body = self.parse_query_params(request.query_params)
        else:
            require_json(request.content_type)
            body = self.parse_json(await request.get_body())
        asked = as_object(body)
        operation_name = optional(asked, "operationName", str, "a string")
        variables = optional(asked, "variables", dict, "an object")
        extensions = optional(asked, "extensions", dict, "an object")
        query = required_query(asked, query_of(asked, self._documents, self._trusted))
        kind = await self._kind(cast("_Asked", request).request, query, operation_name)
        protocol = transport(kind, accept=request.headers.get("accept"), method=request.method)
        return GraphQLRequestData(
            query=query, variables=variables, operation_name=operation_name, extensions=extensions, protocol=protocol
        )

    async def _kind(self, request: Request, query: str, operation_name: str | None) -> OperationType | None:
        """None for a document that cannot be parsed; the executor tells why. Raises RateLimitedError."""
        state = request.state
        if not self._documents.knows(query):
            await _rates(request).take(state.viewer, address_of(request), reading_costs(query))
        try:
            read = state.read = await self._documents.read(query)
        except (GraphQLError, CostExceededError) as error:
            state.read = error
            return None
        return read.operation(operation_name).node.operation

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
        media_type = str(sub_response.media_type)
        body = orjson.dumps(response_data, default=str)
        most = max(self.settings.api.max_answer_bytes, getattr(sub_response, "batch_bytes", 0))
        if len(body) > most:
            response_data = self._too_large(len(body), most)
            body = orjson.dumps(response_data)
        response = Response(body, media_type=f"{media_type}; charset=utf-8", headers=NOT_CACHED)
        response.headers.raw.extend(sub_response.headers.raw)
        if "data" not in response_data:
            retry_after, status = refused_status(response_data["errors"][0]["extensions"])
            if media_type == GRAPHQL_RESPONSE:
                response.status_code = status
            if retry_after is not None:
                response.headers["Retry-After"] = retry_after
        return response

    def _too_large(self, size: int, most: int | None = None) -> dict[str, Any]:
        most = most or self.settings.api.max_answer_bytes
        error = CostExceededError(f"The answer would have {size:,} bytes, and {most:,} is the limit. Ask for less.")
        return {"errors": [{"message": error.message, "extensions": extensions_of(error)}]}

    def encode_message(self, message: Mapping[str, object]) -> str:
        """A message of a WebSocket; an answer that is too large becomes an error."""
        body = orjson.dumps(message, default=str)
        if len(body) > self.settings.api.max_answer_bytes:
            body = orjson.dumps({**message, "payload": {"data": None, **self._too_large(len(body))}})
        return body.decode()

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        resources: ServingResources = request.app.state.resources
        context = Context(resources, None, request, response)
        context.cookies = self._cookies(request)
        if isinstance(request, WebSocket):  # names itself in connection_init, see on_ws_connect
            return context
        context.viewer = request.state.viewer = await self._viewer(request, context.cookies)
        if context.viewer is not None and context.viewer.is_staff:
            response.batch_bytes = self.settings.api.max_batch_bytes  # type: ignore[union-attr]  # for `create_response`
        resources.rates.require_patience(context.viewer, address_of(request))
        return context

    async def _viewer(self, request: Request, cookies: Cookies) -> Viewer | None:
        """Who asks now. Raises UnauthenticatedError and RateLimitedError."""
        authorization, x_user = request.headers.get("authorization"), request.headers.get("x-user")
        resources: ServingResources = request.app.state.resources
        return await viewer_of(resources, address_of(request), authorization, x_user, cookies)

    def _cookies(self, connection: Request | WebSocket) -> Cookies:
        return cookies_of(connection, self._origins, secure=self.settings.secure_cookies)

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        """`connection_init` carries what HTTP carries in headers: `authorization`, or `X-User` in development, and
        `accept-language`. A browser's cookies come with the request that opens the socket."""
        given = {str(name).lower(): value for name, value in (context.connection_params or {}).items()}
        authorization, x_user = given.get("authorization"), given.get("x-user")
        if language := given.get("accept-language"):
            context.accept_language = str(language)
        try:
            context.viewer = await viewer_of(
                context.resources,
                context.address,
                str(authorization) if authorization else None,
                str(x_user) if x_user else None,
                context.cookies,
            )
        except UnauthenticatedError as error:
            _log.info("connection_refused", code=error.code, reason=error.message)
            raise ConnectionRejectionError({"code": error.code, "message": error.message}) from error
        return await super().on_ws_connect(context)

    async def render_graphql_ide(self, request: Request) -> Response:  # noqa: ARG002 (the base class's signature)
        return FileResponse(STATIC / "graphiql" / "index.html")

    def encode_json(self, data: object) -> str:
        body = orjson.dumps(data, default=str)
        if len(body) > self.settings.api.max_answer_bytes:
            body = orjson.dumps({"data": None, **self._too_large(len(body))})
        return body.decode()

    def decode_json(self, data: str | bytes) -> Any:
        return orjson.loads(data)


def _rates(request: Request) -> RateService:
    resources: ServingResources = request.app.state.resources
    return resources.rates
