"""Objects of JSON lines. Whole numbers keep all their digits, also beyond 64 bits: shops have such ids."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

_LONG_NUMBER = re.compile(rb"\d{19}")  # beyond 64 bits the fast parser makes it a float


class NotAnObjectError(ValueError):
    """Why a line is no JSON object."""


def parsed_object(raw: bytes) -> dict[str, Any]:
    """Raises NotAnObjectError."""
    try:
        value = orjson.loads(raw)
        if _LONG_NUMBER.search(raw):
            value = json.loads(raw)
    except ValueError as error:  # also of a number with thousands of digits
        raise NotAnObjectError(f"not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise NotAnObjectError("not a JSON object")
    return value
