"""Server-sent events that can be resumed: each has an id, and a client that names the last one it saw goes on there."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import strawberry
from starlette.requests import Request
from strawberry.http.streaming import SSETransport

from shop.errors import UnauthenticatedError

if TYPE_CHECKING:
    from strawberry.http import GraphQLHTTPResponse

    from graphql_api.context import Context, Info
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
                # A socket is closed as a whole.
                ends = over_http and viewer is not None
                allowed = counted.enter_context(_while_allowed(info.context, events)) if ends else events
                async for event in allowed:
                    if over_http:
                        request.state.event_id = event.event_id
                    yield event

        return strawberry.subscription(description=description)(resumable)

    return decorate


@contextlib.contextmanager
def _while_allowed(context: Context, events: AsyncGenerator[Any, None]) -> Iterator[AsyncGenerator[Any, None]]:
    """The events that come while the viewer may go on. They raise UnauthenticatedError afterwards."""
    ended = asyncio.create_task(context.resources.access.ended(context.require_viewer()))
    try:
        yield _before(ended, events)
    finally:
        ended.cancel()


async def _before(ended: asyncio.Task[str], events: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
    while True:
        try:
            async with asyncio.timeout(None) as patience:
                give_up = _now(patience)
                ended.add_done_callback(give_up)
                try:
                    event = await anext(events)
                finally:
                    ended.remove_done_callback(give_up)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            if patience.expired():
                raise UnauthenticatedError(f"{ended.result()}; sign in again.") from error
            raise
        yield event


def _now(patience: asyncio.Timeout) -> Callable[[object], None]:
    return lambda _ended: patience.reschedule(asyncio.get_running_loop().time())


def with_event_id(extensions: Mapping[str, Any] | None, request: Request) -> dict[str, Any] | None:
    """The extensions of an answer, with the id of the event that it tells, if it has one."""
    event_id = getattr(request.state, "event_id", None)
    return {**(extensions or {}), EVENT_ID: event_id} if event_id else (dict(extensions) if extensions else None)
