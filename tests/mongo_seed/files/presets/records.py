"""Records of other programs, as the reader gives them to a preset."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from mongo_seed.files.fields import RowError

if TYPE_CHECKING:
    from mongo_seed.files.presets.preset import Preset, Values


def csv_records(text: str, delimiter: str = ",") -> list[Values]:
    return list(csv.DictReader(text.strip().splitlines(), delimiter=delimiter))


def translated(preset: Preset, records: list[Values]) -> list[Values]:
    """All rows that a preset makes of a file's records."""
    translate = preset.translator()
    return [row for record in records for row in translate(record)]


def products_of(preset: Preset, records: list[Values]) -> dict[str, Values]:
    """The products that a preset makes, by id: the last row about one counts."""
    return {row["id"]: row for row in translated(preset, records)}


def outcomes(preset: Preset, records: list[Values]) -> list[list[Values] | str]:
    """What becomes of each record: its rows, or the reason why it is refused."""
    translate = preset.translator()
    told: list[list[Values] | str] = []
    for record in records:
        try:
            told.append(translate(record))
        except RowError as error:
            told.append(str(error))
    return told
