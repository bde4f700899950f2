"""Progress of what takes long: bars on a terminal, a line for every tenth elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import TaskID

    from mongo_seed.loading import Progress


@contextlib.contextmanager
def progress(*, together: bool = False, err: bool = False) -> Iterator[Progress]:
    """A function to call with (stage, done, total); a total of 0 is not known yet.

    Each stage has its own bar, unless they count `together`. `err`: on stderr, where stdout belongs to the result.
    """
    if (sys.stderr if err else sys.stdout).isatty():
        with _bars(together=together, err=err) as report:
            yield report
    else:
        yield _lines(err=err)


@contextlib.contextmanager
def _bars(*, together: bool, err: bool) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=err)) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            key = "" if together else stage
            if key not in tasks:
                tasks[key] = bars.add_task(stage, total=total or None)
            bars.update(tasks[key], description=stage, completed=done, total=total or None)

        yield report


def _lines(*, err: bool) -> Progress:
    began = time.monotonic()
    shown: dict[str, int] = {}

    def report(stage: str, done: int, total: int) -> None:
        tenth = 10 * done // total if total else 0
        if shown.get(stage) == tenth:
            return
        shown[stage] = tenth
        amount = f"{done:,} of {total:,}" if total else "…"
        click.echo(f"{time.monotonic() - began:6.1f} s  {stage}: {amount}", err=err)

    return report
