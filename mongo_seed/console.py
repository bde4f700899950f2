"""Progress on stderr: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mongo_seed.loading import Progress

_STEP = 0.25  # of a stage, between two plain lines


@contextmanager
def progress_display(*, in_bytes: bool = False) -> Iterator[Progress]:
    """Gives a callback (stage, done, total) that shows itself on stderr."""
    if sys.stderr.isatty():
        with _bars(in_bytes=in_bytes) as show:
            yield show
    else:
        yield _lines(in_bytes=in_bytes)


@contextmanager
def _bars(*, in_bytes: bool) -> Iterator[Progress]:
    # Here: rich takes 0.1 s to import, and `--help` needs none of it.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    amount = DownloadColumn() if in_bytes else MofNCompleteColumn()
    columns = (TextColumn("{task.description:<14}"), BarColumn(), amount, TimeElapsedColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield show


def _lines(*, in_bytes: bool) -> Progress:
    shown: dict[str, float] = {}
    unit = " bytes" if in_bytes else ""

    def show(stage: str, done: int, total: int) -> None:
        share = done / total if total else 1.0
        if share >= shown.get(stage, -1.0) + _STEP or (done == total and shown.get(stage) != 1.0):
            shown[stage] = share
            print(f"{stage}: {done:,} of {total:,}{unit}", file=sys.stderr, flush=True)

    return show
