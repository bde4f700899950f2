"""What a preset is: how a file of another program is recognised, and what its records mean here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

Values = dict[str, Any]
# A record as it was read (cells by the name of their column, or a JSON object) becomes no, one or several rows with our
# columns. Raises RowError.
Translate = Callable[[Values], list[Values]]


class Gatherer(Protocol):
    """Makes products of one file's records, of which several may be about one."""

    def part_of(self, record: Values) -> str:
        """Which product a record is part of, as the record says it. Raises RowError."""

    def product(self, part_of: str) -> str:
        """The id of the product of this name. Asked when all records are known."""

    def row(self, id_: str, records: Sequence[Values]) -> Values:
        """The product as a row with our columns. Raises RowError."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of file of another program."""

    name: str  # as `--format` takes it, such as "shopify"
    title: str  # as people know it, such as "Shopify products export"
    table: Literal["products", "interactions"]
    recognises: Callable[[Set[str]], bool]  # given the names in the header, or the keys of the first JSON record
    reader: Callable[[], Translate | Gatherer]  # a new one for each file: it may remember earlier records
    rounds: bool = False  # whether its amounts are computed, with more digits than a currency has
