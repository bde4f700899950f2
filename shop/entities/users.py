"""Users, their preferences, and the viewer of a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from datetime import datetime
    from types import EllipsisType

    from shop.entities.access import Scope
    from shop.entities.catalog import Money


class Role(StrEnum):
    SHOPPER = "shopper"
    STAFF = "staff"
    ADMIN = "admin"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a shopper stated, apart from behaviour. Brands and tags are as they were typed: they may be anything."""

    categories: tuple[str, ...] = ()  # category ids
    brands: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


# Those of them that the catalogue has, spelled like this: no text rests on any other, and no model reads any other.
KnownTastes = NewType("KnownTastes", Preferences)


@dataclass(frozen=True, slots=True)
class User:
    """An account. E-mail and name are personal: they never leave for a language model."""

    id: str
    email: str | None = None
    display_name: str | None = None
    locale: str | None = None  # BCP 47, as the shopper stated it
    role: Role = Role.SHOPPER
    preferences: Preferences = field(default_factory=Preferences)
    created_at: datetime | None = None
    role_issued_at: datetime | None = None  # when the role was given: by an admin, or by the token of an issuer


@dataclass(frozen=True, slots=True)
class UserDraft:
    """A shopper as the shop describes them, unchecked. `...` leaves a field as it is, None empties it. There is no
    role: nobody gets one in passing."""

    id: str
    email: str | EllipsisType | None = ...
    display_name: str | EllipsisType | None = ...
    locale: str | EllipsisType | None = ...
    preferences: Preferences | EllipsisType | None = ...


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever sent a request: a user, or a program with an API key, which has a `user_id` of its own and is no user."""

    user_id: str
    role: Role
    expires_at: float | None = None  # seconds since 1970, of the token or the key
    session_id: str | None = None  # the sign-in that the token is from
    key_id: str | None = None  # the API key
    scopes: frozenset[Scope] | None = None  # what a key may do; None: all that the role may

    @property
    def is_staff(self) -> bool:
        """Whether it may see what is others'."""
        return self.role is not Role.SHOPPER


@dataclass(frozen=True, slots=True)
class Actor:
    """Whose behaviour it is: a known user, or an anonymous session."""

    user_id: str | None = None
    session_id: str | None = None

    @property
    def key(self) -> str:
        """A name that is unique over users and sessions; every key of a personal answer carries it."""
        return f"u:{self.user_id}" if self.user_id is not None else f"s:{self.session_id or ''}"

    @classmethod
    def from_key(cls, key: str) -> Actor:
        """The inverse of `key`."""
        kind, _, id_ = key.partition(":")
        return cls(user_id=id_) if kind == "u" else cls(session_id=id_)


@dataclass(frozen=True, slots=True)
class UserProfile:
    """What a user's behaviour adds up to; rebuilt from interactions, never a source of truth."""

    user_id: str
    categories: tuple[tuple[str, int], ...] = ()  # category id and in how many orders it was, most first
    brands: tuple[tuple[str, int], ...] = ()
    purchase_count: int = 0
    order_count: int = 0
    event_count: int = 0
    average_price: Money | None = None
    last_event_at: datetime | None = None
    updated_at: datetime | None = None
