"""Who somebody is, as an issuer of tokens outside the shop says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shop.entities.users import Role


@dataclass(frozen=True, slots=True)
class ExternalIdentity:
    """What a verified token says. Times are in seconds since 1970."""

    issuer: str  # the name that the settings give it
    user_id: str  # of the shop: with the issuer's prefix
    role: Role | None  # None: the issuer says nothing of roles, the stored one counts
    expires_at: float
    issued_at: float | None = None
    email: str | None = None  # only one that the issuer has verified
    display_name: str | None = None
