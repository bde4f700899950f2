"""Ratings of explanations, and the counts of the report, which MongoDB adds up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shop.entities.explanations import TextSource
from shop.entities.feedback import ReportGroup
from shop.entities.interactions import REWARDED
from shop.store.database import Database, Document, put_document, store_errors
from shop.store.interactions import NOT_AUTOMATED
from shop.store.recommendation_log import ATTRIBUTION, COLLECTION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from shop.entities.feedback import ExplanationRating

_FIELDS = {
    ReportGroup.SOURCE: "source",
    ReportGroup.MODEL: "model",
    ReportGroup.PROMPT_VERSION: "promptVersion",
}
_MOST_MS = 30_000

ShownWith = tuple[TextSource | None, str | None]  # who wrote the text that was shown, and its group; None: no text


class FeedbackStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, rating: ExplanationRating) -> None:
        """One for each explanation, which is one shopper's: a later one replaces it."""
        document = {
            "_id": rating.key,
            "actorKey": rating.actor_key,
            "productId": rating.product_id,
            "helpful": rating.helpful,
            "reason": rating.reason.value if rating.reason else None,
            "comment": rating.comment,
            "source": rating.source.value,
            "model": rating.model,
            "promptVersion": rating.prompt_version,
            "language": rating.language,
            "at": rating.at,
        }
        await put_document(self._database, "explanation_ratings", document)

    async def ratings(self, start: datetime, end: datetime, group: ReportGroup) -> dict[str | None, tuple[int, int]]:
        """Ratings of that time by group: how many, and how many of them helpful."""
        helpful = {"$sum": {"$cond": ["$helpful", 1, 0]}}
        counts = {"_id": f"${_FIELDS[group]}", "ratings": {"$sum": 1}, "helpful": helpful}
        rows = await self._aggregate("explanation_ratings", [{"$match": _between(start, end)}, {"$group": counts}])
        return {row["_id"]: (row["ratings"], row["helpful"]) for row in rows}

    async def impressions(self, start: datetime, end: datetime, group: ReportGroup) -> dict[ShownWith, int]:
        """Items of the lists shown in that time, counted by their texts."""
        pipeline = [{"$match": _between(start, end)}, *_by_text(group)]
        return _counts(await self._aggregate(COLLECTION, pipeline))

    async def clicks(self, start: datetime, end: datetime, group: ReportGroup) -> dict[ShownWith, int]:
        """Those of `impressions` that the same shopper clicked, liked or bought within a day, naming the list."""
        acted: Document = {"recommendationId": {"$exists": True}, "type": {"$in": [event.value for event in REWARDED]}}
        user, visitor = {"$concat": ["u:", "$userId"]}, {"$concat": ["s:", "$sessionId"]}
        actor = {"$ifNull": [user, visitor]}  # what is made with null is null
        first = {"_id": {"list": "$recommendationId", "product": "$productId", "actor": actor}, "at": {"$min": "$at"}}
        late = {"$gt": [{"$subtract": ["$$clicked", "$at"]}, ATTRIBUTION.total_seconds() * 1000]}
        own = {"$expr": {"$and": [{"$eq": ["$actorKey", "$$actor"]}, {"$not": [late]}]}}
        item = {"$filter": {"input": "$items", "cond": {"$eq": ["$$this.productId", "$$product"]}}}
        joined = {
            "from": COLLECTION,
            "localField": "_id.list",
            "foreignField": "_id",
            "let": {"actor": "$_id.actor", "product": "$_id.product", "clicked": "$at"},
            "pipeline": [{"$match": _between(start, end) | own}, {"$project": {"items": item}}],
            "as": "lists",
        }
        pipeline: list[Document] = [
            {"$match": acted | NOT_AUTOMATED | _between(start, end + ATTRIBUTION)},
            {"$group": first},
            {"$lookup": joined},
            {"$unwind": "$lists"},
            {"$replaceWith": "$lists"},
            *_by_text(group),
        ]
        return _counts(await self._aggregate("interactions", pipeline))

    async def _aggregate(self, collection: str, pipeline: Sequence[Document]) -> list[Document]:
        with store_errors():
            cursor = self._database[collection].aggregate(list(pipeline), allowDiskUse=True, maxTimeMS=_MOST_MS)
            rows: list[Document] = await cursor.to_list(None)
        return rows


def _between(start: datetime, end: datetime) -> Document:
    return {"at": {"$gte": start, "$lt": end}}


def _by_text(group: ReportGroup) -> list[Document]:
    text = "$items.explanation"
    return [
        {"$unwind": "$items"},
        {"$group": {"_id": {"source": f"{text}.source", "group": f"{text}.{_FIELDS[group]}"}, "count": {"$sum": 1}}},
    ]


def _counts(rows: Sequence[dict[str, Any]]) -> dict[ShownWith, int]:
    counts: dict[ShownWith, int] = {}
    for row in rows:  # a field that is missing and one that is null are two groups to MongoDB
        source = row["_id"].get("source")
        shown_with = (TextSource(source) if source else None, row["_id"].get("group"))
        counts[shown_with] = counts.get(shown_with, 0) + row["count"]
    return counts
