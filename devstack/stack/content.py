"""The content of the databases: seeded or not, which model, how many documents."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mongo_seed.complete_journey.demo import household_id
from scoring.data.state import FORMAT_VERSION
from shop.entities.users import Role
from shop.store.admin import estimated_counts
from shop.store.database import connect, iterate
from shop.store.models import SnapshotStore
from shop.store.users import UserStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shop.settings import Settings
    from shop.store.database import Database

COUNTED = ("products", "users", "interactions")
DEMO_SHOPPER = household_id(250)  # Anna: a full year of shopping


@dataclass(frozen=True, slots=True)
class Content:
    """Estimated document counts by collection; the version of the current model, if there is one that we can read."""

    counts: dict[str, int]
    model: str | None


async def content(settings: Settings) -> Content:
    """Raises UnavailableError when MongoDB is away."""
    with opened(settings) as database:
        snapshot = await SnapshotStore(database).current()
        readable = snapshot is not None and snapshot.format == FORMAT_VERSION
        return Content(await estimated_counts(database, COUNTED), snapshot.version if snapshot and readable else None)


async def example_shopper(database: Database) -> str | None:
    """Somebody to try the shop with: the demo shop's Anna, else a shopper who did something, else any; else None."""
    users = UserStore(database)
    if await users.get(DEMO_SHOPPER):
        return DEMO_SHOPPER
    async for event in iterate(database, "interactions", {"userId": {"$gt": ""}}, fields=["userId"]):
        return str(event["userId"])
    return next((user.id for user in await users.newest(1, Role.SHOPPER)), None)


async def prepare_for_demo_data(settings: Settings, *, named: bool, mix: bool) -> bool:
    """Whether the database is empty or half seeded; brings its schema up to date first.

    A database with a shop of the user's own is left alone: where the demo shop is `named` all the same, raises
    BadInputError unless `mix`.
    """
    from mongo_seed.migrate import migrate
    from mongo_seed.seed import is_begun, is_seeded, refuse_own_shop

    with opened(settings) as database:
        await migrate(database)
        if named and not mix:
            await refuse_own_shop(database)
        if await is_seeded(database):
            return False
        return await is_begun(database) or not any((await estimated_counts(database, COUNTED)).values())


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    client, database = connect(settings.mongo)
    try:
        yield database
    finally:
        client.close()
