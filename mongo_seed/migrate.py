"""Versioned migrations: every database gets each of them once, however many processes start at the same time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mongo_seed.collections import COLLECTIONS
from shop.search.fields import search_fields
from shop.store.admin import ensure_collection
from shop.store.bulk import bulk_insert, bulk_set
from shop.store.database import delete_documents, iterate, put_document, set_fields
from shop.store.lease import lease

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mongo_seed.loading import Progress
    from shop.store.database import Database, Document

RECORDS = "schema_migrations"
_BATCH = 2000


class Collections:
    """The validators and indexes of `mongo_seed.collections`. A run brings a database in line with them once, when a
    migration first needs that; no migration changes them again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ensured = False

    async def ensure(self) -> None:
        if self._ensured:
            return
        await asyncio.gather(
            *(ensure_collection(self._database, spec.name, spec.validator, spec.indexes) for spec in COLLECTIONS)
        )
        self._ensured = True


async def _only_collections(_database: Database, collections: Collections) -> None:
    await collections.ensure()


async def _one_insight_each(database: Database, collections: Collections) -> None:
    """Before, an insight was stored under its evidence: these are deleted, and written again when they are asked for.
    Activations of models had no subject in the audit log."""
    await collections.ensure()
    await delete_documents(database, "insights", {"edition": {"$exists": False}})
    old = {"_id": {"$type": "objectId"}}
    entries = [
        {
            "_id": str(entry["_id"]),
            "at": entry["at"],
            "action": "activateModel",
            "actorId": entry["actorId"],
            "subject": entry["version"],
            "details": {"previous": entry["previous"]},
        }
        async for entry in iterate(database, "audit_log", old)
    ]
    await bulk_insert(database, "audit_log", entries)
    await delete_documents(database, "audit_log", old)


async def _skus_of_variants(database: Database, collections: Collections) -> None:
    """Products have a list of them."""
    await collections.ensure()
    await set_fields(database, "products", {"variantSkus": {"$exists": False}}, {"variantSkus": []})


async def _words_of_products(database: Database, collections: Collections) -> None:
    """Products have the words that find them, in place of an index of text."""
    changes: list[tuple[str, Document]] = []
    async for product in iterate(database, "products", {"search": {"$exists": False}}):
        changes.append((product["_id"], {"search": search_fields(product)}))
        if len(changes) == _BATCH:
            await bulk_set(database, "products", changes)
            changes = []
    await bulk_set(database, "products", changes)
    await collections.ensure()  # an index over what is there is built faster than it grows


async def _insights_by_language(database: Database, collections: Collections) -> None:
    """Before, an insight was stored under its shopper alone: these are deleted, and written again when they are asked
    for. Nobody could state a language, so that "en" was no statement."""
    await collections.ensure()
    await delete_documents(database, "insights", {"$expr": {"$eq": ["$_id", "$userId"]}})
    await set_fields(database, "users", {"locale": "en"}, {"locale": None})


@dataclass(frozen=True, slots=True)
class Migration:
    """One step; `apply` must be able to run again after it was killed half way."""

    version: int
    name: str
    apply: Callable[[Database, Collections], Awaitable[None]]


# Append only. Validators and indexes need no entry: every run brings them in line with `mongo_seed.collections`.
MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "collections with validators and indexes", _only_collections),
    Migration(2, "one insight for each shopper, one form of audit entries", _one_insight_each),
    Migration(3, "SKUs of variants", _skus_of_variants),
    Migration(4, "words of products", _words_of_products),
    Migration(5, "insights in each language", _insights_by_language),
)


async def migrate(database: Database, progress: Progress | None = None) -> list[int]:
    """Brings the database to the newest version and returns the versions that this call applied, oldest first.

    Idempotent. When several processes call it at once, one works and the others wait for it.
    `progress` is told (stage, done, total). Raises UnavailableError when MongoDB is away.
    """
    async with lease(database, RECORDS, "migration-lock"):
        done = {record["_id"] async for record in iterate(database, RECORDS, {"_id": {"$type": "number"}})}
        pending = [migration for migration in MIGRATIONS if migration.version not in done]
        collections = Collections(database)
        if not pending:
            await collections.ensure()
        for position, migration in enumerate(pending, start=1):
            await migration.apply(database, collections)
            record = {"_id": migration.version, "name": migration.name, "appliedAt": datetime.now(UTC)}
            await put_document(database, RECORDS, record)
            if progress is not None:
                progress("migrations", position, len(pending))
    return [migration.version for migration in pending]
