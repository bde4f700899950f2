"""What a shop says of an issuer whose access tokens it accepts. The words are those of OpenID Connect Discovery 1.0 and
RFC 7519; the limits follow RFC 8725 (JWT Best Current Practices)."""

from __future__ import annotations

import ipaddress
import json
import re
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from shop.entities.users import Role

# Each of them signs with a private key that only the issuer has. HS256 and its kin would make the published key a
# secret, and "none" signs nothing (RFC 8725, 2.1 and 3.1).
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_ROLES = (Role.SHOPPER, Role.STAFF, Role.ADMIN)
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_PREFIX = re.compile(r"[\x21-\x7e]{0,64}")
_ADDRESS = re.compile(r"https?://[\x21-\x5b\x5d-\x7e]+")  # no backslash: parsers differ on what it means


def is_safe_address(address: str) -> bool:
    """Whether what comes from there is from who is named there: https, or http on this machine alone."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not _ADDRESS.fullmatch(address) or not host or "@" in parts.netloc or parts.fragment:
        return False
    return parts.scheme == "https" or is_this_machine(address)


def is_this_machine(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class OidcIssuer(BaseModel):
    """One issuer. Its tokens name a user `user_prefix` + the value of `user_claim`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str  # in ids and in the log
    issuer: str  # `iss`, to the letter
    audience: tuple[str, ...]  # `aud` must have one of them
    audience_claim: str = "aud"  # the claim that says whom a token is for, where the issuer has no `aud`
    algorithms: tuple[str, ...] = ("RS256",)
    jwks_url: str | None = None  # None: as the issuer's own openid-configuration says
    user_claim: str = Field("sub", min_length=1)
    user_prefix: str = ""  # "<name>:" unless it is given
    role_claim: str | None = None  # None: the role that is stored with the user
    roles: dict[str, Role] = Field(default_factory=dict)  # by the claim's value; no value that is known: a shopper
    email_claim: str | None = "email"
    name_claim: str | None = "name"
    leeway_seconds: float = Field(30, ge=0, le=300)  # by which the clocks may differ

    @model_validator(mode="before")
    @classmethod
    def _prefix_from_name(cls, given: object) -> object:
        if isinstance(given, dict) and given.get("user_prefix") is None:
            return {**given, "user_prefix": f"{given.get('name')}:"}
        return given

    @field_validator("name")
    @classmethod
    def _is_short(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("a name has 1 to 32 of the characters a-z, 0-9, - and _, and begins with a letter")
        return name

    @field_validator("issuer", "jwks_url")
    @classmethod
    def _is_safe(cls, address: str | None) -> str | None:
        if address is not None and not is_safe_address(address):
            raise ValueError("an address begins with https:// (http:// only for localhost), and names no user")
        return address

    @field_validator("issuer")
    @classmethod
    def _has_no_query(cls, issuer: str) -> str:
        if "?" in issuer:
            raise ValueError("an issuer has no query; write it as the claim `iss` of its tokens has it")
        return issuer

    @field_validator("audience", "algorithms", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("audience")
    @classmethod
    def _is_for_someone(cls, audience: tuple[str, ...]) -> tuple[str, ...]:
        if not audience or not all(map(str.strip, audience)):
            raise ValueError("name the audience: without one, the issuer's tokens for any other service would do here")
        return audience

    @field_validator("algorithms")
    @classmethod
    def _are_asymmetric(cls, algorithms: tuple[str, ...]) -> tuple[str, ...]:
        refused = [name for name in algorithms if name not in ALGORITHMS]
        if refused or not algorithms:
            named = ", ".join(refused) or "an empty list"
            raise ValueError(f"{named} is not accepted; possible are {', '.join(ALGORITHMS)}")
        return algorithms

    @field_validator("user_prefix")
    @classmethod
    def _is_printable(cls, prefix: str) -> str:
        if not _PREFIX.fullmatch(prefix):
            raise ValueError("a prefix has 64 characters at most, all of ASCII, and no spaces")
        return prefix

    @field_validator("roles")
    @classmethod
    def _are_for_people(cls, roles: dict[str, Role]) -> dict[str, Role]:
        if not set(roles.values()) <= set(_ROLES):
            raise ValueError(f"the roles that an issuer may give are {', '.join(_ROLES)}")
        return roles

    @model_validator(mode="after")
    def _roles_need_a_claim(self) -> OidcIssuer:
        if (self.role_claim is None) != (not self.roles):
            raise ValueError("`role_claim` and `roles` belong together: set both, or neither")
        return self


def from_json(value: object) -> object:
    """The text of an environment variable, read."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"OIDC_ISSUERS is no JSON list: {error}") from error


def unlike_each_other(issuers: list[OidcIssuer]) -> list[OidcIssuer]:
    """Raises ValueError where two issuers could name the same user, or a token could be of either."""
    for place, one in enumerate(issuers):
        for other in issuers[:place]:
            if one.name == other.name or one.issuer == other.issuer:
                raise ValueError(f"two issuers have the name {one.name!r} or the issuer {one.issuer!r}")
            if _overlap(one.user_prefix, other.user_prefix):
                raise ValueError(
                    f"the user_prefix of {one.name!r} and that of {other.name!r} begin alike: "
                    "one of them could sign in the other's users"
                )
    return issuers


def _overlap(one: str, other: str) -> bool:
    """An empty one overlaps only with another empty one: ids that begin with another's prefix are refused there."""
    if not one or not other:
        return one == other
    return one.startswith(other) or other.startswith(one)
