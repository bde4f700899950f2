"""Spans by OpenTelemetry's SDK: the one module that needs the extra `telemetry`.

The provider is ours alone and not registered with OpenTelemetry's API: libraries that trace themselves would send spans
whose content nobody here has looked at.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shop.telemetry.spans import Kind, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter

    from shop.settings import TelemetrySettings
    from shop.telemetry.spans import Attributes, Carrier

_KINDS = {Kind.SERVER: SpanKind.SERVER, Kind.CLIENT: SpanKind.CLIENT, Kind.CONSUMER: SpanKind.CONSUMER}
_W3C = TraceContextTextMapPropagator()


class OtelTracer:
    """Tracer over a span processor."""

    def __init__(self, processor: SpanProcessor, service: str) -> None:
        self._provider = TracerProvider(resource=_resource(service), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("whybuy")

    @contextlib.contextmanager
    def span(
        self, name: str, kind: Kind, attributes: Attributes, parent: Carrier | None, *, current: bool
    ) -> Iterator[Span]:
        within = None if parent is None else _W3C.extract(parent)
        made = self._tracer.start_span(name, within, _KINDS[kind], attributes)
        entered = trace.use_span(made, record_exception=False, set_status_on_exception=False)
        span = _OtelSpan(made)
        try:
            with entered if current else contextlib.nullcontext():
                yield span
        except Exception as error:
            span.fail(type(error).__name__)
            raise
        finally:
            made.end()

    def current(self) -> Span:
        return _OtelSpan(trace.get_current_span())

    def carried(self) -> dict[str, str]:
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier

    @contextlib.contextmanager
    def joined(self, carrier: Carrier) -> Iterator[None]:
        token = context.attach(_W3C.extract(carrier))
        try:
            yield
        finally:
            context.detach(token)

    def close(self) -> None:
        self._provider.shutdown()


class _OtelSpan(Span):
    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(attributes)

    def fail(self, reason: str) -> None:
        """Without the error's message, which may quote what it is about."""
        self._span.set_attribute("error.type", reason)
        self._span.set_status(StatusCode.ERROR)


def sending(settings: TelemetrySettings, service: str) -> OtelTracer:
    """One that sends its spans where the settings say, in the background."""
    return OtelTracer(BatchSpanProcessor(_exporter(settings)), service)


def _exporter(settings: TelemetrySettings) -> SpanExporter:
    if settings.traces_exporter == "console":
        return ConsoleSpanExporter()
    base = settings.exporter_otlp_endpoint
    return OTLPSpanExporter(f"{base.rstrip('/')}/v1/traces" if base else None)


def _resource(service: str) -> Resource:
    """What the SDK reads from OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES goes first."""
    named = Resource.create()
    if not str(named.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return named
    return named.merge(Resource({SERVICE_NAME: service}))
