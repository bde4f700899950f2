"""Asking for a list."""

from __future__ import annotations

import strawberry

from graphql_api.context import Info
from graphql_api.limits.prices import costs
from graphql_api.recommendations.lists import recommend, shopper_of
from graphql_api.recommendations.types import ListInput, RecommendationInput, RecommendationList


@strawberry.type
class RecommendationQuery:
    @strawberry.field(
        description="A list, at once. Explanations may follow over `explanationReady`.",
        directives=costs(100, size=5, sized_by=("input.limit",), in_fields=("items",)),
    )
    async def recommendations(self, info: Info, input: ListInput = None) -> RecommendationList | None:
        wanted = input or RecommendationInput()
        return await recommend(info, wanted, await shopper_of(info, wanted))
