"""Moves batches into the database with a few writers: building the next batch overlaps with storing this one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
Batch = TypeVar("Batch", bound=Sequence[object])
Progress = Callable[[str, int, int], None]
_WRITERS = 3


async def store_batches(
    batches: Iterable[Batch],
    store: Callable[[Batch], Awaitable[int]],
    *,
    stored: Callable[[int], None] | None = None,
    writers: int = _WRITERS,
) -> int:
    """Stores every batch, `writers` at a time, and returns the sum of what `store` returned.

    Batches are built in a thread, one after the other. `stored` is told the size of each batch once it is in.
    The first error stops everything and is raised.
    """
    source = iter(batches)
    reading = asyncio.Lock()
    total = 0

    async def write() -> None:
        nonlocal total
        while True:
            async with reading:
                batch = await asyncio.to_thread(next, source, None)
            if batch is None:
                return
            new = await store(batch)
            total += new
            if stored is not None:
                stored(len(batch))

    tasks = [asyncio.create_task(write()) for _ in range(writers)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return total


def chunks(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """The values in lists of `size`, the last one shorter."""
    source = iter(values)
    while chunk := list(islice(source, size)):
        yield chunk
