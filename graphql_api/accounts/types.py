"""Sign-ins, tokens and API keys."""

from __future__ import annotations

from datetime import datetime

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.relay import encode_id
from shop.entities import access as entities


@strawberry.type(description="What requests are sent with, and what gets the next pair.")
class AccessTokens:
    access_token: str = strawberry.field(description="Send it as `Authorization: Bearer …`.")
    refresh_token: str = strawberry.field(
        description="For `refreshSession`, once. Keep it where no script of another page can read it."
    )
    access_expires_at: datetime = strawberry.field(description="When to have refreshed it.")
    refresh_expires_at: datetime = strawberry.field(description="Who does not come back until then signs in anew.")

    @classmethod
    def of(cls, tokens: entities.Tokens) -> AccessTokens:
        return cls(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token,
            access_expires_at=tokens.access_expires_at,
            refresh_expires_at=tokens.refresh_expires_at,
        )


@strawberry.type(description="One sign-in, on one device.")
class SignInSession:
    id: strawberry.ID = strawberry.field(description="`signOut` ends it.")
    client: str = strawberry.field(description="What the browser or the program called itself (`User-Agent`).")
    created_at: datetime = strawberry.field(description="When it began.")
    last_used_at: datetime = strawberry.field(description="When its tokens were refreshed last.")
    expires_at: datetime = strawberry.field(description="When it ends, unless it is used before.")
    current: bool = strawberry.field(description="Whether this request is of it.")

    @classmethod
    def of(cls, session: entities.SignInSession, current: str | None) -> SignInSession:
        return cls(
            id=encode_id("SignInSession", session.id),
            client=session.client,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            current=session.id == current,
        )


@strawberry.type(description="How a program gets in.")
class ApiKey:
    id: strawberry.ID = strawberry.field(description="`revokeApiKey` takes it. It is no secret.")
    name: str = strawberry.field(description="What it is for.")
    scopes: list[entities.Scope] = strawberry.field(description="What it may do.")
    created_at: datetime = strawberry.field(description="Since when.")
    created_by: str | None = strawberry.field(description="The shop's id of who made it, null for a command.")
    expires_at: datetime | None = strawberry.field(description="Until when; null: until it is revoked.")
    last_used_at: datetime | None = strawberry.field(description="To the minute; null if it never was.")
    revoked_at: datetime | None = strawberry.field(description="Since when it opens nothing.")

    @classmethod
    def of(cls, key: entities.ApiKey) -> ApiKey:
        return cls(
            id=encode_id("ApiKey", key.id),
            name=key.name,
            scopes=sorted(key.scopes),
            created_at=key.created_at,
            created_by=key.created_by,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
        )
