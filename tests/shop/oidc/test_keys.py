"""How often an issuer is asked for its keys, and what counts while they change or cannot be had."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from starlette.responses import Response

from shop.errors import UnauthenticatedError, UnavailableError
from shop.services.external_identity import ExternalIdentities
from shop.services.issuer_keys import (
    FIRST_PAUSE_SECONDS,
    FRESH_AT_LEAST,
    FRESH_AT_MOST,
    FRESH_SECONDS,
    PAUSE_SECONDS,
    USED_SECONDS,
)
from shop.settings import OidcSettings
from shop.store.issuer_keys import IssuerKeyStore
from tests.fixtures.token_issuer import CONFIGURATION, KEYS, ec_key, issuer_server, published, rsa_key
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from tests.fixtures.token_issuer import Issuer
    from tests.shop.oidc.conftest import Accepting, Clock

ONE, TWO = published(rsa_key("one"), "one"), published(rsa_key("two"), "two")


def fails() -> Response:
    return Response("", 503)


async def asked(issuer: Issuer, times: int) -> None:
    async def enough() -> bool:
        return issuer.asked[KEYS] >= times and not issuer.waiting

    await until(enough, f"{times} requests for keys", 10)


async def test_many_at_once_share_one_fetch(issuer: Issuer, accepting: Accepting) -> None:
    identities = accepting()
    tokens = [issuer.token(sub=f"user-{number}") for number in range(50)]

    found = await asyncio.gather(*map(identities.identify, tokens))

    assert [identity.user_id for identity in found] == [f"local:user-{number}" for number in range(50)]
    assert issuer.asked == {CONFIGURATION: 1, KEYS: 1}


async def test_who_gives_up_waiting_does_not_end_the_fetch(issuer: Issuer, accepting: Accepting) -> None:
    identities = accepting()
    issuer.open.clear()
    first, second = (asyncio.create_task(identities.identify(issuer.token())) for _ in range(2))
    await until(lambda: asyncio.sleep(0, issuer.waiting == 1), "the fetch", 10)

    first.cancel()
    issuer.open.set()

    assert (await second).user_id == "local:anna"
    assert issuer.asked[KEYS] == 1


async def test_a_token_is_verified_once(issuer: Issuer, accepting: Accepting, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    decode = jwt.decode

    def counted(token: str, *arguments: Any, **options: Any) -> object:
        decoded.append(token)
        return decode(token, *arguments, **options)

    monkeypatch.setattr(jwt, "decode", counted)
    identities, token = accepting(), issuer.token()

    found = [await identities.identify(token) for _ in range(20)]

    assert set(found) == {found[0]}
    assert decoded == [token]


async def test_a_token_is_not_remembered_longer_than_it_holds(issuer: Issuer, accepting: Accepting) -> None:
    identities, token = accepting(leeway_seconds=0), issuer.token(exp=int(time.time()) + 2)
    assert await identities.identify(token)

    async def expired() -> bool:
        try:
            await identities.identify(token)
        except UnauthenticatedError as error:
            return "expired" in error.message
        return False

    await until(expired, "the end of the token", 10)


async def test_refused_tokens_are_not_remembered_as_good(issuer: Issuer, accepting: Accepting) -> None:
    identities, forged = accepting(), issuer.token(rsa_key("thief"))

    for _ in range(3):
        with pytest.raises(UnauthenticatedError):
            await identities.identify(forged)


async def test_a_new_key_is_fetched_when_a_token_names_it(issuer: Issuer, accepting: Accepting, clock: Clock) -> None:
    identities = accepting()
    await identities.identify(issuer.token())
    issuer.keys = [ONE, TWO]
    clock.passes(PAUSE_SECONDS)

    assert await identities.identify(issuer.token(rsa_key("two"), kid="two"))
    assert await identities.identify(issuer.token())
    assert issuer.asked[KEYS] == 2


async def test_a_flood_of_unknown_keys_is_no_flood_of_fetches(
    issuer: Issuer, accepting: Accepting, clock: Clock
) -> None:
    identities = accepting()
    await identities.identify(issuer.token())

    for _ in range(3):
        flood = [issuer.token(rsa_key("thief"), kid=f"kid-{number}") for number in range(40)]
        refused = await asyncio.gather(*map(identities.identify, flood), return_exceptions=True)
        assert {type(error) for error in refused} == {UnauthenticatedError}
        clock.passes(PAUSE_SECONDS / 3)
    assert issuer.asked[KEYS] == 1, "the keys were fetched less than 30 seconds ago"

    with pytest.raises(UnauthenticatedError):
        await identities.identify(issuer.token(kid="unknown"))
    assert issuer.asked[KEYS] == 2
    assert await identities.identify(issuer.token(sub="another"))


async def test_a_known_key_does_not_wait_for_the_search_for_another(
    issuer: Issuer, accepting: Accepting, clock: Clock
) -> None:
    identities = accepting()
    await identities.identify(issuer.token())
    clock.passes(PAUSE_SECONDS)
    issuer.open.clear()
    unknown = asyncio.create_task(identities.identify(issuer.token(kid="unknown")))
    await until(lambda: asyncio.sleep(0, issuer.waiting == 1), "the search", 10)

    assert await identities.identify(issuer.token(sub="another"))

    assert not unknown.done()
    issuer.open.set()
    with pytest.raises(UnauthenticatedError):
        await unknown


@pytest.mark.parametrize("refresh", ["by age", "by an unknown key"])
@pytest.mark.parametrize("change", ["withdrawn", "replaced under its id", "for encryption", "no longer the only one"])
async def test_what_a_withdrawn_key_has_signed_is_refused(
    issuer: Issuer, accepting: Accepting, clock: Clock, change: str, refresh: str
) -> None:
    """Also a token that was accepted before."""
    identities = accepting()
    kid = None if change == "no longer the only one" else "one"
    token = issuer.token(kid=kid)
    assert await identities.identify(token)

    issuer.keys = {
        "withdrawn": [TWO],
        "replaced under its id": [published(rsa_key("two"), "one"), TWO],
        "for encryption": [ONE | {"use": "enc"}, TWO],
        "no longer the only one": [ONE, TWO],
    }[change]
    clock.passes(FRESH_SECONDS if refresh == "by age" else PAUSE_SECONDS)
    if refresh == "by an unknown key":
        assert await identities.identify(token), "nobody knows of it yet"
        assert await identities.identify(issuer.token(rsa_key("two"), kid="two"))

    with pytest.raises(UnauthenticatedError):
        await identities.identify(token)
    assert await identities.identify(issuer.token(rsa_key("two"), kid="two"))


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        (None, FRESH_SECONDS),
        ("public, max-age=900, must-revalidate", 900),
        ("Max-Age=900", 900),
        ("max-age=15, stale-while-revalidate=15", FRESH_AT_LEAST),
        ("max-age=0", FRESH_AT_LEAST),
        ("no-store", FRESH_AT_LEAST),
        ("no-cache, max-age=9000", FRESH_AT_LEAST),
        ("max-age=999999999", FRESH_AT_MOST),
        ("s-maxage=900", FRESH_SECONDS),
        ("max-age=soon", FRESH_SECONDS),
        ("max-age=-1", FRESH_SECONDS),
    ],
)
async def test_keys_are_kept_for_as_long_as_the_issuer_says(
    issuer: Issuer, accepting: Accepting, clock: Clock, cache_control: str | None, seconds: float
) -> None:
    issuer.headers = {} if cache_control is None else {"cache-control": cache_control}
    identities = accepting()
    await identities.identify(issuer.token())

    clock.passes(seconds - 1)
    await identities.identify(issuer.token())
    assert issuer.asked[KEYS] == 1
    clock.passes(1)
    await identities.identify(issuer.token())
    assert issuer.asked[KEYS] == 2


async def test_old_keys_are_used_while_the_issuer_is_away(issuer: Issuer, accepting: Accepting, clock: Clock) -> None:
    identities, token = accepting(), issuer.token()
    await identities.identify(token)
    issuer.answers[KEYS] = fails

    clock.passes(FRESH_SECONDS)
    assert await identities.identify(token)
    assert await identities.identify(issuer.token(sub="first-seen-now"))
    assert issuer.asked[KEYS] == 2, "asked again after 30 seconds at the earliest"
    clock.passes(PAUSE_SECONDS)
    issuer.open.clear()
    assert await identities.identify(token), "nobody waits for an issuer that is known to be away"
    await until(lambda: asyncio.sleep(0, issuer.waiting == 1), "the next try", 10)
    issuer.open.set()
    await asked(issuer, 3)

    clock.passes(USED_SECONDS - FRESH_SECONDS - PAUSE_SECONDS - 1)
    assert await identities.identify(token)
    clock.passes(1)
    await asked(issuer, 4)
    with pytest.raises(UnavailableError, match="local"):
        await identities.identify(token)

    issuer.answers.clear()
    clock.passes(FIRST_PAUSE_SECONDS)
    assert await identities.identify(token)


async def test_without_any_keys_nobody_can_be_told_from_anybody(
    issuer: Issuer, accepting: Accepting, clock: Clock
) -> None:
    identities, token = accepting(), issuer.token()
    issuer.answers[CONFIGURATION] = fails

    for _ in range(5):
        with pytest.raises(UnavailableError) as raised:
            await identities.identify(token)
        assert (raised.value.code, raised.value.retryable) == ("UNAVAILABLE", True)
        assert issuer.url not in raised.value.message
    assert issuer.asked[CONFIGURATION] == 1

    issuer.answers.clear()
    clock.passes(FIRST_PAUSE_SECONDS)
    assert await identities.identify(token)


async def test_an_issuer_that_is_not_there(clock: Clock) -> None:
    async with issuer_server() as gone:
        issuer = gone.add()
    identities = ExternalIdentities(OidcSettings(issuers=[issuer.settings()]), IssuerKeyStore(), clock)

    with pytest.raises(UnavailableError):
        await identities.identify(issuer.token())


async def test_the_address_of_the_keys_may_be_a_setting(issuer: Issuer, accepting: Accepting) -> None:
    issuer.answers[CONFIGURATION] = fails

    assert await accepting(jwks_url=issuer.url + KEYS).identify(issuer.token())
    assert issuer.asked == {KEYS: 1}


async def test_issuers_do_not_vouch_for_each_other(issuer: Issuer, clock: Clock) -> None:
    async with issuer_server() as servers:
        other = servers.add()
        other.keys = [published(rsa_key("two"), "one"), published(ec_key("two"), "curve")]
        settings = OidcSettings(issuers=[issuer.settings(), other.settings(name="other")])
        identities = ExternalIdentities(settings, IssuerKeyStore(), clock)

        assert (await identities.identify(issuer.token())).user_id == "local:anna"
        assert (await identities.identify(other.token(rsa_key("two")))).user_id == "other:anna"
        for forged in (other.token(rsa_key("one")), issuer.token(rsa_key("two"))):
            with pytest.raises(UnauthenticatedError):
                await identities.identify(forged)
