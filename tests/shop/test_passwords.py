"""Work on passwords: bounded for all and for each address, and what is tried while a password changes."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from mongo_seed.migrate import migrate
from shop.entities.users import User
from shop.errors import UnavailableError
from shop.resources.accounts import open_accounts
from shop.services.passwords import Passwords
from shop.services.sign_ins import Door, SignInService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.resources.accounts import AccountResources
    from shop.settings import Settings
    from shop.store.database import Database

HERE = Door("192.0.2.1", "a test")
ANNA = User("anna", "anna@shop.example")
BEFORE, NOW, OTHER = "three words in a row", "four words in a row", "some other words in a row"


@pytest.fixture
async def entrance(settings: Settings, database: Database) -> AsyncIterator[AccountResources]:
    """Anna has a password."""
    await migrate(database)
    limits = {"attempts_per_account": 3, "attempts_per_address": 3, "sign_ins_per_account": 6}
    few = settings.rate.model_copy(update=limits)
    async with open_accounts(settings.model_copy(update={"rate": few})) as resources:
        await resources.users.create(ANNA)
        await resources.accounts.set_password(ANNA, BEFORE)
        yield resources


async def signs_in(entrance: AccountResources, password: str) -> bool:
    return await entrance.accounts.sign_in("anna@shop.example", password, HERE) is not None


async def test_one_address_leaves_room_for_others_in_the_queue() -> None:
    passwords = Passwords(1)
    addresses = ["192.0.2.1"] * 60 + [f"198.51.100.{number}" for number in range(200)]

    done = await asyncio.gather(*(passwords.hash("words", each) for each in addresses), return_exceptions=True)
    again = await passwords.hash("words", "192.0.2.1")
    passwords.close()

    refused = [address for address, one in zip(addresses, done, strict=True) if isinstance(one, UnavailableError)]
    assert Counter(address == "192.0.2.1" for address in refused) == {True: 10, False: 50}
    assert again


async def test_who_was_sent_away_has_lost_no_attempt(
    entrance: AccountResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def are_too_many(*_: object) -> bool:
        raise UnavailableError("Signing in", problem="is what too many do right now.")

    with monkeypatch.context() as crowded:
        crowded.setattr(Passwords, "matches", are_too_many)
        for _ in range(5):
            with pytest.raises(UnavailableError):
                await signs_in(entrance, BEFORE)
            with pytest.raises(UnavailableError):
                await entrance.accounts.change_password(ANNA, BEFORE, OTHER, HERE, None)

    assert await signs_in(entrance, BEFORE)


async def test_a_password_that_was_set_meanwhile_stays(
    entrance: AccountResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_hash = Passwords.hash

    async def be_late(passwords: Passwords, password: str, address: str = "") -> str:
        hashed = await make_hash(passwords, password, address)
        if password == OTHER:
            await entrance.accounts.set_password(ANNA, NOW)
        return hashed

    monkeypatch.setattr(Passwords, "hash", be_late)
    problem = await entrance.accounts.change_password(ANNA, BEFORE, OTHER, HERE, None)

    assert problem is not None
    assert problem.code == "UNAUTHENTICATED"
    assert [await signs_in(entrance, password) for password in (NOW, OTHER, BEFORE)] == [True, False, False]


async def test_a_change_that_was_only_half_told_is_completed_when_it_is_sent_again(
    entrance: AccountResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    await entrance.sign_ins.begin("anna", HERE)

    async def be_away(*_: object, **__: object) -> int:
        raise UnavailableError("MongoDB")

    with monkeypatch.context() as away:
        away.setattr(SignInService, "end", be_away)
        with pytest.raises(UnavailableError):
            await entrance.accounts.change_password(ANNA, BEFORE, OTHER, HERE, None)
    assert len(await entrance.sign_ins.of_user("anna")) == 1

    assert await entrance.accounts.change_password(ANNA, BEFORE, OTHER, HERE, None) is None

    assert await entrance.sign_ins.of_user("anna") == []
    assert await signs_in(entrance, OTHER)


async def test_a_hash_that_is_renewed_meanwhile_is_of_the_same_password(
    entrance: AccountResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Passwords, "is_outdated", lambda *_: True)

    assert await asyncio.gather(*(signs_in(entrance, BEFORE) for _ in range(3))) == [True] * 3
