"""The folder in which a training stores what it has done so far, so that an interrupted one need not begin again."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import shutil
from typing import TYPE_CHECKING, Any

from shop.services.export import read_arrays, write_arrays

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from numpy.typing import NDArray

_POLL_SECONDS = 0.5


@contextlib.asynccontextmanager
async def work_folder(root: Path, name: str, waiting: Callable[[], Awaitable[None]]) -> AsyncIterator[Path]:
    """The folder `name` below `root`, as an earlier run left it; deleted at the end unless the block raises.

    One process at a time works below `root`; others wait (and `waiting` is called once). So every other folder belongs
    to a training that was given up, and is deleted.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("a") as lock:
        await _lock(lock.fileno(), waiting)
        for other in root.iterdir():
            if other.is_dir() and other.name != name:
                await asyncio.to_thread(shutil.rmtree, other, ignore_errors=True)
        folder = root / name
        folder.mkdir(exist_ok=True)
        yield folder
        await asyncio.to_thread(shutil.rmtree, folder)


async def _lock(file: int, waiting: Callable[[], Awaitable[None]]) -> None:
    """The system releases the lock when the process ends, however it ends."""
    called = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not called:
                await waiting()
                called = True
            await asyncio.sleep(_POLL_SECONDS)
        else:
            return


class FolderCheckpoint:
    """scoring.learning.checkpoint.Checkpoint over files; `on_reused` is called with each stage that is read."""

    def __init__(self, folder: Path, on_reused: Callable[[str], None]) -> None:
        self._folder = folder
        self._on_reused = on_reused

    def get(self, stage: str) -> dict[str, NDArray[Any]] | None:
        path = self._path(stage)
        if not path.exists():
            return None
        self._on_reused(stage)
        return read_arrays(path)

    def put(self, stage: str, arrays: dict[str, NDArray[Any]]) -> None:
        write_arrays(self._path(stage), arrays)

    def _path(self, stage: str) -> Path:
        return self._folder / f"stage-{stage}.npz"
