"""The commands in a shop of the user's own: its users, its banner, and that the demo shop stays out of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from devstack.stack.content import DEMO_SHOPPER, Content, example_shopper
from devstack.stack.greeting import first_steps
from mongo_seed.migrate import migrate
from scoring.types import EventType
from shop.entities.catalog import Product
from shop.entities.interactions import Interaction
from shop.entities.users import Actor, Role, User
from shop.store.documents import product_to_document
from shop.store.interactions import InteractionStore
from shop.store.users import UserStore
from tests.devstack.stack.test_up import whybuy

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from shop.settings import Settings
    from shop.store.database import Database
    from tests.fixtures.terminal import Terminal

URL = "http://127.0.0.1:8000"
STOCKED = Content({"products": 1, "users": 1, "interactions": 1}, "a-model")


@pytest.fixture
async def command(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`whybuy` with an empty database of its own."""
    await migrate(database)
    monkeypatch.setenv("MONGODB_URI", settings.mongo.uri or "")
    monkeypatch.setenv("MONGODB_DATABASE", settings.mongo.database)
    monkeypatch.setenv("REDIS_URL", settings.redis.url or "")
    monkeypatch.setenv("REDIS_PREFIX", settings.redis.prefix)
    return lambda *arguments: whybuy(tmp_path / "data", *arguments)


async def stock(database: Database) -> None:
    mug = product_to_document(Product("mug", sku="MUG", name="Mug"))
    await database["products"].insert_one(mug | {"updatedAt": datetime.now(UTC)})


async def test_users_are_made_listed_and_given_a_role(terminal: Terminal, database: Database) -> None:
    nobody = await terminal.run("users", "list")
    made = await terminal.run("users", "create", "anna", "--name", "Anna", "--locale", "de_AT")
    again = await terminal.run("users", "create", "anna")
    raised = await terminal.run("users", "set-role", "anna", "staff")
    listed = await terminal.run("users", "list", "--role", "staff")
    unknown = await terminal.run("users", "set-role", "ben", "staff")

    assert "There are no users" in nobody.stdout
    assert made.stdout == "anna is made, as shopper. `whybuy token anna` prints a token.\n"
    assert (again.status, "a user 'anna' already" in again.stderr) == (1, True)
    assert raised.stdout == "anna is staff now.\n"
    assert all(word in listed.stdout for word in ("anna", "staff", "Anna", "de-AT", "1 of 1 users"))
    assert (unknown.status, "There is no user 'ben'" in unknown.stderr) == (1, True)
    assert await database["users"].count_documents({}) == 1


async def test_users_come_from_a_file(terminal: Terminal, database: Database, tmp_path: Path) -> None:
    await UserStore(database).create(User("anna", display_name="Anna"))
    file = tmp_path / "users.csv"
    file.write_text("id,role,locale\nanna,Staff,de_AT\nben,,\ncleo,king,\ndora,,klingon!\nkey:0123,,\n")

    first = await terminal.run("users", "import", str(file))
    again = await terminal.run("users", "import", str(file))
    file.write_text("id,role\ncleo,king\n")
    useless = await terminal.run("users", "import", str(file))

    assert "1 new, 1 changed, 0 unchanged; 3 refused" in first.stdout
    assert "role must be one of shopper, staff, admin, not 'king'" in first.stdout
    assert "names no language" in first.stdout
    assert first.status == 0
    assert "0 new, 0 changed, 2 unchanged; 3 refused" in again.stdout
    assert useless.status == 1
    users = {user.id: user for user in (await UserStore(database).get_many(["anna", "ben", "cleo"])).values()}
    assert (users["anna"].role, users["anna"].locale, users["anna"].display_name) == (Role.STAFF, "de-AT", "Anna")
    assert (users["ben"].role, users["ben"].locale) == (Role.SHOPPER, None)
    assert "cleo" not in users
    entries = await database["audit_log"].find({}).to_list(None)
    assert [(entry["subject"], entry["details"]) for entry in entries] == [("anna", {"from": "shopper", "to": "staff"})]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("anna", "--locale", "klingon!"), "names no language"),
        ((" ",), "must not be empty"),
        (("a", "--role", "king"), "staff"),
    ],
)
async def test_a_user_that_cannot_be_is_refused(terminal: Terminal, arguments: tuple[str, ...], reason: str) -> None:
    refused = await terminal.run("users", "create", *arguments)

    assert refused.status != 0
    assert reason in refused.stderr
    assert "Traceback" not in refused.stderr


async def test_a_token_is_for_somebody_who_is_there(terminal: Terminal, database: Database) -> None:
    await UserStore(database).create(User("anna"))

    unknown = await terminal.run("token", "nobody here")
    known = await terminal.run("token", "anna")

    assert (unknown.status, unknown.stdout) == (1, "")
    assert "There is no user 'nobody here'" in unknown.stderr
    assert "whybuy users create 'nobody here'" in unknown.stderr
    assert known.stdout.count(".") == 2


async def test_the_demo_shop_stays_out_of_a_shop_of_ones_own(
    command: Callable[..., subprocess.CompletedProcess[str]], database: Database
) -> None:
    await stock(database)

    for arguments in (("up", "--sample", "50", "--port", "0"), ("seed", "--sample", "50")):
        refused = command(*arguments)

        assert refused.returncode == 1, refused.stdout
        assert "a shop of its own (1 products)" in refused.stderr
        assert "whybuy reset" in refused.stderr
        assert "--mix" in refused.stderr
    assert await database["products"].count_documents({}) == 1
    assert await database["users"].count_documents({}) == 0


async def test_an_import_into_the_demo_shop_says_that_both_are_one_catalogue(
    command: Callable[..., subprocess.CompletedProcess[str]], database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "products.csv"
    file.write_text("id,name\nmug,Mug\n")
    alone = command("import", "--products", str(file))
    await database["schema_migrations"].insert_one({"_id": "seed-complete-journey", "completedAt": None})

    beside = command("import", "--products", str(file))

    assert "demo shop" not in alone.stdout
    assert "1 unchanged" in beside.stdout
    assert "holds the demo shop too" in beside.stdout
    assert "whybuy reset" in beside.stdout


def test_empty_and_a_sample_exclude_each_other(tmp_path: Path) -> None:
    refused = whybuy(tmp_path, "up", "--empty", "--sample", "5")

    assert refused.returncode == 2
    assert "--empty" in refused.stderr


async def test_the_greeting_names_somebody_who_is_there(database: Database) -> None:
    await migrate(database)
    assert await example_shopper(database) is None

    users = UserStore(database)
    await users.create(User("boss", role=Role.STAFF))
    assert await example_shopper(database) is None, "staff buy nothing"
    await users.create(User("quiet"))
    assert await example_shopper(database) == "quiet"
    view = Interaction("k", Actor(user_id="busy one"), "mug", EventType.VIEW, datetime(2024, 5, 1, tzinfo=UTC))
    await InteractionStore(database).append([view])
    assert await example_shopper(database) == "busy one"
    await users.create(User(DEMO_SHOPPER))
    assert await example_shopper(database) == DEMO_SHOPPER


def test_the_greeting_says_what_to_do_next() -> None:
    empty = Content({"products": 0, "users": 0, "interactions": 0}, None)
    untrained = Content(STOCKED.counts, None)

    assert "whybuy import --products" in first_steps(URL, empty, None)
    assert "whybuy train" in first_steps(URL, untrained, "anna")
    assert "whybuy users create" in first_steps(URL, STOCKED, None)
    for steps in (first_steps(URL, empty, None), first_steps(URL, STOCKED, None), first_steps(URL, STOCKED, "anna")):
        assert "household-250" not in steps
        assert "demo" not in steps
    assert "'X-User: busy one'" in first_steps(URL, STOCKED, "busy one")
    assert "a demo shopper" in first_steps(URL, STOCKED, DEMO_SHOPPER)
