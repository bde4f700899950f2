"""The records of a CSV file. A record may span lines; no record ever begins inside another one."""

from __future__ import annotations

import csv
import re
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LONGEST_CELL = 1 << 24  # characters: what is longer is a quote that nobody closed
_LOOKED_AHEAD = 1_000_000  # characters in which a bad cell must end
csv.field_size_limit(_LONGEST_CELL)


class Record(NamedTuple):
    """A record of the lines `first` to `last`, counted from 1. If it is broken, its text is the only cell."""

    first: int
    last: int
    cells: list[str]
    problem: str = ""


class CsvRecords:
    """Iterates the records of lines. Blank lines are none."""

    def __init__(self, lines: Iterable[str], separator: str) -> None:
        self._lines = iter(lines)
        # Lines that were looked at, and are still to come: each has an even number of quotes.
        self._ahead: deque[str] = deque()
        self._ahead_length = 0
        self._line = 0
        self._taken: list[str] = []
        self._reader = csv.reader(self._feed(), delimiter=separator, strict=True)
        mark = re.escape(separator)
        self._sound_cells = re.compile(rf'(?:(?:"[^"]*+(?:""[^"]*+)*+"|[^"{mark}\r\n][^{mark}\r\n]*+)?{mark})*+')

    def _feed(self) -> Iterator[str]:
        while True:
            if self._ahead:
                line = self._ahead.popleft()
                self._ahead_length -= len(line)
            elif (read := next(self._lines, None)) is not None:
                line = read
            else:
                return
            self._line += 1
            self._taken.append(line)
            yield line

    def __iter__(self) -> Iterator[Record]:
        while True:
            first = self._line + 1
            self._taken.clear()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._broken(first, str(error))
                continue
            if cells:
                yield Record(first, self._line, cells)

    def _broken(self, first: int, error: str) -> Record:
        text = "".join(self._taken)
        end = ""
        if "field limit" in error:
            text = text[:_LOOKED_AHEAD]
            self._line += len(self._taken_ahead()) + sum(1 for _ in self._lines)
        else:
            text += "".join(self._rest_of_bad_cell(text))
        if "unexpected end" in error or "field limit" in error:
            end = ", the end of the file"
        problem = f"not readable as CSV: {error}"
        if self._line > first or end:
            problem = f"{swallowed(first, self._line)}{end}: a quote is probably open, or one within a cell not doubled"
        return Record(first, self._line, [text.rstrip("\r\n")], problem)

    def _rest_of_bad_cell(self, text: str) -> list[str]:
        """The lines until the quotes are paired, counted from the bad cell on: they may be its text.

        None when they never are: then the bad quote is the one that opened the cell, and lines behind it are sound.
        """
        match = self._sound_cells.match(text)
        if text.count('"', match.end() if match else 0) % 2 == 0:
            return []
        # Only a line with an odd number of quotes pairs them, and none that was looked at before has one.
        while self._ahead_length < _LOOKED_AHEAD and (line := next(self._lines, None)) is not None:
            self._ahead.append(line)
            self._ahead_length += len(line)
            if line.count('"') % 2:
                taken = self._taken_ahead()
                self._line += len(taken)
                return taken
        return []

    def _taken_ahead(self) -> list[str]:
        lines = list(self._ahead)
        self._ahead.clear()
        self._ahead_length = 0
        return lines


def swallowed(first: int, last: int) -> str:
    return f"the row that starts at line {first} runs to line {last}"
