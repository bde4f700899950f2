"""Fills a database with the demo shop. Killed at any moment, the next run goes on where this one stopped."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from mongo_seed.complete_journey import demo
from mongo_seed.complete_journey.reader import (
    Journey,
    Selection,
    categories,
    interaction_batches,
    product_documents,
    read_journey,
    select,
    user_documents,
)
from mongo_seed.loading import Progress, chunks, store_batches
from mongo_seed.migrate import RECORDS, migrate
from mongo_seed.popularity import recompute_popularity
from shop.errors import BadInputError, UnavailableError
from shop.store.admin import count_documents
from shop.store.bulk import bulk_insert
from shop.store.database import aggregate, iterate, put_document
from shop.store.documents import category_to_document
from shop.store.lease import lease

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shop.store.database import Database

Document = dict[str, Any]

_RECORD = "seed-complete-journey"
_BATCH = 8000
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What the database holds of the demo shop now, and what this run did for it."""

    products: int
    categories: int
    users: int
    interactions: int
    inserted: int  # documents that this run added; 0 if all was there
    skipped: int  # lines of the data set that name a product its catalogue lacks
    seconds: float
    already_complete: bool


async def is_seeded(database: Database) -> bool:
    """Whether the demo shop, or a sample of it, is completely there."""
    record = await _record(database)
    return record is not None and record["completedAt"] is not None


async def is_begun(database: Database) -> bool:
    """Whether loading the demo shop was ever started here; it must not be mixed with a shop of the user's own."""
    return await _record(database) is not None


async def refuse_own_shop(database: Database) -> None:
    """Raises BadInputError when there are products that are not the demo shop's."""
    products = await count_documents(database, "products")
    if products and not await is_begun(database):
        raise BadInputError(
            f"This database holds a shop of its own ({products:,} products), and the demo shop would be mixed into it. "
            "`whybuy reset` deletes what the local stack holds; --mix loads the demo shop beside your own all the same."
        )


async def seed(
    database: Database,
    *,
    sample: int | None = None,
    keep_dates: bool = False,
    mix: bool = False,
    progress: Progress | None = None,
) -> SeedReport:
    """Loads the Complete Journey: all of it, or the first `sample` households. Runs the migrations first.

    All times move by whole weeks, so that the newest purchase lies within the last seven days, unless `keep_dates`.
    Returns at once when it is all there. A larger sample adds to a smaller one; a smaller one asked for later changes
    nothing. A database with a shop of its own is left alone, unless `mix`.

    Raises BadInputError, DataSetError or UnavailableError; running it again is always safe.
    """
    if sample is not None and sample < 1:
        raise BadInputError("A sample needs at least 1 household.", field="sample")
    started = time.monotonic()
    await migrate(database)
    async with lease(database, RECORDS, f"{_RECORD}-lock"):
        record = await _record(database)
        if not mix:
            await refuse_own_shop(database)
        if record and record["keepDates"] != keep_dates:
            dates = "original" if record["keepDates"] else "moved"
            raise BadInputError(f"This database holds the demo data with {dates} dates. Empty it first to change that.")
        if record and record["completedAt"] and _covers(record["sample"], sample):
            return SeedReport(**record["counts"], inserted=0, seconds=time.monotonic() - started, already_complete=True)
        return await _load(database, _begun(record, sample, keep_dates=keep_dates), progress, started)


def _covers(loaded: int | None, wanted: int | None) -> bool:
    return loaded is None or (wanted is not None and wanted <= loaded)


def _begun(record: Document | None, sample: int | None, *, keep_dates: bool) -> Document:
    """What to load: the larger of what was begun before and what is asked for now, with the dates fixed at first."""
    if record is None:
        return {"_id": _RECORD, "sample": sample, "keepDates": keep_dates, "weeks": None, "grown": False}
    larger = record["sample"] if _covers(record["sample"], sample) else sample
    return {**record, "sample": larger, "grown": record["grown"] or larger != record["sample"]}


async def _record(database: Database) -> Document | None:
    async for record in iterate(database, RECORDS, {"_id": _RECORD}):
        return record
    return None


async def _load(database: Database, record: Document, progress: Progress | None, started: float) -> SeedReport:
    journey = await asyncio.to_thread(read_journey)
    now = datetime.now(UTC)
    if record["weeks"] is None:
        record["weeks"] = 0 if record["keepDates"] else journey.weeks_until(now)
    begun = {**record, "startedAt": now, "completedAt": None}
    await put_document(database, RECORDS, begun)
    selection = await asyncio.to_thread(select, journey, record["sample"])
    loader = _Loader(database, progress)
    tree = await asyncio.to_thread(categories, journey, selection.products)
    users = list(user_documents(selection, record["weeks"]))
    await loader.load("categories", len(tree), chunks(map(category_to_document, tree), _BATCH))
    products = product_documents(journey, selection, record["weeks"], now)
    await loader.load("products", len(selection.products), chunks(products, _BATCH // 4))
    await loader.load("users", len(users), chunks(users, _BATCH))
    await _load_interactions(loader, journey, selection, begun)
    if record["grown"]:
        await recompute_popularity(database)
    counts = {
        "products": len(selection.products),
        "categories": len(tree),
        "users": len(users),
        "interactions": len(selection.lines),
        "skipped": journey.skipped,
    }
    await put_document(
        database,
        RECORDS,
        {**record, "startedAt": now, "completedAt": datetime.now(UTC), "grown": False, "counts": counts},
    )
    return SeedReport(**counts, inserted=loader.inserted, seconds=time.monotonic() - started, already_complete=False)


class _Loader:
    """Inserts what is new and reports the progress."""

    def __init__(self, database: Database, progress: Progress | None) -> None:
        self.database = database
        self._progress = progress
        self.inserted = 0

    async def load(self, stage: str, total: int, batches: Iterable[list[Document]], done: int = 0) -> None:
        def stored(number: int) -> None:
            nonlocal done
            done += number
            if self._progress is not None:
                self._progress(stage, done, total)

        async def store(batch: list[Document]) -> int:
            # Lines are counted at the end by a majority read, so until then the primary's acknowledgement is enough.
            return await bulk_insert(self.database, stage, batch, bulk=stage == "interactions")

        self.inserted += await store_batches(batches, store, stored=stored)


async def _load_interactions(loader: _Loader, journey: Journey, selection: Selection, record: Document) -> None:
    """Loads incomplete households, then counts again: a failover in between may have rolled lines back."""
    lines = selection.lines
    numbers, counts = np.unique(lines.household, return_counts=True)
    expected = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    for _ in range(_ATTEMPTS):
        stored = await _stored_lines(loader.database)
        complete = frozenset(number for number, count in expected.items() if stored.get(number) == count)
        if len(complete) == len(expected):
            return
        done = sum(expected[number] for number in complete)
        batches = interaction_batches(journey, lines, record["weeks"], _BATCH, complete)
        await loader.load("interactions", len(lines), batches, done)
        # Once the majority has this write it has all before it, and the count reads what the majority has.
        await put_document(loader.database, RECORDS, record)
    if await _stored_lines(loader.database) != expected:
        raise UnavailableError("MongoDB", "Lines were lost in a failover; run the same command again.")


async def _stored_lines(database: Database) -> dict[int, int]:
    """Lines of the data set per household, as a majority of the replica set has them."""
    prefix = demo.HOUSEHOLD_PREFIX
    pipeline: list[Document] = [
        {"$match": {"_id": {"$regex": f"^u:{prefix}[0-9]+:cj-"}}},
        {"$group": {"_id": "$userId", "lines": {"$sum": 1}}},
    ]
    rows = aggregate(database, "interactions", pipeline)
    return {int(row["_id"].removeprefix(prefix)): row["lines"] async for row in rows}
