"""Keys that sign access tokens (ES256), and the tokens themselves (RFC 7519, with the claims of RFC 9068)."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm

from shop.bounded import BoundedDict
from shop.errors import BadInputError, UnauthenticatedError
from shop.store.signing_keys import changed_at, read_keys, write_keys

if TYPE_CHECKING:
    from pathlib import Path

_log = structlog.get_logger(__name__)
ALGORITHM = "ES256"
ISSUER = "whybuy"
_TYPE = "at+jwt"
_LONGEST_TOKEN = 4_000
_LOOK_SECONDS = 10  # between two looks at the file
_LOOK_FOR_KEY_SECONDS = 1  # the same for a key that is not known
_LEEWAY_SECONDS = 5  # by which the clocks of two processes may differ
_REQUIRED = ["exp", "iat", "sub", "iss"]
_PUBLIC = ("kty", "crv", "x", "y", "kid", "alg", "use")


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a valid access token says. Times are seconds since 1970."""

    user_id: str
    session_id: str
    expires_at: float


class SigningKeys:
    """The keys of a file, read again when it has changed. Tokens that were verified are remembered."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._private: dict[str, jwt.PyJWK] = {}  # by kid, the one that signs first
        self._public: list[dict[str, Any]] = []
        self._changed_at = -1
        self._looked_at = float("-inf")
        self._verified: BoundedDict[str, AccessClaims] = BoundedDict(20_000)

    @property
    def are_there(self) -> bool:
        """Whether a file of keys is set."""
        return self._path is not None

    def sign(self, user_id: str, session_id: str, lifetime_seconds: float) -> tuple[str, float]:
        """A token, and when it expires. Raises BadInputError without a file of keys."""
        self._look()
        now = time.time()
        expires_at = now + lifetime_seconds
        kid, key = next(iter(self._private.items()))
        claims = {"iss": ISSUER, "sub": user_id, "sid": session_id, "iat": int(now), "exp": int(expires_at)}
        return jwt.encode(claims, key, ALGORITHM, {"kid": kid, "typ": _TYPE}), int(expires_at)

    def verify(self, token: str) -> AccessClaims:
        """Raises UnauthenticatedError for a token that is not valid now."""
        if not self.are_there:
            raise UnauthenticatedError("This server signs no tokens: AUTH_SIGNING_KEYS is not set.")
        self._look()
        known = self._verified.get(token)
        if known is not None and known.expires_at > time.time():
            return known
        claims = self._claims(token)
        self._verified.put(token, claims)
        return claims

    def has_verified(self, token: str) -> bool:
        """Whether it is known to be one of ours, and has not expired."""
        known = self._verified.get(token)
        return known is not None and known.expires_at > time.time()

    def public(self) -> dict[str, Any]:
        """The key set that others verify our tokens with. Empty without a file of keys."""
        if self.are_there:
            self._look()
        return {"keys": self._public}

    def _claims(self, token: str) -> AccessClaims:
        if len(token) > _LONGEST_TOKEN:
            raise UnauthenticatedError("The token is not valid; sign in again.")
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != _TYPE or header.get("alg") != ALGORITHM:
                raise UnauthenticatedError("The token is not valid; sign in again.")
            key = self._key(header.get("kid"))
            claims = jwt.decode(
                token, key, [ALGORITHM], issuer=ISSUER, leeway=_LEEWAY_SECONDS, options={"require": _REQUIRED}
            )
            return AccessClaims(str(claims["sub"]), str(claims.get("sid", "")), float(claims["exp"]))
        except jwt.ExpiredSignatureError as error:
            raise UnauthenticatedError("The token has expired; sign in again, or refresh it.") from error
        except (jwt.InvalidTokenError, ValueError, TypeError) as error:
            raise UnauthenticatedError("The token is not valid; sign in again.") from error

    def _key(self, kid: object) -> jwt.PyJWK:
        """Raises UnauthenticatedError for a key that is not ours, or no longer."""
        found = self._private.get(kid) if isinstance(kid, str) else None
        if found is None and isinstance(kid, str):  # another process may have signed with a key that came just now
            self._look(_LOOK_FOR_KEY_SECONDS)
            found = self._private.get(kid)
        if found is None:
            raise UnauthenticatedError("The token is not valid; sign in again.")
        return found

    def _look(self, every_seconds: float = _LOOK_SECONDS) -> None:
        """Reads the file if it has changed since. Tokens of a key that was taken out are valid no longer."""
        now = time.monotonic()
        if now - self._looked_at < every_seconds:
            return
        if self._path is None:
            raise BadInputError("Set AUTH_SIGNING_KEYS to a file of keys; `whybuy signing-keys FILE` makes one.")
        changed = changed_at(self._path)
        if changed != self._changed_at:
            try:
                self._read(self._path)
            except BadInputError as error:
                if not self._private:
                    raise
                _log.error("signing_keys_unreadable", reason=error.message)  # those of before go on
            self._changed_at = changed
        self._looked_at = now

    def _read(self, path: Path) -> None:
        keys = [_checked(key, path) for key in read_keys(path)]
        self._private = {str(key.key_id): key for key, _ in keys}
        self._public = [public for _, public in keys]
        self._verified.clear()


def rotate(path: Path, keep: int = 2) -> list[str]:
    """Puts a new key into the file, which signs from now on; so many of those before stay, and what they have signed
    stays valid. Makes the file if it is not there. The ids of its keys, the one that signs first."""
    before = read_keys(path) if path.exists() else []
    keys = [_new_key(), *before[:keep]]
    write_keys(path, keys)
    return [str(key["kid"]) for key in keys]


def _new_key() -> dict[str, Any]:
    key: dict[str, Any] = ECAlgorithm.to_jwk(generate_private_key(SECP256R1()), as_dict=True)
    return {**key, "kid": _thumbprint(key), "alg": ALGORITHM, "use": "sig"}


def _checked(key: dict[str, Any], path: Path) -> tuple[jwt.PyJWK, dict[str, Any]]:
    """Ready for use, and its public half. Raises BadInputError."""
    wanted = key.get("kty") == "EC" and key.get("crv") == "P-256" and "d" in key and isinstance(key.get("kid"), str)
    try:
        ready = jwt.PyJWK(key, ALGORITHM)
    except (jwt.PyJWTError, ValueError) as error:
        raise BadInputError(f"AUTH_SIGNING_KEYS: {path} holds a key that cannot be read.") from error
    if not wanted:
        raise BadInputError(f"AUTH_SIGNING_KEYS: {path} must hold private EC keys on P-256, each with a `kid`.")
    return ready, {name: key[name] for name in _PUBLIC if name in key}


def _thumbprint(key: dict[str, Any]) -> str:
    """RFC 7638."""
    members = {name: key[name] for name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
