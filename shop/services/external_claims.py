"""Who a verified token of an outside issuer names, and what its claims make of them in this shop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shop.entities.identity import ExternalIdentity
from shop.entities.users import Role
from shop.values import RefusedValueError, clean_id, clean_user_id, plain_text
from shop.values import email as checked_email

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from shop.oidc_issuer import OidcIssuer

_HIGHEST_FIRST = (Role.ADMIN, Role.STAFF, Role.SHOPPER)
_LONGEST_NAME = 200  # characters


def identity_from(claims: Mapping[str, Any], issuer: OidcIssuer, others: Collection[str]) -> ExternalIdentity:
    """`others` are the prefixes of users of other issuers. Raises RefusedValueError where the claims name no user."""
    issued_at = claims.get("iat")
    if issued_at is not None and float(issued_at) < 0:
        raise RefusedValueError("INVALID", "The token was issued at no time.")
    return ExternalIdentity(
        issuer=issuer.name,
        user_id=_user_id(claims, issuer, others),
        role=_role(claims, issuer),
        expires_at=float(claims["exp"]),
        issued_at=None if issued_at is None else float(issued_at),
        email=_email(claims, issuer),
        display_name=_display_name(claims, issuer),
    )


def claim_at(claims: object, path: str) -> object:
    """The value at a path such as `realm_access.roles`, None without one. Names may have dots in them themselves
    (`https://shop.example/roles`): the longest name that is there is meant."""
    if not isinstance(claims, dict):
        return None
    if path in claims:
        found: object = claims[path]
        return found
    parts = path.split(".")
    for end in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:end])
        if name in claims:
            return claim_at(claims[name], ".".join(parts[end:]))
    return None


def _user_id(claims: Mapping[str, Any], issuer: OidcIssuer, others: Collection[str]) -> str:
    value = claim_at(claims, issuer.user_claim)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise RefusedValueError("INVALID", "The claim that names the user is missing, or is no text.")
    if issuer.user_claim in {"email", issuer.email_claim} and not _is_verified(claims):
        raise RefusedValueError("INVALID", "The address that names the user is not verified.")
    user_id = issuer.user_prefix + value
    # What cleaning would change could name the user of another value.
    if clean_id(value) != value or clean_user_id(user_id) != user_id:
        raise RefusedValueError(
            "INVALID", "The claim that names the user has spaces around it or invisible characters."
        )
    if not issuer.user_prefix and any(value.startswith(prefix) for prefix in others):
        raise RefusedValueError("INVALID", "The claim names the user of another issuer.")
    return user_id


def _role(claims: Mapping[str, Any], issuer: OidcIssuer) -> Role | None:
    """The highest that the claim gives; a shopper where it gives none."""
    if issuer.role_claim is None:
        return None
    value = claim_at(claims, issuer.role_claim)
    values = value if isinstance(value, list) else [value]
    given = {issuer.roles.get(name) for name in values if isinstance(name, str)}
    return next((role for role in _HIGHEST_FIRST if role in given), Role.SHOPPER)


def _email(claims: Mapping[str, Any], issuer: OidcIssuer) -> str | None:
    value = claim_at(claims, issuer.email_claim) if issuer.email_claim and _is_verified(claims) else None
    try:
        return checked_email(value) if isinstance(value, str) else None
    except RefusedValueError:
        return None


def _is_verified(claims: Mapping[str, Any]) -> bool:
    return claims.get("email_verified") is True


def _display_name(claims: Mapping[str, Any], issuer: OidcIssuer) -> str | None:
    value = claim_at(claims, issuer.name_claim) if issuer.name_claim else None
    return plain_text(value[: 4 * _LONGEST_NAME])[:_LONGEST_NAME] or None if isinstance(value, str) else None
