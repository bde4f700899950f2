"""Exports the shop to files in the form that the importer reads: importing them again gives the same shop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mongo_seed.files.rows import INTERACTIONS, PRODUCTS, interaction_row, product_row
from mongo_seed.files.tables import file_format
from mongo_seed.files.writer import TableWriter
from shop.store.admin import count_documents
from shop.store.database import iterate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mongo_seed.loading import Progress
    from shop.store.database import Database

_REPORT_EVERY = 5000


@dataclass(frozen=True, slots=True)
class ExportReport:
    """How many rows were written; None for what was not asked for."""

    products: int | None
    interactions: int | None


async def export_files(
    database: Database,
    *,
    products: Path | None = None,
    interactions: Path | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Writes products and interactions, ordered by id, in the format of each file's extension.

    A file appears under its name only when it is complete. Accounts, passwords and models stay in the
    database; of users only the ids of their interactions are written.
    Raises BadInputError when a file cannot be written, UnavailableError when MongoDB is away.
    """
    for path in filter(None, (products, interactions)):
        file_format(path)
    counts: list[int | None] = [None, None]
    if products:
        names = {
            category["_id"]: category["name"] async for category in iterate(database, "categories", fields=["name"])
        }

        def product(document: Mapping[str, Any]) -> dict[str, Any]:
            return product_row(document, names)

        counts[0] = await _write(database, "products", products, PRODUCTS.columns, product, progress)
    if interactions:
        counts[1] = await _write(
            database, "interactions", interactions, INTERACTIONS.columns, interaction_row, progress
        )
    return ExportReport(*counts)


async def _write(
    database: Database,
    collection: str,
    path: Path,
    columns: tuple[str, ...],
    row: Callable[[Mapping[str, Any]], dict[str, Any]],
    progress: Progress | None,
) -> int:
    total = await count_documents(database, collection)
    done = 0
    with TableWriter(path, columns) as writer:
        async for document in iterate(database, collection, sort=[("_id", 1)]):
            writer.write(row(document))
            done += 1
            if progress is not None and done % _REPORT_EVERY == 0:
                progress(collection, done, max(done, total))
    if progress is not None:
        progress(collection, done, done)
    return done
