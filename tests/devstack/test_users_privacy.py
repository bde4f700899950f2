"""`whybuy users export` and `whybuy users erase`: the same by command, without a worker."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mongo_seed.migrate import migrate
from scoring.types import EventType
from shop.entities.interactions import Interaction
from shop.entities.users import Actor, Role, User
from shop.resources.texts import open_texts

if TYPE_CHECKING:
    from shop.settings import Settings
    from shop.store.database import Database

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


async def whybuy(settings: Settings, folder: Path, *arguments: str) -> tuple[int, str]:
    """Runs the command; its status and what it printed."""
    environment = os.environ | {
        "MONGODB_URI": settings.mongo.uri or "",
        "MONGODB_DATABASE": settings.mongo.database,
        "REDIS_URL": settings.redis.url or "",
        "REDIS_PREFIX": settings.redis.prefix,
        "WHYBUY_DATA_DIR": str(folder / "data"),
        "PRIVACY_SETTLE_SECONDS": "0.1",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "devstack", "users", *arguments, env=environment, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode()


async def test_a_user_is_exported_and_erased_by_command(settings: Settings, database: Database, tmp_path: Path) -> None:
    await migrate(database)
    file = tmp_path / "ann.json"
    async with open_texts(settings) as resources:
        await resources.stores.users.create(User("ann", "ann@shop.example", "Ann"))
        await resources.stores.users.create(User("boss", role=Role.STAFF))
        bought = Interaction("k", Actor("ann"), "tea", EventType.PURCHASE, datetime.now(UTC))
        await resources.stores.interactions.append([bought])

        status, printed = await whybuy(settings, tmp_path, "export", "ann", "--output", str(file))
        assert (status, printed) == (0, f"{file} has all that is stored of ann.\n")
        document = json.loads(file.read_text())
        assert (document["user"]["email"], len(document["interactions"])) == ("ann@shop.example", 1)
        assert [entry["action"] for entry in document["auditEntries"]] == ["exportUserData"]

        status, printed = await whybuy(settings, tmp_path, "erase", "boss", "--yes")
        assert status == 1
        assert "only shoppers are erased" in printed

        status, printed = await whybuy(settings, tmp_path, "erase", "ann", "--yes")
        assert status == 0, printed
        assert "interactions: 1" in printed
        assert await resources.stores.users.get("ann") is None
        assert await resources.stores.interactions.count(Actor("ann")) == 0

        status, printed = await whybuy(settings, tmp_path, "erase", "ann", "--yes")
        counts = printed.rpartition("the receipt is ")[2].splitlines()[1:]
        assert counts == ["  audit_log: 1"], "the entry of this very order"
