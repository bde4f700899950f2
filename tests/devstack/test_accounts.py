"""The commands for people and programs that get in."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING

import pytest

from mongo_seed.migrate import migrate
from shop.entities.users import Role
from shop.errors import UnauthenticatedError
from shop.resources.accounts import AccountResources, open_accounts
from shop.services.sign_ins import Door
from tests.fixtures.accounts import signing_keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from shop.settings import Settings
    from shop.store.database import Database

HERE = Door("127.0.0.1")
PASSWORD = "three words in a row"


class Terminal:
    """Runs commands on the databases of a test."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._environment = {
            **os.environ,
            "MONGODB_URI": settings.mongo.uri or "",
            "MONGODB_DATABASE": settings.mongo.database,
            "REDIS_URL": settings.redis.url or "",
            "REDIS_PREFIX": settings.redis.prefix,
            "WHYBUY_DATA_DIR": str(folder),
            "AUTH_SIGNING_KEYS": str(signing_keys()),
            "COLUMNS": "200",
        }

    async def run(self, *arguments: str, typed: str = "") -> tuple[int, str]:
        """Its exit status, and what it printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "devstack", *arguments, env=self._environment,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate(typed.encode())
        return process.returncode or 0, out.decode() + err.decode()


@pytest.fixture
async def entrance(settings: Settings, database: Database) -> AsyncIterator[AccountResources]:
    await migrate(database)
    async with open_accounts(settings) as resources:
        yield resources


@pytest.fixture
def terminal(settings: Settings, tmp_path: Path) -> Terminal:
    return Terminal(settings, tmp_path)


async def test_the_first_admin_is_made_signs_in_and_is_signed_out(
    terminal: Terminal, entrance: AccountResources
) -> None:
    await terminal.run("users", "create", "maria", "--role", "admin")
    refused, why = await terminal.run("users", "password", "maria", typed=f"{PASSWORD}\n{PASSWORD}\n")
    status, said = await terminal.run(
        "users", "password", "maria", "--email", "Maria@Example.org", typed=f"{PASSWORD}\n{PASSWORD}\n"
    )
    assert (refused, status) == (1, 0), said
    assert "--email" in why
    assert PASSWORD not in said

    signed_in = await entrance.accounts.sign_in("maria@example.org", PASSWORD, HERE)
    assert signed_in is not None
    user, tokens = signed_in
    assert (user.id, user.role) == ("maria", Role.ADMIN)
    assert "is signed in nowhere" not in (await terminal.run("users", "sessions", "maria"))[1]
    assert "1 sign-ins of maria have ended" in (await terminal.run("users", "sign-out", "maria"))[1]
    with pytest.raises(UnauthenticatedError):
        await entrance.access.of_token(tokens.access_token)
    log = await entrance.database["audit_log"].find({"subject": "maria"}).sort("at", 1).to_list(None)
    assert [entry["action"] for entry in log] == ["setUserRole", "setUserEmail", "changePassword"]
    assert "example.org" not in str(log)
    for id_ in ("key:0123", "\u200bkey:0123"):
        status, said = await terminal.run("users", "create", id_)
        assert (status, "API keys" in said) == (1, True)
    for arguments in (("sessions", "nobody"), ("sign-out", "nobody"), ("password", "nobody")):
        status, said = await terminal.run("users", *arguments, typed=f"{PASSWORD}\n{PASSWORD}\n")
        assert status == 1
        assert "There is no user 'nobody'" in said


async def test_a_key_is_made_shown_once_listed_and_revoked(terminal: Terminal, entrance: AccountResources) -> None:
    status, said = await terminal.run("keys", "create", "shop server", "--scope", "users:read", "--days", "2")
    assert status == 0, said
    secret = next(line for line in said.splitlines() if line.startswith("wbk_"))
    viewer = await entrance.access.of_token(secret)
    assert viewer.role is Role.SERVICE

    listed = (await terminal.run("keys", "list"))[1]
    assert viewer.key_id is not None
    assert viewer.key_id in listed
    assert secret not in listed
    assert (await terminal.run("keys", "revoke", viewer.key_id))[0] == 0
    assert "revoked" in (await terminal.run("keys", "list"))[1]
    status, said = await terminal.run("keys", "revoke", "nothing")
    assert (status, "whybuy keys list" in said) == (1, True)
    status, said = await terminal.run("keys", "create", "x", "--scope", "everything")
    assert (status, "users:read" in said) == (2, True)


async def test_a_file_of_signing_keys_is_made_and_gets_new_ones(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "keys" / "signing.json"
    for count in (1, 2, 3, 3):
        status, said = await terminal.run("signing-keys", str(file))
        assert status == 0, said
        assert len(json.loads(file.read_text())["keys"]) == count
    assert file.stat().st_mode & 0o077 == 0
