"""Tables as CSV or JSON lines, plain or gzipped: read record by record, with line numbers."""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from mongo_seed.files import dialect
from mongo_seed.files.columns import REJECT_COLUMNS, Columns, check_renamed
from mongo_seed.files.csv_records import CsvRecords, swallowed
from mongo_seed.files.fields import RowError
from mongo_seed.files.gathering import Row, gathered
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
        self.guess = ""  # what may be wrong with how it is read, as a sentence
        self.skipped = 0  # records that mean nothing here, such as a refund
        self._table = table
        self._options = options or ReadOptions()
        try:
            self.size = path.stat().st_size
            self._file = path.open("rb")
        except OSError as error:
            raise BadInputError(f"{path} cannot be read: {error.strerror or error}.") from error
        self._source = cast("IO[bytes]", gzip.GzipFile(fileobj=self._file)) if path.suffix == ".gz" else self._file
        try:
            with self._damage_as_bad_input("nothing of it is in"):
                names = self._open_csv() if self.format == "csv" else self._first_keys()
                self.columns = self._columns(names)
        except BadInputError:
            self._file.close()
            raise

    def _open_csv(self) -> list[str]:
        self.encoding = self._options.encoding or dialect.encoding_of(self._source)
        head = self._source.read(_HEAD).decode(self.encoding, "replace")
        self._source.seek(0)
        if self._options.encoding is None and self.encoding in dialect.GUESSED:
            self.guess = self._guessed(head)
        self.separator = self._options.separator or dialect.separator_of(head)
        errors = "replace" if self.encoding.startswith("utf-16") else "surrogateescape"
        # Kept as an attribute: its finalizer would close the file.
        self._text = io.TextIOWrapper(self._source, encoding=self.encoding, errors=errors, newline="")
        self._replaces = errors == "replace"
        self._records = iter(CsvRecords(self._text, self.separator))
        record = next(self._records, None)
        if record is None or not any(map(str.strip, record.cells)):
            wanted = ", ".join(self._table.readable)
            raise BadInputError(f"{self.path} is empty; its first line must name the columns: {wanted}.")
        if record.problem:
            raise BadInputError(f"{self.path}, line {record.first}: {record.problem}.")
        self.header = [cell.strip() for cell in record.cells]
        if not self._is_readable(self.header):
            raise BadInputError(f"{self.path} is not {dialect.encoding_name(self.encoding)} text; save it as UTF-8.")
        return self.header

    def _guessed(self, head: str) -> str:
        """Says what was guessed. Raises BadInputError when it cannot be right."""
        words = dialect.words_beyond_ascii(head)
        if not dialect.are_western(words):
            name = dialect.encoding_name(self.encoding)
            raise BadInputError(
                f"{self.path} is neither UTF-8 nor {name}, which would make it {words[0]!r}. Save it as UTF-8, or say "
                "what it is, as in --encoding cp1251 (Cyrillic), cp1250 (Central European), shift_jis or gb18030."
            )
        if not words:
            return ""
        return f"Its encoding is a guess: does {words[0]!r} read well? If not, say it, as in --encoding cp1250."

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
    def _damage_as_bad_input(self, outcome: str) -> Iterator[None]:
        try:
            yield
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise BadInputError(f"{self.path} is damaged ({error}); {outcome}.") from error
        except UnicodeError as error:
            raise BadInputError(
                f"{self.path} is not {dialect.encoding_name(self.encoding)} text ({error}); {outcome}."
            ) from error

    def __enter__(self) -> TableReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def position(self) -> int:
        return 0 if self._file.closed else self._file.tell()

    def __iter__(self) -> Iterator[Row]:
        gatherer = self.columns.gatherer
        outcome = "nothing of it is in" if gatherer else "what was before that is in"
        with self._damage_as_bad_input(outcome):
            rows = self._csv_rows() if self.format == "csv" else self._json_rows()
            yield from gathered(rows, gatherer, self._product) if gatherer else rows

    def _csv_rows(self) -> Iterator[Row]:
        header, width = self.header, len(self.header)
        ready = self.columns.leave_as_they_are(header)
        for record in self._records:
            first, last, cells, problem = record
            if problem or len(cells) != width or not self._is_readable(cells):
                yield self._refused(record)
            elif ready:
                yield Row(first, dict(zip(header, cells, strict=True)), cells, None, last)
            else:
                yield from self._rows(first, cells, last)

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
            if raw:
                yield from self._rows(line, raw, line)

    def _rows(self, line: int, raw: list[str] | bytes, last: int) -> Iterable[Row]:
        try:
            record = self._record(raw)
        except NotAnObjectError as error:
            return [Row(line, None, raw, RowError(str(error), "not JSON"), last)]
        if self.columns.gatherer:
            return [Row(line, record, raw, None, last)]
        try:
            rows = self.columns.rows(record)
        except RowError as error:
            return [Row(line, None, self._completed(raw, record), error, last)]
        self.skipped += not rows
        completed = self._completed(raw, record)
        return [Row(line, values, completed, None, last) for values in rows]

    def _completed(self, raw: list[str] | bytes, record: Values) -> list[str] | bytes:
        """A record with what a preset has filled in from earlier ones: it can be mended by itself."""
        if isinstance(raw, bytes) or not self.columns.preset:
            return raw
        return [cell or record.get(name, "") for name, cell in zip(self.header, raw, strict=True)]

    def _record(self, raw: list[str] | bytes) -> Values:
        """Without the columns of a rejects file. Of columns of one name the first that is filled counts."""
        if isinstance(raw, bytes):
            record = parsed_object(raw)
        else:
            record = dict(zip(reversed(self.header), reversed(raw), strict=True))
            if len(record) < len(self.header):
                record.update({name: cell for name, cell in reversed([*zip(self.header, raw, strict=True)]) if cell})
        if self.columns.preset:
            for name in REJECT_COLUMNS:
                record.pop(name, None)
        return record

    def _product(self, id_: str, raws: Sequence[list[str] | bytes]) -> Values:
        return self.columns.product(id_, [self._record(raw) for raw in raws])

    def _is_readable(self, cells: Sequence[str]) -> bool:
        """Bytes that could not be decoded came through as lone surrogates, which cannot be encoded, or as U+FFFD."""
        whole = "".join(cells)
        if whole.isascii():
            return True
        try:
            whole.encode()
        except UnicodeEncodeError:
            return False
        return not self._replaces or "\ufffd" not in whole


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
