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
    is_cookie = not (authorization or x_user) and cookies.access_token is not None
    if is_cookie:
        authorization = f"Bearer {cookies.access_token}"
    wait = resources.rates.refused_for(_CREDENTIALS, address)
    if wait and authorization and not resources.access.knows(authorization):
        raise RateLimitedError(wait)
    try:
        return await resources.access.viewer(authorization, x_user)
    except UnauthenticatedError:
        with contextlib.suppress(RateLimitedError) if is_cookie else contextlib.nullcontext():
            await resources.rates.take_refusal(_CREDENTIALS, address, resources.settings.rate.refused_per_address)
        if is_cookie:
            return None
        raise
