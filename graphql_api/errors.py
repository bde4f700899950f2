"""What a client may learn of an error: a code, whether to try again, and a request id. Nothing of our insides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from graphql import GraphQLError

from shop.errors import BadInputError, ShopError

if TYPE_CHECKING:
    from strawberry.types import ExecutionContext

_log = structlog.get_logger(__name__)


def make_public(errors: list[GraphQLError], context: ExecutionContext | None) -> None:
    """Replaces every error in the list by its public form."""
    request_id = getattr(getattr(context, "context", None), "request_id", None)
    for index, error in enumerate(errors):
        errors[index] = _public(error, request_id)


def _public(error: GraphQLError, request_id: str | None) -> GraphQLError:
    original = error.original_error
    while isinstance(original, GraphQLError) and original.original_error is not None:
        original = original.original_error
    if isinstance(original, ShopError) and original.public:
        return _rebuilt(error, original.message, _extensions(original), request_id)
    if original is None or isinstance(original, GraphQLError):
        # The executor's own: syntax, validation, a value of the wrong type.
        return _rebuilt(error, error.message, {"code": "BAD_USER_INPUT", "retryable": False}, request_id)
    _log.error("unexpected_error", request_id=request_id, path=error.path, exc_info=original)
    message = f"Something went wrong on our side. Please report it with the request id {request_id}."
    return _rebuilt(error, message, {"code": "INTERNAL", "retryable": False}, request_id)


def _extensions(error: ShopError) -> dict[str, Any]:
    extensions: dict[str, Any] = {"code": error.code, "retryable": error.retryable}
    if isinstance(error, BadInputError) and error.field is not None:
        extensions["field"] = error.field
    return extensions


def _rebuilt(error: GraphQLError, message: str, extensions: dict[str, Any], request_id: str | None) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions={**extensions, "requestId": request_id},
    )
