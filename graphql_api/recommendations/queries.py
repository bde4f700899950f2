"""The heart: recommendations, and the words about them."""

from __future__ import annotations

import strawberry

from graphql_api.actors import actor_of, require_somebody
from graphql_api.arguments import ProductId, SessionId, UserId
from graphql_api.context import Info
from graphql_api.recommendations.types import (
    Explanation,
    Insight,
    ListInput,
    RecommendationInput,
    RecommendationList,
    recommend,
)
from graphql_api.relay import decode_id
from shop.errors import BadInputError


@strawberry.type
class RecommendationQuery:
    @strawberry.field(description="A list, at once. Explanations may follow over `explanationReady`.")
    async def recommendations(self, info: Info, input: ListInput = None) -> RecommendationList:
        wanted = input or RecommendationInput()
        session = wanted.session_id or (wanted.behavior.session_id if wanted.behavior else None)
        return await recommend(info, wanted, await actor_of(info, wanted.user_id, session))

    @strawberry.field(description="One sentence on a shopper's taste; the viewer's if userId is left out.")
    async def insight(self, info: Info, user_id: UserId = None) -> Insight:
        actor = await actor_of(info, user_id, None)
        user = await info.context.user(actor.user_id) if actor.user_id is not None else None
        if user is None:
            raise BadInputError("Sign in, or pass userId: anonymous visitors have no insight.", field="userId")
        return Insight.of(await info.context.resources.insights.get(user))

    @strawberry.field(description="The newest explanation of a product to a shopper; null if it was never shown.")
    async def explanation(
        self,
        info: Info,
        product_id: ProductId,
        user_id: UserId = None,
        session_id: SessionId = None,
    ) -> Explanation | None:
        actor = await actor_of(info, user_id, session_id)
        id_ = decode_id("Product", product_id, "productId")
        require_somebody(actor)
        found = await info.context.resources.explanations.latest(actor, id_)
        return Explanation.of(found) if found else None
