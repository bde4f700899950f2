"""The connection to Redis. Drivers' errors become ours here."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, cast

from redis.asyncio import ConnectionPool
from redis.asyncio import Redis as _Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError

from shop.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from shop.settings import RedisSettings

    Redis = _Redis


@contextlib.contextmanager
def redis_errors() -> Iterator[None]:
    """Turns a lost or slow connection into UnavailableError."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise UnavailableError("Redis") from error


def connect(settings: RedisSettings, *, patient: bool = False) -> Redis:
    """A client; nothing is sent until the first command. `patient` waits without limit, for blocking reads.

    A command whose connection turns out to be dead is tried once more on a fresh one.
    """
    pool = ConnectionPool.from_url(
        settings.url or "redis://127.0.0.1:6379/0",
        socket_timeout=None if patient else settings.timeout_seconds,
        socket_connect_timeout=settings.timeout_seconds,
        retry=Retry(ExponentialBackoff(cap=0.05, base=0.01), 1),
        retry_on_error=[RedisConnectionError, BusyLoadingError],
        max_connections=200,
    )
    return _Redis.from_pool(pool)


async def ping(client: Redis) -> None:
    """Raises UnavailableError unless Redis answers."""
    with redis_errors():
        await cast("Awaitable[bool]", client.ping())
