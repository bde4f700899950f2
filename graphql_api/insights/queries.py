"""Reading an insight."""

from __future__ import annotations

import strawberry

from graphql_api.actors import actor_of
from graphql_api.arguments import Locale, UserId
from graphql_api.context import Info
from graphql_api.insights.types import Insight
from graphql_api.limits.prices import costs
from shop.errors import BadInputError


@strawberry.type
class InsightQuery:
    @strawberry.field(
        description="One sentence on a shopper's taste; the viewer's if userId is left out.", directives=costs(10)
    )
    async def insight(self, info: Info, user_id: UserId = None, locale: Locale = None) -> Insight | None:
        actor = await actor_of(info, user_id, None)
        user = await info.context.user(actor.user_id) if actor.user_id is not None else None
        if user is None:
            raise BadInputError("Sign in, or pass userId: anonymous visitors have no insight.", field="userId")
        return Insight.of(await info.context.resources.insights.get(user, info.context.locale(locale, user)))
