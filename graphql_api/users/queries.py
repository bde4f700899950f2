"""Who is asking, and who else there is."""

from __future__ import annotations

import strawberry

from graphql_api.arguments import After, Before, First, Last, NodeId
from graphql_api.connections import Connection
from graphql_api.context import Info
from graphql_api.limits.prices import costs, page_costs
from graphql_api.relay import decode_id, page_request
from graphql_api.users.types import User


@strawberry.type
class UserQuery:
    @strawberry.field(description="The signed-in user, null for an anonymous visitor.")
    async def viewer(self, info: Info) -> User | None:
        viewer = info.context.viewer
        user = await info.context.user(viewer.user_id) if viewer else None
        return User.of(user) if user else None

    @strawberry.field(description="A user: oneself, or for staff anybody. Null if unknown.", directives=costs(2))
    async def user(self, info: Info, id: NodeId) -> User | None:
        user_id = decode_id("User", id)
        await info.context.require_rights(info, user_id)
        user = await info.context.user(user_id)
        return User.of(user) if user else None

    @strawberry.field(
        description="All users, newest first (staff).",
        directives=page_costs(),
    )
    async def users(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[User] | None:
        users = info.context.resources.users
        page = await users.page(page_request(first, after, last, before))
        await info.context.note_read([user.id for user, _ in page.rows], info.field_name)
        return Connection.of(page, User.of, users.count)
