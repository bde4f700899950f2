"""What a preset is: how a file of another program is recognised, and what its records mean here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Set

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of file of another program."""

    name: str  # as `--format` takes it, such as "shopify"
    title: str  # as people know it, such as "Shopify products export"
    table: Literal["products", "interactions"]
    recognises: Callable[[Set[str]], bool]  # given the names in the header, or the keys of the first JSON record
    # A new translator for one file, which may remember earlier records: a record as it was read (cells by the name of
    # their column, or a JSON object) becomes no, one or several rows with our columns. Raises RowError.
    translator: Callable[[], Callable[[Values], list[Values]]]
