"""Who asks: nobody, shoppers, staff, services, and those who forge a token."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

_ISSUER, _ALGORITHM = "whybuy", "ES256"


@dataclass(frozen=True, slots=True)
class Viewer:
    """`marks` are the words that only this shopper may read; with `sees_all`, as of staff, those of others too."""

    name: str
    headers: dict[str, str]
    marks: frozenset[str] = frozenset()
    sees_all: bool = False

    @property
    def payload(self) -> dict[str, str]:
        """The same for `connection_init`."""
        return {name.lower(): value for name, value in self.headers.items()}


def viewer(user_id: str, token: str, marks: Sequence[str] = (), *, sees_all: bool = False) -> Viewer:
    return Viewer(user_id, {"Authorization": f"Bearer {token}"}, frozenset(marks), sees_all)


def forged(user_id: str, jwk: dict[str, Any], random: Random) -> Viewer:
    """A token for this user that must open nothing; `jwk` is the private key that signs good ones."""
    now = time.time()
    key, kid = jwt.PyJWK(jwk, _ALGORITHM), {"kid": jwk["kid"], "typ": "at+jwt"}
    good = {"sub": user_id, "iss": _ISSUER, "sid": "0" * 32, "iat": now, "exp": now + 86_400}
    public = {name: jwk[name] for name in ("kty", "crv", "x", "y")}
    mine = generate_private_key(SECP256R1())
    signed = jwt.encode(good, key, _ALGORITHM, kid)  # of a sign-in that nobody made
    head, body, signature = signed.split(".")
    tokens: list[str] = [
        signed,
        jwt.encode(good, mine, _ALGORITHM, kid),
        jwt.encode(good, mine, _ALGORITHM, {**kid, "jwk": public, "jku": "http://127.0.0.1:1/keys"}),
        jwt.encode(good, jwk["x"] + jwk["y"], "HS256", kid),
        jwt.encode(good, key, _ALGORITHM, {**kid, "typ": "JWT"}),
        jwt.encode(good, key, _ALGORITHM, {**kid, "kid": "../../etc/passwd"}),
        jwt.encode({**good, "exp": now - 60}, key, _ALGORITHM, kid),
        jwt.encode({**good, "nbf": now + 3_600}, key, _ALGORITHM, kid),
        jwt.encode({**good, "iss": "another"}, key, _ALGORITHM, kid),
        jwt.encode({"sub": user_id, "iss": _ISSUER}, key, _ALGORITHM, kid),
        f"{_part({'alg': 'none', 'typ': 'at+jwt'})}.{body}.",
        f"{_part({'alg': 'none', 'typ': 'at+jwt'})}.{body}.{signature}",
        f"{head}.{_part({**good, 'sub': 'demo-staff'})}.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        "wbk_", f"wbk_{'0' * 16}_{'a' * 43}", "wbk_" + "x" * 5_000,
        f"{head}.{body}", head, "", "a.b.c", "." * 50, "x" * 20_000,
    ]  # fmt: skip
    scheme = random.choice(("Bearer", "bearer", "Basic", "Token", ""))
    value = f"{scheme} {random.choice(tokens)}".strip()
    return Viewer("forged", {"Authorization": value or "x"})


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
