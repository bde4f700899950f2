"""What a client may learn of an error: a code, whether to try again, and a request id. Nothing of our insides."""

from __future__ import annotations

from typing import Any

import structlog
from graphql import GraphQLError

from shop.errors import BadInputError, ShopError
from shop.logs import current_request_id

_log = structlog.get_logger(__name__)


def make_public(errors: list[GraphQLError]) -> None:
    """Replaces every error in the list by its public form."""
    errors[:] = [_public(error) for error in errors]


def extensions_of(error: ShopError) -> dict[str, Any]:
    """What programs may learn of the error."""
    extensions = _extensions(error.code, retryable=error.retryable)
    if isinstance(error, BadInputError) and error.field is not None:
        extensions["field"] = error.field
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
    message = f"Something went wrong on our side. Please report it with the request id {current_request_id()}."
    return _rebuilt(error, message, _extensions("INTERNAL", retryable=False))


def _extensions(code: str, *, retryable: bool) -> dict[str, Any]:
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
