"""Reading an explanation."""

from __future__ import annotations

import strawberry

from graphql_api.actors import actor_of, require_somebody
from graphql_api.arguments import ProductId, SessionId, ShownLocale, UserId
from graphql_api.context import Info
from graphql_api.explanations.types import Explanation
from graphql_api.limits.prices import costs
from graphql_api.relay import decode_id


@strawberry.type
class ExplanationQuery:
    @strawberry.field(
        description="The newest explanation of a product to a shopper; null if it was never shown.", directives=costs(5)
    )
    async def explanation(
        self,
        info: Info,
        product_id: ProductId,
        user_id: UserId = None,
        session_id: SessionId = None,
        locale: ShownLocale = None,
    ) -> Explanation | None:
        actor = await actor_of(info, user_id, session_id)
        id_ = decode_id("Product", product_id, "productId")
        require_somebody(actor)
        found = await info.context.resources.explanations.latest(actor, id_, locale)
        return Explanation.of(found) if found else None
