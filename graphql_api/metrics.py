"""What Prometheus reads at /metrics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from shop.resources import Resources

_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class Metrics:
    """Counts requests, and reads gauges from the resources when asked."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.seconds = Histogram(
            "whybuy_http_request_seconds",
            "Time to answer.",
            ["path", "status"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.sockets = Counter("whybuy_websockets_total", "WebSocket connections opened.", registry=self.registry)

    def watch(self, resources: Resources) -> None:
        gauges = (
            ("whybuy_log_waiting", "Lists waiting to be logged.", lambda: resources.recommendation_log.waiting),
            ("whybuy_log_dropped", "Lists that could not be logged.", lambda: resources.recommendation_log.dropped),
            ("whybuy_clicks_dropped", "Clicks that were not learned from.", lambda: resources.bandit.dropped),
            ("whybuy_subscribers", "Open subscriptions.", lambda: resources.hub.subscribers),
            ("whybuy_model_loaded", "1 when a model answers.", lambda: int(resources.model.active is not None)),
        )
        for name, text, read in gauges:
            Gauge(name, text, registry=self.registry).set_function(read)

    def render(self) -> bytes:
        return generate_latest(self.registry)


class MetricsMiddleware:
    """Plain ASGI: a wrapped request object would cost more than the measurement."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: frozenset[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            self._metrics.sockets.inc()
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._metrics.seconds.labels(path, str(status)).observe(time.perf_counter() - started)
