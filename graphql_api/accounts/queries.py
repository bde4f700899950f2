"""Who is signed in where, and which keys there are."""

from __future__ import annotations

import strawberry

from graphql_api.accounts.types import ApiKey, SignInSession
from graphql_api.arguments import UserId
from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.relay import decode_id


@strawberry.type
class AccountQuery:
    @strawberry.field(
        description="The viewer's sign-ins that are alive, the one used last first; for admins anybody's.",
        directives=costs(5, size=20),
    )
    async def sessions(self, info: Info, user_id: UserId = None) -> list[SignInSession] | None:
        viewer = info.context.require_viewer()
        wanted = decode_id("User", user_id, "userId") if user_id is not None else viewer.user_id
        await info.context.require_rights(info, wanted)
        found = await info.context.resources.sign_ins.of_user(wanted)
        return [SignInSession.of(session, viewer.session_id) for session in found]

    @strawberry.field(description="All API keys, newest first (admins).", directives=costs(5, size=50))
    async def api_keys(self, info: Info) -> list[ApiKey] | None:
        return [ApiKey.of(key) for key in await info.context.resources.api_keys.all()]
