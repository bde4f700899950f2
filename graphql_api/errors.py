"""What a client may learn of an error: a code, whether to try again, and a request id. Nothing of our insides."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import structlog
from graphql import GraphQLError

from shop.errors import BadInputError, ShopError
from shop.logs import current_request_id
from shop.telemetry import spans

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = structlog.get_logger(__name__)


class RequestError(BadInputError):
    """A request that HTTP or the transport forbids: it never reaches the executor. `status` is that of the answer."""

    def __init__(
        self, message: str, *, field: str | None = None, status: int = 400, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, field=field)
        self.status = status
        self.headers = headers


def make_public(errors: list[GraphQLError]) -> None:
    """Replaces every error in the list by its public form."""
    public = [_public(error) for error in errors]
    for error in errors:
        _forget_frames(error)
    errors[:] = public


def _forget_frames(error: BaseException | None) -> None:
    """A traceback and its frames know each other: without this all that they hold waits for the garbage collector."""
    while error is not None:
        error.__traceback__ = None
        error = error.original_error if isinstance(error, GraphQLError) else error.__cause__


def extensions_of(error: ShopError) -> dict[str, Any]:
    """What programs may learn of the error."""
    extensions = _extensions(error.code, retryable=error.retryable)
    if error.field is not None:
        extensions["field"] = error.field
    if error.retry_after is not None:
        extensions["retryAfter"] = round(error.retry_after, 1)
    return extensions


def _public(error: GraphQLError) -> GraphQLError:
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    if isinstance(original, ShopError) and original.public:
        return _rebuilt(error, original.message, extensions_of(original))
    if original is None or isinstance(original, GraphQLError):
        # The executor's own: syntax, validation, a value of the wrong type.
        return _rebuilt(error, error.message, _extensions("BAD_USER_INPUT", retryable=False))
    _log.error("unexpected_error", path=error.path, exc_info=original)
    spans.current().fail("INTERNAL")
    message, extensions = unexpected()
    return _rebuilt(error, message, extensions)


def unexpected() -> tuple[str, dict[str, Any]]:
    """What a client may learn of an error that nobody foresaw: message and extensions."""
    message = f"Something went wrong on our side. Please report it with the request id {current_request_id()}."
    return message, _extensions("INTERNAL", retryable=False)


_STATUS = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "RATE_LIMITED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}


def status_of(code: str) -> int:
    """The HTTP status of a request that was refused with this code."""
    return _STATUS.get(code, 400)


def refused_status(extensions: Mapping[str, Any]) -> tuple[str | None, int]:
    """The header `Retry-After`, if the error names a time, and the status of a request that failed with this error."""
    retry_after = extensions.get("retryAfter")
    return None if retry_after is None else str(math.ceil(retry_after)), status_of(extensions.get("code", ""))


def refusal(status: int) -> dict[str, Any]:
    """The extensions of an error for an address or a method that there is not."""
    return _extensions("NOT_FOUND" if status == 404 else "BAD_USER_INPUT", retryable=False)


REFUSED: Counter[str] = Counter()  # errors that this process has given, by their codes


def _extensions(code: str, *, retryable: bool) -> dict[str, Any]:
    REFUSED[code] += 1
    return {"code": code, "retryable": retryable, "requestId": current_request_id()}


def _rebuilt(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
