"""The connection to Redis. Drivers' errors become ours here."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any, cast

from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as _Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from shop.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from shop.settings import RedisSettings

    Redis = _Redis


_PASSING = ("LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MISCONF", "OOM")


@contextlib.contextmanager
def redis_errors() -> Iterator[None]:
    """Turns a lost, slow or restarting server, and one that does not let us in, into UnavailableError; a wrong command
    is a bug and goes on as it is."""
    try:
        yield
    except AuthenticationError as error:
        raise _denied(error) from error
    except ResponseError as error:
        # In a pipeline the driver puts the whole command before it, and with it texts and what shoppers sent.
        reason = str(error).rpartition(" of pipeline caused error: ")[2].strip("(',)\"")
        error.args = (reason,)
        if isinstance(error, NoPermissionError):
            raise _denied(error) from error
        if not reason.startswith(_PASSING):
            raise
        raise UnavailableError("Redis") from error
    except (RedisError, OSError, TimeoutError) as error:
        raise UnavailableError("Redis") from error


def _denied(error: RedisError) -> UnavailableError:
    """What the operator has to correct."""
    if isinstance(error, NoPermissionError):
        hint = "It needs all commands, on the keys that begin with REDIS_PREFIX or `arq:`."
        return UnavailableError("Redis", hint, problem="gives the user of REDIS_URL too few rights.")
    if "required" in str(error):  # NOAUTH; else WRONGPASS
        problem = "wants a password, and REDIS_URL has none."
        return UnavailableError("Redis", "Add it.", problem=problem)
    problem = "refuses the user name or password of REDIS_URL."
    return UnavailableError("Redis", "Check them; a server without a password wants none.", problem=problem)


def connect(settings: RedisSettings, *, patience_seconds: float = 0) -> Redis:
    """A client; nothing is sent until the first command. A blocking read needs that much more patience.

    A command whose connection turns out to be dead is tried once more on a fresh one.
    """
    pool = BlockingConnectionPool.from_url(
        settings.url or "redis://127.0.0.1:6379/0",
        socket_timeout=settings.timeout_seconds + patience_seconds,
        socket_connect_timeout=settings.timeout_seconds,
        retry=Retry(ExponentialBackoff(cap=0.05, base=0.01), 1),
        retry_on_error=[RedisConnectionError, BusyLoadingError],
        max_connections=settings.max_connections,
        timeout=settings.timeout_seconds,
    )
    pool.connection_class = type("Connection", (_Cancellable, pool.connection_class), {})
    return _Redis.from_pool(pool)


class _Cancellable(AbstractConnection):
    """A connection whose commands can be cancelled at any moment.

    The driver sends within `asyncio.wait_for`, which in Python 3.11 swallows a cancellation that comes when the command
    has just been sent (https://github.com/python/cpython/issues/86296): the task would go on for ever.
    """

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        await super().send_packed_command(command, check_health)
        if task and task.cancelling() > before:
            await self.disconnect(nowait=True)  # its answer would be taken for that of the next command
            raise asyncio.CancelledError


def pattern(start: str) -> str:
    """A glob pattern for keys that start like this."""
    return re.sub(r"([\\*?\[\]^])", r"\\\1", start) + "*"


async def ping(client: Redis) -> None:
    """Raises UnavailableError unless Redis answers."""
    with redis_errors():
        await cast("Awaitable[bool]", client.ping())
