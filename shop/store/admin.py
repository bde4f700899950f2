"""What an administrator asks of the stores, without the rest of the shop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shop.store.database import store_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.store.database import Database


async def redis_ready(url: str) -> bool:
    """True once the server at this address answers and has loaded its data."""
    client: Redis = Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1)
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False
    finally:
        await client.aclose()


async def estimated_counts(database: Database, collections: Sequence[str]) -> dict[str, int]:
    """Documents in each collection, from its metadata: quick, and exact unless mongod has just crashed."""
    with store_errors():
        return {name: await database[name].estimated_document_count() for name in collections}
