"""Which tokens of an outside issuer name a user, and which are refused; against a real server of keys."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from shop.entities.identity import ExternalIdentity
from shop.services.external_identity import LONGEST_TOKEN
from tests.fixtures.token_issuer import AUDIENCE, ec_key, ed_key, encoded, published, rsa_key
from tests.shop.oidc.refusals import refused

if TYPE_CHECKING:
    from tests.fixtures.token_issuer import Issuer, Json
    from tests.shop.oidc.conftest import Accepting


async def test_a_good_token_names_its_user(issuer: Issuer, accepting: Accepting) -> None:
    identities = accepting()
    now = int(time.time())
    token = issuer.token(iat=now - 5, exp=now + 100, name="Anna", email="anna@shop.example", email_verified=True)

    assert identities.issuer_of(token) == issuer.settings()
    assert await identities.identify(token) == ExternalIdentity(
        issuer="local",
        user_id="local:anna",
        role=None,
        email="anna@shop.example",
        display_name="Anna",
        issued_at=now - 5,
        expires_at=now + 100,
    )


SIGNERS: dict[str, Any] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), rsa_key("other")),
    "ES256": ec_key("other"),
    "ES384": ec_key("other", "P-384"),
    "ES512": ec_key("other", "P-521"),
    "EdDSA": ed_key("other"),
}


@pytest.mark.parametrize("algorithm", SIGNERS)
@pytest.mark.parametrize("named", [True, False], ids=["the key names its algorithm", "it does not"])
async def test_every_algorithm_of_the_settings_is_verified(
    issuer: Issuer, accepting: Accepting, algorithm: str, *, named: bool
) -> None:
    key = SIGNERS[algorithm]
    issuer.keys = [published(key, alg=algorithm if named else None)]

    identity = await accepting(algorithms=[algorithm]).identify(issuer.token(key, algorithm=algorithm))

    assert identity.user_id == "local:anna"


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt", None])
async def test_types_of_access_tokens(issuer: Issuer, accepting: Accepting, kind: str | None) -> None:
    token = issuer.token(headers={"typ": kind or ""})  # PyJWT leaves an empty one out
    assert ("typ" in jwt.get_unverified_header(token)) is (kind is not None)

    assert (await accepting().identify(token)).user_id == "local:anna"


@pytest.mark.parametrize("audience", [AUDIENCE, ["other", AUDIENCE], ["second"]])
async def test_one_audience_of_several_is_enough(issuer: Issuer, accepting: Accepting, audience: object) -> None:
    identities = accepting(audience=[AUDIENCE, "second"])

    assert (await identities.identify(issuer.token(aud=audience))).user_id == "local:anna"


async def test_an_audience_may_be_in_another_claim(issuer: Issuer, accepting: Accepting) -> None:
    """As in Cognito's access tokens, which have no `aud`."""
    identities = accepting(audience_claim="client_id")

    assert (await identities.identify(issuer.token(aud=None, client_id=AUDIENCE))).user_id == "local:anna"
    for claims in ({"client_id": "other"}, {"client_id": [AUDIENCE]}, {}):
        await refused(identities, issuer.token(aud=AUDIENCE, **claims))


NOW = int(time.time())
CLAIMS: dict[str, Json] = {
    "no audience": {"aud": None},
    "another audience": {"aud": "other"},
    "a longer audience": {"aud": AUDIENCE + "x"},
    "no audience in a list": {"aud": []},
    "an audience that is no text": {"aud": {AUDIENCE: True}},
    "no end": {"exp": None},
    "an end that is no number": {"exp": "soon"},
    "an endless end": {"exp": float("inf")},
    "an end that is a list": {"exp": [NOW + 600]},
    "no user": {"sub": None},
    "a user that is no text": {"sub": {"id": "anna"}},
    "an empty user": {"sub": ""},
    "a user with spaces around": {"sub": " anna"},
    "a user with an invisible character": {"sub": "an\u200bna"},
    "a user written in two ways": {"sub": "Anne\u0301"},
    "a user with a line break": {"sub": "anna\nadmin"},
    "a long user": {"sub": "a" * 200},
    "not valid yet": {"nbf": NOW + 3600},
    "issued later": {"iat": NOW + 3600},
    "issued at no time": {"iat": "x"},
    "a logout token": {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
    "bound to a key of the client": {"cnf": {"jkt": "x"}},
}


@pytest.mark.parametrize("name", CLAIMS)
async def test_claims_that_are_refused(issuer: Issuer, accepting: Accepting, name: str) -> None:
    assert "expired" not in await refused(accepting(), issuer.token(**CLAIMS[name]))


@pytest.mark.parametrize(("ago", "leeway", "accepted"), [(5, 10, True), (15, 10, False), (1, 0, False)])
async def test_clocks_may_differ_by_the_leeway(
    issuer: Issuer, accepting: Accepting, ago: int, leeway: int, *, accepted: bool
) -> None:
    now = int(time.time())
    expired, early = issuer.token(exp=now - ago), issuer.token(nbf=now + ago + 1, iat=now + ago + 1)
    identities = accepting(leeway_seconds=leeway)

    if accepted:
        assert await identities.identify(expired)
        assert await identities.identify(early)
    else:
        assert "expired" in await refused(identities, expired)
        assert "not valid" in await refused(identities, early)


UNREADABLE = {
    "empty": "",
    "a word": "token",
    "dots": "..",
    "no base64": "!.!.!",
    "not ASCII": "é.é.é",
    "half a character": "\ud800.\ud800.\ud800",
    "a list": f"e30.{encoded([1])}.x",
    "a number": f"e30.{encoded(7)}.x",
    "deep": f"e30.{encoded(b'[' * 9_000)}.x",
    "an issuer that is a list": f"e30.{encoded({'iss': ['x']})}.x",
    "no issuer": f"e30.{encoded({'sub': 'anna'})}.x",
    "our own": jwt.encode({"iss": "whybuy", "sub": "anna"}, "k" * 32, "HS256"),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_a_token_of_nobody_is_left_to_others(issuer: Issuer, accepting: Accepting, name: str) -> None:
    identities = accepting()

    assert identities.issuer_of(UNREADABLE[name]) is None
    await refused(identities, UNREADABLE[name])
    assert not issuer.asked


@pytest.mark.parametrize("change", ["/", "x", " ", "\n", "#"])
async def test_an_issuer_is_meant_to_the_letter(issuer: Issuer, accepting: Accepting, change: str) -> None:
    identities = accepting()

    for name in (issuer.url + change, issuer.url.replace("http", "HTTP"), issuer.url.replace("127.0.0.1", "localhost")):
        assert identities.issuer_of(issuer.token(iss=name)) is None


async def test_a_header_that_is_deep_is_refused(issuer: Issuer, accepting: Accepting) -> None:
    deep = b'{"alg":"RS256","kid":"one","x":' + b"[" * 1_000 + b"]" * 1_000 + b"}"

    await refused(accepting(), f"{encoded(deep)}.{encoded(issuer.claims())}.{encoded(b'x' * 256)}")


async def test_a_token_has_a_longest_length(issuer: Issuer, accepting: Accepting) -> None:
    identities = accepting()
    short = issuer.token(groups="g" * 8_000)
    assert len(short) < LONGEST_TOKEN

    assert (await identities.identify(short)).user_id == "local:anna"
    assert identities.issuer_of(issuer.token(groups="g" * LONGEST_TOKEN)) is None
