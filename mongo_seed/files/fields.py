"""Reads single fields of an imported row. A RowError names what is wrong with the value and what would be right."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import orjson

from shop.entities.catalog import Money

if TYPE_CHECKING:
    from collections.abc import Mapping

    Values = Mapping[str, Any]

_LONGEST_ID = 200
_LARGEST_PRICE = 10**12
_SECONDS = (0, 10**11)  # above: somebody's milliseconds
_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no"}


class RowError(Exception):
    """Why a row is refused."""


def text(row: Values, name: str) -> str | None:
    """The text of a field, None if it is absent or empty. Numbers are taken as their text."""
    value = row.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise RowError(f"{name} must be a text, not {_shown(value)}")


def identifier(row: Values, name: str) -> str | None:
    value = text(row, name)
    if value is not None and (not value.strip() or len(value) > _LONGEST_ID):
        raise RowError(f"{name} must have 1 to {_LONGEST_ID} characters")
    return value


def required_identifier(row: Values, name: str) -> str:
    value = identifier(row, name)
    if value is None:
        raise RowError(f"{name} is missing")
    return value


def identifiers(row: Values, name: str, separator: str) -> list[str]:
    return [required_identifier({name: item}, name) for item in texts(row, name, separator)]


def number(row: Values, name: str, *, most: float = math.inf) -> float | None:
    """A finite number of at least 0 and at most `most`."""
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        parsed = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        parsed = math.nan
    if not math.isfinite(parsed) or not 0 <= parsed <= most:
        span = "at least 0" if most == math.inf else f"from 0 to {most:g}"
        raise RowError(f"{name} must be a number {span}, not {_shown(value)}")
    return parsed


def money(row: Values) -> Money | None:
    """`price` and `currency` together (USD without one), rounded to the currency's smallest unit."""
    price = row.get("price")
    if price is None or price == "":
        return None
    currency = (text(row, "currency") or "USD").strip()
    if len(currency) != 3 or not currency.isascii() or not currency.isalpha() or not currency.isupper():
        raise RowError(f"currency must be three capital letters (ISO 4217) such as EUR, not {currency!r}")
    try:
        amount = Decimal("NaN") if isinstance(price, (bool, list, dict)) else Decimal(str(price).strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount <= _LARGEST_PRICE:
        raise RowError(f"price must be a decimal number of at least 0 such as 12.50, not {_shown(price)}")
    return Money.from_minor(Money(amount, currency).minor, currency)


def timestamp(row: Values, name: str) -> datetime | None:
    """Unix seconds or RFC 3339 with a time zone, as UTC to the millisecond."""
    value = row.get(name)
    if value is None or value == "":
        return None
    seconds = _seconds(value)
    if seconds is None:
        return _rfc3339(value, name)
    if not _SECONDS[0] <= seconds < _SECONDS[1]:
        hint = " (milliseconds? divide by 1000)" if seconds >= _SECONDS[1] else ""
        raise RowError(f"{name} is not a time in unix seconds: {_shown(value)}{hint}")
    return _to_millisecond(datetime.fromtimestamp(seconds, UTC))


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) else None


def _rfc3339(value: Any, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value).strip())
    except ValueError as error:
        message = f"{name} must be unix seconds or RFC 3339 such as 2026-05-14T09:30:00Z, not {_shown(value)}"
        raise RowError(message) from error
    if moment.tzinfo is None:
        raise RowError(f"{name} has no time zone: {_shown(value)}; write 2026-05-14T09:30:00Z or +02:00 at the end")
    try:
        return _to_millisecond(moment.astimezone(UTC))
    except OverflowError as error:
        raise RowError(f"{name} is out of range: {_shown(value)}") from error


def _to_millisecond(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def boolean(row: Values, name: str) -> bool | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    word = str(value).strip().lower()
    if word not in _TRUE | _FALSE:
        raise RowError(f"{name} must be true or false, not {_shown(value)}")
    return word in _TRUE


def texts(row: Values, name: str, separator: str) -> list[str]:
    """A list of texts: a JSON list, or one text with separators; empty when absent."""
    value = row.get(name)
    if value is None or value == "":
        return []
    if isinstance(value, str) and value.startswith("["):
        value = _json_list(value)
    items = value.split(separator) if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise RowError(f"{name} must be texts with {separator.strip()!r} between them, or a JSON list of texts")
    if isinstance(value, str):
        items = [item.strip() for item in items]
    return [item for item in items if item]


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


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
