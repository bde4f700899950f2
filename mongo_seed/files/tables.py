"""Tables as CSV or JSON lines, plain or gzipped: read record by record, with line numbers."""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from mongo_seed.files import dialect
from mongo_seed.files.columns import Columns, check_renamed
from mongo_seed.files.csv_records import CsvRecords, swallowed
from mongo_seed.files.fields import RowError
from mongo_seed.files.json_records import NotAnObjectError, parsed_object
from mongo_seed.files.options import ReadOptions, Table
from shop.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mongo_seed.files.csv_records import Record

Values = dict[str, Any]

_FORMATS = (".csv", ".jsonl")
_HEAD = 1 << 16
_BOM = b"\xef\xbb\xbf"


class Row(NamedTuple):
    """One row of a file: its values, or why it has none.

    The record that it comes from is in the lines `line` to `last`, from 1; `raw` is the record as it was read.
    """

    line: int
    values: Values | None
    raw: list[str] | bytes
    error: RowError | None = None
    last: int = 0


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

    def __init__(self, path: Path, table: Table, options: ReadOptions | None = None) -> None:
        self.path = path
        self.format = file_format(path)
        self.header: list[str] = []
        self.encoding = "utf-8"
        self.separator = ","
        self._table = table
        self._options = options or ReadOptions()
        try:
            self.size = path.stat().st_size
            self._file = path.open("rb")
        except OSError as error:
            raise BadInputError(f"{path} cannot be read: {error.strerror or error}.") from error
        self._source = cast("IO[bytes]", gzip.GzipFile(fileobj=self._file)) if path.suffix == ".gz" else self._file
        try:
            with self._damage_as_bad_input():
                names = self._open_csv() if self.format == "csv" else self._first_keys()
                self.columns = self._columns(names)
        except BadInputError:
            self._file.close()
            raise

    def _open_csv(self) -> list[str]:
        self.encoding = self._options.encoding or dialect.encoding_of(self._source)
        head = self._source.read(_HEAD).decode(self.encoding, "replace")
        self._source.seek(0)
        self.separator = self._options.separator or dialect.separator_of(head)
        errors = "replace" if self.encoding.startswith("utf-16") else "surrogateescape"
        # Kept as an attribute: its finalizer would close the file.
        self._text = io.TextIOWrapper(self._source, encoding=self.encoding, errors=errors, newline="")
        self._records = iter(CsvRecords(self._text, self.separator))
        record = next(self._records, None)
        if record is None or not any(map(str.strip, record.cells)):
            wanted = ", ".join(self._table.readable)
            raise BadInputError(f"{self.path} is empty; its first line must name the columns: {wanted}.")
        if record.problem:
            raise BadInputError(f"{self.path}, line {record.first}: {record.problem}.")
        self.header = [cell.strip() for cell in record.cells]
        if not _is_readable(self.header):
            raise BadInputError(f"{self.path} is not {dialect.encoding_name(self.encoding)} text; save it as UTF-8.")
        return self.header

    def _first_keys(self) -> list[str]:
        """The keys of the first JSON record, if it is one."""
        line = next((line for line in self._source if line.strip()), b"").removeprefix(_BOM).strip()
        self._source.seek(0)
        if line.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise BadInputError(f"{self.path} is UTF-16; JSON lines are UTF-8. Save it as UTF-8.")
        try:
            return list(parsed_object(line))
        except NotAnObjectError as error:
            if line.startswith(b"[") or line == b"{":
                message = "holds one JSON document; JSON lines have one object in each line (jq -c '.[]' makes them)"
                raise BadInputError(f"{self.path} {message}.") from error
            return []

    def _columns(self, names: Sequence[str]) -> Columns:
        columns = Columns(names, self._table, self._options)
        if self.format == "csv":
            try:
                columns.check_header(names)
            except BadInputError as error:
                raise BadInputError(f"{self.path}, line 1: {error.message}{self._separator_hint()}") from error
        return columns

    def _separator_hint(self) -> str:
        found = dialect.separator_of(self.header[0]) if len(self.header) == 1 else self.separator
        if found == self.separator or found not in self.header[0]:
            return ""
        return f" It seems to be separated by {dialect.described(found, self.encoding).split(',')[0]}."

    @property
    def description(self) -> str:
        """How the file is read, for people: `semicolons, Latin-1, Shopify products export`."""
        is_csv = self.format == "csv"
        parts = [dialect.described(self.separator, self.encoding) if is_csv else "JSON lines"]
        return ", ".join([*parts, *([self.columns.preset.title] if self.columns.preset else [])])

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
            rows = self._csv_rows() if self.format == "csv" else self._json_rows()
            in_parts = self.columns.preset is not None and self._table.name == "products"
            yield from put_together(rows) if in_parts else rows

    def _csv_rows(self) -> Iterator[Row]:
        header, width = self.header, len(self.header)
        ready = self.columns.leave_as_they_are(header)
        for record in self._records:
            first, last, cells, problem = record
            if problem or len(cells) != width or not _is_readable(cells):
                yield self._refused(record)
            elif ready:
                yield Row(first, dict(zip(header, cells, strict=True)), cells, None, last)
            else:
                yield from self._rows(first, dict(zip(header, cells, strict=True)), cells, last)

    def _refused(self, record: Record) -> Row:
        if record.problem:
            error = RowError(record.problem, "not CSV")
        elif len(record.cells) != len(self.header):
            lines = swallowed(record.first, record.last) + ": a quote is probably open"
            more = f"; {lines}" if record.last > record.first else ""
            error = RowError(f"{len(record.cells)} fields where the header has {len(self.header)}{more}", "fields")
        else:
            error = RowError(f"not valid {dialect.encoding_name(self.encoding)}; save the file as UTF-8", "encoding")
        return Row(record.first, None, record.cells, error, record.last)

    def _json_rows(self) -> Iterator[Row]:
        for line, ended in enumerate(self._source, start=1):
            raw = (ended.removeprefix(_BOM) if line == 1 else ended).strip()
            if not raw:
                continue
            try:
                values = parsed_object(raw)
            except NotAnObjectError as error:
                yield Row(line, None, raw, RowError(str(error), "not JSON"), line)
            else:
                yield from self._rows(line, values, raw, line)

    def _rows(self, line: int, record: Values, raw: list[str] | bytes, last: int) -> Iterable[Row]:
        try:
            return [Row(line, values, raw, None, last) for values in self.columns.rows(record)]
        except RowError as error:
            return [Row(line, None, raw, error, last)]


def put_together(rows: Iterable[Row]) -> Iterator[Row]:
    """A product that came as several records as one row: its place is that of the first, its values are the last's.

    All of the file is in memory before the first product comes. Refused rows come as they are met.
    """
    products: dict[str, Row] = {}
    for row in rows:
        if row.values is None:
            yield row
        else:
            products[row.values["id"]] = products.get(row.values["id"], row)._replace(values=row.values)
    yield from products.values()


def _is_readable(cells: Sequence[str]) -> bool:
    """Bytes that could not be decoded came through as lone surrogates, which cannot be encoded, or as U+FFFD."""
    whole = "".join(cells)
    if whole.isascii():
        return True
    try:
        whole.encode()
    except UnicodeEncodeError:
        return False
    return "\ufffd" not in whole


def open_tables(
    files: contextlib.ExitStack, named: Sequence[tuple[Path | None, Table]], options: ReadOptions | None
) -> list[TableReader | None]:
    """All of a command's files, None for those that are not named. Raises BadInputError before anything is read."""
    options = options or ReadOptions()
    check_renamed(options.renamed, [table for _, table in named])
    readers = [files.enter_context(TableReader(path, table, options)) if path else None for path, table in named]
    opened = [reader for reader in readers if reader]
    if opened and all(reader.format == "csv" for reader in opened):
        _check_all_met(opened, options)
    return readers


def _check_all_met(readers: Sequence[TableReader], options: ReadOptions) -> None:
    for ours, theirs in options.renamed.items():
        if all(theirs not in reader.header for reader in readers):
            headers = "; ".join(f"{reader.path} has {', '.join(reader.header)}" for reader in readers)
            raise BadInputError(f"--map {ours}={theirs}: no file has a column {theirs!r}. {headers}.")
