"""Asking for an explanation."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api.actors import actor_of, require_somebody
from graphql_api.arguments import FOR_VISITORS, LIST_LOCALE, WHOSE
from graphql_api.context import Info
from graphql_api.explanations.types import Explanation
from graphql_api.limits.prices import costs
from graphql_api.limits.sizes import LONGEST_SESSION, LONGEST_SHORT, sizes
from graphql_api.payloads import INPUT, UserError
from graphql_api.relay import decode_id


@strawberry.input(description="Which explanation is wanted.")
class RequestExplanationInput:
    product_id: strawberry.ID = strawberry.field(description="A product that the shopper's lists have shown.")
    user_id: strawberry.ID | None = strawberry.field(default=None, description=WHOSE)
    session_id: str | None = strawberry.field(
        default=None, description=FOR_VISITORS, metadata=sizes(length=LONGEST_SESSION)
    )
    locale: str | None = strawberry.field(default=None, description=LIST_LOCALE, metadata=sizes(length=LONGEST_SHORT))


@strawberry.type(description="What became of it.")
class RequestExplanationPayload:
    explanation: Explanation | None = strawberry.field(
        description="READY, or PENDING until `explanationReady` brings it; null if it was refused."
    )
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")


@strawberry.type
class ExplanationMutation:
    @strawberry.mutation(
        description="Orders the explanation of a product that the shopper's lists have shown, again if it has FAILED.",
        directives=costs(20),
    )
    async def request_explanation(
        self, info: Info, input: Annotated[RequestExplanationInput, INPUT]
    ) -> RequestExplanationPayload:
        actor = await actor_of(info, input.user_id, input.session_id)
        require_somebody(actor)
        product_id = decode_id("Product", input.product_id, "productId")
        found = await info.context.resources.explanations.request(actor, product_id, input.locale)
        if found is None:
            message = "No list has shown this product to the shopper lately, so there is no evidence to write from."
            missing = UserError(field="productId", code="NOT_FOUND", message=message)
            return RequestExplanationPayload(explanation=None, user_errors=[missing])
        return RequestExplanationPayload(explanation=Explanation.of(found), user_errors=[])
