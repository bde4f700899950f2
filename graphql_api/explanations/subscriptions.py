"""Explanations as they are written."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from graphql_api.actors import actor_of, require_somebody
from graphql_api.arguments import EVENT_ID, AfterEvent, ListLocale, ProductId, SessionId, ShownLocale, UserId
from graphql_api.catalog.types import Product
from graphql_api.context import Info
from graphql_api.event_streams import subscription
from graphql_api.explanations.types import Explanation
from graphql_api.relay import decode_id, encode_id
from shop.entities import catalog
from shop.entities import explanations as entities
from shop.entities.events import Event, Topic
from shop.services import explanation_stream
from shop.texts.wording import text_language


@strawberry.type(description="A text is there.")
class ExplanationReady:
    event_id: str = strawberry.field(description=EVENT_ID)
    product_id: strawberry.ID = strawberry.field(description="Of which product.")
    product: Product | None = strawberry.field(description="The product.")
    explanation: Explanation = strawberry.field(description="READY, or FAILED.")

    @classmethod
    def of(cls, event: Event, explanation: entities.Explanation, product: catalog.Product | None) -> ExplanationReady:
        return cls(
            event_id=event.id,
            product_id=encode_id("Product", event.data["product_id"]),
            product=Product.of(product) if product else None,
            explanation=Explanation.of(explanation),
        )


@strawberry.type(description="An explanation while it is written; the last chunk is the explanation itself.")
class ExplanationChunk:
    event_id: str = strawberry.field(description="Names the event; a new subscription goes on by itself.")
    delta: str | None = strawberry.field(description="What to add to the text shown so far; null: show `text` instead.")
    text: str | None = strawberry.field(description="All of the text so far. Before the last chunk it is not checked.")
    final: bool = strawberry.field(description="Whether this is the last chunk; then the subscription completes.")
    replaced: bool = strawberry.field(
        description="Whether what was shown so far does not hold and `text` stands in its place: it claimed more than "
        "the evidence proves, its writer was cut off, or another writer was first."
    )
    explanation: Explanation | None = strawberry.field(description="READY, or FAILED; with the last chunk only.")

    @classmethod
    def of(cls, chunk: explanation_stream.Chunk) -> ExplanationChunk:
        return cls(
            event_id=chunk.event_id,
            delta=chunk.delta,
            text=chunk.text,
            final=chunk.explanation is not None,
            replaced=chunk.replaced,
            explanation=Explanation.of(chunk.explanation) if chunk.explanation else None,
        )


@strawberry.type
class ExplanationSubscription:
    @subscription(description="Texts as they are finished; `after` catches up first.")
    async def explanation_ready(
        self,
        info: Info,
        user_id: UserId = None,
        session_id: SessionId = None,
        locale: ShownLocale = None,
        after: AfterEvent = None,
    ) -> AsyncGenerator[ExplanationReady, None]:
        actor = await actor_of(info, user_id, session_id)
        require_somebody(actor)
        resources = info.context.resources
        async with aclosing(resources.hub.subscribe([(Topic.EXPLANATION_READY, actor.key)], after)) as events:
            async for event in events:
                explanation = await resources.explanations.by_key(event.data["key"])
                product_id = event.data["product_id"]
                product = (await resources.catalog.get_many([product_id])).get(product_id)
                if explanation is not None and (not locale or text_language(locale) == explanation.language):
                    yield ExplanationReady.of(event, explanation, product)

    @subscription(
        description="One explanation while it is written: of a product that was recommended to this shopper. One chunk "
        "if it is written already; NOT_FOUND without a recommendation."
    )
    async def explanation_stream(
        self,
        info: Info,
        product_id: ProductId,
        user_id: UserId = None,
        session_id: SessionId = None,
        locale: ListLocale = None,
    ) -> AsyncGenerator[ExplanationChunk, None]:
        actor = await actor_of(info, user_id, session_id)
        require_somebody(actor)
        id_ = decode_id("Product", product_id, "productId")
        async with aclosing(info.context.resources.explanation_stream.follow(actor, id_, locale)) as chunks:
            async for chunk in chunks:
                yield ExplanationChunk.of(chunk)
