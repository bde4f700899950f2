"""The content of the databases: seeded or not, which model, how many documents."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scoring.data.state import FORMAT_VERSION
from shop.store.admin import estimated_counts
from shop.store.database import connect
from shop.store.models import SnapshotStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shop.settings import Settings
    from shop.store.database import Database

COUNTED = ("products", "users", "interactions")


@dataclass(frozen=True, slots=True)
class Content:
    """Estimated document counts by collection; the version of the current model, if there is one that we can read."""

    counts: dict[str, int]
    model: str | None


async def content(settings: Settings) -> Content:
    """Raises UnavailableError when MongoDB is away."""
    with _opened(settings) as database:
        snapshot = await SnapshotStore(database).current()
        readable = snapshot is not None and snapshot.format == FORMAT_VERSION
        return Content(await estimated_counts(database, COUNTED), snapshot.version if snapshot and readable else None)


async def needs_demo_data(settings: Settings) -> bool:
    """Whether the database is empty or half seeded; brings its schema up to date first.

    A database with a shop of the user's own is left alone.
    """
    from mongo_seed.migrate import migrate
    from mongo_seed.seed import is_begun, is_seeded

    with _opened(settings) as database:
        await migrate(database)
        if await is_seeded(database):
            return False
        return await is_begun(database) or not any((await estimated_counts(database, COUNTED)).values())


@contextlib.contextmanager
def _opened(settings: Settings) -> Iterator[Database]:
    client, database = connect(settings.mongo)
    try:
        yield database
    finally:
        client.close()
