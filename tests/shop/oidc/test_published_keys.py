"""Which of the keys that an issuer publishes verify a token; RFC 7517."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.fixtures.token_issuer import ec_key, encoded, published, rsa_key
from tests.shop.oidc.refusals import refused

if TYPE_CHECKING:
    from tests.fixtures.token_issuer import Issuer, Json
    from tests.shop.oidc.conftest import Accepting


async def test_a_token_without_a_key_id_means_the_only_key(issuer: Issuer, accepting: Accepting) -> None:
    token = issuer.token(kid=None)
    issuer.keys = [published(rsa_key("one"), None), published(ec_key("curve"), None)]
    assert (await accepting().identify(token)).user_id == "local:anna"

    issuer.keys.append(published(rsa_key("two"), None))
    await refused(accepting(), token)


def private(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> Json:
    """A private key as nobody should publish it."""
    if isinstance(key, rsa.RSAPrivateKey):
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True)
    else:
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(key, as_dict=True)
    return {name: value for name, value in jwk.items() if name != "key_ops"} | {"kid": "one"}


PUBLISHED: dict[str, list[Any]] = {
    "none": [],
    "for encryption": [published(rsa_key("one"), use="enc")],
    "for signing alone": [published(rsa_key("one"), use=None, key_ops=["sign"])],
    "with operations that are no list": [published(rsa_key("one"), key_ops="verify")],
    "for another algorithm": [published(rsa_key("one"), alg="RS512")],
    "for an algorithm without a key": [published(rsa_key("one"), alg="none")],
    "of another kind": [published(ec_key("one"))],
    "of another kind with the algorithm": [published(ec_key("one"), alg="RS256")],
    "that says to be of another kind": [{**published(rsa_key("one")), "kty": "EC"}],
    "symmetric": [{"kty": "oct", "kid": "one", "k": encoded(b"k" * 32)}],
    "with its private part": [published(rsa_key("one")) | {"d": private(rsa_key("one"))["d"]}],
    "that is all private": [private(rsa_key("one"))],
    "on a curve and all private": [private(ec_key("one"))],
    "broken": [{**published(rsa_key("one")), "n": "AQ"}],
    "without numbers": [{"kty": "RSA", "kid": "one"}],
    "with numbers as numbers": [{**published(rsa_key("one")), "n": 5, "e": None}],
    "with an exponent of one": [{**published(rsa_key("one")), "e": "AQ"}],
    "that is a text": ["one"],
    "of which two share the id": [published(rsa_key("one")), published(rsa_key("two"))],
    "without its id": [published(rsa_key("one"), None)],
    "with an id that is a number": [published(rsa_key("one"), kid=1)],
}


@pytest.mark.parametrize("name", PUBLISHED)
async def test_keys_that_verify_nothing(issuer: Issuer, accepting: Accepting, name: str) -> None:
    issuer.keys = PUBLISHED[name]

    await refused(accepting(), issuer.token())


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_a_short_key_verifies_nothing(issuer: Issuer, accepting: Accepting) -> None:
    short = rsa_key("short", 1024)
    issuer.keys = [published(short)]

    await refused(accepting(), issuer.token(short))


async def test_a_bad_key_does_not_spoil_the_set(issuer: Issuer, accepting: Accepting) -> None:
    bad = [key for keys in PUBLISHED.values() for key in keys if not isinstance(key, dict) or key.get("kid") != "one"]
    broken = [{**published(rsa_key("one"), f"bad {place}"), "n": value} for place, value in enumerate(("", 7, "AQ"))]
    issuer.keys = [*bad, *broken, published(rsa_key("one")), published(rsa_key("one"))]

    assert (await accepting().identify(issuer.token())).user_id == "local:anna"
