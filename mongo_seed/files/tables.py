"""Tables as CSV or JSON lines, plain or gzipped: read row by row with line numbers, written row by row."""

from __future__ import annotations

import contextlib
import csv
import difflib
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import orjson

from shop.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Values = dict[str, Any]

# Written into a rejects file beside the row; ignored when a mended rejects file is imported.
_REJECT_COLUMNS = ("line", "reason")
_FORMATS = (".csv", ".jsonl")
SHOWN_REFUSALS = 5  # reported with line and reason; the others are counted


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: its values, or why it has none. `line` is where it starts, from 1; `raw` is as it was read."""

    line: int
    values: Values | None
    raw: list[str] | bytes
    reason: str = ""


def file_format(path: Path) -> str:
    """`csv` or `jsonl`, told by the extension (before `.gz`). Raises BadInputError for others."""
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix not in _FORMATS:
        raise BadInputError(f"{path}: the name must end in .csv or .jsonl (or .csv.gz, .jsonl.gz).")
    return suffix[1:]


class TableReader:
    """Reads one file. Iterate it once; `position` and `size` tell the progress in bytes.

    Raises BadInputError when the file cannot be opened or its header is wrong, and while iterating when it is damaged.
    """

    def __init__(self, path: Path, columns: Sequence[str], required: Sequence[str]) -> None:
        self.path = path
        self.format = file_format(path)
        self.header: list[str] = []
        self._columns = columns
        self._required = required
        try:
            self.size = path.stat().st_size
            self._file = path.open("rb")
        except OSError as error:
            raise BadInputError(f"{path} cannot be read: {error.strerror or error}.") from error
        self._source = cast("IO[bytes]", gzip.GzipFile(fileobj=self._file)) if path.suffix == ".gz" else self._file
        try:
            if self.format == "csv":
                with self._damage_as_bad_input():
                    self._open_csv()
        except BadInputError:
            self._file.close()
            raise

    def _open_csv(self) -> None:
        # Kept as an attribute: its finalizer would close the file.
        self._text = text = io.TextIOWrapper(self._source, encoding="utf-8-sig", errors="surrogateescape", newline="")
        self._reader = csv.reader(text)
        try:
            self.header = self._checked_header(next(self._reader, []))
        except csv.Error as error:
            raise BadInputError(f"{self.path}, line 1: not readable as CSV: {error}.") from error

    @contextlib.contextmanager
    def _damage_as_bad_input(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise BadInputError(f"{self.path} is damaged ({error}); what was before that is in.") from error

    def __enter__(self) -> TableReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def position(self) -> int:
        return 0 if self._file.closed else self._file.tell()

    def __iter__(self) -> Iterator[Row]:
        with self._damage_as_bad_input():
            yield from self._csv_rows() if self.format == "csv" else self._json_rows()

    def _csv_rows(self) -> Iterator[Row]:
        while True:
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Row(line, None, [], f"not readable as CSV: {error}")
                continue
            if cells:
                yield self._csv_row(line, cells)

    def _csv_row(self, line: int, cells: list[str]) -> Row:
        if len(cells) != len(self.header):
            return Row(line, None, cells, f"{len(cells)} fields where the header has {len(self.header)}")
        if not _is_utf8(cells):
            return Row(line, None, cells, "not valid UTF-8; save the file as UTF-8")
        values = dict(zip(self.header, cells, strict=True))
        for column in _REJECT_COLUMNS:
            values.pop(column, None)
        return Row(line, values, cells)

    def _checked_header(self, cells: list[str]) -> list[str]:
        header = [cell.strip() for cell in cells]
        if not _is_utf8(header):
            raise BadInputError(f"{self.path} is not UTF-8 text; save it as UTF-8.")
        if not any(header):
            raise BadInputError(f"{self.path} is empty; its first line must name the columns: {self._known}.")
        for name in header:
            if reason := self._column_problem(name, header):
                raise BadInputError(f"{self.path}, line 1: {reason}")
        if missing := [name for name in self._required if name not in header]:
            raise BadInputError(f"{self.path}, line 1: the column {missing[0]!r} is missing. Columns: {self._known}.")
        return header

    @property
    def _known(self) -> str:
        return ", ".join(self._columns)

    def _column_problem(self, name: str, header: Sequence[str] = ()) -> str:
        if name not in self._columns and name not in _REJECT_COLUMNS:
            close = difflib.get_close_matches(name, self._columns, 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            return f"the column {name!r} is not known.{hint} Columns: {self._known}."
        return f"the column {name!r} is there twice." if header and list(header).count(name) > 1 else ""

    def _json_rows(self) -> Iterator[Row]:
        for line, raw in enumerate(self._source, start=1):
            if raw.strip():
                yield self._json_row(line, raw.rstrip(b"\r\n"))

    def _json_row(self, line: int, raw: bytes) -> Row:
        try:
            values = orjson.loads(raw.removeprefix(b"\xef\xbb\xbf") if line == 1 else raw)
        except orjson.JSONDecodeError as error:
            return Row(line, None, raw, f"not valid JSON: {error}")
        if not isinstance(values, dict):
            return Row(line, None, raw, "not a JSON object")
        for name in values:
            if reason := self._column_problem(name):
                return Row(line, None, raw, reason)
        for column in _REJECT_COLUMNS:
            values.pop(column, None)
        return Row(line, values, raw)


def _is_utf8(cells: Sequence[str]) -> bool:
    """Bytes that could not be decoded came through as lone surrogates, which cannot be encoded."""
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True


class RejectsFile:
    """The refused rows: `p.csv` has them in `p.rejects.csv`, with line and reason in front.

    Created with the first refused row; one of an earlier run is removed.
    """

    def __init__(self, source: TableReader) -> None:
        name = source.path.name.removesuffix(".gz").removesuffix(f".{source.format}")
        self.path = source.path.with_name(f"{name}.rejects.{source.format}")
        self._source = source
        self._file: IO[str] | None = None
        self.count = 0
        self.first: list[tuple[int, str]] = []  # a few (line, reason) to show
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> RejectsFile:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: Row, reason: str) -> None:
        self.count += 1
        if len(self.first) < SHOWN_REFUSALS:
            self.first.append((row.line, reason))
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8", errors="surrogateescape", newline="")
            if self._source.format == "csv":
                csv.writer(self._file).writerow([*_REJECT_COLUMNS, *self._kept(self._source.header)])
        if isinstance(row.raw, bytes):
            self._file.write(_rejected_json(row.line, row.raw, reason))
        else:
            csv.writer(self._file).writerow([row.line, reason, *self._kept(row.raw)])

    def _kept(self, cells: list[str]) -> list[str]:
        """The cells without line and reason of an earlier rejects file."""
        old = {index for index, name in enumerate(self._source.header) if name in _REJECT_COLUMNS}
        return [cell for index, cell in enumerate(cells) if index not in old]


def _rejected_json(line: int, raw: bytes, reason: str) -> str:
    values: Any = None
    with contextlib.suppress(orjson.JSONDecodeError):
        values = orjson.loads(raw)
    fields = values if isinstance(values, dict) else {"row": raw.decode(errors="replace")}
    fields = {name: value for name, value in fields.items() if name not in _REJECT_COLUMNS}
    return orjson.dumps({"line": line, "reason": reason, **fields}).decode() + "\n"


class TableWriter:
    """Writes rows in the format of the path's extension.

    The file takes its name when the `with` block is left without an error; until then an old one stays as it is.
    Raises BadInputError when the file cannot be written.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        is_csv = file_format(path) == "csv"
        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        try:
            raw = self._part.open("wb")
        except OSError as error:
            raise BadInputError(f"{path} cannot be written: {error.strerror or error}.") from error
        self._raw = raw
        target: IO[bytes] = raw
        if path.suffix == ".gz":  # without name and time: equal content gives equal files
            target = cast("IO[bytes]", gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0))
        self._text = io.TextIOWrapper(target, encoding="utf-8", newline="")
        self._csv = csv.DictWriter(self._text, columns) if is_csv else None
        if self._csv is not None:
            self._csv.writeheader()

    def write(self, values: Values) -> None:
        if self._csv is not None:
            self._csv.writerow({name: _cell(value) for name, value in values.items()})
        else:
            filled = {name: value for name, value in values.items() if value is not None}
            self._text.write(orjson.dumps(filled).decode() + "\n")

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._text.close()
        self._raw.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return orjson.dumps(value).decode()
    return str(value)
