"""How somebody gets in: sign-ins, the tokens they give, and API keys."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

PROGRAMS = "key:"  # ids of programs with API keys begin so, and those of nobody else


class Scope(StrEnum):
    """What an API key may be allowed to do; reading the catalogue needs none."""

    CATALOG_WRITE = "catalog:write"
    INTERACTIONS_WRITE = "interactions:write"
    RECOMMENDATIONS_READ = "recommendations:read"
    TEXTS_WRITE = "texts:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    RULES_READ = "rules:read"
    RULES_WRITE = "rules:write"
    MODELS_WRITE = "models:write"
    JOBS_READ = "jobs:read"
    REPORTS_READ = "reports:read"
    PRIVACY_WRITE = "privacy:write"


@dataclass(frozen=True, slots=True)
class SignInSession:
    """One sign-in of a user on one device. It lives as long as its refresh token is used."""

    id: str
    user_id: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    client: str = ""  # the user agent, cut
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a sign-in gives: an access token for requests, and a refresh token that is used once for the next pair."""

    access_token: str
    refresh_token: str
    access_expires_at: datetime
    refresh_expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignUpDraft:
    """A new account, as it was typed."""

    email: str
    password: str
    display_name: str | None = None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A program's way in. Its secret is shown once and stored as a hash."""

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    created_by: str | None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def actor_id(self) -> str:
        """Whom logs and audit entries name: no user has such an id."""
        return f"{PROGRAMS}{self.id}"
