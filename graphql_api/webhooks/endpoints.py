"""Webhooks of Shopify and WooCommerce: nothing of a message is read before its signature is checked."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from graphql_api.admission.transport import allow_body, states_more_than
from graphql_api.errors import RequestError
from graphql_api.http_requests import NOT_CACHED
from graphql_api.limits.addresses import address_of
from graphql_api.webhooks.signatures import is_signed
from shop.entities.webhooks import Delivery, Outcome, Source
from shop.errors import DeadlineError, RateLimitedError, UnauthenticatedError
from shop.logs import current_request_id

if TYPE_CHECKING:
    from starlette.requests import Request

    from shop.entities.webhooks import Processed
    from shop.resources.serving import ServingResources
    from shop.settings import WebhookSettings

_PING = re.compile(rb"webhook_id=\d{1,20}")
_LONGEST_HEADER = 200
_SIGNATURES = "signatures"


@dataclass(frozen=True, slots=True)
class _Headers:
    """Where a system says what."""

    signature: str
    topic: str
    ids: tuple[str, ...]  # the first that is there names the delivery
    sent_at: str | None = None


_HEADERS = {
    Source.SHOPIFY: _Headers(
        "X-Shopify-Hmac-Sha256",
        "X-Shopify-Topic",
        ("X-Shopify-Webhook-Id", "X-Shopify-Event-Id"),
        "X-Shopify-Triggered-At",
    ),
    Source.WOOCOMMERCE: _Headers("X-WC-Webhook-Signature", "X-WC-Webhook-Topic", ("X-WC-Webhook-Delivery-ID",)),
}
_REFUSED = {
    Outcome.CONFLICT: (409, "Another message came under this delivery id before: that one stays."),
    Outcome.TOO_OLD: (400, "This message was sent too long ago, or its time is ahead; send the present state."),
}


async def shopify(request: Request) -> Response:
    return await _receive(request, Source.SHOPIFY)


async def woocommerce(request: Request) -> Response:
    return await _receive(request, Source.WOOCOMMERCE)


WEBHOOK_ROUTES = (
    Route("/webhooks/shopify", shopify, methods=["POST"]),
    Route("/webhooks/woocommerce", woocommerce, methods=["POST"]),
)


async def _receive(request: Request, source: Source) -> Response:
    resources: ServingResources = request.app.state.resources
    settings = resources.settings.webhook
    secrets = _secrets(settings, source)
    if not secrets:
        raise HTTPException(404)
    wait = resources.rates.refused_for(_SIGNATURES, address_of(request))
    if wait and states_more_than(request, resources.settings.api.max_body_bytes):
        raise RateLimitedError(wait)
    if not wait:  # else no more than anybody may send
        allow_body(request, settings.max_body_bytes)
    body = await request.body()
    if source is Source.WOOCOMMERCE and _PING.fullmatch(body):
        return _answer("PING")  # unsigned, when a webhook is made; it says nothing
    headers = _HEADERS[source]
    if not is_signed(request.headers.get(headers.signature, ""), secrets, body):
        await resources.rates.take_refusal(_SIGNATURES, address_of(request), settings.bad_signatures_per_minute)
        raise UnauthenticatedError(f"{headers.signature} does not fit the body: check the secret on both sides.")
    delivery = _delivery(request, source, body)
    message = _object(body)
    seconds = resources.settings.api.deadline_seconds
    try:
        async with asyncio.timeout(seconds):
            processed = await resources.webhooks.receive(delivery, message)
    except TimeoutError as error:
        raise DeadlineError(seconds) from error
    return _answered(processed)


def _secrets(settings: WebhookSettings, source: Source) -> tuple[bytes, ...]:
    return settings.shopify_secrets if source is Source.SHOPIFY else settings.woocommerce_secrets


def _delivery(request: Request, source: Source, body: bytes) -> Delivery:
    """Raises RequestError for headers that are missing or cannot be read."""
    names = _HEADERS[source]
    id_ = next((value for name in names.ids if (value := _header(request, name))), "")
    topic = _header(request, names.topic)
    for value, name in ((id_, names.ids[0]), (topic, names.topic)):
        if not value:
            raise RequestError(f"The header {name} is missing.", field=name)
    sent_at = _time(_header(request, names.sent_at), names.sent_at) if names.sent_at else None
    return Delivery(source, id_, topic.lower(), hashlib.sha256(body).hexdigest(), sent_at)


def _header(request: Request, name: str) -> str:
    value = request.headers.get(name, "").strip()
    if len(value) > _LONGEST_HEADER:
        raise RequestError(f"The header {name} has {_LONGEST_HEADER} characters at most.", field=name)
    return value


def _time(text: str, name: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise RequestError(f"The header {name} is to be a time such as 2026-03-01T12:00:00Z.", field=name) from error


def _object(body: bytes) -> dict[str, Any]:
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError("The body is not JSON.") from error
    if not isinstance(message, dict):
        raise RequestError("The body is to be a JSON object.")
    return message


def _answered(processed: Processed) -> Response:
    """200 also for what is refused: sent again it would be no better, and both systems stop all messages after some
    that failed."""
    if processed.outcome in _REFUSED:
        status, message = _REFUSED[processed.outcome]
        raise RequestError(message, status=status)
    errors = [
        {"field": problem.field, "code": problem.code, "message": problem.message} for problem in processed.problems
    ]
    return _answer(processed.outcome.value, errors)


def _answer(status: str, errors: list[dict[str, str]] | None = None) -> Response:
    body = {"status": status, "userErrors": errors or [], "requestId": current_request_id()}
    return JSONResponse(body, headers=NOT_CACHED)
