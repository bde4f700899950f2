"""A record of another program by the names of its columns, which differ between versions in case, spaces and `_`."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from mongo_seed.files import fields
from shop.entities.catalog import Money, is_price
from shop.values import is_currency, is_numeral

if TYPE_CHECKING:
    from collections.abc import Mapping, Set

    from mongo_seed.files.presets.preset import Values


@cache
def folded(name: str) -> str:
    """`URL handle` for `URL_Handle` and `g:url_handle`, in small letters."""
    return " ".join(name.strip().removeprefix("g:").replace("_", " ").casefold().split())


def has_columns(names: Set[str], *wanted: str) -> bool:
    """Whether a header has all of the columns."""
    return {folded(name) for name in wanted} <= {folded(name) for name in names}


class Cells:
    """The cells of one record. A name may be given in any case, with spaces or underscores."""

    def __init__(self, record: Mapping[str, Any]) -> None:
        self._cells = {folded(name): value for name, value in record.items()}

    def has(self, *names: str) -> bool:
        """Whether there is a column of one of these names, filled or not."""
        return any(folded(name) in self._cells for name in names)

    def text(self, *names: str) -> str:
        """The first of these cells that is filled, without the spaces around it; empty when none is."""
        return next(filter(None, (text_of(self._cells.get(folded(name))) for name in names)), "")

    def identifier(self, name: str) -> str:
        """Raises RowError for what is no id, such as a measure in JSON. Empty for none."""
        return fields.identifier({name: self._cells.get(folded(name))}, name) or ""

    def texts(self, columns: Mapping[str, tuple[str, ...]]) -> Values:
        """Our columns, each from the columns of the file that may hold it; what the file does not have is left out."""
        return {ours: self.text(*theirs) for ours, theirs in columns.items() if self.has(*theirs)}


def text_of(value: Any) -> str:
    """A cell, or a value of a JSON object, as text; empty for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()


def is_given(value: Any) -> bool:
    return value is not None and value != ""


def rounded(amount: Any, currency: str) -> Any:
    """An amount in the digits of its currency. What is none comes back as it is."""
    text = text_of(amount)
    if not (is_numeral(text) and is_currency(currency) and is_price(exact := Decimal(text))):
        return amount
    return str(Money.from_minor(Money(exact, currency).minor, currency).amount)


def part(values: Any, name: str) -> Values:
    """The object within an object of JSON; empty for none."""
    inner = values.get(name) if isinstance(values, dict) else None
    return inner if isinstance(inner, dict) else {}


def parts(text: str, separator: str) -> list[str]:
    """The filled parts of a text, each once."""
    return list(dict.fromkeys(filter(None, map(str.strip, text.split(separator)))))


def path(text: str) -> list[str]:
    """The names in `Home & Garden > Kitchen`; an id of a category says nothing to a shopper, and is left out."""
    return [] if text.isdecimal() else parts(text, ">")


def is_now(starts: str, ends: str) -> bool:
    """Whether an offer holds at this moment; one whose times cannot be read does not."""
    now = datetime.now(UTC)
    try:
        return (not starts or _moment(starts) <= now) and (not ends or now <= _moment(ends))
    except ValueError:
        return False


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
