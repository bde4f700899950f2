"""The event log: a capped Redis Stream that carries every push, each with an ordered id."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from shop.entities.events import Event, Topic
from shop.errors import BadInputError
from shop.store.redis import redis_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shop.store.keys import Keys
    from shop.store.redis import Redis

BLOCK_SECONDS = 5  # for which a read waits for the next event
_MAX_LENGTH = 100_000
_TOPICS = {topic.value for topic in Topic}
_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")
_PAGE = 500
_PUBLISHED_SECONDS = 86_400  # within which a job that was interrupted is run again
_PUBLISH_ONCE = """
if not redis.call('SET', KEYS[2], 1, 'NX', 'EX', ARGV[1]) then return end
for i = 3, #ARGV, 3 do
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 't', ARGV[i], 's', ARGV[i + 1], 'd', ARGV[i + 2])
end
"""


def event_order(event_id: str) -> tuple[int, int]:
    """The order of events as a comparable pair. Raises BadInputError for anything that is not an event id."""
    if not _ID.fullmatch(event_id):
        raise BadInputError("This is not an event id. Pass the eventId of the last event you saw.", field="after")
    milliseconds, sequence = event_id.split("-")
    return int(milliseconds), int(sequence)


class EventLog:
    """`reader` is a client without a read time-out, for the blocking read."""

    def __init__(self, redis: Redis, reader: Redis, keys: Keys) -> None:
        self._redis = redis
        self._reader = reader
        self._keys = keys
        self._key = keys.events
        self._publish_once = redis.register_script(_PUBLISH_ONCE)

    async def publish(self, events: Sequence[Event], once: str | None = None) -> None:
        """Appends events; with `once` all or, if that name was used within a day, none."""
        with redis_errors():
            if once is not None:
                arguments = [value for event in events for value in _fields(event).values()]
                keys = [self._key, self._keys.published(once)]
                await self._publish_once(keys=keys, args=[_PUBLISHED_SECONDS, _MAX_LENGTH, *arguments])
                return
            pipeline = self._redis.pipeline(transaction=False)
            for event in events:
                pipeline.xadd(self._key, _fields(event), maxlen=_MAX_LENGTH, approximate=True)
            await pipeline.execute()

    async def newest_id(self) -> str:
        with redis_errors():
            entries = await self._redis.xrevrange(self._key, count=1)
        return entries[0][0].decode() if entries else "0-0"

    async def read(self, after: str, *, block_ms: int, count: int = 500) -> list[Event]:
        """Events after an id, waiting up to `block_ms` for the first one."""
        with redis_errors():
            streams = await self._reader.xread({self._key: after}, count=count, block=block_ms)
        return [_event(entry) for _, entries in streams for entry in entries]

    async def between(self, after: str, until: str) -> list[Event]:
        """A page of what was logged after an id up to and with another, empty at the end; events that the log's cap
        dropped are missing."""
        with redis_errors():
            entries = await self._redis.xrange(self._key, min=f"({after}", max=until, count=_PAGE)
        return [_event(entry) for entry in entries]

    async def scrub(self, is_wanted: Callable[[Event], bool]) -> int:
        """Deletes events from the log; returns how many. Subscribers that have them keep them."""
        deleted, after = 0, "0-0"
        while page := await self.between(after, "+"):
            after = page[-1].id
            if wanted := [event.id for event in page if is_wanted(event)]:
                with redis_errors():
                    deleted += await self._redis.xdel(self._key, *wanted)
        return deleted


def _fields(event: Event) -> dict[Any, Any]:
    return {"t": event.topic.value, "s": event.subject, "d": orjson.dumps(event.data)}


def _event(entry: tuple[bytes, dict[bytes, bytes]]) -> Event:
    """A topic that this version does not know, say of a newer process, becomes UNKNOWN, to which nobody subscribes."""
    id_, fields = entry
    topic = fields[b"t"].decode()
    known = Topic(topic) if topic in _TOPICS else Topic.UNKNOWN
    return Event(known, fields[b"s"].decode(), orjson.loads(fields[b"d"]), id_.decode())
