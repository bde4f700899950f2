"""Who asks: nobody, shoppers, staff, services, and those who forge a token."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

_ISSUER = "whybuy"


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


def viewer(user_id: str, secret: str, marks: Sequence[str] = (), *, sees_all: bool = False) -> Viewer:
    claims = {"sub": user_id, "iss": _ISSUER, "exp": time.time() + 86_400}
    token = jwt.encode(claims, secret, "HS256")
    return Viewer(user_id, {"Authorization": f"Bearer {token}"}, frozenset(marks), sees_all)


def forged(user_id: str, secret: str, random: Random) -> Viewer:
    """A token for this user that must open nothing."""
    now = time.time()
    good = {"sub": user_id, "iss": _ISSUER, "exp": now + 86_400}
    signed = jwt.encode(good, secret, "HS256")
    head, body, signature = signed.split(".")
    tokens: list[str] = [
        jwt.encode(good, secret + "x", "HS256"),
        jwt.encode({**good, "exp": now - 60}, secret, "HS256"),
        jwt.encode({**good, "nbf": now + 3_600}, secret, "HS256"),
        jwt.encode({**good, "iss": "another"}, secret, "HS256"),
        jwt.encode({"sub": user_id, "iss": _ISSUER}, secret, "HS256"),
        jwt.encode(good, secret, "HS512"),
        f"{_part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"{_part({'alg': 'none', 'typ': 'JWT'})}.{body}.{signature}",
        f"{head}.{_part({**good, 'sub': 'demo-staff'})}.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}", head, "", "a.b.c", "." * 50, "x" * 20_000,
    ]  # fmt: skip
    scheme = random.choice(("Bearer", "bearer", "Basic", "Token", ""))
    value = f"{scheme} {random.choice(tokens)}".strip()
    return Viewer("forged", {"Authorization": value or "x"})


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
