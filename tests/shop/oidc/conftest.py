from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shop.services.external_identity import ExternalIdentities
from shop.settings import OidcSettings
from shop.store.issuer_keys import IssuerKeyStore
from tests.fixtures.token_issuer import Issuer, IssuerServer, issuer_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Accepting = Callable[..., ExternalIdentities]


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(scope="package")
async def issuers() -> AsyncIterator[IssuerServer]:
    async with issuer_server() as running:
        yield running


@pytest.fixture
def issuer(issuers: IssuerServer) -> Issuer:
    return issuers.add()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accepting(issuer: Issuer, clock: Clock) -> Accepting:
    """What accepts the tokens of `issuer`, with these fields of its settings."""

    def accept(**fields: Any) -> ExternalIdentities:
        settings = OidcSettings(issuers=[issuer.settings(**fields)])
        return ExternalIdentities(settings, IssuerKeyStore(), clock)

    return accept
