"""Rows that were refused: counted by reason, and kept in a file beside theirs."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

import orjson

from mongo_seed.files.columns import REJECT_COLUMNS
from mongo_seed.files.csv_records import swallowed
from mongo_seed.files.json_records import NotAnObjectError, parsed_object
from shop.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mongo_seed.files.fields import RowError
    from mongo_seed.files.gathering import Row
    from mongo_seed.files.tables import TableReader

_FIRST = 5
# What this module writes before the fields of a refused JSON object.
_OWN_FIELDS = re.compile(rb'^\{"line":\d+,"reason":"(?:[^"\\]|\\.)*",?')


@dataclass(slots=True)
class Reason:
    """Why rows were refused: how many, the first line, and the text of the first."""

    text: str
    line: int
    count: int = 1


@dataclass(slots=True)
class Refusals:
    """How many rows of a file were refused, and why."""

    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)  # up to 5 of (line, reason)
    by_kind: dict[str, Reason] = field(default_factory=dict)

    def add(self, row: Row, error: RowError) -> str:
        """Returns the reason in full."""
        reason = _in_full(row, error)
        self.count += 1
        if len(self.first) < _FIRST:
            self.first.append((row.line, reason))
        if (known := self.by_kind.get(error.kind)) is None:
            self.by_kind[error.kind] = Reason(reason, row.line)
        else:
            known.count += 1
        return reason

    @property
    def reasons(self) -> list[Reason]:
        """The most frequent first."""
        return sorted(self.by_kind.values(), key=lambda reason: (-reason.count, reason.line))


def _in_full(row: Row, error: RowError) -> str:
    """A row of several lines says so: a forgotten quote may be what is wrong with it."""
    reason = str(error)
    if row.last <= row.line or "runs to line" in reason:
        return reason
    return f"{reason} ({swallowed(row.line, row.last)})"


def describe_refusals(refusals: Refusals, most: int = 8) -> list[str]:
    """A line for each reason: `line 7 and 41 more: price: ...`."""
    lines = [
        f"line {reason.line}{f' and {reason.count - 1:,} more' if reason.count > 1 else ''}: {reason.text}"
        for reason in refusals.reasons[:most]
    ]
    left = sum(reason.count for reason in refusals.reasons[most:])
    return [*lines, *([f"and {left:,} more for other reasons"] if left else [])]


class RejectsFile:
    """The refused rows: `p.csv` has them in `p.rejects.csv`, with line and reason in front.

    Written with the separator and encoding of its source. Created with the first refused row; one of an earlier run
    becomes `p.rejects.old.csv`. A record is there once, however many of its rows were refused, and a product with all
    of its records. Where it cannot be written, `problem` says why, and the rows are counted all the same.

    Raises BadInputError when one of an earlier run cannot be moved away.
    """

    def __init__(self, source: TableReader) -> None:
        name = source.path.name.removesuffix(".gz").removesuffix(f".{source.format}")
        self.path = source.path.with_name(f"{name}.rejects.{source.format}")
        self.refusals = Refusals()
        self._source = source
        self._file: IO[bytes] | None = None
        self._encoder = codecs.getincrementalencoder(source.encoding.removesuffix("-sig"))("surrogateescape")
        self._last_line = 0
        self.problem = ""
        old = self.path.with_name(f"{name}.rejects.old.{source.format}")
        try:
            if self.path.exists():
                self.path.replace(old)
        except OSError as error:
            message = f"{self.path} is where refused rows go, and cannot be moved away: {error.strerror or error}."
            raise BadInputError(message) from error

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # a full disk; the rows are counted
                self._file.close()

    def add(self, row: Row, error: RowError) -> None:
        reason = self.refusals.add(row, error)
        if row.line == self._last_line:
            return
        self._last_line = row.line
        if self.problem:
            return
        try:
            if self._file is None:
                self._file = self.path.open("wb")
                if self._source.format == "csv":
                    self._file.write(self._cells([*REJECT_COLUMNS, *self._kept(self._source.header)]))
            self._file.writelines(self._rejected(record, reason) for record in (row, *row.others))
        except OSError as failure:
            self.problem = f"{self.path} could not be written: {failure.strerror or failure}"

    def _rejected(self, record: Row, reason: str) -> bytes:
        if isinstance(record.raw, bytes):
            return _rejected_json(record.line, record.raw, reason)
        return self._cells([str(record.line), reason, *self._kept(record.raw)])

    def _cells(self, cells: Sequence[str]) -> bytes:
        line = io.StringIO()
        csv.writer(line, delimiter=self._source.separator).writerow(cells)
        return self._encoded(line.getvalue())

    def _encoded(self, text: str) -> bytes:
        try:
            return self._encoder.encode(text)
        except UnicodeEncodeError:  # a reason may say more than the file's encoding can
            return self._encoder.encode(text.encode("ascii", "replace").decode())

    def _kept(self, cells: list[str]) -> list[str]:
        """The cells without line and reason of an earlier rejects file. A broken record is one cell, all of it."""
        if len(cells) == 1:
            return cells
        old = {index for index, name in enumerate(self._source.header) if name in REJECT_COLUMNS}
        return [cell for index, cell in enumerate(cells) if index not in old]


def _rejected_json(line: int, raw: bytes, reason: str) -> bytes:
    """The object as it was read, number by number, behind line and reason."""
    head = orjson.dumps({"line": line, "reason": reason})[:-1]
    try:
        parsed_object(raw)
    except NotAnObjectError:
        rest = orjson.dumps({"row": raw.decode(errors="replace")})[1:]
    else:
        rest = _OWN_FIELDS.sub(b"{", raw)[1:].lstrip()
    return head + (b"" if rest == b"}" else b",") + rest + b"\n"
