"""Circuit breaker and concurrency limit of a provider: a failing one is not called for a while."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from workers.llm.errors import (
    BadKeyError,
    BusyError,
    MalformedAnswerError,
    NotTheApiError,
    OverloadedError,
    PausedError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitedError,
    RefusedError,
    RejectedRequestError,
    UnreachableError,
)
from workers.llm.statuses import OUT_OF_CREDIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from shop.entities.explanations import TextSource
    from workers.llm.protocol import LlmProvider

# Errors of the first kind concern one text: the provider works. Those of the second count as failures of the provider.
# Any other says nothing about it.
_ANSWERED = (RefusedError, MalformedAnswerError, RejectedRequestError)
_UNHEALTHY = (OverloadedError, UnreachableError, ProviderTimeoutError, RateLimitedError, NotTheApiError)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """`failures` in a row open it for `seconds`; an error that only an operator can fix, for `lasting_seconds`."""

    failures: int = 3
    seconds: float = 30
    lasting_seconds: float = 600


class Breaker:
    """Closed, open until a time, then half open: one call goes through, and its outcome closes or opens it again.

    Each worker process has its own. `clock` gives seconds.
    """

    def __init__(self, source: TextSource, limits: BreakerLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._limits = limits
        self._clock = clock
        self._failures = 0
        self._open_until: float | None = None
        self._probing = False

    def check(self) -> None:
        """Raises PausedError while no call may go through."""
        if self._open_until is None:
            return
        left = self._open_until - self._clock()
        if left > 0 or self._probing:
            raise PausedError(self._source, max(left, 0.0))

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Around one call: raises PausedError instead of it, or counts its outcome. A cancelled call does not count."""
        self.check()
        probe = self._open_until is not None
        self._probing = self._probing or probe
        try:
            yield
        except ProviderError as error:
            self._learn(error, probe=probe)
            raise
        else:
            self._succeed(probe=probe)
        finally:
            if probe:
                self._probing = False

    def _learn(self, error: ProviderError, *, probe: bool) -> None:
        if pause := self._pause_after(error):
            self._open(pause, error)
        elif isinstance(error, _UNHEALTHY):
            self._failures += 1
            if probe or self._failures >= self._limits.failures:
                self._open(self._limits.seconds, error)
        elif isinstance(error, _ANSWERED):
            self._succeed(probe=probe)

    def _pause_after(self, error: ProviderError) -> float | None:
        """Seconds for which another call is known to fail; None where that is not known."""
        if _is_lasting(error):
            return self._limits.lasting_seconds
        return error.retry_after if isinstance(error, RateLimitedError | OverloadedError) else None

    def _open(self, seconds: float, error: ProviderError) -> None:
        self._open_until = max(self._open_until or 0.0, self._clock() + seconds)
        log.warning("llm.breaker_opened", source=self._source, seconds=round(seconds, 1), error=type(error).__name__)

    def _succeed(self, *, probe: bool) -> None:
        """A call that began before the breaker opened does not close it: its success is of an earlier time."""
        if self._open_until is not None and not probe:
            return
        if probe:
            log.info("llm.breaker_closed", source=self._source)
        self._failures, self._open_until = 0, None


def _is_lasting(error: ProviderError) -> bool:
    """Whether it needs an operator: a wrong key or model, an empty account."""
    if isinstance(error, RejectedRequestError):
        return error.status in {402, 404} or error.reason in OUT_OF_CREDIT
    return isinstance(error, BadKeyError)


class GuardedProvider:
    """A provider behind its breaker and its limit on calls at the same time."""

    def __init__(self, provider: LlmProvider, breaker: Breaker, max_concurrency: int) -> None:
        self.provider = provider
        self._breaker = breaker
        self._limit = max_concurrency
        self._slots = asyncio.Semaphore(max_concurrency)

    @contextlib.asynccontextmanager
    async def entered(self, patience_seconds: float) -> AsyncIterator[LlmProvider]:
        """Around one call. Raises PausedError at once, and BusyError when no slot gets free in time."""
        self._breaker.check()
        try:
            async with asyncio.timeout(patience_seconds):
                await self._slots.acquire()
        except TimeoutError as error:
            raise BusyError(self.provider.source, self._limit) from error
        try:
            with self._breaker.watching():  # checks again: it may have opened while this call waited
                yield self.provider
        finally:
            self._slots.release()
