"""Real-time session state: the newest events of each user or anonymous session, in Redis."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import orjson

from shop.errors import UnavailableError
from shop.store.redis import redis_errors

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence

    from shop.entities.interactions import Interaction
    from shop.store.keys import Keys
    from shop.store.redis import Redis

MAX_EVENTS = 200
_LIFETIME = timedelta(days=2)
_MARK = ""  # instead of an event's id


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """A recent event; `at` is unix seconds."""

    id: str
    product_id: str
    type: str
    at: int


@dataclass(frozen=True, slots=True)
class Session:
    """Recent events, oldest first, each once (a retried push may have stored it twice)."""

    events: tuple[SessionEvent, ...]
    mark: int  # changes when the past before these events was corrected
    full: bool  # there may have been more


class SessionStore:
    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._wanted: dict[str, asyncio.Future[bytes]] = {}
        self._reading: set[asyncio.Task[None]] = set()

    async def push(self, interactions: Sequence[Interaction]) -> None:
        """Adds events, oldest first; all of them must belong to the same actor."""
        await self.push_all([interactions])

    async def push_all(self, batches: Sequence[Sequence[Interaction]]) -> None:
        """The same for several actors, in one round trip."""
        await self._push({batch[0].actor.key: list(map(_entry, batch)) for batch in batches})

    async def mark(self, actor_key: str) -> None:
        """Notes that the past was corrected: whoever has cached it reads it anew for the next list."""
        await self._push({actor_key: [orjson.dumps([_MARK, "", "", 0, time.time_ns()])]})

    async def _push(self, entries: Mapping[str, Sequence[bytes]]) -> None:
        """By actor."""
        with redis_errors():
            pipeline = self._redis.pipeline(transaction=len(entries) == 1)  # of a cluster many have no one node
            for actor_key, own in entries.items():
                key = self._keys.session(actor_key)
                pipeline.lpush(key, *own)
                pipeline.ltrim(key, 0, MAX_EVENTS - 1)
                pipeline.expire(key, _LIFETIME)
            await pipeline.execute()

    async def head(self, actor_key: str) -> bytes:
        """The newest entry as it is stored, b"" if there is none: it changes with every event."""
        if not self._wanted:  # requests that arrive in the same turn of the event loop share a round trip
            task = asyncio.create_task(self._read_heads())
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)
        if actor_key not in self._wanted:
            self._wanted[actor_key] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._wanted[actor_key])

    async def _read_heads(self) -> None:
        wanted, self._wanted = self._wanted, {}
        try:
            with redis_errors():
                pipeline = self._redis.pipeline(transaction=False)
                for actor_key in wanted:
                    pipeline.lindex(self._keys.session(actor_key), 0)
                heads = await pipeline.execute()
        except UnavailableError as error:
            for future in wanted.values():
                future.set_exception(error)
            return
        for future, head in zip(wanted.values(), heads, strict=True):
            future.set_result(head or b"")

    async def read(self, actor_key: str) -> Session:
        with redis_errors():
            entries = await cast("Awaitable[list[bytes]]", self._redis.lrange(self._keys.session(actor_key), 0, -1))
        rows = [orjson.loads(entry) for entry in reversed(entries)]
        events = {row[0]: SessionEvent(*row[:4]) for row in rows if row[0] != _MARK}
        mark = max((row[4] for row in rows if row[0] == _MARK), default=0)
        return Session(tuple(events.values()), mark, full=len(entries) >= MAX_EVENTS)


def _entry(event: Interaction) -> bytes:
    """The last part makes every push change the head, even one that repeats an event."""
    return orjson.dumps([event.id, event.product_id, event.type.value, int(event.at.timestamp()), time.time_ns()])
