"""What lists were shown and what came of them, counted per day, variant, model version and scenario.

The counting is MongoDB's: only the sums of a day come here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from scoring.types import EventType
from shop.entities.interactions import CLOCK_SLACK
from shop.store.bulk import bulk_replace
from shop.store.database import Database, Document, aggregate, store_errors
from shop.store.interactions import NOT_AUTOMATED
from shop.store.recommendation_log import ATTRIBUTION, COLLECTION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_DAY = timedelta(days=1)
_COUNTERS = {EventType.CLICK.value: "clicks", EventType.PURCHASE.value: "purchases"}
_KEY = ("variant", "modelVersion", "scenario")


class RollupStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._rollups = database["experiment_rollups"]

    async def last_counted(self) -> datetime | None:
        """When the newest day was counted, None if none was."""
        with store_errors():
            newest = await self._rollups.find_one({}, sort=[("day", -1)])
        return newest["countedAt"] if newest else None

    async def first_shown(self) -> datetime | None:
        """When the oldest list of the log was shown."""
        with store_errors():
            oldest = await self._database[COLLECTION].find_one({}, {"at": 1}, sort=[("at", 1)])
        return oldest["at"] if oldest else None

    async def count(self, day: datetime) -> None:
        """Counts a day (its midnight, UTC) from the log and the interactions, and replaces what was counted before.

        `lists` and `items` are what was shown; `clicks` and `purchases` are items of those lists that their shopper
        clicked or bought within a day, each item once.
        """
        now = datetime.now(UTC)
        sums: dict[str, Document] = defaultdict(lambda: dict.fromkeys(("lists", "items", *_COUNTERS.values()), 0))
        keys: dict[str, Document] = {}
        async for group in self._counted(day):
            key = {name: group["_id"].get(name) for name in _KEY}
            id_ = _id(day, key)
            keys[id_] = key
            for name, value in group["counts"].items():
                sums[id_][name] += value
        documents = [{"_id": id_, "day": day, "countedAt": now, **keys[id_], **sums[id_]} for id_ in keys]
        await bulk_replace(self._database, "experiment_rollups", documents)
        with store_errors():
            await self._rollups.delete_many({"day": day, "_id": {"$nin": list(keys)}})

    async def _counted(self, day: datetime) -> AsyncIterator[Document]:
        async for group in aggregate(self._database, COLLECTION, _shown(day)):
            yield {"_id": group["_id"], "counts": {"lists": group["lists"], "items": group["items"]}}
        async for group in aggregate(self._database, "interactions", _acted(day)):
            yield {"_id": group["_id"], "counts": {_COUNTERS[group["_id"]["type"]]: group["count"]}}


def _id(day: datetime, key: Document) -> str:
    return f"{day:%Y-%m-%d}:{json.dumps([key[name] for name in _KEY], sort_keys=True, default=str)}"


def _key_of(list_: str) -> Document:
    return {name: {"$ifNull": [f"{list_}{name}", None]} for name in _KEY}


def _within(day: datetime) -> Document:
    return {"at": {"$gte": day, "$lt": day + _DAY}}


def _shown(day: datetime) -> list[Document]:
    counts = {"lists": {"$sum": 1}, "items": {"$sum": {"$size": "$items"}}}
    return [{"$match": _within(day)}, {"$group": {"_id": _key_of("$"), **counts}}]


def _acted(day: datetime) -> list[Document]:
    item = {"list": "$recommendationId", "product": "$productId", "type": "$type", "actor": _ACTOR_KEY}
    fields: dict[str, Any] = {**dict.fromkeys((*_KEY, "at", "actorKey"), 1), "products": "$items.productId"}
    return [
        {
            "$match": {
                "recommendationId": {"$exists": True},
                "type": {"$in": list(_COUNTERS)},
                **NOT_AUTOMATED,
                "at": {"$gte": day - CLOCK_SLACK, "$lt": day + _DAY + ATTRIBUTION},
            }
        },
        {"$group": {"_id": item, "at": {"$min": "$at"}}},
        {
            "$lookup": {
                "from": COLLECTION,
                "localField": "_id.list",
                "foreignField": "_id",
                "pipeline": [{"$match": _within(day)}, {"$project": fields}],
                "as": "list",
            }
        },
        {"$unwind": "$list"},
        {
            "$match": {
                "$expr": {
                    "$and": [
                        {"$in": ["$_id.product", "$list.products"]},
                        {"$eq": ["$_id.actor", "$list.actorKey"]},
                        {"$lte": [{"$subtract": ["$at", "$list.at"]}, ATTRIBUTION // timedelta(milliseconds=1)]},
                    ]
                }
            }
        },
        {"$group": {"_id": {**_key_of("$list."), "type": "$_id.type"}, "count": {"$sum": 1}}},
    ]


_ACTOR_KEY: Document = {
    "$cond": [
        {"$gt": ["$userId", None]},
        {"$concat": ["u:", "$userId"]},
        {"$concat": ["s:", {"$ifNull": ["$sessionId", ""]}]},
    ]
}
