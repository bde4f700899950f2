"""Server-sent events that can be resumed: each has an id, and a client that names the last one it saw goes on there."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import strawberry
from starlette.requests import Request
from strawberry.http.streaming import SSETransport

from shop.errors import UnauthenticatedError

if TYPE_CHECKING:
    from strawberry.http import GraphQLHTTPResponse

    from graphql_api.context import Info
    from graphql_api.limits.streams import OpenStreams

_Resolver = Callable[..., AsyncGenerator[Any, None]]
LAST_EVENT_ID = "Last-Event-ID"
EVENT_ID = "eventId"


class EventStream(SSETransport):
    """Events in the form of the HTML standard, their ids taken from `extensions.eventId`.

    Lines end with LF alone: urql reads no other.
    """

    def encode_next(self, response: GraphQLHTTPResponse, encode_json: Callable[[object], str]) -> str:
        id_ = (response.get("extensions") or {}).get(EVENT_ID)
        return (f"id: {id_}\n" if id_ else "") + self.encode_event("next", encode_json(response))

    def encode_event(self, event: str, data: str | None = None) -> str:
        return super().encode_event(event, data).replace("\r\n", "\n")

    def encode_comment(self, comment: str) -> str:
        return super().encode_comment(comment).replace("\r\n", "\n")


def subscription(description: str) -> Callable[[_Resolver], Any]:
    """A subscription field; use it instead of strawberry's.

    Over HTTP it tells the transport the id of each event, and `Last-Event-ID` stands for `after`: a browser's
    EventSource sends that header by itself when it connects again.
    """

    def decorate(resolver: _Resolver) -> Any:
        takes_after = "after" in inspect.signature(resolver).parameters

        @functools.wraps(resolver)
        async def resumable(self: Any, info: Info, **arguments: Any) -> AsyncGenerator[Any, None]:
            request = info.context.request
            over_http = isinstance(request, Request)
            if over_http and takes_after and arguments.get("after") is None:
                arguments["after"] = request.headers.get(LAST_EVENT_ID)
            viewer = info.context.viewer
            async with aclosing(resolver(self, info, **arguments)) as events, contextlib.AsyncExitStack() as counted:
                if over_http:  # a WebSocket was counted when it was opened
                    streams: OpenStreams = request.app.state.streams
                    counted.enter_context(streams.of_address(info.context.address))
                    counted.enter_context(streams.of_viewer(viewer))
                async for event in _until(events, viewer.expires_at if viewer else None):
                    if over_http:
                        request.state.event_id = event.event_id
                    yield event

        return strawberry.subscription(description=description)(resumable)

    return decorate


async def _until(events: AsyncGenerator[Any, None], moment: float | None) -> AsyncGenerator[Any, None]:
    """The events that come before a moment, in seconds since 1970. Raises UnauthenticatedError at it."""
    while True:
        left = None if moment is None else moment - time.time()
        try:
            async with asyncio.timeout(left) as patience:
                event = await anext(events)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            if patience.expired():
                raise UnauthenticatedError("The token has expired; sign in again.") from error
            raise
        yield event


def with_event_id(extensions: Mapping[str, Any] | None, request: Request) -> dict[str, Any] | None:
    """The extensions of an answer, with the id of the event that it tells, if it has one."""
    event_id = getattr(request.state, "event_id", None)
    return {**(extensions or {}), EVENT_ID: event_id} if event_id else (dict(extensions) if extensions else None)
