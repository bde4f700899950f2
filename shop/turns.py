"""Long work in the event loop gives others their turn: nobody waits for somebody else's long list."""

from __future__ import annotations

import asyncio
from time import perf_counter

_SLICE_SECONDS = 0.005


class _Turn:
    """How long those who ask have kept the event loop in its present turn."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started: float | None = None

    def is_over(self) -> bool:
        now, loop = perf_counter(), asyncio.get_running_loop()
        if self._started is None or self._loop is not loop:
            self._loop, self._started = loop, now
            loop.call_soon(self._end)
            return False
        return now - self._started > _SLICE_SECONDS

    def _end(self) -> None:
        self._started = None


_turn = _Turn()


def is_over() -> bool:
    """Whether the work of this turn has taken long enough. Cheap enough to ask for each row."""
    return _turn.is_over()


async def give_way() -> None:
    """Lets others run, if it is time."""
    if _turn.is_over():
        await asyncio.sleep(0)
