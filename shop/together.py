"""Small pieces of work for many at once, so many of them at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

T = TypeVar("T")
R = TypeVar("R")
_AT_ONCE = 20  # a part of the connections that a process may open


async def for_each(work: Callable[[T], Awaitable[R]], over: Iterable[T]) -> list[R]:
    """The results of `work` for each, in the order of `over`. The first error is raised."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(value: T) -> R:
        async with room:
            return await work(value)

    return await asyncio.gather(*map(one, over))
