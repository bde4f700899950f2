"""`python -m mongo_seed`: migrate, seed, import and export. Parses and prints; the work is in the modules."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mongo_seed.files.options import parsed_options, reading_options
from mongo_seed.files.refusals import describe_refusals
from shop.errors import ShopError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from mongo_seed.files.exporter import ExportReport
    from mongo_seed.files.importer import ImportReport, TableReport
    from shop.store.database import Database

T = TypeVar("T")
_FILE = click.Path(path_type=Path, dir_okay=False)
_NO_URI = "MONGODB_URI is not set. Set it to your database, or run `whybuy seed`, which starts a local one."

_BESIDE_DEMO = (
    "This database holds the demo shop too, so both are one catalogue. To have your own alone, `whybuy reset` "
    "deletes what the local stack holds; then import again."
)


@asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    from shop.setting_files import read_settings
    from shop.settings import MongoSettings
    from shop.store.database import connect, ping

    settings = read_settings(MongoSettings)
    if not settings.uri:
        raise click.ClickException(_NO_URI)
    client, database = connect(settings)
    try:
        await ping(database)
        yield database
    finally:
        client.close()


def _run(work: Callable[[Database], Coroutine[None, None, T]]) -> T:
    async def connected() -> T:
        async with _database() as database:
            return await work(database)

    try:
        return asyncio.run(connected())
    except ShopError as error:
        raise click.ClickException(error.message) from error
    except KeyboardInterrupt as error:
        raise click.ClickException("Stopped. Running the same command again goes on from here.") from error


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Prepare, fill, import and export the shop's database, the one that MONGODB_URI names."""


@main.command()
def migrate() -> None:
    """Create or update collections, validators and indexes. Safe to run at any time."""
    from mongo_seed.migrate import migrate as run

    applied = _run(run)
    click.echo(f"Applied migrations: {', '.join(map(str, applied))}." if applied else "The database is up to date.")


@main.command()
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Only N of the 2,469 households.")
@click.option("--keep-dates", is_flag=True, help="Keep the dates of 2017 instead of moving them up to today.")
@click.option("--mix", is_flag=True, help="Load it beside a shop of your own, into the same catalogue.")
def seed(sample: int | None, *, keep_dates: bool, mix: bool) -> None:
    """Load the demo shop: a year of real grocery shopping. Killed half way, run it again."""
    from mongo_seed.console import progress_display
    from mongo_seed.seed import seed as run

    with progress_display() as progress:
        report = _run(lambda database: run(database, sample=sample, keep_dates=keep_dates, mix=mix, progress=progress))
    content = f"{report.products:,} products, {report.users:,} users, {report.interactions:,} purchases"
    if report.already_complete:
        click.echo(f"Already there: {content}.")
    else:
        click.echo(f"Done in {report.seconds:.0f} s: {content}.")


@main.command("import")
@click.option("--products", type=_FILE, help="CSV or JSON lines (.csv, .jsonl, either with .gz).")
@click.option("--interactions", type=_FILE, help="CSV or JSON lines (.csv, .jsonl, either with .gz).")
@reading_options
@click.option("--strict", is_flag=True, help="Exit with 1 when a row was refused (the good rows are in all the same).")
def import_(products: Path | None, interactions: Path | None, *, strict: bool, **reading: Any) -> None:
    """Load your own products and interactions; docs/data.md lists the columns.

    Separator, encoding and the program that made a file are found out, and said. A bad row does not stop the rest: it
    lands in p.rejects.csv beside p.csv, with its line number and the reason. A file of which no row could be used is an
    error. Importing a file again changes nothing.
    """
    from mongo_seed.announce import announce_import
    from mongo_seed.console import progress_display
    from mongo_seed.files.importer import import_files
    from mongo_seed.seed import is_begun
    from shop.settings import Settings

    if not products and not interactions:
        raise click.UsageError("Name a file: --products, --interactions, or both.")
    options = parsed_options(reading)
    with progress_display(in_bytes=True) as progress:
        report = _run(
            lambda database: import_files(
                database, products=products, interactions=interactions, options=options, progress=progress
            )
        )
    click.echo(describe_import(report))
    if _run(is_begun):
        click.echo(_BESIDE_DEMO)
    asyncio.run(announce_import(Settings(), report.changed_products))
    if any(table.is_useless for table in report.tables) or (strict and report.rejected):
        raise SystemExit(1)


@main.command()
@click.option("--products", type=_FILE, help="Where to write the products (.csv, .jsonl, either with .gz).")
@click.option("--interactions", type=_FILE, help="Where to write the interactions (.csv, .jsonl, either with .gz).")
def export(products: Path | None, interactions: Path | None) -> None:
    """Write products and interactions in the form that `import` reads."""
    from mongo_seed.console import progress_display
    from mongo_seed.files.exporter import export_files

    if not products and not interactions:
        raise click.UsageError("Name a file: --products, --interactions, or both.")
    with progress_display() as progress:
        report = _run(
            lambda database: export_files(database, products=products, interactions=interactions, progress=progress)
        )
    click.echo(describe_export(report))


def describe_import(report: ImportReport) -> str:
    """The summary that a person reads after an import."""
    lines = [line for table in report.tables for line in describe_table(table)]
    if report.users_added:
        lines.append(f"{report.users_added:,} users were named for the first time and created.")
    return "\n".join([*lines, f"Done in {report.seconds:.1f} s."])


def describe_table(table: TableReport) -> list[str]:
    counts = (("new", table.added), ("changed", table.changed), ("unchanged", table.unchanged))
    outcome = ", ".join(f"{count:,} {word}" for word, count in counts)
    if table.rejected:
        outcome += f"; {table.rejected:,} refused{f', see {table.rejects_file}' if table.rejects_file else ''}:"
    elif table.is_useless and not table.skipped:
        outcome += "; it has no rows."
    else:
        outcome += "."
    lines = [f"{table.file} ({table.description}): {outcome}"]
    lines += [f"  {table.guess}"] if table.guess else []
    lines += [f"  {line}" for line in describe_refusals(table.refusals)]
    lines += [f"  {table.rejects_problem}."] if table.rejects_problem else []
    if table.skipped:
        lines.append(f"  {table.skipped:,} records mean nothing here, such as refunds or events of another kind.")
    if table.left_out.count:
        lines.append(f"  Taken all the same, without a field: {table.left_out.count:,}:")
        lines += [f"    {line}" for line in describe_refusals(table.left_out)]
    if table.rejected and table.is_useless:
        lines.append("  Nothing of it could be used: every row was refused.")
    return [*lines, *([f"  {table.ignored}"] if table.ignored else [])]


def describe_export(report: ExportReport) -> str:
    """The summary that a person reads after an export."""
    counts = (("products", report.products), ("interactions", report.interactions))
    return f"Written: {', '.join(f'{count:,} {name}' for name, count in counts if count is not None)}."
