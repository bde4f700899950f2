"""Records of other programs, as the reader gives them to a preset."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from mongo_seed.files.fields import RowError
from mongo_seed.files.gathering import Row, gathered

if TYPE_CHECKING:
    from mongo_seed.files.presets.preset import Preset, Values


def csv_records(text: str, delimiter: str = ",") -> list[Values]:
    return list(csv.DictReader(text.strip().splitlines(), delimiter=delimiter))


def translated(preset: Preset, records: list[Values]) -> list[Values]:
    """All rows that a preset makes of a file's records."""
    translate = preset.reader()
    assert callable(translate)
    return [row for record in records for row in translate(dict(record))]


def outcomes(preset: Preset, records: list[Values]) -> list[list[Values] | str]:
    """What becomes of each record: its rows, or the reason why it is refused."""
    translate = preset.reader()
    assert callable(translate)
    told: list[list[Values] | str] = []
    for record in records:
        try:
            told.append(translate(dict(record)))
        except RowError as error:
            told.append(str(error))
    return told


def products_of(preset: Preset, records: list[Values]) -> dict[str, Values]:
    """The products that a preset makes of a file's records, by id."""
    return {row.values["id"]: row.values for row in gathered_of(preset, records) if row.values}


def reasons_of(preset: Preset, records: list[Values]) -> dict[int, str]:
    """Why records are refused, by the line of the first, from 1; one of several has the reason of all."""
    return {
        record.line: str(row.error)
        for row in gathered_of(preset, records)
        if row.error
        for record in (row, *row.others)
    }


def gathered_of(preset: Preset, records: list[Values]) -> list[Row]:
    """A product in each row, as the reader makes them of CSV records."""
    gatherer = preset.reader()
    assert not callable(gatherer)
    names = list(dict.fromkeys(name for record in records for name in record))
    rows = [Row(line, dict(record), [record.get(name, "") for name in names]) for line, record in enumerate(records, 1)]
    by_cells = {tuple(row.raw): dict(record) for row, record in zip(rows, records, strict=True)}
    return list(gathered(rows, gatherer, lambda id_, raws: gatherer.row(id_, [by_cells[tuple(raw)] for raw in raws])))
