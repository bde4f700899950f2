"""Tracing of a process: begun before its application is made, ended after its last span."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import structlog

from shop.telemetry.spans import use

if TYPE_CHECKING:
    from shop.settings import TelemetrySettings

_log = structlog.get_logger(__name__)
_CLOSING_SECONDS = 3  # a collector that is away must not hold up the end of a process


def start_tracing(settings: TelemetrySettings, service: str) -> None:
    """Does nothing unless the settings ask for it; says so in the log when what it needs is not installed."""
    if not settings.wanted:
        return
    try:
        from shop.telemetry.otel import sending
    except ImportError as error:
        _log.error("tracing_not_installed", missing=error.name, hint="pip install 'whybuy[telemetry]', or unset OTEL_…")
        return
    use(sending(settings, service))
    _log.info("tracing_started", service=service)


async def stop_tracing() -> None:
    """Sends the last spans."""
    tracer = use(None)
    if tracer is None:
        return
    # The interpreter waits for threads of the loop's executor, but not for this one.
    closing = threading.Thread(target=tracer.close, daemon=True)
    closing.start()
    await asyncio.to_thread(closing.join, _CLOSING_SECONDS)
