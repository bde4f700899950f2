"""Usage of language models: counters by day in MongoDB, and what is spent today in Redis, where processes share it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from shop.entities.explanations import TextSource
from shop.entities.usage import Lookups, Purpose, UsageCounts, UsageDimension, UsageKey, UsageRow
from shop.store.database import Database, Document, aggregate, store_errors
from shop.store.redis import redis_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from shop.store.keys import Keys
    from shop.store.redis import Redis

USAGE = "llm_usage"
LOOKUPS = "explanation_lookups"

_FIELDS = {
    "calls": "calls",
    "failures": "failures",
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cost_micros": "costMicros",
    "unpriced_calls": "unpricedCalls",
    "seconds": "seconds",
}
_GROUPS = {
    UsageDimension.DAY: "$day",
    UsageDimension.PROVIDER: "$source",
    UsageDimension.MODEL: "$model",
    UsageDimension.PURPOSE: "$purpose",
}


class UsageStore:
    """One document for each day, purpose, provider and model; counts are added atomically."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: UsageKey, counts: UsageCounts) -> None:
        document = {
            "day": key.day.isoformat(),
            "purpose": key.purpose.value,
            "source": key.source.value,
            "model": key.model,
        }
        increments = {_FIELDS[name]: value for name, value in asdict(counts).items()}
        await self._increment(USAGE, ":".join(document.values()), increments, document)

    async def add_lookups(self, day: date, lookups: Lookups) -> None:
        await self._increment(LOOKUPS, day.isoformat(), asdict(lookups), {})

    async def rows(self, first: date | None, last: date | None, by: Collection[UsageDimension]) -> list[UsageRow]:
        """Sums over these days, both included and None for open, in the order of days, purposes and models."""
        group: Document = {"_id": {dimension.value: _GROUPS[dimension] for dimension in by}}
        group |= {field: {"$sum": f"${field}"} for field in _FIELDS.values()}
        stages = [{"$match": _between("day", first, last)}, {"$group": group}]
        rows = [_row(document) async for document in aggregate(self._database, USAGE, stages)]
        return sorted(rows, key=lambda row: (str(row.day), str(row.purpose), str(row.source), str(row.model)))

    async def lookups(self, first: date, last: date) -> Lookups:
        found = Lookups()
        with store_errors():
            async for document in self._database[LOOKUPS].find(_between("_id", first, last)):
                del document["_id"]
                found += Lookups(**document)
        return found

    async def _increment(self, collection: str, id_: str, increments: Document, fields: Document) -> None:
        with store_errors():
            await self._database[collection].update_one(
                {"_id": id_}, {"$inc": increments, "$setOnInsert": fields}, upsert=True
            )


def _between(field: str, first: date | None, last: date | None) -> Document:
    bounds = {"$gte": first, "$lte": last}
    wanted = {operator: day.isoformat() for operator, day in bounds.items() if day is not None}
    return {field: wanted} if wanted else {}


def _row(document: Mapping[str, Any]) -> UsageRow:
    group = document["_id"]
    day, source, purpose = group.get(UsageDimension.DAY), group.get(UsageDimension.PROVIDER), group.get("PURPOSE")
    return UsageRow(
        counts=UsageCounts(**{name: document[field] for name, field in _FIELDS.items()}),
        day=date.fromisoformat(day) if day else None,
        source=TextSource(source) if source else None,
        model=group.get(UsageDimension.MODEL),
        purpose=Purpose(purpose) if purpose else None,
    )


_COUNTER_LIFETIME = timedelta(days=2)
# A day's counter is made from MongoDB alone, so that one which Redis has lost does not begin at nothing.
_RESERVE = """
local spent = tonumber(redis.call('GET', KEYS[1]))
if not spent then return -1 end
if spent >= tonumber(ARGV[1]) then return 0 end
redis.call('INCRBY', KEYS[1], ARGV[2])
return 1
"""
_ADD = "if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('INCRBY', KEYS[1], ARGV[1]) end"


class SpentStore:
    """What a purpose has cost on a day, in micro-USD. Every method raises UnavailableError when Redis is away."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._reserve = redis.register_script(_RESERVE)
        self._add = redis.register_script(_ADD)

    async def read(self, purpose: Purpose, day: date) -> int | None:
        """None if Redis has no counter for the day."""
        with redis_errors():
            value = await self._redis.get(self._key(purpose, day))
        return None if value is None else int(value)

    async def begin(self, purpose: Purpose, day: date, micros: int) -> None:
        """Makes the day's counter; one that is there stays as it is."""
        with redis_errors():
            await self._redis.set(self._key(purpose, day), micros, nx=True, ex=_COUNTER_LIFETIME)

    async def reserve(self, purpose: Purpose, day: date, micros: int, limit_micros: int) -> bool | None:
        """Adds `micros` unless the limit is reached: False if it is, None if there is no counter."""
        with redis_errors():
            answer = await self._reserve(keys=[self._key(purpose, day)], args=[limit_micros, micros])
        return None if answer < 0 else bool(answer)

    async def add(self, purpose: Purpose, day: date, micros: int) -> None:
        """Adds to the day's counter if there is one; `micros` may be negative."""
        with redis_errors():
            await self._add(keys=[self._key(purpose, day)], args=[micros])

    def _key(self, purpose: Purpose, day: date) -> str:
        return self._keys.llm_spent(purpose.value, day.isoformat())
