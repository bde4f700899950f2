"""What an issuer may answer when it is asked for its keys, and what is not taken."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
import trustme
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse

from shop.errors import UnauthenticatedError, UnavailableError
from shop.oidc_issuer import OidcIssuer
from shop.services.external_identity import ExternalIdentities
from shop.services.issuer_keys import (
    FRESH_SECONDS,
)
from shop.settings import OidcSettings
from shop.store import issuer_keys
from shop.store.issuer_keys import IssuerKeyStore
from tests.fixtures.token_issuer import CONFIGURATION, KEYS, issuer_server, published, rsa_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.fixtures.token_issuer import Issuer
    from tests.shop.oidc.conftest import Accepting, Clock

ONE = published(rsa_key("one"), "one")


async def in_drops() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("how", ["silent", "in drops"])
async def test_a_slow_issuer_is_not_waited_for(
    issuer: Issuer, accepting: Accepting, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(issuer_keys, "_SECONDS", 0.3)
    if how == "silent":
        issuer.open.clear()
    else:
        issuer.answers[KEYS] = lambda: StreamingResponse(in_drops())
    began = time.monotonic()

    with pytest.raises(UnavailableError):
        await accepting().identify(issuer.token())

    assert time.monotonic() - began < 5


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b" " * 65_536
        await asyncio.sleep(0)


HOSTILE: dict[str, Callable[[Issuer], Response]] = {
    "a redirect": lambda issuer: RedirectResponse(f"{issuer.url}/elsewhere", 302),
    "a lasting redirect": lambda issuer: RedirectResponse(issuer.url, 308),
    "HTML": lambda _: HTMLResponse("<!doctype html><title>Sign in</title>"),
    "nothing": lambda _: Response(""),
    "no content": lambda _: Response(status_code=204),
    "a list": lambda _: JSONResponse([ONE]),
    "no keys": lambda _: JSONResponse({"key": [ONE]}),
    "keys that are no list": lambda _: JSONResponse({"keys": {"one": ONE}}),
    "too many keys": lambda _: JSONResponse({"keys": [ONE, *[{}] * 200]}),
    "a huge answer": lambda _: JSONResponse({"keys": [ONE], "more": "x" * 1_000_000}),
    "an endless answer": lambda _: StreamingResponse(endless()),
    "deep": lambda _: Response(b'{"keys":' + b"[" * 100_000),
    "compressed": lambda _: JSONResponse({"keys": [ONE]}, headers={"content-encoding": "gzip"}),
    "an error with good keys": lambda _: JSONResponse({"keys": [ONE]}, 500),
}


@pytest.mark.parametrize("path", [CONFIGURATION, KEYS])
@pytest.mark.parametrize("name", HOSTILE)
async def test_answers_that_are_not_taken(issuer: Issuer, accepting: Accepting, name: str, path: str) -> None:
    issuer.answers[path] = lambda: HOSTILE[name](issuer)
    issuer.answers["/elsewhere"] = lambda: JSONResponse({"keys": [ONE]})

    with pytest.raises(UnavailableError):
        await accepting().identify(issuer.token())

    assert set(issuer.asked) <= {CONFIGURATION, KEYS}


@pytest.mark.parametrize("name", HOSTILE)
async def test_such_answers_do_not_replace_good_keys(
    issuer: Issuer, accepting: Accepting, clock: Clock, name: str
) -> None:
    identities = accepting()
    await identities.identify(issuer.token())
    issuer.answers[KEYS] = lambda: HOSTILE[name](issuer)
    clock.passes(FRESH_SECONDS)

    assert await identities.identify(issuer.token(sub="another"))
    assert issuer.asked[KEYS] == 2


async def test_an_empty_set_withdraws_all_keys(issuer: Issuer, accepting: Accepting, clock: Clock) -> None:
    identities, token = accepting(), issuer.token()
    await identities.identify(token)
    issuer.keys = []
    clock.passes(FRESH_SECONDS)

    with pytest.raises(UnauthenticatedError):
        await identities.identify(token)


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://other.example"},
        {"issuer": None},
        {"issuer": ["x"]},
        {"jwks_uri": None},
        {"jwks_uri": 7},
        {"jwks_uri": "/keys"},
        {"jwks_uri": "http://issuer.example/keys"},
        {"jwks_uri": "http://127.0.0.1@issuer.example/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://"},
        {"jwks_uri": "https://issuer.example:port/keys"},
        {"jwks_uri": "https://issuer.example\\@127.0.0.1/keys"},
    ],
    ids=str,
)
async def test_a_configuration_that_is_not_the_issuers(
    issuer: Issuer, accepting: Accepting, change: dict[str, object]
) -> None:
    issuer.answers[CONFIGURATION] = lambda: JSONResponse(issuer.configuration | change)

    with pytest.raises(UnavailableError):
        await accepting().identify(issuer.token())
    assert not issuer.asked[KEYS]


async def test_an_issuer_elsewhere_does_not_send_us_to_this_machine() -> None:
    outside = OidcIssuer(name="outside", issuer="https://issuer.example", audience=("shop",))

    class Answering:
        def stream(self, _method: str, _url: str) -> object:
            return self

        async def __aenter__(self) -> Answering:
            return self

        async def __aexit__(self, *_: object) -> None: ...

        async def aiter_raw(self) -> AsyncIterator[bytes]:
            yield b'{"issuer":"https://issuer.example","jwks_uri":"http://127.0.0.1/keys"}'

        status_code = 200
        headers: dict[str, str] = {}  # noqa: RUF012

    with pytest.raises(ValueError, match="on this machine"):
        await issuer_keys._discovered(Answering(), outside)  # type: ignore[arg-type]


@pytest.mark.parametrize("trusted", [True, False], ids=["of a trusted authority", "of nobody known"])
async def test_a_certificate_must_be_trusted(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool
) -> None:
    authority, certificate = trustme.CA(), tmp_path / "certificate.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))

    async with issuer_server(certificate) as servers:
        issuer = servers.add()
        identities = ExternalIdentities(OidcSettings(issuers=[issuer.settings()]), IssuerKeyStore(), clock)
        if trusted:
            assert (await identities.identify(issuer.token())).user_id == "local:anna"
        else:
            with pytest.raises(UnavailableError):
                await identities.identify(issuer.token())


async def test_an_issuer_on_this_machine_is_not_asked_through_a_proxy(
    issuer: Issuer, accepting: Accepting, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)

    assert await accepting().identify(issuer.token())
