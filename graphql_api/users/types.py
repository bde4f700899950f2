"""Users and what they did."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.arguments import After, Before, First, Last
from graphql_api.catalog.types import Money, Product, product_now_or_later
from graphql_api.context import Info
from graphql_api.relay import Node, PageInfo, encode_cursor, encode_id, page_info, page_request
from scoring.types import EventType
from shop.entities import interactions
from shop.entities import users as people
from shop.entities.paging import Page

if TYPE_CHECKING:
    from graphql_api.recommendations.types import Insight, RecommendationList


@strawberry.type(description="What a shopper stated, apart from behaviour.")
class Preferences:
    categories: list[strawberry.ID] = strawberry.field(description="Favourite categories.")
    brands: list[str] = strawberry.field(description="Favourite brands.")
    tags: list[str] = strawberry.field(description="Favourite tags.")

    @classmethod
    def of(cls, preferences: people.Preferences) -> Preferences:
        return cls(
            categories=[encode_id("Category", id_) for id_ in preferences.categories],
            brands=list(preferences.brands),
            tags=list(preferences.tags),
        )


@strawberry.type(description="Something a shopper did.")
class Interaction:
    id: strawberry.ID = strawberry.field(description="Opaque and stable.")
    type: EventType = strawberry.field(description="What it was.")
    at: datetime = strawberry.field(description="When.")
    quantity: float = strawberry.field(description="How many; 1 for anything but a purchase.")
    price: Money | None = strawberry.field(description="Of one unit.")
    order_id: str | None = strawberry.field(description="The order it belongs to.")
    raw: strawberry.Private[interactions.Interaction]

    @classmethod
    def of(cls, interaction: interactions.Interaction) -> Interaction:
        return cls(
            id=encode_id("Interaction", interaction.id),
            type=interaction.type,
            at=interaction.at,
            quantity=interaction.quantity,
            price=Money.of(interaction.price),
            order_id=interaction.order_id,
            raw=interaction,
        )

    @strawberry.field(description="With which product; null if it is no longer in the catalogue.")
    async def product(self, info: Info) -> Product | None:
        found = product_now_or_later(info, self.raw.product_id)
        return found if found is None or isinstance(found, Product) else await found

    @strawberry.field(description="Whether the shopper said that it does not count; `editInsight` takes that back.")
    async def excluded(self, info: Info) -> bool:
        return await info.context.loaders.excluded.load(self.raw.id)


@strawberry.type(description="An interaction and its cursor.")
class InteractionEdge:
    cursor: str = strawberry.field(description="Its place.")
    node: Interaction = strawberry.field(description="The interaction.")


@strawberry.type(description="A page of interactions, newest first.")
class InteractionConnection:
    edges: list[InteractionEdge] = strawberry.field(description="Interactions with their cursors.")
    nodes: list[Interaction] = strawberry.field(description="Just the interactions.")
    page_info: PageInfo = strawberry.field(description="How to go on.")
    actor: strawberry.Private[people.Actor]

    @strawberry.field(description="All of them, over all pages.")
    async def total_count(self, info: Info) -> int:
        return await info.context.resources.stores.interactions.count(self.actor)


@strawberry.type(description="An account.")
class User(Node):
    display_name: str | None = strawberry.field(description="As the shopper wants to be called.")
    email: str | None = strawberry.field(description="Seen by the shopper and by staff alone.")
    locale: str = strawberry.field(description="BCP 47, such as en or de-AT; explanations come in this language.")
    role: people.Role = strawberry.field(description="What the account may do.")
    preferences: Preferences = strawberry.field(description="What the shopper stated.")
    created_at: datetime | None = strawberry.field(description="Since when.")
    raw: strawberry.Private[people.User]

    @classmethod
    def of(cls, user: people.User) -> User:
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

    @strawberry.field(description="What the shopper did, newest first.")
    async def interactions(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> InteractionConnection:
        actor = people.Actor(user_id=self.raw.id)
        page = await info.context.resources.stores.interactions.page(
            actor, page_request("NEWEST", first, after, last, before)
        )
        nodes = [Interaction.of(interaction) for interaction, _ in page.rows]
        edges = [
            InteractionEdge(cursor=encode_cursor(cursor), node=node)
            for node, (_, cursor) in zip(nodes, page.rows, strict=True)
        ]
        return InteractionConnection(edges=edges, nodes=nodes, page_info=page_info(page), actor=actor)

    @strawberry.field(description="FOR_YOU recommendations, with all defaults; `recommendations(input)` takes more.")
    async def recommendations(
        self, info: Info, limit: Annotated[int, strawberry.argument(description="1 to 100.")] = 5
    ) -> Annotated["RecommendationList", strawberry.lazy("graphql_api.recommendations.types")]:
        from graphql_api.recommendations.types import recommend_for

        return await recommend_for(info, self.raw, limit)

    @strawberry.field(description="One sentence on this shopper's taste.")
    async def insight(self, info: Info) -> Annotated["Insight", strawberry.lazy("graphql_api.recommendations.types")]:
        from graphql_api.recommendations.types import Insight

        return Insight.of(await info.context.resources.insights.get(self.raw))


@strawberry.type(description="A user and its cursor.")
class UserEdge:
    cursor: str = strawberry.field(description="Its place.")
    node: User = strawberry.field(description="The user.")


@strawberry.type(description="A page of users.")
class UserConnection:
    edges: list[UserEdge] = strawberry.field(description="Users with their cursors.")
    nodes: list[User] = strawberry.field(description="Just the users.")
    page_info: PageInfo = strawberry.field(description="How to go on.")

    @classmethod
    def of(cls, page: Page[people.User]) -> UserConnection:
        nodes = [User.of(user) for user, _ in page.rows]
        edges = [
            UserEdge(cursor=encode_cursor(cursor), node=node)
            for node, (_, cursor) in zip(nodes, page.rows, strict=True)
        ]
        return cls(edges=edges, nodes=nodes, page_info=page_info(page))

    @strawberry.field(description="All users, over all pages.")
    async def total_count(self, info: Info) -> int:
        return await info.context.resources.stores.users.count()
