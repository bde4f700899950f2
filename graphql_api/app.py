"""The web application: one process, one set of resources."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from graphql_api.errors import extensions_of
from graphql_api.health import live, ready
from graphql_api.metrics import Metrics, MetricsMiddleware
from graphql_api.request_ids import HEADER, RequestIdMiddleware
from graphql_api.schema import build_schema
from graphql_api.view import STATIC, ShopView
from shop.errors import ShopError
from shop.resources.serving import open_serving
from shop.settings import Settings

_log = structlog.get_logger(__name__)
_PATHS = frozenset({"/graphql", "/health/live", "/health/ready", "/metrics"})
_STATUS = {"UNAUTHENTICATED": 401, "FORBIDDEN": 403, "UNAVAILABLE": 503}


def create_app(settings: Settings) -> Starlette:
    """The ASGI application; everything it needs is opened and closed with its lifespan."""
    metrics = Metrics()
    view = ShopView(build_schema(settings.api), settings.api.cors_origins)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with open_serving(settings) as resources:
            app.state.resources = resources
            metrics.watch(resources)
            _log.info("api_ready", model=resources.models.active.version if resources.models.active else None)
            yield
        _log.info("api_stopped")

    async def show_metrics(request: Request) -> Response:
        await request.app.state.resources.usage.refresh_totals()
        return Response(metrics.render(), media_type="text/plain; version=0.0.4")

    middleware = [Middleware(MetricsMiddleware, metrics=metrics, paths=_PATHS)]
    if settings.api.cors_origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.api.cors_origins,
                allow_methods=["*"],
                allow_headers=["*"],
                expose_headers=[HEADER],
            )
        )
    return _Application(
        lifespan=lifespan,
        routes=[
            Route("/", lambda _request: RedirectResponse("/graphql")),
            Route("/graphql", view),
            WebSocketRoute("/graphql", view),
            Route("/health/live", live),
            Route("/health/ready", ready),
            Route("/metrics", show_metrics),
            Mount("/graphiql", StaticFiles(directory=STATIC / "graphiql")),
        ],
        middleware=middleware,
        exception_handlers={ShopError: _refuse},
    )


class _Application(Starlette):
    def build_middleware_stack(self) -> ASGIApp:
        """The id goes around all others, also around what answers 500."""
        return RequestIdMiddleware(super().build_middleware_stack())


async def _refuse(_request: Request, error: Exception) -> Response:
    """An error before the executor runs, such as a bad token, in the form that every GraphQL error has."""
    if not isinstance(error, ShopError):
        raise error
    _log.log(
        logging.WARNING if error.retryable else logging.INFO, "request_refused", code=error.code, reason=error.message
    )
    body = {"data": None, "errors": [{"message": error.message, "extensions": extensions_of(error)}]}
    return JSONResponse(body, _STATUS.get(error.code, 400))
