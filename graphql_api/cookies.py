"""Cookies that keep a browser signed in. No script reads them, and no page of a foreign origin can use them.

`SameSite=Strict` keeps browsers from sending them for pages of other sites. Pages of the same site on another origin,
say of another subdomain, are told apart here by what browsers say of a request (Fetch Metadata, `Origin`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import HTTPConnection

    from graphql_api.origins import Origins
    from shop.entities.access import Tokens

_ACCESS, _REFRESH = "whybuy-access", "whybuy-refresh"
_HOST_ONLY = "__Host-"  # browsers take it for HTTPS, this host and all paths alone (RFC 6265bis, section 4.1.3.2)


@dataclass(frozen=True, slots=True)
class Cookies:
    """The tokens that a browser has sent, if its page may use them."""

    access_token: str | None = None
    refresh_token: str | None = None
    may_be_used: bool = True  # by the page that asks


NO_COOKIES = Cookies()


def cookies_of(connection: HTTPConnection, origins: Origins, *, secure: bool) -> Cookies:
    """None of a page that may not use them."""
    if not _is_own_page(connection, origins):
        return Cookies(may_be_used=False)
    if "cookie" not in connection.headers:
        return NO_COOKIES
    sent = connection.cookies
    return Cookies(sent.get(_named(_ACCESS, secure)), sent.get(_named(_REFRESH, secure)))


def set_tokens(response: Response, tokens: Tokens, *, secure: bool) -> None:
    _set(response, _ACCESS, tokens.access_token, tokens.access_expires_at, secure=secure)
    _set(response, _REFRESH, tokens.refresh_token, tokens.refresh_expires_at, secure=secure)


def forget_tokens(response: Response, *, secure: bool) -> None:
    for name in (_ACCESS, _REFRESH):
        response.delete_cookie(_named(name, secure), secure=secure, httponly=True, samesite="strict")


def _set(response: Response, name: str, value: str, until: datetime, *, secure: bool) -> None:
    seconds = max(0, int(until.timestamp() - time.time()))
    response.set_cookie(_named(name, secure), value, seconds, secure=secure, httponly=True, samesite="strict")


def _named(name: str, secure: bool) -> str:
    return _HOST_ONLY + name if secure else name


def _is_own_page(connection: HTTPConnection, origins: Origins) -> bool:
    """Whether the page that asks may use cookies; so may whoever asks without a browser."""
    headers = connection.headers
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"} or (origin is not None and origins.trust(origin))
    if origin is None:  # no browser says neither for a page of another origin that writes
        return True
    return origin.partition("://")[2] == headers.get("host", "") or origins.trust(origin)
