"""Push: one reader of the event log per process, fanned out to its subscribers."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING

import structlog

from shop.errors import UnavailableError
from shop.store.event_log import event_order

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence

    from shop.entities.events import Event, Topic
    from shop.store.event_log import EventLog

_log = structlog.get_logger(__name__)
_BLOCK_MS = 5_000
_RETRY_SECONDS = 0.3
_BUFFER = 1_000

Interest = tuple["Topic", str | None]  # a topic, and the one subject that matters or None for all


class EventHub:
    """Publishes to the log, and hands each event to whoever asked for its topic and subject."""

    def __init__(self, log: EventLog) -> None:
        self._event_log = log
        self._subscribers: dict[Interest, set[asyncio.Queue[Event | None]]] = defaultdict(set)
        self._listeners: list[tuple[Topic, Callable[[Event], Awaitable[None]]]] = []
        self._reader: asyncio.Task[None] | None = None
        self._last = "0-0"

    def listen(self, topic: Topic, listener: Callable[[Event], Awaitable[None]]) -> None:
        """Registers a part of this process that must hear of a topic; call before start()."""
        self._listeners.append((topic, listener))

    async def publish(self, events: Sequence[Event]) -> None:
        """Raises UnavailableError when the log is away."""
        if events:
            await self._event_log.publish(events)

    async def start(self) -> None:
        """Begins to read at the log's end; waits in the background if the log is away."""
        with contextlib.suppress(UnavailableError):
            self._last = await self._event_log.newest_id()
        self._reader = asyncio.create_task(self._read(), name="event-hub")

    async def stop(self) -> None:
        """Ends every subscription and the reader."""
        for queues in self._subscribers.values():
            for queue in queues:
                _offer(queue, None)
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    @property
    def newest_id(self) -> str:
        """The id of the last event this process has seen: what a client passes as `after` to go on from here."""
        return self._last

    @property
    def subscribers(self) -> int:
        return len({id(queue) for queues in self._subscribers.values() for queue in queues})

    async def subscribe(self, interests: Iterable[Interest], after: str | None = None) -> AsyncGenerator[Event, None]:
        """Events of these topics and subjects, beginning after the given id, until the client leaves.

        Raises BadInputError for a malformed id, and UnavailableError when the client reads too slowly to keep up.
        """
        wanted = tuple(interests)
        floor = event_order(after) if after else (0, 0)
        queue: asyncio.Queue[Event | None] = asyncio.Queue(_BUFFER)
        for interest in wanted:
            self._subscribers[interest].add(queue)
        try:
            if after:
                for event in await self._missed(after):
                    if any(_matches(interest, event) for interest in wanted):
                        floor = event_order(event.id)
                        yield event
            while (event_or_end := await queue.get()) is not None:
                if event_order(event_or_end.id) > floor:
                    yield event_or_end
                if queue.full():
                    raise UnavailableError("The subscription", "It fell behind; subscribe again with `after`.")
        finally:
            self._forget(wanted, queue)

    async def _missed(self, after: str) -> list[Event]:
        """What was logged since; a log that is away is waited for, as the subscriber would do."""
        while True:
            try:
                return await self._event_log.between(after, self._last)
            except UnavailableError:
                await asyncio.sleep(_RETRY_SECONDS)

    def _forget(self, wanted: tuple[Interest, ...], queue: asyncio.Queue[Event | None]) -> None:
        for interest in wanted:
            self._subscribers[interest].discard(queue)
            if not self._subscribers[interest]:
                del self._subscribers[interest]

    async def _read(self) -> None:
        while True:
            try:
                for event in await self._event_log.read(self._last, block_ms=_BLOCK_MS):
                    await self._dispatch(event)
                    self._last = event.id
            except UnavailableError:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _dispatch(self, event: Event) -> None:
        for topic, listener in self._listeners:
            if topic is event.topic:
                try:
                    await listener(event)
                except Exception:  # noqa: BLE001 (one listener's bug must not end every subscription)
                    _log.exception("event_listener_failed", topic=topic.value, event_id=event.id)
        for interest in ((event.topic, event.subject), (event.topic, None)):
            for queue in self._subscribers.get(interest, ()):
                _offer(queue, event)


def _offer(queue: asyncio.Queue[Event | None], event: Event | None) -> None:
    with contextlib.suppress(asyncio.QueueFull):
        queue.put_nowait(event)


def _matches(interest: Interest, event: Event) -> bool:
    topic, subject = interest
    return event.topic is topic and subject in {None, event.subject}
