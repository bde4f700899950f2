"""The connection to Redis. Drivers' errors become ours here."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any, cast

from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as _Redis
from redis.asyncio.connection import AbstractConnection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from shop.errors import UnavailableError
from shop.store.tls import Server, answers_in_plain, client_context, speaks_tls, tls_error

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Iterator

    from shop.settings import RedisSettings

    Redis = _Redis


_SERVER = Server("Redis", "REDIS_URL", "REDIS")
_PROBE_SECONDS = 1.0
_PASSING = ("LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MISCONF", "OOM")


@contextlib.contextmanager
def redis_errors() -> Iterator[None]:
    """Turns a lost, slow or restarting server, one that cannot be encrypted, and one that does not let us in, into
    UnavailableError; a wrong command is a bug and goes on as it is."""
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
        raise (tls_error(_SERVER, str(error)) or UnavailableError("Redis")) from error


def _denied(error: RedisError) -> UnavailableError:
    """What the operator has to correct."""
    if isinstance(error, NoPermissionError):
        hint = (
            "It needs what docs/deployment.md gives it, on keys that begin with REDIS_PREFIX (also in `{`) or `arq:`."
        )
        return UnavailableError("Redis", hint, problem="gives the user of REDIS_URL too few rights.")
    if "required" in str(error):  # NOAUTH; else WRONGPASS
        problem = "wants a password, and REDIS_URL has none."
        return UnavailableError("Redis", "Add it.", problem=problem)
    problem = "refuses the user name or password of REDIS_URL."
    hint = "Check them, and REDIS_PASSWORD_FILE if it is set; a server without a password wants none."
    return UnavailableError("Redis", hint, problem=problem)


def connect(settings: RedisSettings, *, patience_seconds: float = 0) -> Redis:
    """A client; nothing is sent until the first command. A blocking read needs that much more patience.

    A command whose connection turns out to be dead is tried once more on a fresh one. Raises UnavailableError for an
    address that is none.
    """
    try:
        pool = _pool(settings, patience_seconds)
    except (ValueError, OSError):
        problem = "cannot be asked with this REDIS_URL."
        hint = "Check how it is written (redis://… or rediss://…), and the files that are named."
        raise UnavailableError("Redis", hint, problem=problem) from None  # the error may repeat a part of the address
    return _Redis.from_pool(pool)


def _pool(settings: RedisSettings, patience_seconds: float) -> BlockingConnectionPool:
    pool = BlockingConnectionPool.from_url(
        settings.url or "redis://127.0.0.1:6379/0",
        socket_timeout=settings.timeout_seconds + patience_seconds,
        socket_connect_timeout=settings.timeout_seconds,
        retry=Retry(ExponentialBackoff(cap=0.05, base=0.01), 1),
        retry_on_error=[RedisConnectionError, BusyLoadingError],
        max_connections=settings.max_connections,
        timeout=settings.timeout_seconds,
    )
    options = pool.connection_kwargs
    if (password := settings.password) is not None:
        options["password"] = password
    base = pool.connection_class
    if issubclass(base, SSLConnection):
        base = _Checked
        options["context"] = client_context(settings.tls_ca_file, settings.tls_certificate_file)
    pool.connection_class = type("Connection", (_Cancellable, base), {})
    return pool


class _Checked(SSLConnection):
    """The driver's own context leaves the host name unchecked, trusts the system's authorities beside the named ones,
    and is built again for each connection."""

    def __init__(self, *, context: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context.context = context


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
    try:
        with redis_errors():
            await cast("Awaitable[bool]", client.ping())
    except UnavailableError as error:
        cause = error.__cause__
        is_known = isinstance(cause, AuthenticationError) or tls_error(_SERVER, str(cause)) is not None
        if isinstance(cause, RedisConnectionError | RedisTimeoutError) and not is_known:
            await _explain(client, is_closed=isinstance(cause, RedisConnectionError))
        raise


async def _explain(client: Redis, *, is_closed: bool) -> None:
    """Raises UnavailableError where one side encrypts and the other does not, or wants a certificate: then one just
    hangs up, or waits."""
    pool = client.connection_pool
    host, port = pool.connection_kwargs.get("host"), pool.connection_kwargs.get("port", 6379)
    if host is None:
        return
    if not issubclass(pool.connection_class, SSLConnection):
        if await speaks_tls(host, port, _PROBE_SECONDS):
            raise _SERVER.error("wants TLS.", "Let {address} begin with rediss://.")
    elif await answers_in_plain(host, port, _PROBE_SECONDS):
        raise _SERVER.not_encrypted
    elif is_closed and await speaks_tls(host, port, _PROBE_SECONDS):
        hint = "If it asks for a certificate, name the file of ours in {prefix}_TLS_CERTIFICATE_FILE."
        raise _SERVER.error("closes our connections at once.", hint)
