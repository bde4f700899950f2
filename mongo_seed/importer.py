"""Imports anybody's shop from files: streaming, repeatable, and no bad row stops the good ones."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from mongo_seed.fields import RowError
from mongo_seed.loading import Progress, chunks, pump
from mongo_seed.migrate import migrate
from mongo_seed.popularity import recompute_popularity
from mongo_seed.rows import (
    INTERACTION_COLUMNS,
    INTERACTION_REQUIRED,
    PRODUCT_COLUMNS,
    PRODUCT_REQUIRED,
    InteractionParser,
    ProductRow,
    parse_product,
)
from mongo_seed.table_files import RejectsFile, Row, TableReader
from shop.entities.people import User
from shop.store.database import BulkError, bulk_insert, bulk_replace, iterate
from shop.store.documents import category_to_document, interaction_to_document, user_to_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from shop.entities.catalog import Category
    from shop.entities.interactions import Interaction
    from shop.store.database import Database

_PRODUCT_BATCH = 2000
_INTERACTION_BATCH = 4000
_CHANGED_KEPT = 10_000
Document = dict[str, Any]


@dataclass(slots=True)
class TableReport:
    """What became of one file's rows: added + changed + unchanged + rejected = all of them."""

    file: Path
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    rejects_file: Path | None = None
    first_rejects: list[tuple[int, str]] = field(default_factory=list)  # up to 5 of (line, reason)


@dataclass(slots=True)
class ImportReport:
    """The outcome of an import. `changed_products` names products that existed and changed, 10,000 at most."""

    products: TableReport | None = None
    interactions: TableReport | None = None
    users_added: int = 0
    changed_products: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rejected(self) -> int:
        return sum(table.rejected for table in (self.products, self.interactions) if table)


async def import_files(
    database: Database,
    *,
    products: Path | None = None,
    interactions: Path | None = None,
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
        product_file = _opened(files, products, PRODUCT_COLUMNS, PRODUCT_REQUIRED)
        interaction_file = _opened(files, interactions, INTERACTION_COLUMNS, INTERACTION_REQUIRED)
        await migrate(database)
        if product_file:
            report.products = await _ProductImport(database, product_file, report.changed_products).run(progress)
        if interaction_file:
            importer = _InteractionImport(database, interaction_file)
            report.interactions = await importer.run(progress)
            report.users_added = importer.users_added
    await recompute_popularity(database)
    report.seconds = time.monotonic() - started
    return report


def _opened(
    files: ExitStack, path: Path | None, columns: tuple[str, ...], required: tuple[str, ...]
) -> TableReader | None:
    return None if path is None else files.enter_context(TableReader(path, columns, required))


@dataclass(slots=True)
class _Parsed[T]:
    """A batch: rows that could be read, and refused ones."""

    rows: list[tuple[Row, T]] = field(default_factory=list)
    refused: list[tuple[Row, str]] = field(default_factory=list)
