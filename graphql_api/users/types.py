"""Accounts, and what hangs on one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.arguments import After, Before, First, Last, Locale
from graphql_api.connections import Connection
from graphql_api.context import Info
from graphql_api.insights.types import Insight
from graphql_api.interactions.types import Interaction
from graphql_api.limits.prices import costs, page_costs
from graphql_api.recommendations.lists import recommend_for
from graphql_api.recommendations.types import RecommendationList
from graphql_api.relay import Node, encode_id, page_request
from shop.entities import users as entities


@strawberry.type(description="What a shopper stated, apart from behaviour.")
class Preferences:
    categories: list[strawberry.ID] = strawberry.field(description="Favourite categories.")
    brands: list[str] = strawberry.field(description="Favourite brands.")
    tags: list[str] = strawberry.field(description="Favourite tags.")

    @classmethod
    def of(cls, preferences: entities.Preferences) -> Preferences:
        return cls(
            categories=[encode_id("Category", id_) for id_ in preferences.categories],
            brands=list(preferences.brands),
            tags=list(preferences.tags),
        )


@strawberry.type(description="An account.")
class User(Node):
    display_name: str | None = strawberry.field(description="As the shopper wants to be called.")
    email: str | None = strawberry.field(description="Seen by the shopper and by staff alone.")
    locale: str | None = strawberry.field(
        description="BCP 47, such as en or de-AT: the language that the shopper wants texts in, as `updatePreferences` "
        "states it. Null: the browser's decides, that is `Accept-Language`."
    )
    role: entities.Role = strawberry.field(description="What the account may do.")
    preferences: Preferences = strawberry.field(description="What the shopper stated.")
    created_at: datetime | None = strawberry.field(description="Since when.")
    raw: strawberry.Private[entities.User]

    @classmethod
    def of(cls, user: entities.User) -> User:
        return cls(
            id=encode_id("User", user.id),
            display_name=user.display_name,
            email=user.email,
            locale=user.locale,
            role=user.role,
            preferences=Preferences.of(user.preferences),
            created_at=user.created_at,
            raw=user,
        )

    @strawberry.field(
        description="What the shopper did, newest first.",
        directives=page_costs(),
    )
    async def interactions(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Interaction] | None:
        actor = entities.Actor(user_id=self.raw.id)
        interactions = info.context.resources.interactions
        page = await interactions.page(actor, page_request(first, after, last, before))
        return Connection.of(page, Interaction.of, lambda: interactions.count(actor))

    @strawberry.field(
        description="FOR_YOU recommendations, with all defaults; `recommendations(input)` takes more.",
        directives=costs(100, size=5, sized_by=("limit",), in_fields=("items",)),
    )
    async def recommendations(
        self, info: Info, limit: Annotated[int, strawberry.argument(description="1 to 100.")] = 5
    ) -> RecommendationList | None:
        return await recommend_for(info, self.raw, limit)

    @strawberry.field(description="One sentence on this shopper's taste.", directives=costs(10))
    async def insight(self, info: Info, locale: Locale = None) -> Insight | None:
        wanted = info.context.locale(locale, self.raw)
        return Insight.of(await info.context.resources.insights.get(self.raw, wanted))
