"""Shoppers say what they think of explanations."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api.actors import actor_of, require_somebody
from graphql_api.arguments import FOR_VISITORS
from graphql_api.context import Info
from graphql_api.feedback.types import ExplanationRating
from graphql_api.limits.sizes import LONGEST_SESSION, sizes
from graphql_api.payloads import INPUT, UserError
from graphql_api.relay import decode_id
from shop.entities.feedback import RatingReason
from shop.errors import Problem
from shop.services.feedback import MAX_COMMENT


@strawberry.input(description="What the shopper thinks of an explanation.")
class RateExplanationInput:
    product_id: strawberry.ID = strawberry.field(description="The product that it explains.")
    helpful: bool = strawberry.field(description="Whether it helped.")
    explanation_id: strawberry.ID | None = strawberry.field(
        default=None, description="`Explanation.id`; the product's newest explanation if left out."
    )
    reason: RatingReason | None = strawberry.field(default=None, description="What is wrong with it.")
    comment: str | None = strawberry.field(
        default=None, description="In the shopper's own words.", metadata=sizes(length=MAX_COMMENT, told=True)
    )
    session_id: str | None = strawberry.field(
        default=None, description=FOR_VISITORS, metadata=sizes(length=LONGEST_SESSION)
    )


@strawberry.type(description="What became of it.")
class RateExplanationPayload:
    rating: ExplanationRating | None = strawberry.field(description="What was stored, null if it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")


@strawberry.type
class FeedbackMutation:
    @strawberry.mutation(description="Rates an explanation; rating it again replaces what was said before.")
    async def rate_explanation(
        self, info: Info, input: Annotated[RateExplanationInput, INPUT]
    ) -> RateExplanationPayload:
        actor = await actor_of(info, None, input.session_id)
        require_somebody(actor)
        product_id = decode_id("Product", input.product_id, "productId")
        key = decode_id("Explanation", input.explanation_id, "explanationId") if input.explanation_id else None
        rated = await info.context.resources.feedback.rate(
            actor, product_id, key, helpful=input.helpful, reason=input.reason, comment=input.comment
        )
        if isinstance(rated, Problem):
            return RateExplanationPayload(rating=None, user_errors=[UserError.of(rated)])
        return RateExplanationPayload(rating=ExplanationRating.of(rated), user_errors=[])
