"""Keyset pagination over an indexed sort."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from shop.entities.paging import Cursor, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from motor.motor_asyncio import AsyncIOMotorCollection

    from shop.entities.paging import PageRequest, T
    from shop.store.database import Document


@dataclass(frozen=True, slots=True)
class SortKey:
    """An indexed order: a field, its direction, and the direction in which `_id` breaks ties.

    A missing field sorts as MongoDB's null, before every value; with `missing_last`, in an ascending order, after all.
    """

    name: str
    field: str
    direction: int
    id_direction: int
    missing_last: bool = False

    def reversed(self) -> SortKey:
        return replace(self, direction=-self.direction, id_direction=-self.id_direction)

    @property
    def order(self) -> list[tuple[str, int]]:
        return [(self.field, self.direction), ("_id", self.id_direction)]


def beyond(key: SortKey, cursor: Cursor) -> Document:
    """The condition for rows strictly after the cursor in the key's order. Null sorts before every value."""
    same = {key.field: cursor.value, **_id_beyond(key, cursor)}
    if cursor.value is None:
        return {"$or": [same, {key.field: {"$ne": None}}]} if key.direction > 0 else same
    if key.direction > 0:
        return {"$or": [{key.field: {"$gt": cursor.value}}, same]}
    return {"$or": [{key.field: {"$lt": cursor.value}}, same, {key.field: None}]}


def _id_beyond(key: SortKey, cursor: Cursor) -> Document:
    return {"_id": {"$gt" if key.id_direction > 0 else "$lt": cursor.id}}


async def find_page(
    collection: AsyncIOMotorCollection[Document],
    query: Document,
    key: SortKey,
    request: PageRequest,
    convert: Callable[[Mapping[str, Any]], T],
    *,
    fields: Document | None = None,
) -> Page[T]:
    """One query for one page: one row more than wanted shows whether there is a next page.

    With `missing_last` a second query, where the rows that have the field end. `fields` is MongoDB's projection.
    """
    walk = key.reversed() if request.backwards else key
    documents: list[Document] = []
    for bounds in _stretches(key, request):
        wanted = request.size + 1 - len(documents)
        if wanted > 0:
            conditions = [part for part in (query, *bounds) if part]
            cursor = collection.find({"$and": conditions} if conditions else {}, fields).sort(walk.order).limit(wanted)
            documents += await cursor.to_list(wanted)
    return page_of(documents, request, lambda document: (convert(document), cursor_of(key, document)))


def page_of(documents: list[Document], request: PageRequest, to_row: Callable[[Document], tuple[T, Cursor]]) -> Page[T]:
    """The page of documents that were read in the direction of the request, one more than wanted if there are more."""
    more, documents = len(documents) > request.size, documents[: request.size]
    if request.backwards:
        documents.reverse()
    return Page(
        tuple(map(to_row, documents)),
        has_next=request.before is not None if request.backwards else more,
        has_previous=more if request.backwards else request.after is not None,
    )


def _stretches(key: SortKey, request: PageRequest) -> list[list[Document]]:
    """The bounds of the queries that read the page, in the direction of the request."""
    cursors = [(key, request.after), (key.reversed(), request.before)]
    bounds = [(order, cursor) for order, cursor in cursors if cursor]
    if not key.missing_last:
        return [[beyond(order, cursor) for order, cursor in bounds]]
    present: list[Document] = [{key.field: {"$ne": None}}]
    missing: list[Document] = [{key.field: None}]
    present += [beyond(order, cursor) for order, cursor in bounds if cursor.value is not None]
    missing += [_id_beyond(order, cursor) for order, cursor in bounds if cursor.value is None]
    stretches = [] if request.after and request.after.value is None else [present]
    stretches += [] if request.before and request.before.value is not None else [missing]
    return stretches[::-1] if request.backwards else stretches


def cursor_of(key: SortKey, document: Mapping[str, Any]) -> Cursor:
    value: Any = document
    for part in key.field.split("."):
        value = value.get(part) if value is not None else None
    return Cursor(key.name, value, document["_id"])
