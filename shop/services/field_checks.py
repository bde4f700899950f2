"""The fields of an input, checked one by one: what is wrong is collected, for an answer that names all of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from shop import values
from shop.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from shop.entities.catalog import Money

T = TypeVar("T")


class FieldChecks:
    """`problems` has what the checks so far have refused."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(self, field: str, code: str, message: str) -> None:
        self.problems.append(Problem(field, code, message))

    def take(self, field: str, check: Callable[[T], T], value: T) -> T:
        """The value as the check gives it; as it came, with a problem, if the check refuses it."""
        try:
            return check(value)
        except values.RefusedValueError as error:
            self.refuse(field, error.code, error.message)
            return value

    def text(self, field: str, value: str, *, most: int = values.LONGEST_TEXT) -> str:
        """Plain text, of no more than so many characters."""
        if len(value) > values.LONGEST_MARKUP:
            self.refuse(field, "TOO_LONG", f"At most {values.LONGEST_MARKUP:,} characters, with its markup.")
            return ""
        text = values.plain_text(value)
        if len(text) > most:
            self.refuse(field, "TOO_LONG", f"At most {most:,} characters.")
        return text

    def money(self, amount: Decimal | None, currency: str) -> Money | None:
        """The fields are `price` and `currencyCode`; the currency is checked without an amount too."""
        known = len(self.problems)
        self.take("currencyCode", values.checked_currency, currency)
        if amount is None or len(self.problems) > known:
            return None
        try:
            return values.money(amount, currency)
        except values.RefusedValueError as error:
            self.refuse("price", error.code, error.message)
            return None


def in_utc(at: datetime) -> datetime:
    """Raises RefusedValueError for a time without a zone, and for one that UTC cannot express."""
    if at.tzinfo is None:
        raise values.RefusedValueError(
            "INVALID", "Write the time with its zone: 2026-03-01T12:00:00Z, or an offset such as +01:00."
        )
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise values.RefusedValueError("OUT_OF_RANGE", "The time is out of range.") from error
