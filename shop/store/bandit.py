"""The bandit's sums: shared and added to in Redis, with a durable copy in MongoDB."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import numpy as np
from pymongo.errors import DuplicateKeyError

from scoring.exploration.bandit import DIMENSION, BanditState
from scoring.exploration.layout import LAYOUT
from shop.store.database import Database, iterate, put_document, store_errors
from shop.store.redis import redis_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from shop.store.keys import Keys
    from shop.store.redis import Redis

COLLECTION = "bandit_states"
_SHARED = f"shared:{LAYOUT}"
_INCREMENT = "increment:"
_BATCH_SECONDS = 3_600  # a batch that is sent again within this time is known
_UPPER = np.triu_indices(DIMENSION)
_HEADER = 2  # numbers before the sums: how many batches were added, and when the last one was
_NUMBERS = _HEADER + len(_UPPER[0]) + DIMENSION + 2

# One atomic step: whatever other processes add at the same time, nothing is lost, and a batch whose acknowledgement was
# lost is not added twice. What is there fades by its age, so that the sums are those of discounted least squares.
_ADD = """
local old = redis.call('GET', KEYS[1])
if not old or #old ~= #ARGV[1] then return false end
if not redis.call('SET', KEYS[2], '1', 'NX', 'EX', ARGV[3]) then return old end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local batches, at = struct.unpack('<dd', old)
local keep = 0.5 ^ (math.max(now - at, 0) / tonumber(ARGV[2]))
local parts = {struct.pack('<dd', batches + 1, math.max(now, at))}
for offset = 17, #old, 8 do
  local before, more = struct.unpack('<d', old, offset), struct.unpack('<d', ARGV[1], offset)
  parts[#parts + 1] = struct.pack('<d', before * keep + more)
end
local new = table.concat(parts)
redis.call('SET', KEYS[1], new)
return new
"""


@dataclass(frozen=True, slots=True)
class StoredBandit:
    """A state as all processes share it: after how many batches of updates, and as of when (unix seconds)."""

    state: BanditState
    batches: int = 0
    at: float = 0.0


class BanditStore:
    """Only sums of the present layout of features are read; others are left where they are."""

    def __init__(self, database: Database, redis: Redis, keys: Keys) -> None:
        self._database = database
        self._redis = redis
        self._keys = keys
        self._add = redis.register_script(_ADD)

    async def read(self) -> StoredBandit | None:
        """The shared state; None if Redis does not hold one. Raises UnavailableError."""
        with redis_errors():
            data = await cast("Awaitable[bytes | None]", self._redis.get(self._keys.bandit(LAYOUT)))
        return _unpack(data) if data is not None and len(data) == 8 * _NUMBERS else None

    async def add(self, batch_id: str, increment: BanditState, half_life_seconds: float) -> StoredBandit | None:
        """Adds to the shared state, once for each batch id, and returns it; None if Redis holds no state to add to."""
        keys = [self._keys.bandit(LAYOUT), self._keys.bandit_batch(batch_id)]
        with redis_errors():
            data = await self._add(keys=keys, args=[_pack(StoredBandit(increment)), half_life_seconds, _BATCH_SECONDS])
        return _unpack(data) if data is not None else None

    async def restore(self, stored: StoredBandit) -> None:
        """Puts a state where Redis has none; one that is there stays."""
        with redis_errors():
            await cast("Awaitable[object]", self._redis.set(self._keys.bandit(LAYOUT), _pack(stored), nx=True))

    async def load(self) -> StoredBandit | None:
        """The durable copy."""
        with store_errors():
            document = await self._database[COLLECTION].find_one({"_id": _SHARED})
        return _unpack(document["sums"]) if document is not None else None

    async def save(self, stored: StoredBandit) -> None:
        """Replaces the durable copy, unless it holds more batches already."""
        document = _document(_SHARED, stored)
        older = {"_id": _SHARED, "batches": {"$lte": stored.batches}}
        with store_errors():
            try:
                await self._database[COLLECTION].replace_one(older, document, upsert=True)
            except DuplicateKeyError:  # another process has saved a newer one
                return

    async def park(self, batch_id: str, increment: BanditState) -> None:
        """Keeps a batch that Redis could not take, for the next process that sends."""
        await put_document(self._database, COLLECTION, _document(_INCREMENT + batch_id, StoredBandit(increment)))

    async def parked(self) -> AsyncIterator[tuple[str, BanditState]]:
        """Batch ids and batches that wait."""
        wanted = {"_id": {"$gt": _INCREMENT, "$lt": f"{_INCREMENT}~"}, "layout": LAYOUT}
        async for document in iterate(self._database, COLLECTION, wanted):
            yield document["_id"].removeprefix(_INCREMENT), _unpack(document["sums"]).state

    async def unpark(self, batch_id: str) -> None:
        with store_errors():
            await self._database[COLLECTION].delete_one({"_id": _INCREMENT + batch_id})


def _document(id_: str, stored: StoredBandit) -> dict[str, object]:
    return {
        "_id": id_,
        "layout": LAYOUT,
        "batches": stored.batches,
        "impressions": stored.state.weight,
        "sums": _pack(stored),
        "savedAt": datetime.now(UTC),
    }


def _pack(stored: StoredBandit) -> bytes:
    """Little-endian doubles: header, upper triangle of the gram matrix, response, totals."""
    state = stored.state
    parts = ([stored.batches, stored.at], state.gram[_UPPER], state.response, [state.weight, state.squares])
    return np.concatenate([np.asarray(part, dtype="<f8") for part in parts]).tobytes()


def _unpack(data: bytes) -> StoredBandit:
    numbers = np.frombuffer(data, dtype="<f8").astype(np.float64)
    gram = np.zeros((DIMENSION, DIMENSION))
    upper, response, totals = np.split(numbers[_HEADER:], [len(_UPPER[0]), len(_UPPER[0]) + DIMENSION])
    gram[_UPPER] = upper
    gram.T[_UPPER] = upper
    state = BanditState.from_arrays({"gram": gram, "response": response, "totals": totals})
    return StoredBandit(state, int(numbers[0]), float(numbers[1]))
