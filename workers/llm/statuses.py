"""From a provider's HTTP status, or its own error code, to one of our typed errors."""

from __future__ import annotations

import email.utils
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workers.llm.errors import (
    BadKeyError,
    OverloadedError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitedError,
    RejectedRequestError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shop.entities.explanations import TextSource
    from workers.llm.chat import Limits

OUT_OF_CREDIT = frozenset({"insufficient_quota", "billing_error"})  # sent as 429, but waiting does not help

# A code is one word. What a server sends in its place may be anything, also what it was asked.
_CODE = re.compile(r"[a-z][\w.-]{1,49}", re.ASCII | re.IGNORECASE)

# An error that comes inside a stream has no status of its own.
_STATUS_OF = {
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "billing_error": 402,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "invalid_request_error": 400,
    "timeout_error": 504,
    "overloaded_error": 529,
}


def code_of(*fields: object) -> str | None:
    """The first of an error's fields that is a code."""
    return next((field for field in fields if isinstance(field, str) and _CODE.fullmatch(field)), None)


def error_of_status(
    source: TextSource, status: int, headers: Mapping[str, str], reason: str | None, limits: Limits
) -> ProviderError:
    """The typed error of an HTTP status; `reason` is the provider's own code for it."""
    if status in {401, 403}:
        return BadKeyError(source, status)
    if status == 429 and reason not in OUT_OF_CREDIT:
        return RateLimitedError(source, retry_after(headers, limits.longest_retry_after))
    if status in {408, 504}:
        return ProviderTimeoutError(source, limits.seconds)
    if status == 409 or status >= 500:
        return OverloadedError(source, status, retry_after(headers, limits.longest_retry_after))
    return RejectedRequestError(source, status, reason)


def error_in_stream(source: TextSource, reason: str | None, limits: Limits) -> ProviderError:
    """The typed error of an error event, which comes after a status of 200."""
    return error_of_status(source, _STATUS_OF.get(reason or "", 500), {}, reason, limits)


def retry_after(headers: Mapping[str, str], longest: float) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` (seconds, or an HTTP date), at most `longest`.

    None without such a header.
    """
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * scale
        except (KeyError, ValueError):
            continue
        return min(max(0.0, seconds), longest)
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max(0.0, (date - datetime.now(UTC)).total_seconds()), longest)
