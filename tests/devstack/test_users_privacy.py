"""`whybuy users export` and `whybuy users erase`: the same by command, without a worker."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scoring.types import EventType
from shop.entities.interactions import Interaction
from shop.entities.users import Actor, Role, User
from shop.resources.texts import open_texts

if TYPE_CHECKING:
    from pathlib import Path

    from shop.settings import Settings
    from tests.fixtures.terminal import Terminal


async def test_a_user_is_exported_and_erased_by_command(terminal: Terminal, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "ann.json"
    async with open_texts(settings) as resources:
        await resources.stores.users.create(User("ann", "ann@shop.example", "Ann"))
        await resources.stores.users.create(User("boss", role=Role.STAFF))
        bought = Interaction("k", Actor("ann"), "tea", EventType.PURCHASE, datetime.now(UTC))
        await resources.stores.interactions.append([bought])

        ran = await terminal.run("users", "export", "ann", "--output", str(file))
        assert (ran.status, ran.stdout) == (0, f"{file} has all that is stored of ann.\n")
        document = json.loads(file.read_text())
        assert (document["user"]["email"], len(document["interactions"])) == ("ann@shop.example", 1)
        assert [entry["action"] for entry in document["auditEntries"]] == ["exportUserData"]

        ran = await terminal.run("users", "erase", "boss", "--yes")
        assert ran.status == 1
        assert "only shoppers are erased" in ran.said

        ran = await terminal.run("users", "erase", "ann", "--yes")
        assert ran.status == 0, ran.said
        assert "interactions: 1" in ran.said
        assert await resources.stores.users.get("ann") is None
        assert await resources.stores.interactions.count(Actor("ann")) == 0

        ran = await terminal.run("users", "erase", "ann", "--yes")
        counts = ran.stdout.rpartition("the receipt is ")[2].splitlines()[1:]
        assert counts == ["  audit_log: 1"], "the entry of this very order"
