"""Writes tables as CSV or JSON lines, plain or gzipped."""

from __future__ import annotations

import csv
import gzip
import io
from typing import IO, TYPE_CHECKING, Any, cast

import orjson

from mongo_seed.files.tables import file_format
from shop.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Values = dict[str, Any]


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
