"""Keyset pagination over an indexed sort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shop.entities.paging import Cursor, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from motor.motor_asyncio import AsyncIOMotorCollection

    from shop.entities.paging import PageRequest, T
    from shop.store.database import Document


@dataclass(frozen=True, slots=True)
class SortKey:
    """An indexed order: a field, its direction, and the direction in which `_id` breaks ties."""

    name: str
    field: str
    direction: int
    id_direction: int

    def reversed(self) -> SortKey:
        return SortKey(self.name, self.field, -self.direction, -self.id_direction)

    @property
    def order(self) -> list[tuple[str, int]]:
        return [(self.field, self.direction), ("_id", self.id_direction)]


def beyond(key: SortKey, cursor: Cursor) -> Document:
    """The condition for rows strictly after the cursor in the key's order. Null sorts before every value."""
    compare_id = "$gt" if key.id_direction > 0 else "$lt"
    same = {key.field: cursor.value, "_id": {compare_id: cursor.id}}
    if cursor.value is None:
        return {"$or": [same, {key.field: {"$ne": None}}]} if key.direction > 0 else same
    if key.direction > 0:
        return {"$or": [{key.field: {"$gt": cursor.value}}, same]}
    return {"$or": [{key.field: {"$lt": cursor.value}}, same, {key.field: None}]}


async def find_page(
    collection: AsyncIOMotorCollection[Document],
    query: Document,
    key: SortKey,
    request: PageRequest,
    convert: Callable[[Mapping[str, Any]], T],
) -> Page[T]:
    """One query for one page: one row more than wanted shows whether there is a next page."""
    conditions = [query] if query else []
    if request.after:
        conditions.append(beyond(key, request.after))
    if request.before:
        conditions.append(beyond(key.reversed(), request.before))
    walk = key.reversed() if request.backwards else key
    cursor = collection.find({"$and": conditions} if conditions else {}).sort(walk.order).limit(request.size + 1)
    documents = await cursor.to_list(request.size + 1)
    more = len(documents) > request.size
    documents = documents[: request.size]
    if request.backwards:
        documents.reverse()
    rows = tuple((convert(document), cursor_of(key, document)) for document in documents)
    return Page(
        rows,
        has_next=request.before is not None if request.backwards else more,
        has_previous=more if request.backwards else request.after is not None,
    )


def cursor_of(key: SortKey, document: Mapping[str, Any]) -> Cursor:
    value: Any = document
    for part in key.field.split("."):
        value = value.get(part) if value is not None else None
    return Cursor(key.name, value, document["_id"])
