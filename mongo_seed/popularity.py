"""Recomputes what products and categories derive from the rest: buyers, popularity, and products per category."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scoring.types import EventType
from shop.store.bulk import bulk_set
from shop.store.catalog import ON_OFFER
from shop.store.database import aggregate, iterate
from shop.store.interactions import NOT_AUTOMATED

if TYPE_CHECKING:
    from shop.store.database import Database

_BATCH = 5000
Change = tuple[str, dict[str, Any]]


async def recompute_popularity(database: Database) -> int:
    """Sets `buyerCount` and `popularity` of products and `productCount` of categories; returns how many changed.

    A buyer is a user, or an anonymous session that is nobody's, with at least one purchase; popularity is the share of
    the best seller's buyers. Documents that are right already are not written.
    """
    return await _products(database) + await _categories(database)


async def _products(database: Database) -> int:
    buyers = await _buyers(database)
    most = max(buyers.values(), default=1)
    changes: list[Change] = []
    changed = 0
    async for product in iterate(database, "products", fields=["buyerCount", "popularity"]):
        count = buyers.get(product["_id"], 0)
        if (product["buyerCount"], product["popularity"]) != (count, count / most):
            changes.append((product["_id"], {"buyerCount": count, "popularity": count / most}))
        if len(changes) >= _BATCH:
            changed += await bulk_set(database, "products", changes)
            changes = []
    return changed + await bulk_set(database, "products", changes)


async def _buyers(database: Database) -> dict[str, int]:
    purchases = {"type": EventType.PURCHASE.value, **NOT_AUTOMATED}
    owner = {"from": "session_owners", "localField": "sessionId", "foreignField": "_id", "as": "owners"}
    anonymous: list[dict[str, Any]] = [
        {"$match": {**purchases, "userId": None}},
        {"$lookup": owner},
        {"$project": {"p": "$productId", "a": {"$ifNull": [{"$first": "$owners.userId"}, "$sessionId"]}}},
    ]
    pipeline: list[dict[str, Any]] = [
        {"$match": {**purchases, "userId": {"$ne": None}}},
        {"$project": {"p": "$productId", "a": "$userId"}},
        {"$unionWith": {"coll": "interactions", "pipeline": anonymous}},
        {"$group": {"_id": {"p": "$p", "a": "$a"}}},
        {"$group": {"_id": "$_id.p", "buyers": {"$sum": 1}}},
    ]
    return {row["_id"]: row["buyers"] async for row in aggregate(database, "interactions", pipeline)}


async def _categories(database: Database) -> int:
    pipeline: list[dict[str, Any]] = [
        {"$match": ON_OFFER},
        {"$unwind": "$categoryPath"},
        {"$group": {"_id": "$categoryPath", "products": {"$sum": 1}}},
    ]
    counts = {row["_id"]: row["products"] async for row in aggregate(database, "products", pipeline)}
    changes: list[Change] = [
        (category["_id"], {"productCount": counts.get(category["_id"], 0)})
        async for category in iterate(database, "categories", fields=["productCount"])
        if category["productCount"] != counts.get(category["_id"], 0)
    ]
    return await bulk_set(database, "categories", changes)
