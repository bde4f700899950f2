"""The fields of a JSON object that somebody else wrote: each is of the type that is wanted, or is refused by name."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from shop import values
from shop.errors import BadInputError
from shop.values import RefusedValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST = 2_000  # entries of a list: Shopify's most variants


class Fields:
    """All methods raise BadInputError, which names the field and does not repeat what is in it."""

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path

    def path(self, name: str) -> str:
        return f"{self._path}{name}"

    def has(self, name: str) -> bool:
        """Whether it is there, null or not."""
        return name in self._values

    def is_null(self, name: str) -> bool:
        return self._values.get(name) is None

    def text(self, name: str) -> str:
        """Empty for none; a whole number, such as an id, as its digits."""
        value = self._values.get(name)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise self._refused(name, "a text is wanted")
        text = str(value).strip()
        if len(text) > values.LONGEST_MARKUP:
            raise self._refused(name, f"at most {values.LONGEST_MARKUP:,} characters")
        return text

    def identifier(self, name: str) -> str:
        """A text that is there and may be an id."""
        try:
            return values.clean_id(self.text(name))
        except RefusedValueError as error:
            raise self._refused(name, error.message) from error

    def flag(self, name: str) -> bool | None:
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._refused(name, "true or false is wanted")
        return value

    def number(self, name: str) -> float | None:
        """None for an empty text, too."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        try:
            return values.number(value)
        except RefusedValueError as error:
            raise self._refused(name, "a number such as 12.5 is wanted") from error

    def amount(self, name: str) -> Decimal | None:
        """An amount as it is written; its currency is another field."""
        number = self.number(name)
        return None if number is None else Decimal(str(self._values[name]).strip())

    def time(self, name: str) -> datetime | None:
        """Of one without a zone, UTC is meant. None for an empty text, too."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        try:
            at = datetime.fromisoformat(value)
            return values.event_time(at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC))
        except (TypeError, ValueError, OverflowError) as error:
            raise self._refused(
                name, "a time such as 2026-03-01T12:00:00Z is wanted, after 2000 and not later than now"
            ) from error

    def inner(self, name: str) -> Fields:
        """An object; an empty one for none."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, dict):
            raise self._refused(name, "an object is wanted")
        return Fields(value or {}, f"{self._path}{name}.")

    def each(self, name: str) -> list[Fields]:
        """The objects of a list; an empty one for none."""
        value = self._values.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise self._refused(name, "a list of objects is wanted")
        if len(value) > _MOST:
            raise self._refused(name, f"at most {_MOST:,} entries")
        return [Fields(entry, f"{self._path}{name}.{index}.") for index, entry in enumerate(value)]

    def texts(self, name: str) -> list[str]:
        """The parts of a text that commas separate, or the texts of a list."""
        value = self._values.get(name)
        if isinstance(value, list):
            if not all(isinstance(entry, str) for entry in value):
                raise self._refused(name, "a list of texts is wanted")
            parts = value
        else:
            parts = self.text(name).split(",")
        return list(dict.fromkeys(filter(None, map(str.strip, parts))))

    def _refused(self, name: str, wanted: str) -> BadInputError:
        return BadInputError(f"{self.path(name)}: {wanted}.", field=self.path(name))


def required_time(fields: Fields, *names: str) -> datetime:
    """The first of the times that is there. Raises BadInputError."""
    found = next((at for name in names if (at := fields.time(name)) is not None), None)
    if found is None:
        raise BadInputError(f"{fields.path(names[0])}: a time is wanted.", field=fields.path(names[0]))
    return found


def attribute(entries: list[Fields], key: str, name: str) -> str | None:
    """The value of the entry that is called so, in lists of names and values; None for none, or no text."""
    for entry in entries:
        if entry.text(key).lstrip("_") == name:
            return entry.text("value") or None
    return None


SESSION_ATTRIBUTE = "whybuy_session_id"
