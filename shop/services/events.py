"""Push: one reader of the event log per process, fanned out to its subscribers."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from typing import TYPE_CHECKING

import structlog

from shop.errors import UnavailableError
from shop.store.event_log import BLOCK_SECONDS, event_order

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence

    from shop.entities.events import Event, Topic
    from shop.store.event_log import EventLog

_log = structlog.get_logger(__name__)
_RETRY_SECONDS = 0.3
_BUFFER = 1_000

Interest = tuple["Topic", str | None]  # a topic, and the one subject that matters or None for all


class EventHub:
    """Publishes to the log, and delivers each event to the subscribers of its topic and subject."""

    def __init__(self, log: EventLog) -> None:
        self._event_log = log
        self._subscribers: dict[Interest, set[_Inbox]] = defaultdict(set)
        self._listeners: list[tuple[Topic, Callable[[Event], Awaitable[None]]]] = []
        self._reader: asyncio.Task[None] | None = None
        self._last: str | None = None
        self._watching: set[_Inbox] = set()

    def listen(self, topic: Topic, listener: Callable[[Event], Awaitable[None]]) -> None:
        """Registers a callback for every event of a topic; call before start()."""
        self._listeners.append((topic, listener))

    async def publish(self, events: Sequence[Event], once: str | None = None) -> None:
        """Raises UnavailableError when the log is away. What was published under the name `once` is not again."""
        if events:
            await self._event_log.publish(events, once)

    async def start(self) -> None:
        """Begins to read at the log's end; waits in the background if the log is away."""
        with contextlib.suppress(UnavailableError):
            await self._find_end()
        self._reader = asyncio.create_task(self._read(), name="event-hub")

    async def stop(self) -> None:
        """Ends every subscription and the reader."""
        for inbox in {inbox for inboxes in self._subscribers.values() for inbox in inboxes}:
            inbox.close()
        while self._reader is not None and not self._reader.done():
            self._reader.cancel()  # a client may swallow one cancellation, when an answer arrives at the same time
            await asyncio.wait({self._reader}, timeout=_RETRY_SECONDS)

    @property
    def newest_id(self) -> str:
        """The id of the last event this process has seen: what a client passes as `after` to go on from here."""
        return self._last or "0-0"

    @property
    def subscribers(self) -> int:
        return len({inbox for inboxes in self._subscribers.values() for inbox in inboxes} - self._watching)

    async def subscribe(
        self, interests: Iterable[Interest], after: str | None = None, *, newest_only: bool = False
    ) -> AsyncGenerator[Event, None]:
        """Events of these topics and subjects, beginning after the given id, until the client leaves.

        With `newest_only`, of the events that wait only the last one comes: for those who look at the state, not at
        each step.

        Raises BadInputError for a malformed id, and UnavailableError when the client reads too slowly to keep up.
        """
        wanted = tuple(interests)
        floor = event_order(after) if after else (0, 0)
        inbox = _Inbox(newest_only=newest_only)
        for interest in wanted:
            self._subscribers[interest].add(inbox)
        try:
            if after:
                until = self.newest_id
                floor = max(floor, event_order(until))
                async for event in self._missed(wanted, after, until, newest_only=newest_only):
                    if not (newest_only and inbox.holds_later_than(floor)):
                        yield event
            while (live := await inbox.get()) is not None:
                if event_order(live.id) > floor:
                    yield live
        finally:
            self._forget(wanted, inbox)

    async def _missed(
        self, wanted: tuple[Interest, ...], after: str, until: str, *, newest_only: bool
    ) -> AsyncGenerator[Event, None]:
        """What was logged between two ids, the second included: all that is wanted, or the last of it."""
        newest: Event | None = None
        async for event in self._logged(after, until):
            if any(_matches(interest, event) for interest in wanted):
                if not newest_only:
                    yield event
                newest = event
        if newest_only and newest is not None:
            yield newest

    async def _logged(self, after: str, until: str) -> AsyncGenerator[Event, None]:
        """A log that is away is waited for, as the subscriber would do."""
        while True:
            try:
                page = await self._event_log.between(after, until)
            except UnavailableError:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            for event in page:
                yield event
            if not page:
                return
            after = page[-1].id

    async def next_of(self, interests: Iterable[Interest]) -> Event | None:
        """The next event of these topics and subjects, None when the hub stops. Whoever waits for it watches by itself
        and is no subscriber."""
        wanted, inbox = tuple(interests), _Inbox(newest_only=True)
        self._watching.add(inbox)
        for interest in wanted:
            self._subscribers[interest].add(inbox)
        try:
            return await inbox.get()
        finally:
            self._watching.discard(inbox)
            self._forget(wanted, inbox)

    def _forget(self, wanted: tuple[Interest, ...], inbox: _Inbox) -> None:
        for interest in wanted:
            self._subscribers[interest].discard(inbox)
            if not self._subscribers[interest]:
                del self._subscribers[interest]

    async def _find_end(self) -> str:
        if self._last is None:
            self._last = await self._event_log.newest_id()
        return self._last

    async def _read(self) -> None:
        while True:
            try:
                for event in await self._event_log.read(await self._find_end(), block_ms=BLOCK_SECONDS * 1000):
                    await self._dispatch(event)
                    self._last = event.id
            except UnavailableError:
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception:  # noqa: BLE001 (whatever it is, no push at all would be worse)
                _log.exception("event_reader_failed", after=self._last)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _dispatch(self, event: Event) -> None:
        for topic, listener in self._listeners:
            if topic is event.topic:
                try:
                    await listener(event)
                except Exception:  # noqa: BLE001 (one listener's bug must not end every subscription)
                    _log.exception("event_listener_failed", topic=topic.value, event_id=event.id)
        for interest in ((event.topic, event.subject), (event.topic, None)):
            for inbox in self._subscribers.get(interest, ()):
                inbox.put(event)


class _Inbox:
    """Events that wait for one subscriber. One that overflows says so instead of losing events silently."""

    def __init__(self, *, newest_only: bool) -> None:
        self._events: deque[Event] = deque(maxlen=1 if newest_only else None)
        self._changed = asyncio.Event()
        self._closed = False
        self._overflowed = False

    def put(self, event: Event) -> None:
        if len(self._events) < _BUFFER:
            self._events.append(event)
        else:
            self._overflowed = True
        self._changed.set()

    def holds_later_than(self, floor: tuple[int, int]) -> bool:
        return any(event_order(event.id) > floor for event in self._events)

    def close(self) -> None:
        self._closed = True
        self._changed.set()

    async def get(self) -> Event | None:
        """The next event, None at the end. Raises UnavailableError once events had to be dropped."""
        while not self._events:
            if self._overflowed:
                raise UnavailableError("The subscription", "It fell behind; subscribe again with `after`.")
            if self._closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()


def _matches(interest: Interest, event: Event) -> bool:
    topic, subject = interest
    return event.topic is topic and subject in {None, event.subject}
