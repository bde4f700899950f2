"""The commands for people and programs that get in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from mongo_seed.migrate import migrate
from shop.entities.users import Role
from shop.errors import UnauthenticatedError
from shop.resources.accounts import AccountResources, open_accounts
from shop.services.sign_ins import Door

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from shop.settings import Settings
    from shop.store.database import Database
    from tests.fixtures.terminal import Terminal

HERE = Door("127.0.0.1")
PASSWORD = "three words in a row"


@pytest.fixture
async def entrance(settings: Settings, database: Database) -> AsyncIterator[AccountResources]:
    await migrate(database)
    async with open_accounts(settings) as resources:
        yield resources


async def test_the_first_admin_is_made_signs_in_and_is_signed_out(
    terminal: Terminal, entrance: AccountResources
) -> None:
    await terminal.run("users", "create", "maria", "--role", "admin")
    refused = await terminal.run("users", "password", "maria", typed=f"{PASSWORD}\n{PASSWORD}\n")
    ran = await terminal.run(
        "users", "password", "maria", "--email", "Maria@Example.org", typed=f"{PASSWORD}\n{PASSWORD}\n"
    )
    assert (refused.status, ran.status) == (1, 0), ran.said
    assert "--email" in refused.stderr
    assert PASSWORD not in ran.said

    signed_in = await entrance.accounts.sign_in("maria@example.org", PASSWORD, HERE)
    assert signed_in is not None
    user, tokens = signed_in
    assert (user.id, user.role) == ("maria", Role.ADMIN)
    assert "is signed in nowhere" not in (await terminal.run("users", "sessions", "maria")).stdout
    assert "1 sign-ins of maria have ended" in (await terminal.run("users", "sign-out", "maria")).stdout
    with pytest.raises(UnauthenticatedError):
        await entrance.access.of_token(tokens.access_token)
    log = await entrance.database["audit_log"].find({"subject": "maria"}).sort("at", 1).to_list(None)
    assert [entry["action"] for entry in log] == ["setUserRole", "setUserEmail", "changePassword"]
    assert "example.org" not in str(log)
    for id_ in ("key:0123", "\u200bkey:0123"):
        ran = await terminal.run("users", "create", id_)
        assert (ran.status, "API keys" in ran.said) == (1, True)
    for arguments in (("sessions", "nobody"), ("sign-out", "nobody"), ("password", "nobody")):
        ran = await terminal.run("users", *arguments, typed=f"{PASSWORD}\n{PASSWORD}\n")
        assert ran.status == 1
        assert "There is no user 'nobody'" in ran.said


async def test_a_key_is_made_shown_once_listed_and_revoked(terminal: Terminal, entrance: AccountResources) -> None:
    ran = await terminal.run("keys", "create", "shop server", "--scope", "users:read", "--days", "2")
    assert ran.status == 0, ran.said
    secret = next(line for line in ran.said.splitlines() if line.startswith("wbk_"))
    viewer = await entrance.access.of_token(secret)
    assert viewer.role is Role.SERVICE

    listed = (await terminal.run("keys", "list")).stdout
    assert viewer.key_id is not None
    assert viewer.key_id in listed
    assert secret not in listed
    assert (await terminal.run("keys", "revoke", viewer.key_id)).status == 0
    assert "revoked" in (await terminal.run("keys", "list")).stdout
    ran = await terminal.run("keys", "revoke", "nothing")
    assert (ran.status, "whybuy keys list" in ran.said) == (1, True)
    ran = await terminal.run("keys", "create", "x", "--scope", "everything")
    assert (ran.status, "users:read" in ran.said) == (2, True)


async def test_a_file_of_signing_keys_is_made_and_gets_new_ones(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "keys" / "signing.json"
    for count in (1, 2, 3, 3):
        ran = await terminal.run("signing-keys", str(file))
        assert ran.status == 0, ran.said
        assert len(json.loads(file.read_text())["keys"]) == count
    assert file.stat().st_mode & 0o077 == 0
