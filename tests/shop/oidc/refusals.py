"""What a refusal of a token looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shop.errors import UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop.services.external_identity import ExternalIdentities
    from tests.fixtures.token_issuer import Issuer

    Made = Callable[[Issuer], str]


async def refused(identities: ExternalIdentities, token: str) -> str:
    """The message. It repeats nothing of the token, and is the same for all that is wrong but the time."""
    with pytest.raises(UnauthenticatedError) as raised:
        await identities.identify(token)
    message = raised.value.message
    assert message in {"The token is not valid here; sign in again.", "The token has expired; sign in again."}
    return message
