"""Interactions: append-only, idempotent by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bson.codec_options import CodecOptions, DatetimeConversion

from shop.entities.privacy import Shopper
from shop.entities.users import Actor
from shop.errors import UnavailableError
from shop.store.bulk import insert_new
from shop.store.database import Database, Document, store_errors
from shop.store.documents import interaction_from_document, interaction_to_document
from shop.store.paging import SortKey, find_page
from shop.store.session_owners import SessionOwnerStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence
    from datetime import datetime

    from shop.entities.interactions import Interaction
    from shop.entities.paging import Page, PageRequest

    ExportedRow = tuple[str, str, str, str, int, float, str | None]

_NEWEST = SortKey("NEWEST", "at", -1, -1)
NOT_AUTOMATED: Document = {"automated": {"$exists": False}}
_BATCH = 1_000  # rows of the export that are read at once: small, so that the event loop gets its turn in between
_EXPORT_FIELDS = dict.fromkeys(("userId", "sessionId", "productId", "type", "at", "quantity", "orderId"), 1)


class InteractionStore:
    """What a user did is also what was done in the anonymous sessions that are theirs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._interactions = database["interactions"]
        self._exclusions = database["exclusions"]
        self._erasures = database["erasures"]
        self._owners = SessionOwnerStore(database)

    async def append(self, interactions: Sequence[Interaction]) -> dict[str, Interaction]:
        """Stores what is not there yet, journaled by a majority; returns by id what was there already, as it is stored.

        Of two that store the same id at the same time one gets what the other has stored.
        """
        documents = [interaction_to_document(interaction) for interaction in interactions]
        known = [document["_id"] for document in await insert_new(self._database, "interactions", documents)]
        if not known:
            return {}
        with store_errors():
            found = await self._interactions.find({"_id": {"$in": known}}).to_list(None)
        if len(found) < len(known):  # whoever has stored it waits for the majority
            raise UnavailableError("MongoDB")
        return {document["_id"]: interaction_from_document(document) for document in found}

    async def recent(self, actor: Actor, limit: int) -> list[Document]:
        """The newest events as slim documents (`_id`, `productId`, `type`, `at`), newest first."""
        with store_errors():
            cursor = self._interactions.find(await self._by(actor), {"productId": 1, "type": 1, "at": 1})
            documents: list[Document] = await cursor.sort([("at", -1)]).limit(limit).to_list(limit)
        return documents

    async def products_of(self, actor: Actor, ids: Sequence[str]) -> dict[str, str]:
        """The product of each of these events that is the actor's."""
        return await self._named({**await self._by(actor), "_id": {"$in": list(ids)}})

    async def with_products(self, actor: Actor, product_ids: Sequence[str]) -> dict[str, str]:
        """The actor's events with these products: event id to product id."""
        return await self._named({**await self._by(actor), "productId": {"$in": list(product_ids)}})

    async def of_order(self, actor: Actor, order_id: str) -> dict[str, str]:
        """The actor's events of one order: event id to product id."""
        return await self._named({**await self._by(actor), "orderId": order_id})

    async def _named(self, query: dict[str, Any]) -> dict[str, str]:
        with store_errors():
            documents = await self._interactions.find(query, {"productId": 1}).to_list(None)
        return {document["_id"]: document["productId"] for document in documents}

    async def page(self, actor: Actor, request: PageRequest) -> Page[Interaction]:
        with store_errors():
            return await find_page(
                self._interactions, await self._by(actor), _NEWEST, request, interaction_from_document
            )

    async def count(self, actor: Actor) -> int:
        with store_errors():
            return await self._interactions.count_documents(await self._by(actor))

    async def all(self, actor: Actor) -> AsyncIterator[Interaction]:
        """Everything an actor did, oldest first."""
        with store_errors():
            async for document in self._interactions.find(await self._by(actor)).sort([("at", 1)]):
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

    async def export(self, after: str | None = None, until: datetime | None = None) -> AsyncIterator[ExportedRow]:
        """Every interaction that counts, for training, in the order of ids, beginning after one, up to a time: id,
        actor key, product, type, unix seconds, quantity, order id. Those of shoppers who are being erased are left
        out."""
        erased = await self._being_erased()
        plain_times = CodecOptions[Document](datetime_conversion=DatetimeConversion.DATETIME_MS)
        slim = self._interactions.with_options(codec_options=plain_times)
        beyond: Document = {} if after is None else {"_id": {"$gt": after}}
        # Both come in the order of ids, so they are walked side by side and neither is read into memory.
        excluded = self._exclusions.find({"active": True, **beyond}, {"_id": 1}).sort([("_id", 1)])
        with store_errors():
            skipped = await anext(excluded, None)
            rows: list[Document] = []
            async for row in (
                slim.find(_up_to(until) | beyond | NOT_AUTOMATED, _EXPORT_FIELDS).sort([("_id", 1)]).batch_size(_BATCH)
            ):
                while skipped is not None and skipped["_id"] < row["_id"]:
                    skipped = await anext(excluded, None)
                if skipped is not None and skipped["_id"] == row["_id"]:
                    continue
                rows.append(row)
                if len(rows) == _BATCH:
                    for exported in await self._exported(rows, erased):
                        yield exported
                    rows.clear()
            for exported in await self._exported(rows, erased):
                yield exported

    async def _being_erased(self) -> set[str]:
        """Actor keys."""
        with store_errors():
            orders = await self._erasures.find({"subject": {"$exists": True}}).to_list(None)
        return {key for one in orders for key in Shopper(one["subject"], frozenset(one["sessions"])).actor_keys}

    async def _exported(self, rows: Sequence[Document], left_out: Collection[str]) -> list[ExportedRow]:
        """Whoever owns a session has its events. Those of the actors to be left out are not there."""
        sessions = {row.get("sessionId", "") for row in rows if row["userId"] is None}
        owners = await self._owners.owners_of(sessions)
        exported = []
        for row in rows:
            session_id = row.get("sessionId", "")
            user_id = owners.get(session_id) if row["userId"] is None else row["userId"]
            at = int(row["at"]) // 1000
            facts = (row["productId"], row["type"], at, row["quantity"], row.get("orderId"))
            exported.append((row["_id"], Actor(user_id, session_id).key, *facts))
        return [row for row in exported if row[1] not in left_out]

    async def _by(self, actor: Actor) -> Document:
        """A session has what was done in it without signing in: the rest is a user's own."""
        if actor.user_id is None:
            return {"sessionId": actor.session_id, "userId": None}
        own: Document = {"userId": actor.user_id}
        sessions = await self._owners.sessions_of(actor.user_id)
        return {"$or": [own, {"sessionId": {"$in": sessions}, "userId": None}]} if sessions else own


def _up_to(until: datetime | None) -> Document:
    return {} if until is None else {"at": {"$lte": until}}
