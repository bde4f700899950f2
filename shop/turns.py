"""Long work in the event loop gives others their turn: nobody waits for somebody else's long list."""

from __future__ import annotations

import asyncio
import contextlib
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SLICE_SECONDS = 0.005


class _Turn:
    """How long those who ask have kept the event loop in its present turn, and the line of those who go on."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started: float | None = None
        self._line = asyncio.Lock()

    def is_over(self, seconds: float) -> bool:
        now, started = perf_counter(), self._started
        if started is not None and now - started <= seconds:
            return False
        if started is None or self._loop is not asyncio.get_running_loop():
            self._begin(now)
            return False
        return True

    @contextlib.asynccontextmanager
    async def rest(self) -> AsyncIterator[None]:
        self.is_over(0)  # binds the line to the loop
        async with self._line:
            while self.is_over(SLICE_SECONDS):  # noqa: ASYNC110 (the next turn of the loop is no event)
                await asyncio.sleep(0)
            yield

    def _begin(self, now: float) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._line = loop, asyncio.Lock()
        self._started = now
        loop.call_soon(self._end)

    def _end(self) -> None:
        self._started = None


_turn = _Turn()


def is_over(seconds: float = SLICE_SECONDS) -> bool:
    """Whether the work of this turn has taken long enough. Cheap enough to ask for each row."""
    return _turn.is_over(seconds)


def rest_of_a_turn() -> contextlib.AbstractAsyncContextManager[None]:
    """Time for some work, until `is_over`. One at a time, first come, first served."""
    return _turn.rest()


async def give_way() -> None:
    """Lets others run, if it is time."""
    if _turn.is_over(SLICE_SECONDS):
        await asyncio.sleep(0)
