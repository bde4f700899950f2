"""Progress of what takes long: bars on a terminal, a line for every tenth elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import TaskID

    Counted = Callable[[str, int, int], None]


@contextlib.contextmanager
def progress(*, together: bool = False) -> Iterator[Counted]:
    """A function to call with (stage, done, total); a total of 0 is not known yet.

    Each stage has its own bar, unless they count `together`.
    """
    if sys.stdout.isatty():
        with _bars(together=together) as report:
            yield report
    else:
        yield _lines()


@contextlib.contextmanager
def _bars(*, together: bool) -> Iterator[Counted]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            key = "" if together else stage
            if key not in tasks:
                tasks[key] = bars.add_task(stage, total=total or None)
            bars.update(tasks[key], description=stage, completed=done, total=total or None)

        yield report


def _lines() -> Counted:
    began = time.monotonic()
    shown: dict[str, int] = {}

    def report(stage: str, done: int, total: int) -> None:
        tenth = 10 * done // total if total else 0
        if shown.get(stage) == tenth:
            return
        shown[stage] = tenth
        amount = f"{done:,} of {total:,}" if total else "…"
        click.echo(f"{time.monotonic() - began:6.1f} s  {stage}: {amount}")

    return report
