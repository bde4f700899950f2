"""The HTTP server of one process: uvicorn, with bounds on what comes before a request is one."""

from __future__ import annotations

import http
import socket
from typing import TYPE_CHECKING, Any

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from graphql_api.admission.transport import shown_path

if TYPE_CHECKING:
    import asyncio

    from starlette.types import ASGIApp

    from shop.settings import Settings

_log = structlog.get_logger(__name__)

_MESSAGE_BYTES = 128 << 10  # of a WebSocket: an operation and its variables
_GRACE_SECONDS = 5
_PART_BYTES = 64 << 10  # of an answer


class _HeadersTooLargeError(Exception):
    pass


class PatientProtocol(HttpToolsProtocol):
    """Headers may have so many bytes, and take so many seconds from the moment that they may begin. A client that reads
    less than 64 KiB of a longer answer in so many seconds is disconnected."""

    max_header_bytes: int
    read_seconds: float
    write_seconds: float

    _in_headers = True
    _header_bytes = 0
    _too_large = False
    _headers_timer: asyncio.TimerHandle | None = None
    _reader_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        opened = transport.get_extra_info("socket")
        if opened is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            # Closing waits until everything is sent: without this a client that stops reading holds it for ever.
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(self.write_seconds * 1_000))
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting_for_headers()
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_waiting_for_reader()

    def on_message_begin(self) -> None:
        self._wait_for_headers()
        super().on_message_begin()

    def data_received(self, data: bytes) -> None:
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        # What comes in one piece with its end is measured by on_headers_complete.
        if self._in_headers and self._header_bytes > self.max_header_bytes and not self.transport.is_closing():
            self._too_large = True
            self.send_400_response("The headers are too long.")

    def on_headers_complete(self) -> None:
        self._stop_waiting_for_headers()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self.max_header_bytes:
            self._too_large = True
            raise _HeadersTooLargeError
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Also for headers that are too long, which have a status of their own."""
        if not self._too_large:
            super().send_400_response(msg)
            return
        status = http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        body = f'{{"errors":[{{"message":"Headers may have {self.max_header_bytes} bytes at most."}}]}}'.encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _wait_for_headers(self) -> None:
        self._stop_waiting_for_headers()
        self._in_headers, self._header_bytes = True, 0
        self._headers_timer = self.loop.call_later(self.read_seconds, self.transport.close)

    def _stop_waiting_for_headers(self) -> None:
        self._in_headers = False
        if self._headers_timer is not None:
            self._headers_timer.cancel()

    def _wait_for_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._reader_timer = self.loop.call_later(self.write_seconds, self._check_reader, unread)

    def _stop_waiting_for_reader(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()

    def _check_reader(self, unread_before: int) -> None:
        """Who reads slowly gets more time: an answer may be one part of some megabytes."""
        if unread_before - self.transport.get_write_buffer_size() >= _PART_BYTES:
            self._wait_for_reader()
            return
        _log.info("client_does_not_read", path=shown_path(self.scope["path"]))
        self.transport.abort()


def config(app: ASGIApp, settings: Settings, **options: Any) -> uvicorn.Config:
    """How uvicorn serves the app."""
    limits = {name: getattr(settings.api, name) for name in ("max_header_bytes", "read_seconds", "write_seconds")}
    return uvicorn.Config(
        app,
        http=type("Protocol", (PatientProtocol,), limits),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the app looks at them, see create_app
        timeout_graceful_shutdown=_GRACE_SECONDS,
        ws_max_size=_MESSAGE_BYTES,
        **options,
    )
