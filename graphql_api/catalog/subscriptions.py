"""Live changes of the catalogue."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.arguments import EVENT_ID, AfterEvent
from graphql_api.catalog.types import Product
from graphql_api.context import Info
from graphql_api.event_streams import subscription
from graphql_api.limits.sizes import MOST_ENTRIES, sizes
from graphql_api.relay import decode_ids, encode_id
from shop.entities import catalog as entities
from shop.entities.events import Event, ProductChange, Topic

ProductIds = Annotated[
    list[strawberry.ID] | None,
    strawberry.argument(description="Only these products.", metadata=sizes(entries=MOST_ENTRIES)),
]


@strawberry.type(description="A product changed, was withdrawn or came back.")
class ProductUpdated:
    event_id: str = strawberry.field(description=EVENT_ID)
    product_id: strawberry.ID = strawberry.field(description="Which one.")
    change: ProductChange = strawberry.field(description="What happened to it.")
    product: Product | None = strawberry.field(
        description="As it is now; null when it was withdrawn, but for staff, who still see it."
    )

    @classmethod
    def of(cls, event: Event, product: entities.Product | None) -> ProductUpdated:
        return cls(
            event_id=event.id,
            product_id=encode_id("Product", event.subject),
            change=ProductChange(event.data.get("change", ProductChange.UPDATED)),
            product=Product.of(product) if product else None,
        )


@strawberry.type
class CatalogSubscription:
    @subscription(description="Changes of these products, or of all; `after` catches up first.")
    async def product_updated(
        self, info: Info, ids: ProductIds = None, after: AfterEvent = None
    ) -> AsyncGenerator[ProductUpdated, None]:
        resources = info.context.resources
        subjects = decode_ids("Product", ids, "ids") or (None,)
        interests = [(Topic.PRODUCT_UPDATED, subject) for subject in subjects]
        async with aclosing(resources.hub.subscribe(interests, after)) as events:
            async for event in events:
                product = await info.context.loaders.products.load(event.subject)
                yield ProductUpdated.of(event, product)
