"""Who changed what, as staff read it."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.relay import encode_id
from graphql_api.users.types import User
from shop.entities import audit as entities
from shop.entities.users import Role


@strawberry.type(description="One change, or that staff read a shopper's data (staff).")
class AuditEntry:
    id: strawberry.ID = strawberry.field(description="Opaque and stable.")
    at: datetime = strawberry.field(description="When.")
    action: str = strawberry.field(
        description="Which mutation, such as `editInsight`; `read` for data that were looked at."
    )
    actor_id: strawberry.ID | None = strawberry.field(description="The user who did it, null for the shop itself.")
    subject: str = strawberry.field(
        description="The shop's own id of what was changed or read; a made-up name for a user who was erased."
    )
    details: JSON = strawberry.field(description="What was changed or read, as the action needs it.")
    raw: strawberry.Private[entities.AuditEntry]

    @classmethod
    def of(cls, entry: entities.AuditEntry) -> AuditEntry:
        return cls(
            id=encode_id("AuditEntry", entry.id),
            at=entry.at,
            action=entry.action,
            actor_id=encode_id("User", entry.actor_id) if entry.actor_id else None,
            subject=entry.subject,
            details=JSON(entry.details),
            raw=entry,
        )

    @strawberry.field(
        description="Who did it; null for the shop itself, and for an account that is gone.", directives=costs(2)
    )
    async def actor(self, info: Info) -> User | None:
        user = await info.context.user(self.raw.actor_id) if self.raw.actor_id else None
        if user is not None and user.role is Role.SHOPPER:
            await info.context.note_read([user.id], "auditLog")
        return User.of(user) if user else None
