"""Rows of a file, and products as one row each whose records are several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mongo_seed.files.fields import RowError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mongo_seed.files.presets.preset import Gatherer

Values = dict[str, Any]
Raw = list[str] | bytes


class Row(NamedTuple):
    """One row of a file: its values, or why it has none.

    The record that it comes from is in the lines `line` to `last`, from 1; `raw` is the record as it was read, with
    what earlier records say of it. A product of several records has the `others` too.
    """

    line: int
    values: Values | None
    raw: Raw
    error: RowError | None = None
    last: int = 0
    others: tuple[Row, ...] = ()


def gathered(records: Iterable[Row], gatherer: Gatherer, row_of: Callable[[str, list[Raw]], Values]) -> Iterator[Row]:
    """Each product as one row, in the place of its first record; `row_of` makes it of an id and its raw records.

    All records are in memory before the first product comes. A refused record comes as it is met; a product of which
    one record is wrong is refused with all of them.
    """
    parts: dict[str, list[Row]] = {}
    for record in records:
        named = _part_of(gatherer, record)
        if isinstance(named, Row):
            yield named
        else:
            parts.setdefault(named, []).append(record._replace(values=None))
    products: dict[str, list[Row]] = {}
    for part_of, members in parts.items():
        products.setdefault(gatherer.product(part_of), []).extend(members)
    for id_, members in products.items():
        members.sort(key=lambda row: row.line)
        product = members[0]._replace(others=tuple(members[1:]))
        try:
            yield product._replace(values=row_of(id_, [row.raw for row in members]))
        except RowError as error:
            yield product._replace(error=error)


def _part_of(gatherer: Gatherer, record: Row) -> str | Row:
    """Which product it is part of, or the record with the reason why it is refused."""
    if record.values is None:
        return record
    try:
        return gatherer.part_of(record.values)
    except RowError as error:
        return record._replace(values=None, error=error)
