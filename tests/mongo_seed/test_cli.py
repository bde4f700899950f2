"""The command line says what it did, and what to do when it could not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from mongo_seed.cli import main

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

    assert "Applied migrations: 1, 2, 3, 4." in migrated.output
    assert imported.exit_code == 0
    assert "1 new, 0 changed, 0 unchanged; 1 refused" in imported.output
    assert "line 3: price must be a decimal number" in imported.output
    assert strict.exit_code == 1
    assert "Written: 1 products." in exported.output
    assert (missing.exit_code, "No such file" in missing.output) == (1, True)
    assert await database["products"].count_documents({}) == 1


@pytest.mark.usefixtures("read_once")
async def test_seed_tells_its_progress_in_plain_lines(database: Database, settings: Settings) -> None:
    first = await run("seed", "--sample", "1", settings=settings)
    second = await run("seed", "--sample", "1", settings=settings)

    assert "interactions: " in first.output
    assert "Done in" in first.output
    assert "Already there" in second.output
    assert await database["users"].count_documents({}) == 4
