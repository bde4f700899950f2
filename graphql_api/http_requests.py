"""One GraphQL request as HTTP carries it: what is asked, and in which form the answer goes out.

After the GraphQL-over-HTTP specification (https://graphql.github.io/graphql-over-http/draft/) and the graphql-sse
protocol's "distinct connections" mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

from graphql import OperationType

from graphql_api.errors import RequestError
from graphql_api.negotiation import EVENT_STREAM, GRAPHQL_RESPONSE, JSON, chosen, names

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

# An answer depends on who asks, in which language, for which form; a cache between must not give it to somebody else.
NOT_CACHED = {"Cache-Control": "private, no-store", "Vary": "Accept, Accept-Language, Authorization, Cookie, X-User"}
_BODIES = (JSON, GRAPHQL_RESPONSE)
_EXAMPLE = '{"query": "{ model { version } }"}'


def body_type(accept: str | None) -> str:
    """The media type of an answer that is no stream."""
    return chosen(accept, _BODIES) or JSON


def require_json(content_type: str | None) -> None:
    """Raises RequestError for a body of another type: a browser sends those to any site without asking it first."""
    if (content_type or "").partition(";")[0].strip().lower() != JSON:
        raise RequestError(f"Send the request as `Content-Type: {JSON}`, such as {_EXAMPLE}.", status=415)


def transport(kind: OperationType | None, *, accept: str | None, method: str) -> Literal["http", "sse"]:
    """Whether the answer is one body or a stream of events. Raises RequestError for what cannot be answered.

    Only subscriptions stream, and other operations for a client that takes nothing else, as graphql-sse does.
    """
    if kind is OperationType.MUTATION and method == "GET":
        raise RequestError("A mutation changes something: send it by POST.", status=405, headers={"Allow": "POST"})
    if kind is OperationType.SUBSCRIPTION:
        if names(accept, EVENT_STREAM):
            return "sse"
        raise RequestError(
            f"A subscription is answered as a stream: send `Accept: {EVENT_STREAM}`, or open a WebSocket with the "
            "protocol graphql-transport-ws at this address.",
            status=406,
        )
    if chosen(accept, _BODIES) is not None:
        return "http"
    if names(accept, EVENT_STREAM):
        return "sse"
    raise RequestError(f"None of what `Accept` names is served here. Accept {GRAPHQL_RESPONSE} or {JSON}.", status=406)


def as_object(body: Any) -> Mapping[str, Any]:
    """Raises RequestError for anything else than one operation."""
    if isinstance(body, list):
        raise RequestError("Operations do not come in batches here: send one a request.")
    if not isinstance(body, dict):
        raise RequestError(f"The body is to be a JSON object, such as {_EXAMPLE}.")
    return body


def optional(body: Mapping[str, Any], name: str, type_: type[T], what: str) -> T | None:
    """The entry of this name. Raises RequestError when it is of another type."""
    value = body.get(name)
    if value is not None and not isinstance(value, type_):
        raise RequestError(f"`{name}` is to be {what}.", field=name)
    return value


def required_query(body: Mapping[str, Any], found: str | None) -> str:
    """The document; `found` is the text that a hash stands for, if there is one. Raises RequestError without any."""
    query = found or optional(body, "query", str, "a string")
    if not query or not query.strip():
        raise RequestError(f"There is no `query` in the request; send for example {_EXAMPLE}.", field="query")
    return query
