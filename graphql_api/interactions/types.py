"""What shoppers did."""

from __future__ import annotations

from datetime import datetime

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.catalog.types import Money, Product, product_now_or_later
from graphql_api.context import Info
from graphql_api.relay import encode_id
from scoring.types import EventType
from shop.entities import interactions as entities


@strawberry.type(description="Something a shopper did.")
class Interaction:
    id: strawberry.ID = strawberry.field(description="Opaque and stable.")
    type: EventType = strawberry.field(description="What it was.")
    at: datetime = strawberry.field(description="When.")
    quantity: float = strawberry.field(description="How many; 1 for anything but a purchase.")
    price: Money | None = strawberry.field(description="Of one unit.")
    order_id: str | None = strawberry.field(description="The order it belongs to.")
    rating: float | None = strawberry.field(description="0 to 5, of a RATING; null where there is none.")
    raw: strawberry.Private[entities.Interaction]

    @classmethod
    def of(cls, interaction: entities.Interaction) -> Interaction:
        return cls(
            id=encode_id("Interaction", interaction.id),
            type=interaction.type,
            at=interaction.at,
            quantity=interaction.quantity,
            price=Money.of(interaction.price),
            order_id=interaction.order_id,
            rating=interaction.rating,
            raw=interaction,
        )

    @strawberry.field(description="With which product; null if it is no longer in the catalogue.")
    async def product(self, info: Info) -> Product | None:
        found = product_now_or_later(info, self.raw.product_id)
        return found if found is None or isinstance(found, Product) else await found

    @strawberry.field(description="Whether the shopper said that it does not count; `editInsight` takes that back.")
    async def excluded(self, info: Info) -> bool:
        return await info.context.loaders.excluded.load(self.raw.id)
