"""Who asks: from what HTTP carries in headers and cookies, and `connection_init` on a WebSocket."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from shop.errors import RateLimitedError, UnauthenticatedError

if TYPE_CHECKING:
    from graphql_api.cookies import Cookies
    from shop.entities.users import Viewer
    from shop.resources.serving import ServingResources

_CREDENTIALS = "credentials"


async def viewer_of(
    resources: ServingResources, address: str, authorization: str | None, x_user: str | None, cookies: Cookies
) -> Viewer | None:
    """None for somebody anonymous. Raises UnauthenticatedError, and RateLimitedError at an address that has sent too
    many credentials that let nobody in; but a cookie that lets nobody in is as none, for no page can take it back."""
    if authorization or x_user or cookies.access_token is None:
        return await _named(resources, address, authorization, x_user)
    with contextlib.suppress(UnauthenticatedError, RateLimitedError):
        return await _named(resources, address, f"Bearer {cookies.access_token}", None)
    return None


async def _named(
    resources: ServingResources, address: str, authorization: str | None, x_user: str | None
) -> Viewer | None:
    rates = resources.rates
    wait = rates.refused_for(_CREDENTIALS, address)
    if wait and authorization and not resources.access.knows(authorization):
        raise RateLimitedError(wait)
    try:
        return await resources.access.viewer(authorization, x_user)
    except UnauthenticatedError:
        await rates.take_refusal(_CREDENTIALS, address, resources.settings.rate.refused_per_address)
        raise
