"""How files are to be read: as they show themselves, or as the options of a command say."""

from __future__ import annotations

import codecs
import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from mongo_seed.files import presets
from shop.values import is_currency

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Command = TypeVar("Command", bound="Callable[..., Any]")

_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|"}


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of file: its columns, as they are written and read, and of which groups one must be there."""

    name: Literal["products", "interactions", "users"]
    columns: tuple[str, ...]
    required: tuple[tuple[str, ...], ...]
    read_only: tuple[str, ...] = ()  # columns that are read and never written

    @property
    def readable(self) -> tuple[str, ...]:
        return self.columns + self.read_only


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What is not to be found out from the files themselves. Separator and encoding concern CSV."""

    format: str = "auto"  # or "native": our columns; or the name of a preset
    renamed: Mapping[str, str] = field(default_factory=dict)  # our column: the file's
    separator: str | None = None
    encoding: str | None = None
    decimal_comma: bool = False
    currency: str | None = None  # of prices whose file names none


def parsed_options(given: Mapping[str, Any]) -> ReadOptions:
    """From the values that `reading_options` added to a command. Raises a usage error."""
    renamed = {}
    for pair in given["mapped"]:
        ours, equals, theirs = pair.partition("=")
        if not (ours.strip() and equals and theirs.strip()):
            raise click.UsageError(f"--map {pair}: write our column, =, and the file's, as in --map user_id=customer.")
        renamed[ours.strip()] = theirs.strip()
    currency = given["currency"]
    if currency is not None and not is_currency(currency):
        raise click.UsageError(f"--currency {currency}: no currency of ISO 4217, such as EUR.")
    return ReadOptions(
        given["file_format"],
        renamed,
        _separator(given["separator"]),
        _encoding(given["encoding"]),
        given["decimal_comma"],
        currency,
    )


def _separator(name: str | None) -> str | None:
    if name is None:
        return None
    separator = _SEPARATORS.get(name.lower(), name)
    if len(separator) != 1 or separator in '"\r\n':
        raise click.UsageError(f"--separator {name!r}: one character, or comma, semicolon, tab, pipe.")
    return separator


def _encoding(name: str | None) -> str | None:
    if name is None:
        return None
    try:
        "x".encode(name)  # looks it up, and refuses codecs that are none of texts
        known = codecs.lookup(name).name
    except LookupError as error:
        raise click.UsageError(f"--encoding {name!r} is not known; utf-8, latin-1, cp1252 and utf-16 are.") from error
    return "utf-8-sig" if known == "utf-8" else known  # a mark at the beginning is no part of the first name


def format_names() -> tuple[str, ...]:
    return ("auto", "native", *dict.fromkeys(preset.name for preset in presets.PRESETS))


def reading_options(command: Command) -> Command:
    """Adds the options of every command that reads files; `parsed_options` takes their values."""
    for option in reversed(
        (
            click.option(
                "--format",
                "file_format",
                default="auto",
                show_default=True,
                help=f"What made the files: {', '.join(format_names())} (native: the columns of docs/data.md).",
            ),
            click.option(
                "--map",
                "mapped",
                multiple=True,
                metavar="OURS=THEIRS",
                help="A column of another name, such as user_id=customer; may be repeated.",
            ),
            click.option("--separator", help="Of CSV: comma, semicolon, tab, pipe or a character. Default: found out."),
            click.option("--encoding", help="Of CSV: utf-8, latin-1, utf-16... Default: found out."),
            click.option(
                "--currency", metavar="CODE", help="Of prices whose file names none, such as EUR (default: USD)."
            ),
            click.option("--decimal-comma", is_flag=True, help="Numbers are written as 1.299,50."),
        )
    ):
        command = option(command)
    return command


def did_you_mean(name: str, known: Sequence[str]) -> str | None:
    close = difflib.get_close_matches(name.lower().replace(" ", "_"), known, 1)
    return close[0] if close else None
