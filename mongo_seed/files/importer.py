"""Imports anybody's shop from files: streaming, repeatable, and no bad row stops the good ones."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from mongo_seed.files.fields import RowError
from mongo_seed.files.gathering import Row
from mongo_seed.files.refusals import Refusals, RejectsFile
from mongo_seed.files.rows import INTERACTIONS, PRODUCTS, InteractionParser, InteractionRow, ProductRow, parse_product
from mongo_seed.files.tables import TableReader, open_tables
from mongo_seed.loading import chunks, store_batches
from mongo_seed.migrate import migrate
from mongo_seed.popularity import recompute_popularity
from shop.entities.users import User
from shop.store.bulk import BulkError, bulk_insert, bulk_replace
from shop.store.catalog import CatalogStore
from shop.store.database import iterate
from shop.store.documents import category_to_document, interaction_to_document, user_to_document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Set
    from pathlib import Path

    from mongo_seed.files.options import ReadOptions
    from mongo_seed.loading import Progress
    from shop.entities.catalog import Category
    from shop.entities.interactions import Interaction
    from shop.store.database import Database

_PRODUCT_BATCH = 2000
_INTERACTION_BATCH = 4000
_CHANGED_KEPT = 10_000
Document = dict[str, Any]
Refused = list[tuple[Row, RowError]]
T = TypeVar("T")


@dataclass(slots=True)
class TableReport:
    """What became of one file's rows: added + changed + unchanged + rejected = all of them.

    A product of several records is one row.
    """

    file: Path
    description: str = ""  # how it was read: `semicolons, Latin-1`
    guess: str = ""  # what may be wrong with that, as a sentence
    ignored: str = ""  # which of its columns mean nothing here, as a sentence
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refusals: Refusals = field(default_factory=Refusals)
    left_out: Refusals = field(default_factory=Refusals)  # single fields of rows that were taken without them
    rejects_file: Path | None = None
    rejects_problem: str = ""  # why there is none
    skipped: int = 0  # records that mean nothing here, such as a refund

    @property
    def rejected(self) -> int:
        return self.refusals.count

    @property
    def is_useless(self) -> bool:
        """Whether no row of it could be used."""
        return self.added + self.changed + self.unchanged == 0


@dataclass(slots=True)
class ImportReport:
    """The outcome of an import. `changed_products` names products that existed and changed, 10,000 at most."""

    products: TableReport | None = None
    interactions: TableReport | None = None
    users_added: int = 0
    changed_products: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def tables(self) -> list[TableReport]:
        return [table for table in (self.products, self.interactions) if table]

    @property
    def rejected(self) -> int:
        return sum(table.rejected for table in self.tables)


async def import_files(
    database: Database,
    *,
    products: Path | None = None,
    interactions: Path | None = None,
    options: ReadOptions | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Imports the files, products first, then recomputes what depends on them. Runs the migrations first.

    Importing the same files again changes nothing. Refused rows land in a rejects file beside each file.
    `progress` is told (stage, bytes read, bytes in all). Raises BadInputError when a file as a whole is unusable,
    UnavailableError when MongoDB is away; running it again is then safe.
    """
    started = time.monotonic()
    report = ImportReport()
    with ExitStack() as files:
        # Both are opened before anything is written: a wrong path costs nothing.
        product_file, interaction_file = open_tables(
            files, [(products, PRODUCTS), (interactions, INTERACTIONS)], options
        )
        await migrate(database)
        if product_file:
            store = _ProductImport(database, report.changed_products).store
            # One writer: two rows about one product must not overtake each other.
            report.products = await run_table(
                product_file, parse_product, store, progress, stage="products", size=_PRODUCT_BATCH, writers=1
            )
        if interaction_file:
            events = _InteractionImport(database)
            parse = InteractionParser().parse
            report.interactions = await run_table(
                interaction_file,
                parse,
                events.store,
                progress,
                stage="interactions",
                size=_INTERACTION_BATCH,
                writers=2,
            )
            report.users_added = events.users_added
    await recompute_popularity(database)
    report.seconds = time.monotonic() - started
    return report


def _parse_rows(reader: TableReader, parse: Callable[[Mapping[str, Any]], T]) -> Iterator[tuple[Row, T | RowError]]:
    """Each row with its parsed value, or with the reason why it is refused."""
    for row in reader:
        if row.values is None:
            yield row, row.error or RowError("no row")
            continue
        try:
            yield row, parse(row.values)
        except RowError as error:
            yield row, error


async def run_table(
    reader: TableReader,
    parse: Callable[[Mapping[str, Any]], T],
    store: Callable[[list[tuple[Row, T]], TableReport], Awaitable[Refused]],
    progress: Progress | None,
    *,
    stage: str,
    size: int,
    writers: int,
) -> TableReport:
    """Parses a file in batches; `store` puts one into the database, counts it, and returns what it refused."""
    report = TableReport(reader.path, reader.description, reader.guess)
    with RejectsFile(reader) as rejects:

        async def store_batch(batch: list[tuple[Row, T | RowError]]) -> int:
            good = [(row, parsed) for row, parsed in batch if not isinstance(parsed, RowError)]
            refused = [(row, parsed) for row, parsed in batch if isinstance(parsed, RowError)]
            refused += await store(good, report)
            for row, error in sorted(refused, key=lambda pair: pair[0].line):
                rejects.add(row, error)
            if progress is not None:
                progress(stage, reader.position, reader.size)
            return len(batch)

        await store_batches(chunks(_parse_rows(reader, parse), size), store_batch, writers=writers)
    report.ignored, report.refusals = reader.columns.ignored_text(), rejects.refusals
    report.rejects_problem = rejects.problem
    report.rejects_file = rejects.path if report.rejected and not rejects.problem else None
    report.skipped = reader.skipped
    return report


class _ProductImport:
    def __init__(self, database: Database, changed: list[str]) -> None:
        self._database = database
        self._changed = changed
        self._categories: set[str] = set()

    async def store(self, batch: list[tuple[Row, ProductRow]], report: TableReport) -> Refused:
        ids = [parsed.id for _, parsed in batch]
        existing = {document["_id"]: document async for document in iterate(self._database, "products", by_id(ids))}
        await self._add_categories(parsed.categories for _, parsed in batch)
        documents: dict[str, Document] = {}
        changing: list[tuple[Row, str]] = []
        now = datetime.now(UTC)
        for row, parsed in batch:  # a later row about the same product wins
            if parsed.left_out:
                report.left_out.add(row, parsed.left_out)
            before = documents.get(parsed.id) or existing.get(parsed.id)
            after = parsed.onto(before)
            if after == before:
                report.unchanged += 1
                continue
            if before is None and "createdAt" not in parsed.given:
                after["createdAt"] = now
            documents[parsed.id] = {**after, "updatedAt": now}
            changing.append((row, parsed.id))
        failed = await self._write(list(documents.values()))
        self._count(report, documents.keys() - failed.keys(), existing.keys(), len(changing))
        refused = [(row, _not_stored(failed[id_])) for row, id_ in changing if id_ in failed]
        report.changed -= len(refused)
        return refused

    async def _write(self, documents: list[Document]) -> dict[str, str]:
        """Returns which ids were refused, and why."""
        try:
            await bulk_replace(self._database, "products", documents)
        except BulkError as error:
            return {documents[position]["_id"]: reason for position, reason in error.failures}
        return {}

    def _count(self, report: TableReport, written: Set[str], existing: Set[str], rows: int) -> None:
        added = len(written - existing)
        report.added += added
        report.changed += rows - added
        self._changed.extend(sorted(written & existing)[: _CHANGED_KEPT - len(self._changed)])

    async def _add_categories(self, chains: Iterable[tuple[Category, ...]]) -> None:
        new = {category.id: category for chain in chains for category in chain if category.id not in self._categories}
        await bulk_insert(self._database, "categories", [category_to_document(category) for category in new.values()])
        self._categories.update(new)


class _InteractionImport:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._catalog = CatalogStore(database)
        self._products: dict[tuple[bool, str], str] = {}  # the id of a product by (named by its SKU, the name)
        self._users: set[str] = set()
        self.users_added = 0

    async def store(self, batch: list[tuple[Row, InteractionRow]], report: TableReport) -> Refused:
        await self._find_products({(parsed.by_sku, parsed.event.product_id) for _, parsed in batch})
        good, refused = self._with_products(batch)
        await self._add_users(event for _, event in good)
        documents = [interaction_to_document(event) for _, event in good]
        try:
            added = await bulk_insert(self._database, "interactions", documents)
        except BulkError as error:
            refused += [(good[position][0], _not_stored(reason)) for position, reason in error.failures]
            added = error.stored
        report.added += added
        report.unchanged += len(batch) - len(refused) - added
        return refused

    async def _find_products(self, named: set[tuple[bool, str]]) -> None:
        """A name that is no product's id may be a SKU."""
        ids = sorted(name for by_sku, name in named - self._products.keys() if not by_sku)
        async for product in iterate(self._database, "products", by_id(ids), fields=[]):
            self._products[False, product["_id"]] = product["_id"]
        left = named - self._products.keys()
        found = await self._catalog.by_skus({name for _, name in left}) if left else {}
        self._products.update({(by_sku, name): found[name].id for by_sku, name in left if name in found})

    def _with_products(self, batch: list[tuple[Row, InteractionRow]]) -> tuple[list[tuple[Row, Interaction]], Refused]:
        good: list[tuple[Row, Interaction]] = []
        refused: Refused = []
        for row, (event, by_sku) in batch:
            id_ = self._products.get((by_sku, event.product_id))
            if id_ is None:
                named = f"SKU {event.product_id!r}" if by_sku else f"id {event.product_id!r} (nor that SKU)"
                message = f"no product has the {named}; import it first"
                refused.append((row, RowError(message, f"no product, {by_sku}")))
            else:
                good.append((row, event if id_ == event.product_id else replace(event, product_id=id_)))
        return good, refused

    async def _add_users(self, events: Iterable[Interaction]) -> None:
        """Users who are named for the first time; a user is as old as the first event here."""
        new: dict[str, User] = {}
        for event in events:
            id_ = event.actor.user_id
            if id_ is not None and id_ not in self._users:
                new.setdefault(id_, User(id_, created_at=event.at))
        # Not `+=` with an await on its right: two writers would overwrite each other's sum.
        added = await bulk_insert(self._database, "users", [user_to_document(user) for user in new.values()])
        self.users_added += added
        self._users.update(new)


def _not_stored(reason: str) -> RowError:
    """What the database refused: the reason, without the values in it, is the kind."""
    return RowError(reason, reason.split("'", 1)[0])


def by_id(ids: Iterable[str]) -> Document:
    return {"_id": {"$in": list(ids)}}
