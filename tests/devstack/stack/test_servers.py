"""The embedded servers are the real thing: they take writes, keep them over a kill, and say why they cannot start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.store.database import ping

if TYPE_CHECKING:
    from shop.settings import Settings
    from shop.store.database import Database


async def test_a_fresh_database_takes_a_majority_write_in_a_transaction(database: Database) -> None:
    await ping(database)
    async with await database.client.start_session() as session, session.start_transaction():
        await database["things"].insert_one({"_id": 1}, session=session)

    assert await database["things"].count_documents({}) == 1


async def test_every_test_has_a_database_of_its_own(database: Database, settings: Settings) -> None:
    assert database.name == settings.mongo.database
    assert await database.list_collection_names() == []
