"""What Redis holds of one shopper, as `shop/privacy/keys.py` says: read, and deleted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import orjson

from shop.entities.events import Topic
from shop.entities.rates import KINDS, session_bucket, viewer_bucket
from shop.privacy.messages import is_about
from shop.store.redis import pattern, redis_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Mapping

    from shop.entities.events import Event
    from shop.entities.privacy import Shopper
    from shop.jobs import JobQueue
    from shop.store.event_log import EventLog
    from shop.store.keys import Keys
    from shop.store.redis import Redis

_SCANNED = 1_000  # keys that Redis looks at in one step
_AT_ONCE = 500
_MARK = ""  # as in shop.store.sessions


class ShopperKeyStore:
    """All methods raise UnavailableError."""

    def __init__(self, redis: Redis, keys: Keys, queue: JobQueue, event_log: EventLog) -> None:
        self._redis = redis
        self._keys = keys
        self._queue = queue
        self._event_log = event_log

    async def recent_events(self, shopper: Shopper) -> AsyncIterator[dict[str, Any]]:
        """The events of the last two days, as the sessions hold them."""
        for actor_key in sorted(shopper.actor_keys):
            with redis_errors():
                read = self._redis.lrange(self._keys.session(actor_key), 0, -1)
                entries = await cast("Awaitable[list[bytes]]", read)
            for id_, product_id, type_, at, _ in map(orjson.loads, entries):
                if id_ != _MARK:
                    yield {"id": id_, "productId": product_id, "type": type_, "at": at}

    async def erase(self, shopper: Shopper) -> int:
        """Deletes the keys, the jobs that wait, and the entries of the event log, but for the news of the erasure.
        Returns how many of all these there were."""
        erased = await self._queue.forget(lambda message: is_about(message, shopper))
        erased += await self._delete(self._named_after(shopper))
        erased += await self._delete_paces(shopper)
        erased += await self._delete_explanations(shopper)
        return erased + await self._event_log.scrub(lambda event: _is_about(event, shopper))

    async def erase_news(self, shopper: Shopper) -> int:
        """Deletes the events that tell of the erasure."""
        return await self._event_log.scrub(
            lambda event: event.topic is Topic.USER_ERASED and event.subject == shopper.user_id
        )

    def _named_after(self, shopper: Shopper) -> list[str]:
        keys = self._keys
        buckets = [viewer_bucket(kind, shopper.user_id) for kind in KINDS] + [*map(session_bucket, shopper.sessions)]
        named = [keys.rate(bucket) for bucket in buckets]
        for actor_key in shopper.actor_keys:
            named += [keys.session(actor_key), keys.explanation_evidence(actor_key), keys.automated(actor_key)]
        return named

    async def _delete_paces(self, shopper: Shopper) -> int:
        """A key of this kind ends with a minute that nobody knows any more."""
        start = self._keys.pace("", 0).removesuffix(":0")
        found: list[str] = []
        async for key in self._scan(start):
            actor_key, _, _ = key.removeprefix(start).rpartition(":")
            if actor_key in shopper.actor_keys:
                found.append(key)
        return await self._delete(found)

    async def _delete_explanations(self, shopper: Shopper) -> int:
        start = self._keys.explanation("")
        erased, batch = 0, list[str]()
        async for key in self._scan(start):
            batch.append(key)
            if len(batch) == _AT_ONCE:
                erased += await self._delete_texts(batch, start, shopper)
                batch = []
        return erased + await self._delete_texts(batch, start, shopper)

    async def _delete_texts(self, names: list[str], start: str, shopper: Shopper) -> int:
        if not names:
            return 0
        with redis_errors():
            values = await self._redis.mget(names)
        own = [name for name, value in zip(names, values, strict=True) if value and _actor(value) in shopper.actor_keys]
        reservations = [self._keys.explanation_reservation(name.removeprefix(start)) for name in own]
        return await self._delete(own) + await self._delete(reservations)

    async def _scan(self, start: str) -> AsyncIterator[str]:
        with redis_errors():
            async for key in self._redis.scan_iter(match=pattern(start), count=_SCANNED):
                yield key.decode()
                await asyncio.sleep(0)

    async def _delete(self, names: list[str]) -> int:
        deleted = 0
        with redis_errors():
            for start in range(0, len(names), _AT_ONCE):
                pipeline = self._redis.pipeline(transaction=False)
                for name in names[start : start + _AT_ONCE]:
                    pipeline.delete(name)
                deleted += sum(await pipeline.execute())
        return deleted


def _actor(explanation: bytes) -> str | None:
    document: Mapping[str, Any] = orjson.loads(explanation)
    return document.get("actorKey")


def _is_about(event: Event, shopper: Shopper) -> bool:
    if event.topic is Topic.USER_UPDATED:
        return event.subject == shopper.user_id
    return event.subject in shopper.actor_keys or event.data.get("actor") in shopper.actor_keys
