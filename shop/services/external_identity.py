"""Access tokens of issuers outside the shop: JSON Web Tokens (RFC 7519), verified with the keys that the issuer
publishes, as RFC 8725 and RFC 9068 advise."""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
import orjson
import structlog

from shop.bounded import BoundedDict
from shop.errors import UnauthenticatedError
from shop.services.external_claims import claim_at, identity_from
from shop.services.issuer_keys import IssuerKeys
from shop.values import RefusedValueError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop.entities.identity import ExternalIdentity
    from shop.oidc_issuer import OidcIssuer
    from shop.services.published_keys import KeySet
    from shop.settings import OidcSettings
    from shop.store.issuer_keys import IssuerKeyStore

_log = structlog.get_logger(__name__)
LONGEST_TOKEN = 16 * 1024  # characters
_LONGEST_KEY_ID = 512
_REMEMBERED = 20_000  # tokens
# Without the prefix `application/`, as RFC 7515, 4.1.9 has it. Logout tokens and security events have types of their
# own, so that nobody takes them for a sign-in.
_TYPES = {"jwt", "at+jwt"}


@dataclass(frozen=True, slots=True)
class _Signature:
    """What a token's header says of it."""

    key_id: str | None
    algorithm: str


@dataclass(frozen=True, slots=True)
class _Verified:
    issuer: OidcIssuer
    identity: ExternalIdentity
    signature: _Signature
    thumbprint: bytes  # of the key that verified it

    def holds(self, keys: KeySet) -> bool:
        """Until it expires, and while the same key would verify it."""
        key = keys.find(self.signature.key_id, self.signature.algorithm)
        in_time = time.time() < self.identity.expires_at + self.issuer.leeway_seconds
        return in_time and key is not None and key.thumbprint == self.thumbprint


class ExternalIdentities:
    """Says who a token of an issuer of the settings names. A token is verified once, and then remembered until it
    expires or its key is withdrawn."""

    def __init__(
        self, settings: OidcSettings, store: IssuerKeyStore, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` gives the seconds that the age of keys is counted in."""
        self._issuers = {issuer.issuer: issuer for issuer in settings.issuers}
        self._keys = {issuer.name: IssuerKeys(issuer, store, clock) for issuer in settings.issuers}
        self._prefixes = [issuer.user_prefix for issuer in settings.issuers if issuer.user_prefix]
        self._verified: BoundedDict[bytes, _Verified] = BoundedDict(_REMEMBERED)

    def issuer_of(self, token: str) -> OidcIssuer | None:
        """The issuer that the token says it is of, None for any other. Nothing is verified: this only chooses."""
        if not self._issuers or len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        parts = token.split(".")
        claims = _json(parts[1]) if len(parts) == 3 else None
        name = claims.get("iss") if claims is not None else None
        return self._issuers.get(name) if isinstance(name, str) else None

    def knows(self, token: str) -> bool:
        """Whether the token was verified before."""
        return _digest(token) in self._verified

    async def identify(self, token: str) -> ExternalIdentity:
        """Raises UnauthenticatedError, and UnavailableError while the issuer's keys cannot be had."""
        issuer = self.issuer_of(token)
        if issuer is None:
            raise _invalid()
        digest = _digest(token)
        known = self._verified.get(digest)
        if known is not None:
            if known.holds(await self._keys[issuer.name].current()):
                return known.identity
            self._verified.pop(digest, None)
        verified = await self._verify(token, issuer)
        self._verified.put(digest, verified)
        return verified.identity

    async def _verify(self, token: str, issuer: OidcIssuer) -> _Verified:
        try:
            signature = _signature(token, issuer)
            keys = self._keys[issuer.name]
            key = (await keys.current()).find(signature.key_id, signature.algorithm)
            if key is None:  # a new one may have been published
                key = (await keys.renewed()).find(signature.key_id, signature.algorithm)
            if key is None:
                raise RefusedValueError("UNKNOWN_KEY", "No key fits the token.")
            claims = _claims(token, issuer, key.verifier)
            identity = identity_from(claims, issuer, self._prefixes)
        except jwt.ExpiredSignatureError as error:
            raise UnauthenticatedError("The token has expired; sign in again.") from error
        except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError) as error:
            reason = error.message if isinstance(error, RefusedValueError) else type(error).__name__
            _log.info("issuer_token_refused", issuer=issuer.name, reason=reason)
            raise _invalid() from error
        return _Verified(issuer, identity, signature, key.thumbprint)


def _digest(token: str) -> bytes:
    """The tokens themselves are secrets."""
    return hashlib.sha256(token.encode()).digest()


def _invalid() -> UnauthenticatedError:
    """What is wrong is told in the log alone: it would help whoever makes up tokens."""
    return UnauthenticatedError("The token is not valid here; sign in again.")


def _signature(token: str, issuer: OidcIssuer) -> _Signature:
    """Raises RefusedValueError. `jwk`, `jku`, `x5c` and `x5u` are not looked at: a key that comes with the token proves
    nothing (RFC 8725, 3.10). No extension is known that `crit` could ask for (RFC 7515, 4.1.11)."""
    header = _json(token.partition(".")[0]) or {}
    algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
        raise RefusedValueError("ALGORITHM", "The token's algorithm is not among those of the settings.")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        raise RefusedValueError("TYPE", "The token's type is not that of an access token.")
    if "crit" in header or "b64" in header:
        raise RefusedValueError("EXTENSION", "The token's header asks for an extension.")
    if key_id is not None and (not isinstance(key_id, str) or len(key_id) > _LONGEST_KEY_ID):
        raise RefusedValueError("KEY_ID", "The token's key id is not usable.")
    return _Signature(key_id, algorithm)


def _claims(token: str, issuer: OidcIssuer, key: jwt.PyJWK) -> dict[str, Any]:
    """Verified ones. Raises jwt.PyJWTError or RefusedValueError."""
    by_audience = issuer.audience_claim == "aud"
    claims = jwt.decode(
        token,
        key,
        [key.algorithm_name],
        issuer=issuer.issuer,
        audience=list(issuer.audience) if by_audience else None,
        leeway=issuer.leeway_seconds,
        options={"require": ["iss", "exp", *(["aud"] if by_audience else [])], "verify_aud": by_audience},
    )
    if not by_audience and claim_at(claims, issuer.audience_claim) not in issuer.audience:
        raise RefusedValueError("AUDIENCE", "The token is for another audience.")
    if "events" in claims:  # a logout token, which has the same issuer and audience (Back-Channel Logout 1.0, 2.4)
        raise RefusedValueError("TYPE", "The token tells of an event.")
    if "cnf" in claims:  # it holds only with a proof of possession (RFC 7800, RFC 9449), which is not checked here
        raise RefusedValueError("BOUND", "The token is bound to a key of the client's.")
    return claims


def _json(part: str) -> dict[str, Any] | None:
    """The object in a part of a token, None if there is none."""
    try:
        found: object = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError):
        return None
    return found if isinstance(found, dict) else None
