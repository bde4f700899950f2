"""What Prometheus reads at /metrics."""

from __future__ import annotations

import asyncio
import functools
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from graphql_api import operation_names
from graphql_api.errors import REFUSED
from shop.errors import UnauthenticatedError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client import Metric
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from shop.entities.jobs import Backlog, JobGroup
    from shop.resources.serving import ServingResources
    from shop.settings import Settings

_UNNAMED, _OTHER = "(unnamed)", "(other)"
_LOOK_SECONDS = 0.1
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
        names = ["kind", "name"]
        self._operations = Histogram(
            "whybuy_operation_seconds",
            "Time of admitted operations, by name.",
            names,
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._cost = Counter("whybuy_operation_cost", "What admitted operations cost.", names, registry=self.registry)
        self._stalls = Histogram(
            "whybuy_event_loop_stall_seconds",
            "By how much the event loop was late, looked at ten times a second.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.sockets = Counter("whybuy_websockets_total", "WebSocket connections opened.", registry=self.registry)
        self._labelled = functools.cache(lambda *labels: (self._operations.labels(*labels), self._cost.labels(*labels)))

    def operation(self, kind: str, name: str | None, seconds: float, cost: int) -> None:
        """Counts one that was admitted; a subscription when it has begun."""
        times, costs = self._labelled(kind, (operation_names.kept(name) or _OTHER) if name else _UNNAMED)
        times.observe(seconds)
        costs.inc(cost)

    async def watch_stalls(self) -> None:
        """Runs until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LOOK_SECONDS
            await asyncio.sleep(_LOOK_SECONDS)
            self._stalls.observe(max(0.0, loop.time() - due))

    def watch(self, resources: ServingResources, document_bytes: Callable[[], int]) -> None:
        log = resources.stores.recommendation_log
        gauges = (
            ("whybuy_log_waiting", "Lists waiting to be logged.", lambda: log.waiting),
            (
                "whybuy_log_dropped",
                "Lists that could not be logged.",
                lambda: log.dropped,
            ),
            ("whybuy_clicks_dropped", "Clicks that were not learned from.", lambda: resources.bandit.dropped),
            ("whybuy_subscribers", "Open subscriptions.", lambda: resources.hub.subscribers),
            ("whybuy_model_loaded", "1 when a model answers.", lambda: int(resources.models.active is not None)),
            ("whybuy_documents_bytes", "Memory of documents that were read, estimated.", document_bytes),
        )
        for name, text, read in gauges:
            Gauge(name, text, registry=self.registry).set_function(read)
        self._backlog = _Backlog(resources)
        for collector in (_Refusals(), _ModelAge(resources), self._backlog, _LlmUsage(resources)):
            self.registry.register(collector)

    async def refresh(self, resources: ServingResources) -> None:
        """Reads what is not in this process's memory."""
        await resources.usage.refresh_totals()
        await self._backlog.refresh()

    def render(self) -> bytes:
        return generate_latest(self.registry)


def require_metrics(request: Request, settings: Settings) -> None:
    """Raises UnauthenticatedError for somebody without the token, and for all where production has none."""
    token = settings.api.metrics_token
    if token is None and settings.stack.env == "development":
        return
    sent = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token is None or not secrets.compare_digest(sent.encode(), token.get_secret_value().encode()):
        raise UnauthenticatedError("Send the token of API_METRICS_TOKEN: `Authorization: Bearer <token>`.")


class _Refusals(Collector):
    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily("whybuy_errors", "Errors given to clients, by code.", labels=["code"])
        for code, number in sorted(REFUSED.items()):
            family.add_metric([code], number)
        yield family


class _ModelAge(Collector):
    def __init__(self, resources: ServingResources) -> None:
        self._resources = resources

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        active = self._resources.models.active
        if active is not None:
            age = (datetime.now(UTC) - active.snapshot.trained_at).total_seconds()
            yield GaugeMetricFamily("whybuy_model_age_seconds", "Since the model in use was trained.", age)


class _Backlog(Collector):
    """The queue is the shop's: what is shown is the same at every process. While Redis is away nothing is."""

    def __init__(self, resources: ServingResources) -> None:
        self._resources = resources
        self._groups: Mapping[JobGroup, Backlog] = {}

    def describe(self) -> list[Metric]:
        return []

    async def refresh(self) -> None:
        try:
            self._groups = await self._resources.stores.queue.backlog()
        except UnavailableError:
            self._groups = {}

    def collect(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily("whybuy_queue_jobs", "Jobs that wait, by group.", labels=["group"])
        oldest = GaugeMetricFamily(
            "whybuy_queue_oldest_seconds", "For how long the oldest waiting job has been due.", labels=["group"]
        )
        for group, backlog in self._groups.items():
            jobs.add_metric([group.value], backlog.jobs)
            oldest.add_metric([group.value], backlog.oldest_seconds)
        yield from (jobs, oldest)


class _LlmUsage(Collector):
    """Usage of language models is counted by workers: what is shown is the shop's, and the same at every process."""

    def __init__(self, resources: ServingResources) -> None:
        self._resources = resources

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        usage = self._resources.usage
        labels = ("provider", "model", "purpose")
        for name, text, field, scale in (
            ("calls", "Answers of language models, usable or not.", "calls", 1),
            ("failures", "Texts that a language model did not give.", "failures", 1),
            ("input_tokens", "Tokens that language models read.", "input_tokens", 1),
            ("output_tokens", "Tokens that language models wrote.", "output_tokens", 1),
            ("unpriced_calls", "Answers of models without a price.", "unpriced_calls", 1),
            ("cost_usd", "What language models cost, by the price table.", "cost_micros", 1_000_000),
            ("seconds", "How long calls of language models took.", "seconds", 1),
        ):
            family = CounterMetricFamily(f"whybuy_llm_{name}", text, labels=labels)
            for row in usage.totals:
                value = getattr(row.counts, field) / scale
                family.add_metric([str(row.source), str(row.model), str(row.purpose)], value)
            yield family
        yield from self._budgets()
        lookups = CounterMetricFamily(
            "whybuy_explanation_lookups", "Where this process found wanted explanations.", labels=["found"]
        )
        for place in ("memory", "redis", "database", "ordered"):
            lookups.add_metric([place], getattr(usage.lookups, place))
        yield lookups

    def _budgets(self) -> Iterator[Metric]:
        limit = GaugeMetricFamily("whybuy_llm_budget_limit_usd", "Most that a day may cost.", labels=["purpose"])
        used = GaugeMetricFamily("whybuy_llm_budget_used_usd", "What today has cost.", labels=["purpose"])
        for budget in self._resources.usage.budgets:
            used.add_metric([budget.purpose], budget.used_micros / 1_000_000)
            if budget.limit_micros is not None:
                limit.add_metric([budget.purpose], budget.limit_micros / 1_000_000)
        yield from (limit, used)


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
