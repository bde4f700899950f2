"""Ends a process whose event loop has stopped, so that whatever runs the process starts it again.

Such a process cannot end itself: signals and time-outs wait for the loop too. The clock is a thread of `faulthandler`,
in C, which needs neither the loop nor the interpreter's lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_LONGEST_INTERVAL = 1.0  # seconds


@contextlib.asynccontextmanager
async def watchdog(seconds: float) -> AsyncIterator[None]:
    """For the duration of the block: when the loop has not turned for so long, the stacks of all threads go to stderr
    and the process ends with status 1, without any cleaning up. With 0 nothing is watched.

    For entry points of processes alone: there is one clock in a process.
    """
    if not seconds:
        yield
        return
    winding = asyncio.create_task(_wind(seconds))
    try:
        yield
    finally:
        winding.cancel()
        await asyncio.gather(winding, return_exceptions=True)
        faulthandler.cancel_dump_traceback_later()


async def _wind(seconds: float) -> None:
    while True:
        faulthandler.dump_traceback_later(seconds, exit=True)
        await asyncio.sleep(min(_LONGEST_INTERVAL, seconds / 4))
