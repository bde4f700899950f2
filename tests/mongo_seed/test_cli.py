"""The command line says what it did, and what to do when it could not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from mongo_seed.cli import main
from mongo_seed.migrate import MIGRATIONS

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from shop.settings import Settings
    from shop.store.database import Database


async def run(*arguments: str, settings: Settings | None = None) -> Result:
    """Runs the command in a thread, because it starts an event loop of its own."""
    env: dict[str, str | None] = {"MONGODB_URI": None, "MONGODB_DATABASE": None}
    if settings is not None:
        env = {"MONGODB_URI": settings.mongo.uri, "MONGODB_DATABASE": settings.mongo.database}
    return await asyncio.to_thread(CliRunner().invoke, main, list(arguments), env=env)


@pytest.mark.parametrize("command", ["seed", "migrate", "import", "export"])
async def test_every_command_explains_itself(command: str) -> None:
    result = await run(command, "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output


@pytest.mark.parametrize("command", [("seed",), ("migrate",), ("import", "--products", "p.csv")])
async def test_without_a_database_it_says_how_to_get_one(command: tuple[str, ...]) -> None:
    result = await run(*command)
    assert result.exit_code == 1
    assert "MONGODB_URI is not set" in result.output
    assert "whybuy seed" in result.output


async def test_import_needs_a_file() -> None:
    result = await run("import")
    assert result.exit_code == 2
    assert "--products" in result.output


async def test_from_migration_to_export(database: Database, settings: Settings, tmp_path: Path) -> None:
    products = tmp_path / "p.csv"
    products.write_text("id,price\ntea,3.50\ncup,abc\n", encoding="utf-8")

    migrated = await run("migrate", settings=settings)
    imported = await run("import", "--products", str(products), settings=settings)
    strict = await run("import", "--products", str(products), "--strict", settings=settings)
    exported = await run("export", "--products", str(tmp_path / "out.jsonl"), settings=settings)
    missing = await run("import", "--products", str(tmp_path / "nope.csv"), settings=settings)

    versions = ", ".join(str(migration.version) for migration in MIGRATIONS)
    assert f"Applied migrations: {versions}." in migrated.output
    assert imported.exit_code == 0
    assert "1 new, 0 changed, 0 unchanged; 1 refused" in imported.output
    assert "line 3: price: A price is a decimal number" in imported.output
    assert strict.exit_code == 1
    assert "Written: 1 products." in exported.output
    assert (missing.exit_code, "No such file" in missing.output) == (1, True)
    assert await database["products"].count_documents({}) == 1


async def test_a_file_of_which_nothing_could_be_used_is_an_error(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    products, orders, none = tmp_path / "p.csv", tmp_path / "i.csv", tmp_path / "none.csv"
    products.write_bytes("article;prise\ntea;Thé\ncup;3\n".encode("latin-1"))
    orders.write_text("user_id,product_id,timestamp\nanna,tea,20240315\nben,tea,20240316\ncleo,tea,soon\n", "utf-8")
    none.write_text("id,name\n", encoding="utf-8")

    mapped = await run("import", "--products", str(products), "--map", "id=article", settings=settings)
    useless = await run("import", "--interactions", str(orders), settings=settings)
    empty = await run("import", "--products", str(none), settings=settings)
    close = await run("import", "--products", str(products), settings=settings)

    assert mapped.exit_code == 0
    assert "p.csv (semicolons, Latin-1): 2 new" in mapped.output
    assert "Ignored: prise. Did you mean 'price' by 'prise'? Then say --map price=prise." in mapped.output
    assert useless.exit_code == 1
    assert "line 2 and 1 more: timestamp: 20240315 looks like a date" in useless.output
    assert "line 4: timestamp: Unix seconds or RFC 3339" in useless.output
    assert "Nothing of it could be used: every row was refused." in useless.output
    assert (empty.exit_code, "it has no rows" in empty.output) == (1, True)
    assert (close.exit_code, "the column 'id' is missing" in close.output) == (1, True)
    assert await database["products"].count_documents({}) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--map", "user_id"), "write our column, =, and the file's"),
        (("--separator", "ab"), "one character, or comma, semicolon, tab, pipe"),
        (("--encoding", "latin-99"), "utf-8, latin-1, cp1252 and utf-16 are"),
    ],
)
async def test_options_that_make_no_sense(options: tuple[str, ...], said: str) -> None:
    result = await run("import", "--products", "p.csv", *options)
    assert (result.exit_code, said in " ".join(result.output.split())) == (2, True), result.output


@pytest.mark.usefixtures("read_once")
async def test_seed_tells_its_progress_in_plain_lines(database: Database, settings: Settings) -> None:
    first = await run("seed", "--sample", "1", settings=settings)
    second = await run("seed", "--sample", "1", settings=settings)

    assert "interactions: " in first.output
    assert "Done in" in first.output
    assert "Already there" in second.output
    assert await database["users"].count_documents({}) == 4
