"""What MongoDB holds of one shopper, as `shop/privacy/places.py` says: read, deleted, or made nameless."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
from pymongo import UpdateOne

from shop.entities.privacy import Shopper
from shop.privacy.messages import ACTOR_FIELD, USER_FIELD
from shop.privacy.places import ABOUT_THINGS, Erasing, Finder, Place
from shop.store.database import Database, Document, in_transaction, iterate, store_errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.entities.privacy import Erasure
    from shop.privacy.places import Found
    from shop.store.database import Session

_READ = 500  # documents that are in memory
_BATCH = 2_000  # documents of one transaction
_SESSIONS_AT_ONCE = 5_000  # names in one query


class ShopperDataStore:
    """All methods raise UnavailableError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def shopper(self, user_id: str) -> Shopper:
        """The user with all sessions that are the user's now."""
        owned = iterate(self._database, "session_owners", {"userId": user_id}, fields=[])
        return Shopper(user_id, frozenset([document["_id"] async for document in owned]))

    async def documents(self, place: Place, shopper: Shopper) -> AsyncIterator[Document]:
        """The shopper's documents of a place as they are stored, each once."""
        seen: set[Any] = set()
        queries = _queries(place, shopper)
        for query in queries:
            async for document in iterate(self._database, place.collection, query, batch_size=_READ):
                if len(queries) > 1:
                    if document["_id"] in seen:
                        continue
                    seen.add(document["_id"])
                yield document

    async def erase(self, place: Place, shopper: Shopper, erasure: Erasure) -> int:
        """Erases what is there, in transactions that also count it on the receipt. Returns how much it was."""
        erased = 0
        for query in _queries(place, shopper):
            while documents := await self._some(place, query):
                erased += await self._erase_some(place, query, documents, shopper, erasure)
        return erased

    async def _some(self, place: Place, query: Document) -> list[Document]:
        fields = {"_id": 1} if place.erasing is Erasing.DELETE else None
        with store_errors():
            found: list[Document] = await self._database[place.collection].find(query, fields).to_list(_BATCH)
        return found

    async def _erase_some(
        self, place: Place, query: Document, documents: list[Document], shopper: Shopper, erasure: Erasure
    ) -> int:
        collection = self._database[place.collection]
        ids = [document["_id"] for document in documents]
        renamed = [] if place.erasing is Erasing.DELETE else [_nameless(each, shopper, erasure) for each in documents]

        async def write(session: Session) -> int:
            if place.erasing is Erasing.DELETE:
                changed = (await collection.delete_many({"_id": {"$in": ids}, **query}, session=session)).deleted_count
            else:
                changes = [
                    UpdateOne({"_id": id_, **query}, {"$set": change}) for id_, change in zip(ids, renamed, strict=True)
                ]
                changed = (await collection.bulk_write(changes, session=session)).modified_count
            counted = {"$inc": {f"counts.{place.collection}": changed}}
            await self._database["erasures"].update_one({"_id": erasure.id}, counted, session=session)
            return int(changed)

        return await in_transaction(self._database, write)


def _queries(place: Place, shopper: Shopper) -> list[Document]:
    return [query for found in place.found for query in _matching(found, shopper)]


def _matching(found: Found, shopper: Shopper) -> list[Document]:
    sessions, keys = sorted(shopper.sessions), sorted(shopper.actor_keys)
    match found.by:
        case Finder.USER:
            return [{found.field: shopper.user_id}]
        case Finder.ACTOR | Finder.AUDITED:
            is_audited = found.by is Finder.AUDITED
            names = [shopper.user_id, *keys] if is_audited else keys
            also: Document = {"action": {"$nin": list(ABOUT_THINGS)}} if is_audited else {}
            return [{found.field: {"$in": part}, **also} for part in _parts(names)]
        case Finder.VISIT:
            return [{found.field: {"$in": part}, "userId": None} for part in _parts(sessions)]
        case Finder.MESSAGE:
            about_user: Document = {f"{found.field}.{USER_FIELD}": shopper.user_id}
            return [about_user, *({f"{found.field}.{ACTOR_FIELD}": {"$in": part}} for part in _parts(keys))]
        case Finder.MESSAGE_TEXT:
            named = [_field(USER_FIELD, shopper.user_id), *(_field(ACTOR_FIELD, key) for key in keys)]
            return [{found.field: {"$regex": "|".join(part)}} for part in _parts(named, 100)]


def _field(name: str, value: str) -> str:
    """A field of a JSON text, as a regular expression."""
    return re.escape(orjson.dumps({name: value}).decode()[1:-1])


def _parts(names: list[str], size: int = _SESSIONS_AT_ONCE) -> list[list[str]]:
    return [names[start : start + size] for start in range(0, len(names), size)]


def _nameless(document: Document, shopper: Shopper, erasure: Erasure) -> Document:
    """The fields that change. Of an entry about the shopper no detail stays: there may be the shopper's own words."""
    name, keys = f"erased:{erasure.id}", shopper.actor_keys
    names = frozenset({shopper.user_id, *shopper.sessions})
    is_about_thing = document.get("action") in ABOUT_THINGS
    is_about_shopper = not is_about_thing and document.get("subject") in {shopper.user_id, *keys}
    changed: Document = {}
    for field, value in document.items():
        if field == "_id" or (is_about_thing and field == "subject"):
            continue
        if field == "details" and is_about_shopper:
            changed[field] = {}
        elif (fresh := _renamed(value, names, keys, name)) != value:
            changed[field] = fresh
    return changed


def _renamed(value: Any, names: frozenset[str], keys: frozenset[str], name: str) -> Any:
    """Without the shopper's id and actor keys, also deep inside. Ids of events begin with an actor key."""
    if isinstance(value, dict):
        return {_renamed(key, names, keys, name): _renamed(inner, names, keys, name) for key, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(inner, names, keys, name) for inner in value]
    if not isinstance(value, str):
        return value
    beginnings = (value[:at] for at, letter in enumerate(value) if letter == ":")
    return name if value in names or value in keys or not keys.isdisjoint(beginnings) else value
