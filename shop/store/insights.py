"""Insights in MongoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from shop.entities.explanations import Insight, TextStatus
from shop.store.database import Database, Document, store_errors
from shop.store.documents import text_from_document, text_to_fields

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from shop.store.database import Session


_UNWRITTEN = {"basis": "", "eventCount": 0, **text_to_fields(None)}


class InsightStore:
    """One document for each shopper and language, from the first order on."""

    def __init__(self, database: Database) -> None:
        self._insights = database["insights"]

    async def get(self, user_id: str, language: str) -> Insight | None:
        with store_errors():
            document = await self._insights.find_one({"_id": _id(user_id, language)})
        return _insight(document) if document else None

    async def all_of(self, user_id: str) -> list[Insight]:
        """The shopper's insights in all languages that they were asked for in."""
        with store_errors():
            documents = await self._insights.find({"userId": user_id}).sort("_id", 1).to_list(None)
        return [_insight(document) for document in documents]

    async def order(self, user_id: str, language: str, at: datetime, unless_since: datetime) -> Insight | None:
        """Marks it as PENDING and returns it; None if somebody has ordered it since the given time."""
        wanted = {"_id": _id(user_id, language), "$or": [{"orderedAt": {"$lt": unless_since}}, {"orderedAt": None}]}
        change = {"status": TextStatus.PENDING.value, "error": None, "orderedAt": at}
        new = {"userId": user_id, "language": language, "createdAt": at, **_UNWRITTEN, "edition": 0}
        with store_errors():
            try:
                document = await self._insights.find_one_and_update(
                    wanted, {"$set": change, "$setOnInsert": new}, upsert=True, return_document=ReturnDocument.AFTER
                )
            except DuplicateKeyError:  # there, and ordered lately
                return None
        return _insight(document)

    async def withdraw(self, user_id: str, at: datetime, session: Session) -> None:
        """No text is shown any more, nor one that is being written now. Joins the session's transaction."""
        change = {"status": TextStatus.PENDING.value, "error": None, "orderedAt": at} | text_to_fields(None)
        await self._insights.update_many({"userId": user_id}, {"$set": change, "$inc": {"edition": 1}}, session=session)

    async def settle(self, insight: Insight) -> bool:
        """Stores what became of an order: READY or FAILED. False if the text was withdrawn since it was read."""
        change: Document = {
            "status": insight.status.value,
            "error": insight.error,
            "basis": insight.basis,
            "eventCount": insight.event_count,
            **text_to_fields(insight.text),
        }
        with store_errors():
            result = await self._insights.update_one(
                {"_id": _id(insight.user_id, insight.language), "edition": insight.edition}, {"$set": change}
            )
        return result.matched_count == 1


def _id(user_id: str, language: str) -> str:
    return f"{user_id}:{language}"


def _insight(document: Mapping[str, Any]) -> Insight:
    return Insight(
        user_id=document["userId"],
        status=TextStatus(document["status"]),
        language=document["language"],
        text=text_from_document(document),
        error=document["error"],
        basis=document["basis"],
        event_count=document["eventCount"],
        edition=document["edition"],
        ordered_at=document["orderedAt"],
    )
