"""Relay: opaque ids, cursors and page arguments."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

import orjson
import strawberry

from shop.entities.paging import Cursor, PageRequest
from shop.errors import BadInputError

MAX_PAGE = 100
_INT64 = 2**63
_DEFAULT_PAGE = 20
_SORT_VALUES = (str, int, float, datetime, type(None))


@strawberry.interface(description="Anything with an id; `node(id)` finds it again.")
class Node:
    id: strawberry.ID = strawberry.field(description="Opaque, unique over all types, stable over time.")


def encode_id(kind: str, id_: str) -> strawberry.ID:
    return strawberry.ID(base64.urlsafe_b64encode(f"{kind}:{id_}".encode()).decode().rstrip("="))


def decode_any_id(value: str, field: str = "id") -> tuple[str, str]:
    """The type's name and the shop's own id. Raises BadInputError."""
    try:
        kind, separator, id_ = _unbase64(value).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        kind, separator, id_ = "", "", ""
    if not separator or not id_:
        raise BadInputError(f"{value!r} is not an id of this API. Pass an `id` as it came in an answer.", field=field)
    return kind, id_


def decode_id(kind: str, value: str, field: str = "id") -> str:
    """The shop's own id of something of this type. Raises BadInputError."""
    actual, id_ = decode_any_id(value, field)
    if actual != kind:
        raise BadInputError(f"{value!r} is the id of a {actual}, and a {kind} is wanted here.", field=field)
    return id_


def decode_ids(kind: str, values: list[strawberry.ID] | None, field: str) -> tuple[str, ...]:
    return tuple(decode_id(kind, value, field) for value in values or ())


def encode_cursor(cursor: Cursor) -> str:
    value = {"t": cursor.value.isoformat()} if isinstance(cursor.value, datetime) else cursor.value
    return base64.urlsafe_b64encode(orjson.dumps([cursor.sort, value, cursor.id])).decode().rstrip("=")


def decode_cursor(text: str | None, field: str) -> Cursor | None:
    """Raises BadInputError for anything that encode_cursor did not make."""
    if text is None:
        return None
    try:
        sort, value, id_ = orjson.loads(_unbase64(text))
        if isinstance(value, dict):
            value = datetime.fromisoformat(value["t"]).astimezone(UTC)
    except (ValueError, TypeError, KeyError, OverflowError, binascii.Error):
        sort = value = id_ = None
    if not (isinstance(sort, str) and isinstance(id_, str) and isinstance(value, _SORT_VALUES) and _fits(value)):
        raise BadInputError(
            f"{field}: this is not a cursor of this API. Pass an `endCursor` or `startCursor` as it came.", field=field
        )
    return Cursor(sort, value, id_)


def _fits(value: Any) -> bool:
    return not isinstance(value, int) or -_INT64 <= value < _INT64


def _unbase64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def page_request(
    first: int | None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    *,
    sort: str = "NEWEST",
) -> PageRequest:
    """Relay's four arguments, checked. Raises BadInputError."""
    if first is not None and last is not None:
        raise BadInputError("Pass first or last, not both.", field="last")
    size = first if first is not None else last
    field = "last" if last is not None else "first"
    if size is not None and not 1 <= size <= MAX_PAGE:
        raise BadInputError(f"{field} must be between 1 and {MAX_PAGE}, not {size}.", field=field)
    cursors = decode_cursor(after, "after"), decode_cursor(before, "before")
    for cursor in cursors:
        if cursor is not None and cursor.sort != sort:
            raise BadInputError(f"This cursor belongs to the order {cursor.sort}, not {sort}. Begin anew without it.")
    return PageRequest(size or _DEFAULT_PAGE, cursors[0], cursors[1], backwards=last is not None)
