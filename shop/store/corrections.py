"""Corrections: which events do not count.

Events are append-only, so each exclusion is a record of its own, under the event's id. One that was taken back stays
and is inactive: its time says that something changed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pymongo import UpdateOne

from shop.entities.corrections import ExclusionReason
from shop.store.database import Database, Document, in_transaction, store_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shop.entities.corrections import Correction
    from shop.entities.users import Actor, User
    from shop.store.audit import AuditStore
    from shop.store.database import Session
    from shop.store.insights import InsightStore


_CANCELLED = "The order was cancelled."


class CorrectionStore:
    def __init__(self, database: Database, insights: InsightStore, audit_log: AuditStore) -> None:
        self._database = database
        self._exclusions = database["exclusions"]
        self._profiles = database["user_profiles"]
        self._explanations = database["explanations"]
        self._insights = insights
        self._audit_log = audit_log

    async def excluded_of(self, actor: Actor) -> frozenset[str]:
        """The ids of an actor's events that do not count."""
        with store_errors():
            found = await self._exclusions.find({"actorKey": actor.key, "active": True}, {"_id": 1}).to_list(None)
        return frozenset(document["_id"] for document in found)

    async def excluded_among(self, interaction_ids: Sequence[str]) -> set[str]:
        """Those of these events that do not count."""
        query = {"_id": {"$in": list(interaction_ids)}, "active": True}
        with store_errors():
            found = await self._exclusions.find(query, {"_id": 1}).to_list(None)
        return {document["_id"] for document in found}

    async def newest_change(self) -> datetime | None:
        with store_errors():
            document = await self._exclusions.find_one({}, {"at": 1}, sort=[("at", -1)])
        return document["at"] if document else None

    async def take_back(self, actor: Actor, events: Mapping[str, str], *, counts: bool) -> bool:
        """Leaves out the events (id to product id) of an order that was cancelled, or lets them count again; False if
        all was so already. What a shopper has left out stays so. As for `apply`, what rested on them goes."""

        async def write(session: Session) -> bool:
            at = datetime.now(UTC)
            named = {"_id": {"$in": [*events]}, "active": True}
            known = {each["_id"]: each async for each in self._exclusions.find(named, session=session)}
            ours = {id_ for id_, each in known.items() if each.get("note") == _CANCELLED}
            changing = sorted(ours if counts else events.keys() - known.keys())
            if not changing:
                return False
            facts = {"actorKey": actor.key, "active": not counts, "reason": ExclusionReason.OTHER.value}
            facts |= {"note": _CANCELLED, "at": at}
            operations = [
                UpdateOne({"_id": id_}, {"$set": {**facts, "productId": events[id_]}}, upsert=True) for id_ in changing
            ]
            await self._exclusions.bulk_write(operations, session=session)
            details = {"included" if counts else "excluded": changing}
            await self._audit_log.add("cancelOrder", None, actor.user_id or actor.key, details, session)
            if actor.user_id is not None:
                await self._insights.withdraw(actor.user_id, at, session)
                await self._profiles.delete_one({"_id": actor.user_id}, session=session)
            products = {"$in": sorted({events[id_] for id_ in changing})}
            told = {"actorKey": actor.key, "$or": [{"productId": products}, {"evidence.productId": products}]}
            await self._explanations.delete_many(told, session=session)
            return True

        return await in_transaction(self._database, write)

    async def apply(
        self, actor: Actor, user: User, exclude: Mapping[str, str], include: Iterable[str], correction: Correction
    ) -> bool:
        """Leaves events out (id to product id), or lets them count again; False if all was so already.

        In the same transaction the audit log gets its entry, and what rested on them goes: the insight, the profile,
        and explanations that name their products. All of it is made anew when it is needed.
        """

        async def write(session: Session) -> bool:
            at = datetime.now(UTC)
            query = {"_id": {"$in": [*exclude, *include]}, "active": True}
            active = {document["_id"] async for document in self._exclusions.find(query, {"_id": 1}, session=session)}
            excluded = [id_ for id_ in exclude if id_ not in active]
            included = [id_ for id_ in include if id_ in active]
            if not excluded and not included:
                return False
            stated = {"reason": correction.reason.value, "note": correction.note}
            facts: Document = {"actorKey": actor.key, "active": True, **stated}
            operations = [
                UpdateOne({"_id": id_}, {"$set": {**facts, "productId": exclude[id_], "at": at}}, upsert=True)
                for id_ in excluded
            ]
            operations += [UpdateOne({"_id": id_}, {"$set": {"active": False, "at": at}}) for id_ in included]
            await self._exclusions.bulk_write(operations, session=session)
            details = {"excluded": excluded, "included": included, **stated}
            await self._audit_log.add("editInsight", user.id, user.id, details, session)
            await self._insights.withdraw(user.id, at, session)
            await self._profiles.delete_one({"_id": user.id}, session=session)
            products = {"$in": sorted({exclude[id_] for id_ in excluded})}
            named = {"actorKey": actor.key, "$or": [{"productId": products}, {"evidence.productId": products}]}
            await self._explanations.delete_many(named, session=session)
            return True

        return await in_transaction(self._database, write)
