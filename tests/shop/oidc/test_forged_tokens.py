"""Tokens that somebody else has made up or changed, and that are refused; RFC 8725, 2 lists many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from structlog.testing import capture_logs

from tests.fixtures.token_issuer import KEYS, ec_key, encoded, published, rsa_key
from tests.shop.oidc.refusals import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fixtures.token_issuer import Issuer
    from tests.shop.oidc.conftest import Accepting

    Made = Callable[[Issuer], str]


def hmac_of_public_key(issuer: Issuer) -> str:
    """Algorithm confusion (RFC 8725, 2.1): the published key used as a shared secret."""
    pem = rsa_key("one").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = f"{encoded({'alg': 'HS256', 'kid': 'one', 'typ': 'JWT'})}.{encoded(issuer.claims())}"
    signature = hmac.HMAC(pem, hashes.SHA256())
    signature.update(parts.encode())
    return f"{parts}.{encoded(signature.finalize())}"


def unsigned(algorithm: str) -> Made:
    return lambda issuer: f"{encoded({'alg': algorithm, 'kid': 'one'})}.{encoded(issuer.claims())}."


def other_payload(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    return f"{head}.{encoded(issuer.claims(sub='boss'))}.{signature}"


def own_key_in_header(member: str) -> Made:
    def made(issuer: Issuer) -> str:
        own, address = published(rsa_key("thief"), "one"), f"{issuer.url}/thief"
        values = {"jwk": own, "jku": address, "x5u": address, "x5c": ["MIIB"]}
        return issuer.token(rsa_key("thief"), headers={member: values[member]})

    return made


def with_header(**headers: object) -> Made:
    return lambda issuer: issuer.token(headers=headers)


def raw_header(signed: str = "RS256", **headers: object) -> Made:
    """Of a token with a good signature otherwise: what PyJWT would not write itself."""

    def made(issuer: Issuer) -> str:
        parts = f"{encoded({'alg': 'RS256', 'kid': 'one', 'typ': 'JWT', **headers})}.{encoded(issuer.claims())}"
        signature = jwt.get_algorithm_by_name(signed).sign(parts.encode(), rsa_key("one"))
        return f"{parts}.{encoded(signature)}"

    return made


FORGED: dict[str, Made] = {
    "signed with the public key": hmac_of_public_key,
    **{f"algorithm {name}": unsigned(name) for name in ("none", "None", "nOnE", "", "HS256", "RS256")},
    "signed by another": lambda issuer: issuer.token(rsa_key("thief")),
    "another payload": other_payload,
    "no signature": lambda issuer: issuer.token().rpartition(".")[0] + ".",
    "two parts": lambda issuer: issuer.token().rpartition(".")[0],
    "five parts": lambda issuer: issuer.token() + ".e30.e30",
    "an algorithm that the settings leave out": lambda issuer: issuer.token(algorithm="RS512"),
    "RS256 with padding for PS256": raw_header("PS256", alg="RS256"),
    "an elliptic key with an RSA algorithm": lambda issuer: issuer.token(kid="curve"),
    **{f"its own key in {member}": own_key_in_header(member) for member in ("jwk", "jku", "x5u", "x5c")},
    "crit": raw_header(crit=["exp"]),
    "crit of what PyJWT knows": raw_header(crit=["b64"], b64=True),
    "crit that is empty": raw_header(crit=[]),
    "b64": raw_header(b64=False),
    "a list of algorithms": raw_header(alg=["RS256"]),
    **{
        f"type {kind}": with_header(typ=kind)
        for kind in ("logout+jwt", "dpop+jwt", "secevent+jwt", "JWE", "at+jwt2", "refresh+jwt")
    },
    "a type that is no text": raw_header(typ=7),
    **{
        f"key id {kid[:20]!r}": raw_header(kid=kid)
        for kid in ("", "ONE", "one ", "../one", "/etc/passwd", "one\x00", "' OR 1=1 --", f"{KEYS}#one", "x" * 4_000)
    },
    "a key id that is no text": raw_header(kid=["one"]),
    "a key id that is a number": raw_header(kid=1),
}


@pytest.mark.parametrize("name", FORGED)
async def test_forged_tokens_are_refused(issuer: Issuer, accepting: Accepting, name: str) -> None:
    issuer.keys.append(published(ec_key("curve"), "curve"))
    identities = accepting()

    await refused(identities, FORGED[name](issuer))

    assert set(issuer.asked) <= {"/.well-known/openid-configuration", KEYS}, "nobody is asked whom a token names"
    assert (await identities.identify(issuer.token())).user_id == "local:anna"


@pytest.mark.parametrize("name", ["no signature", "algorithm HS256", "crit", "type logout+jwt"])
async def test_the_log_says_what_is_wrong(issuer: Issuer, accepting: Accepting, name: str) -> None:
    with capture_logs() as lines:
        await refused(accepting(), token := FORGED[name](issuer))

    (line,) = lines
    assert line["event"] == "issuer_token_refused"
    assert line["issuer"] == "local"
    assert not any(part and part in str(line) for part in token.split("."))


@pytest.mark.parametrize("name", ["algorithm none", "algorithm HS256", "crit", "type JWE", "a key id that is a number"])
async def test_nobody_is_asked_for_keys_that_could_not_help(issuer: Issuer, accepting: Accepting, name: str) -> None:
    await refused(accepting(), FORGED[name](issuer))

    assert not issuer.asked
