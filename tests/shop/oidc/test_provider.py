"""A whole provider of OpenID Connect: somebody signs in there, and the token that it gives names a user here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from devstack.stack.ports import free_port
from devstack.stack.process import Program, accepts, running
from shop.entities.users import Role
from shop.errors import UnauthenticatedError
from shop.oidc_issuer import OidcIssuer
from shop.services.external_identity import ExternalIdentities
from shop.settings import OidcSettings
from shop.store.issuer_keys import IssuerKeyStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CLIENT, BACK = "shop-app", "http://127.0.0.1/back"


@pytest.fixture(scope="module")
async def provider(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    port = free_port()
    program = Program(
        name="oidc-provider-mock",
        command=(sys.executable, "-m", "oidc_provider_mock", "--port", str(port)),
        environment={},
        ready=lambda: accepts("127.0.0.1", port),
        port=port,
    )
    async with running(program, tmp_path_factory.mktemp("provider") / "log"):
        yield f"http://127.0.0.1:{port}"


async def signed_in(provider: str, user: str, client_id: str = CLIENT, **claims: Any) -> dict[str, Any]:
    """What the provider answers when a sign-in is done (OpenID Connect Core 1.0, 3.1)."""
    asked = {"client_id": client_id, "response_type": "code", "redirect_uri": BACK, "scope": "openid email profile"}
    async with httpx2.AsyncClient(base_url=provider, transport=httpx2.AsyncHTTPTransport()) as browser:
        await browser.put(f"/users/{user}", json=claims)
        sent_back = await browser.post("/oauth2/authorize", params=asked, data={"sub": user})
        (code,) = parse_qs(urlsplit(sent_back.headers["location"]).query)["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
        response = await browser.post("/oauth2/token", data={**form, "client_id": client_id, "client_secret": "any"})
        answer: dict[str, Any] = response.raise_for_status().json()
        return answer


def accepting(provider: str) -> ExternalIdentities:
    issuer = OidcIssuer(
        name="provider",
        issuer=provider,
        audience=(CLIENT,),
        role_claim="groups",
        roles={"buyers": Role.STAFF},
    )
    return ExternalIdentities(OidcSettings(issuers=[issuer]), IssuerKeyStore())


async def test_who_signs_in_elsewhere_is_known_here(provider: str) -> None:
    claims: dict[str, Any] = {
        "email": "anna@shop.example",
        "email_verified": True,
        "name": "Anna",
        "groups": ["buyers"],
    }
    token = (await signed_in(provider, "anna", **claims))["id_token"]

    identity = await accepting(provider).identify(token)

    assert (identity.user_id, identity.role) == ("provider:anna", Role.STAFF)
    assert (identity.email, identity.display_name) == ("anna@shop.example", "Anna")
    assert identity.issued_at is not None
    assert identity.expires_at == identity.issued_at + 3600


async def test_a_token_for_another_service_is_refused(provider: str) -> None:
    token = (await signed_in(provider, "anna", client_id="another-app"))["id_token"]

    with pytest.raises(UnauthenticatedError):
        await accepting(provider).identify(token)


async def test_what_is_no_signed_token_is_not_taken_for_one(provider: str) -> None:
    """The access tokens of this provider are words that it alone understands."""
    token = (await signed_in(provider, "anna"))["access_token"]

    identities = accepting(provider)
    assert identities.issuer_of(token) is None
    with pytest.raises(UnauthenticatedError):
        await identities.identify(token)
