"""Which published key may verify which token: by key id and algorithm (RFC 7517, RFC 7518, RFC 8725)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_RSA_BITS = range(2048, 8192 + 1)  # RFC 7518, 3.3; above, verifying one token takes long
# The kind and the curve of the key that an algorithm needs (RFC 7518, 3; RFC 8037, 3.1).
_KINDS = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key, for one algorithm alone."""

    verifier: jwt.PyJWK
    thumbprint: bytes  # SHA-256 of the key


class KeySet:
    """The keys of one publication, of those that a token may be signed with."""

    def __init__(self, published: Iterable[Mapping[str, Any]], algorithms: Iterable[str]) -> None:
        """Keys that are not fit for any of the algorithms are left out, as RFC 7517, 5 wants; so are keys of which
        several share an id: which of them a token means would be a guess."""
        keys = list(published)
        self._by_id: dict[tuple[str, str], dict[bytes, SigningKey]] = {}
        self._by_algorithm: dict[str, dict[bytes, SigningKey]] = {}
        for algorithm in algorithms:
            for jwk in keys:
                key = _signing_key(jwk, algorithm)
                if key is None:
                    continue
                self._by_algorithm.setdefault(algorithm, {})[key.thumbprint] = key
                if isinstance(key_id := jwk.get("kid"), str):
                    self._by_id.setdefault((key_id, algorithm), {})[key.thumbprint] = key

    def __bool__(self) -> bool:
        return bool(self._by_algorithm)

    def find(self, key_id: str | None, algorithm: str) -> SigningKey | None:
        """The one key that fits. A token without a key id means the only key of its algorithm, if there is only one."""
        fitting = self._by_algorithm.get(algorithm) if key_id is None else self._by_id.get((key_id, algorithm))
        return next(iter(fitting.values())) if fitting is not None and len(fitting) == 1 else None


def _signing_key(jwk: Mapping[str, Any], algorithm: str) -> SigningKey | None:
    kind, curve = _KINDS[algorithm]
    if jwk.get("kty") != kind or jwk.get("crv") != curve or not _is_meant_for(jwk, algorithm):
        return None
    try:
        verifier = jwt.PyJWK(dict(jwk), algorithm)
        der = verifier.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (jwt.PyJWTError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError):
        return None
    if isinstance(verifier.key, RSAPublicKey) and verifier.key.key_size not in _RSA_BITS:
        return None
    return SigningKey(verifier, hashlib.sha256(der).digest())


def _is_meant_for(jwk: Mapping[str, Any], algorithm: str) -> bool:
    """RFC 7517, 4.2 to 4.4. A key whose private part was published proves nothing."""
    operations = jwk.get("key_ops")
    return (
        jwk.get("use", "sig") == "sig"
        and (operations is None or (isinstance(operations, list) and "verify" in operations))
        and jwk.get("alg", algorithm) == algorithm
        and "d" not in jwk
    )
