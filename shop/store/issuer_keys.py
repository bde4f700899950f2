"""The keys that an issuer of tokens publishes: OpenID Connect Discovery 1.0 (section 4) and JSON Web Key Sets (RFC
7517, section 5)."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from shop.errors import UnavailableError
from shop.oidc_issuer import is_safe_address, is_this_machine

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx2

    from shop.oidc_issuer import OidcIssuer

_log = structlog.get_logger(__name__)
_SECONDS = 5.0  # for the configuration and the keys together; a request waits for them
_LARGEST_BYTES = 256 * 1024
_MOST_KEYS = 100
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=(\d{1,9})(?![\d.])", re.IGNORECASE | re.ASCII)
_NOT_KEPT = re.compile(r"(?:^|[,\s])no-(?:store|cache)(?:$|[,\s])", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """Keys as they were published, not checked yet."""

    keys: tuple[Mapping[str, Any], ...]
    max_age: float | None  # seconds for which the issuer says that they hold


class _UnusableAnswerError(ValueError):
    """Why an answer is not taken."""


class IssuerKeyStore:
    """Asks issuers. What they say is limited in size and time, and nobody is asked whom the settings do not name, or
    the issuer's own configuration."""

    async def fetch(self, issuer: OidcIssuer) -> PublishedKeys:
        """Raises UnavailableError; the log says why."""
        import httpx2

        try:
            async with asyncio.timeout(_SECONDS), _client(issuer) as client:
                url = issuer.jwks_url or await _discovered(client, issuer)
                document, headers = await _get(client, url)
                return PublishedKeys(_keys_of(document), _max_age(headers.get("cache-control", "")))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            reason = str(error) if isinstance(error, _UnusableAnswerError) else type(error).__name__
            _log.warning("issuer_gives_no_keys", issuer=issuer.name, reason=reason)
            raise UnavailableError(f"The issuer {issuer.name!r}", problem="gives no keys right now.") from error


def _client(issuer: OidcIssuer) -> httpx2.AsyncClient:
    import httpx2

    # Without a transport of its own, a client takes the proxy that the environment names.
    local = is_this_machine(issuer.jwks_url or issuer.issuer)
    return httpx2.AsyncClient(
        timeout=_SECONDS,
        follow_redirects=False,
        transport=httpx2.AsyncHTTPTransport() if local else None,
        headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "whybuy"},
    )


async def _discovered(client: httpx2.AsyncClient, issuer: OidcIssuer) -> str:
    """Where the keys are. Discovery 1.0, 4.3: a configuration of another issuer must not be used."""
    document, _ = await _get(client, f"{issuer.issuer.rstrip('/')}/.well-known/openid-configuration")
    if document.get("issuer") != issuer.issuer:
        raise _UnusableAnswerError("its configuration is that of another issuer")
    url = document.get("jwks_uri")
    if not isinstance(url, str) or not is_safe_address(url):
        raise _UnusableAnswerError("its configuration has no safe jwks_uri")
    if is_this_machine(url) and not is_this_machine(issuer.issuer):
        raise _UnusableAnswerError("its jwks_uri is on this machine")
    return url


async def _get(client: httpx2.AsyncClient, url: str) -> tuple[dict[str, Any], Mapping[str, str]]:
    """A JSON object. A redirect is no answer: who follows one asks somebody whom nobody named."""
    async with client.stream("GET", url) as response:
        if response.status_code != 200:
            raise _UnusableAnswerError(f"status {response.status_code}")
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise _UnusableAnswerError("its answer is compressed, which was not asked for")
        body = bytearray()
        async for part in response.aiter_raw():
            body += part
            if len(body) > _LARGEST_BYTES:
                raise _UnusableAnswerError(f"its answer is larger than {_LARGEST_BYTES} bytes")
    try:
        document = orjson.loads(body)
    except ValueError as error:
        raise _UnusableAnswerError("its answer is no JSON") from error
    if not isinstance(document, dict):
        raise _UnusableAnswerError("its answer is no JSON object")
    return document, response.headers


def _keys_of(document: dict[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Members that are no objects are passed over, as keys of unknown kinds are (RFC 7517, 5)."""
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise _UnusableAnswerError("its answer is no set of keys")
    if len(keys) > _MOST_KEYS:
        raise _UnusableAnswerError(f"its set has more than {_MOST_KEYS} keys")
    return tuple(key for key in keys if isinstance(key, dict))


def _max_age(cache_control: str) -> float | None:
    """RFC 9111, 5.2.2."""
    if _NOT_KEPT.search(cache_control):
        return 0.0
    found = _MAX_AGE.search(cache_control)
    return float(found[1]) if found else None
