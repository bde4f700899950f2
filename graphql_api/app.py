"""The web application: one process, one set of resources."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import anyio.lowlevel
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from graphql_api.admission.transport import PatienceMiddleware, shown_path
from graphql_api.errors import RequestError, extensions_of, refusal, refused_status, unexpected
from graphql_api.exports import download
from graphql_api.health import live, ready
from graphql_api.http_requests import NOT_CACHED, body_type
from graphql_api.limits.streams import OpenStreams
from graphql_api.metrics import Metrics, MetricsMiddleware, require_metrics
from graphql_api.origins import Origins
from graphql_api.request_ids import HEADER, RequestIdMiddleware
from graphql_api.schema import serve
from graphql_api.security_headers import SecurityHeadersMiddleware
from graphql_api.tracing import TracingMiddleware
from graphql_api.view import STATIC, ShopView
from graphql_api.webhooks.endpoints import WEBHOOK_ROUTES
from shop.errors import ShopError
from shop.resources.serving import open_serving
from shop.settings import Settings

_log = structlog.get_logger(__name__)
_PATHS = frozenset({"/graphql", "/health/live", "/health/ready", "/metrics", *(route.path for route in WEBHOOK_ROUTES)})
_KEYS_SECONDS = 300
_LEAST_COMPRESSED_BYTES = 1_000
_COMPRESSION_LEVEL = 5  # of 9, which takes several times as long for a few percent


def create_app(settings: Settings) -> Starlette:
    """The ASGI application; everything it needs is opened and closed with its lifespan."""
    metrics = Metrics()
    origins = Origins.of(settings)
    served = serve(settings, metrics)
    view = ShopView(served, origins, settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await anyio.lowlevel.checkpoint()  # loads what the first stream would load while all others wait
        async with open_serving(settings) as resources:
            app.state.resources = resources
            app.state.streams = OpenStreams(settings.api)
            metrics.watch(resources, lambda: served.documents.bytes_kept)
            stalls = asyncio.create_task(metrics.watch_stalls())
            _log.info("api_ready", model=resources.models.active.version if resources.models.active else None)
            yield
            stalls.cancel()
        _log.info("api_stopped")

    async def show_metrics(request: Request) -> Response:
        require_metrics(request, settings)
        await metrics.refresh(request.app.state.resources)
        return Response(metrics.render(), media_type="text/plain; version=0.0.4")

    async def show_keys(request: Request) -> Response:
        """The public keys of access tokens (RFC 7517), for whoever else checks them."""
        keys = request.app.state.resources.keys.public()
        return JSONResponse(keys, headers={"Cache-Control": f"public, max-age={_KEYS_SECONDS}"})

    middleware = [
        Middleware(TracingMiddleware, path="/graphql"),
        Middleware(MetricsMiddleware, metrics=metrics, paths=_PATHS),
        Middleware(GZipMiddleware, minimum_size=_LEAST_COMPRESSED_BYTES, compresslevel=_COMPRESSION_LEVEL),
    ]
    return _Application(
        settings,
        origins,
        lifespan=lifespan,
        routes=[
            Route("/", lambda _request: RedirectResponse("/graphql")),
            Route("/graphql", view),
            WebSocketRoute("/graphql", view),
            Route("/.well-known/jwks.json", show_keys),
            Route("/health/live", live),
            Route("/health/ready", ready),
            Route("/metrics", show_metrics),
            Route("/exports/{token}", download),
            *WEBHOOK_ROUTES,
            *([Mount("/graphiql", StaticFiles(directory=STATIC / "graphiql"))] if settings.shows_graphiql else []),
        ],
        middleware=middleware,
        exception_handlers={
            ShopError: _refuse,
            HTTPException: _refuse_address,
            ClientDisconnect: _forget,
            Exception: _fail,
        },
    )


class _Application(Starlette):
    def __init__(self, settings: Settings, origins: Origins, **options: Any) -> None:
        super().__init__(**options)
        self._settings = settings
        self._origins = origins

    def build_middleware_stack(self) -> ASGIApp:
        """The id and what other origins may read go around all others, also around what answers 500."""
        answering_others = CORSMiddleware(
            super().build_middleware_stack(),
            allow_origins=self._origins.listed,
            allow_origin_regex=self._origins.pattern,
            allow_methods=["*"],
            allow_headers=["*"],
            allow_credentials=self._origins.lets_in_cookies,
            expose_headers=[HEADER],
        )
        answering = SecurityHeadersMiddleware(RequestIdMiddleware(answering_others))
        patient: ASGIApp = PatienceMiddleware(answering, self._settings.api)
        proxies = self._settings.api.trusted_proxies
        return cast("ASGIApp", ProxyHeadersMiddleware(cast("Any", patient), proxies)) if proxies else patient


async def _refuse(request: Request, error: Exception) -> Response:
    """An error before the executor runs, such as a bad token, in the form that every GraphQL error has."""
    if not isinstance(error, ShopError):
        raise error
    _log.log(
        logging.WARNING if error.retryable else logging.INFO, "request_refused", code=error.code, reason=error.message
    )
    if isinstance(error, RequestError):
        return _answer(request, error.message, extensions_of(error), error.status, error.headers)
    retry_after, status = refused_status(extensions_of(error))
    headers = {"Retry-After": retry_after} if retry_after is not None else None
    return _answer(request, error.message, extensions_of(error), status, headers)


async def _forget(request: Request, _error: Exception) -> Response:
    """The client has left; nobody reads this."""
    _log.info("client_left", path=shown_path(request.url.path))
    return Response(status_code=499)


async def _refuse_address(request: Request, error: Exception) -> Response:
    """An address or a method that there is not."""
    if not isinstance(error, HTTPException):
        raise error
    message = f"{error.detail}: {request.method} {request.url.path}. GraphQL is served at /graphql."
    return _answer(request, message, refusal(error.status_code), error.status_code, error.headers)


async def _fail(request: Request, _error: Exception) -> Response:
    """Starlette raises the error again, and the server logs it."""
    message, extensions = unexpected()
    return _answer(request, message, extensions, 500)


def _answer(
    request: Request, message: str, extensions: dict[str, Any], status: int, headers: Mapping[str, str] | None = None
) -> Response:
    body = {"errors": [{"message": message, "extensions": extensions}]}
    return JSONResponse(
        body, status, {**NOT_CACHED, **(headers or {})}, media_type=body_type(request.headers.get("accept"))
    )
