"""Reads single fields of an imported row, by the rules of `shop.values`. A RowError names the column and the reason."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from shop import values
from shop.values import RefusedValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from shop.entities.catalog import Money

    Values = Mapping[str, Any]
    T = TypeVar("T")
    V = TypeVar("V")

_CACHED = 100_000  # most values repeat
_MILLISECONDS = 10**11  # seconds above are somebody's milliseconds
_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no"}
_ROUNDED = re.compile(r"\d(\.\d+)?[eE]\+\d+", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+", re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+", re.ASCII)
_COMPACT_DATE = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\d{6})?", re.ASCII)
_YEAR = re.compile(r"(19|20)\d{2}", re.ASCII)
_DAY_NUMBERS = (20_000, 80_000)  # of spreadsheets: 1954 to 2119
_EARLIEST_SECONDS = values.EARLIEST.timestamp()
_DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)


class RowError(Exception):
    """Why a row is refused. `kind` is the same for all refusals that one remedy would mend."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind or message


def _refused(name: str, code: str, message: str) -> RowError:
    return RowError(f"{name}: {message}", f"{name} {code}")


def _checked(name: str, check: Callable[[V], T], value: V) -> T:
    """Raises RowError where the rule raises RefusedValueError."""
    try:
        return check(value)
    except RefusedValueError as error:
        raise _refused(name, error.code, error.message) from error


def text(row: Values, name: str) -> str | None:
    """The text of a field as it is, None if it is absent or empty. Numbers are taken as their text."""
    value = row.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise _refused(name, "TYPE", f"A text is wanted, not {values.shown(value)}.")


def plain(row: Values, name: str) -> str | None:
    """Text without markup; None where nothing is left."""
    value = text(row, name)
    return None if value is None else _plain(name, value) or None


def _plain(name: str, value: str) -> str:
    found = values.plain_text(value) if len(value) <= values.LONGEST_MARKUP else value
    if len(found) > values.LONGEST_TEXT:
        raise _refused(name, "TOO_LONG", f"A text has {values.LONGEST_TEXT:,} characters at most.")
    return found


def identifier(row: Values, name: str) -> str | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, float):
        message = f"An id is a text or a whole number, not {value!r}: a program took it for a measure."
        raise _refused(name, "FLOAT", f"{message} Write it in quotes, as it is in your shop.")
    try:
        return _identifier(value if type(value) is str else text(row, name) or "")
    except RefusedValueError as error:
        raise _refused(name, error.code, error.message) from error


@lru_cache(_CACHED)
def _identifier(value: str) -> str:
    id_ = values.clean_id(value)
    if _ROUNDED.fullmatch(id_):
        message = f"{values.shown(id_)} was rounded by a spreadsheet: export it again, and do not open it in one."
        raise RefusedValueError("ROUNDED", message)
    return id_


def user_identifier(row: Values, name: str) -> str | None:
    """An id that is no program's."""
    id_ = identifier(row, name)
    try:
        return None if id_ is None else values.clean_user_id(id_)
    except RefusedValueError as error:
        raise _refused(name, error.code, error.message) from error


def required_identifier(row: Values, name: str) -> str:
    value = identifier(row, name)
    if value is None:
        raise missing(name)
    return value


def missing(name: str) -> RowError:
    return RowError(f"{name} is missing")


def identifiers(row: Values, name: str, separator: str) -> list[str]:
    """Ids as `identifier` takes them: a JSON list, or one text with separators; empty when absent."""
    return [id_ for item in _items(row, name, separator, str) if (id_ := identifier({name: item.strip()}, name))]


def number(row: Values, name: str, check: Callable[[float], float]) -> float | None:
    """A number that passes the check."""
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        return check(_number(value) if type(value) is str else values.number(value))
    except RefusedValueError as error:
        raise _refused(name, error.code, f"{error.message}{_comma_hint(value)}") from error


@lru_cache(_CACHED)
def _number(value: str) -> float:
    return values.number(value)


def quantity(row: Values, name: str) -> float | None:
    return number(row, name, values.quantity)


def rating(row: Values, name: str) -> float | None:
    return number(row, name, values.rating)


def money(row: Values) -> Money | None:
    """`price` and `currency` together (USD without one)."""
    price = row.get("price")
    if price is None or price == "":
        return None
    currency = _checked("currency", values.checked_currency, (text(row, "currency") or "USD").strip())
    try:
        return _money(price, currency) if type(price) is str else values.money(price, currency)
    except RefusedValueError as error:
        raise _refused("price", error.code, f"{error.message}{_comma_hint(price)}") from error


@lru_cache(_CACHED)
def _money(price: str, currency: str) -> Money:
    return values.money(price, currency)


def _comma_hint(value: Any) -> str:
    has_comma = isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value.strip())
    return " Is that a decimal comma? Say --decimal-comma." if has_comma else ""


def with_decimal_point(value: Any) -> Any:
    """`1.299,50` as `1299.50`: a number whose points group thousands. Whatever else comes back as it is."""
    if not isinstance(value, str):
        return value
    whole, comma, rest = value.strip().partition(",")
    if "." in whole and not _GROUPED.fullmatch(whole):
        message = (
            f"With --decimal-comma a point groups thousands, as in 1.299,50; that of {values.shown(value)} does not."
        )
        raise RowError(message, "decimal comma")
    return whole.replace(".", "") + ("." + rest if comma else "")


def timestamp(row: Values, name: str) -> datetime | None:
    """Unix seconds or RFC 3339 with a time zone, as UTC to the millisecond; between the year 1990 and now."""
    value = row.get(name)
    if value is None or value == "":
        return None
    # Asked first: most times are texts, and an exception for each would cost more than all the rest.
    in_seconds = values.is_numeral(value) if isinstance(value, str) else type(value) in (int, float)
    moment = _unix(value, name) if in_seconds else _rfc3339(value, name)
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return _checked(name, values.event_time, moment)


def _unix(value: Any, name: str) -> datetime:
    seconds = _checked(name, values.number, value)
    if seconds >= _MILLISECONDS or seconds < _EARLIEST_SECONDS:
        raise _refused(name, *_no_seconds(str(value).strip()[:60], seconds))
    return datetime.fromtimestamp(seconds, UTC)


def _no_seconds(value: str, seconds: float) -> tuple[str, str]:
    """Code and message: what a number seems to be that cannot be the unix seconds of an event."""
    if _COMPACT_DATE.fullmatch(value):
        digits, layout = (value, "%Y%m%d%H%M%S") if len(value) > 8 else (value, "%Y%m%d")
        with contextlib.suppress(ValueError):
            moment = _moment(datetime.strptime(digits, layout).replace(tzinfo=UTC))
            return "DATE", f"{value} looks like a date: write {moment}."
    if _YEAR.fullmatch(value):
        return "YEAR", f"{value} looks like a year: write a time such as {value}-05-14T09:30:00Z."
    if _DAY_NUMBERS[0] <= seconds < _DAY_NUMBERS[1]:
        moment = _moment(_DAY_ZERO + timedelta(days=seconds))
        return (
            "DAY_NUMBER",
            f"{value} looks like a spreadsheet's day number: write {moment}.",
        )
    if seconds >= _MILLISECONDS:
        return "MILLISECONDS", f"{value} is no time in unix seconds. Milliseconds? Divide them by 1000."
    return "OUT_OF_RANGE", f"{value} is no time in unix seconds between the year 1990 and now."


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def _rfc3339(value: Any, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value).strip())
    except ValueError as error:
        message = f"Unix seconds or RFC 3339 such as 2026-05-14T09:30:00Z are wanted, not {values.shown(value)}."
        raise _refused(name, "INVALID", message) from error
    if moment.tzinfo is None:
        message = f"{values.shown(value)} has no time zone: write 2026-05-14T09:30:00Z, or +02:00 at the end."
        raise _refused(name, "ZONE", message)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise _refused(name, "OUT_OF_RANGE", f"{values.shown(value)} is no time of an event.") from error


def boolean(row: Values, name: str) -> bool | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    word = str(value).strip().lower()
    if word not in _TRUE | _FALSE:
        raise _refused(name, "INVALID", f"true or false is wanted, not {values.shown(value)}.")
    return word in _TRUE


def web_address(row: Values, name: str) -> str | None:
    value = text(row, name)
    return None if value is None or not value.strip() else _checked(name, values.web_address, value)


def texts(row: Values, name: str, separator: str) -> list[str]:
    """A list of texts without markup: a JSON list, or one text with separators; empty when absent."""
    # Cleaned before it is split as well: a tag has a > of its own.
    items = _items(row, name, separator, lambda whole: _plain(name, whole))
    return [found for item in items if (found := _plain(name, item))]


def _items(row: Values, name: str, separator: str, cleaned: Callable[[str], str]) -> list[str]:
    value = row.get(name)
    if value is None or value == "":
        return []
    if isinstance(value, str) and value.startswith("["):
        value = _json_list(value)
    items = cleaned(value).split(separator) if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        message = f"Texts with {separator.strip()!r} between them are wanted, or a JSON list of texts."
        raise _refused(name, "TYPE", message)
    return items


def _json_list(value: str) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def joined_texts(items: list[str], separator: str) -> str | list[str] | None:
    """The inverse of `texts`: one text where that reads back the same, else the list."""
    if not items:
        return None
    whole = separator.join(items)
    reads_back = not whole.startswith("[") and [item.strip() for item in whole.split(separator.strip())] == items
    return whole if reads_back else items


def timestamp_text(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
