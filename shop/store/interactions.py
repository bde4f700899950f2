"""Interactions: append-only, idempotent by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bson.codec_options import CodecOptions, DatetimeConversion

from shop.store.bulk import bulk_insert
from shop.store.database import Database, Document, store_errors
from shop.store.documents import interaction_from_document, interaction_to_document
from shop.store.paging import SortKey, find_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from shop.entities.interactions import Interaction
    from shop.entities.paging import Page, PageRequest
    from shop.entities.users import Actor

_NEWEST = SortKey("NEWEST", "at", -1, -1)
_EXPORT_FIELDS = dict.fromkeys(("userId", "sessionId", "productId", "type", "at", "quantity", "orderId"), 1)


class InteractionStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._interactions = database["interactions"]
        self._exclusions = database["exclusions"]

    async def append(self, interactions: Sequence[Interaction]) -> int:
        """Stores what is not there yet, journaled by a majority; returns how many were new."""
        documents = [interaction_to_document(interaction) for interaction in interactions]
        return await bulk_insert(self._database, "interactions", documents)

    async def recent(self, actor: Actor, limit: int) -> list[Document]:
        """The newest events as slim documents (`_id`, `productId`, `type`, `at`), newest first."""
        with store_errors():
            cursor = self._interactions.find(_by(actor), {"productId": 1, "type": 1, "at": 1})
            documents: list[Document] = await cursor.sort([("at", -1)]).limit(limit).to_list(limit)
        return documents

    async def products_of(self, actor: Actor, ids: Sequence[str]) -> dict[str, str]:
        """The product of each of these events that is the actor's."""
        return await self._named({**_by(actor), "_id": {"$in": list(ids)}})

    async def with_products(self, actor: Actor, product_ids: Sequence[str]) -> dict[str, str]:
        """The actor's events with these products: event id to product id."""
        return await self._named({**_by(actor), "productId": {"$in": list(product_ids)}})

    async def _named(self, query: dict[str, Any]) -> dict[str, str]:
        with store_errors():
            documents = await self._interactions.find(query, {"productId": 1}).to_list(None)
        return {document["_id"]: document["productId"] for document in documents}

    async def page(self, actor: Actor, request: PageRequest) -> Page[Interaction]:
        with store_errors():
            return await find_page(self._interactions, _by(actor), _NEWEST, request, interaction_from_document)

    async def count(self, actor: Actor) -> int:
        with store_errors():
            return await self._interactions.count_documents(_by(actor))

    async def all(self, actor: Actor) -> AsyncIterator[Interaction]:
        """Everything an actor did, oldest first."""
        with store_errors():
            async for document in self._interactions.find(_by(actor)).sort([("at", 1)]):
                yield interaction_from_document(document)

    async def estimated_count(self) -> int:
        with store_errors():
            return await self._interactions.estimated_document_count()

    async def newest(self, until: datetime | None = None) -> tuple[datetime | None, int]:
        """The time of the newest event, and how many there are, up to a time."""
        pipeline: list[Document] = [{"$match": _up_to(until)}]
        pipeline += [{"$group": {"_id": None, "newest": {"$max": "$at"}, "count": {"$sum": 1}}}]
        with store_errors():
            found = await self._interactions.aggregate(pipeline).to_list(1)
        return (found[0]["newest"], found[0]["count"]) if found else (None, 0)

    async def export(
        self, after: str | None = None, until: datetime | None = None
    ) -> AsyncIterator[tuple[str, str, str, str, int, float, str | None]]:
        """Every interaction that counts, for training, in the order of ids, beginning after one, up to a time: id,
        actor key, product, type, unix seconds, quantity, order id."""
        plain_times = CodecOptions[Document](datetime_conversion=DatetimeConversion.DATETIME_MS)
        slim = self._interactions.with_options(codec_options=plain_times)
        beyond: Document = {} if after is None else {"_id": {"$gt": after}}
        # Both come in the order of ids, so they are walked side by side and neither is read into memory.
        excluded = self._exclusions.find({"active": True, **beyond}, {"_id": 1}).sort([("_id", 1)])
        with store_errors():
            skipped = await anext(excluded, None)
            # Small batches: the event loop gets its turn between two of them.
            async for row in slim.find(_up_to(until) | beyond, _EXPORT_FIELDS).sort([("_id", 1)]).batch_size(1_000):
                while skipped is not None and skipped["_id"] < row["_id"]:
                    skipped = await anext(excluded, None)
                if skipped is not None and skipped["_id"] == row["_id"]:
                    continue
                user_id = row["userId"]
                actor_key = f"u:{user_id}" if user_id is not None else f"s:{row.get('sessionId', '')}"
                yield (
                    row["_id"],
                    actor_key,
                    row["productId"],
                    row["type"],
                    int(row["at"]) // 1000,
                    row["quantity"],
                    row.get("orderId"),
                )


def _up_to(until: datetime | None) -> Document:
    return {} if until is None else {"at": {"$lte": until}}


def _by(actor: Actor) -> dict[str, Any]:
    return {"userId": actor.user_id} if actor.user_id is not None else {"sessionId": actor.session_id}
