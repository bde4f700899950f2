"""Recording what shoppers do."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from graphql_api.actors import viewer_or_session
from graphql_api.arguments import FOR_VISITORS, in_utc
from graphql_api.context import Info
from graphql_api.interactions.types import Interaction
from graphql_api.payloads import INPUT, UserError
from graphql_api.relay import decode_id
from scoring.types import EventType
from shop.entities import interactions as entities
from shop.entities.catalog import Money
from shop.entities.users import Actor
from shop.services.interactions import MAX_BATCH, Refusal


@strawberry.input(description="Something the shopper just did.")
class InteractionInput:
    product_id: strawberry.ID = strawberry.field(description="With which product.")
    type: EventType = strawberry.field(description="What it was.")
    key: str | None = strawberry.field(
        default=None, description="Idempotency key: sending the same again changes nothing. Made up if left out."
    )
    at: datetime | None = strawberry.field(default=None, description="When; now if left out.")
    quantity: float = strawberry.field(default=1, description="How many.")
    price: Decimal | None = strawberry.field(default=None, description="Of one unit.")
    currency_code: str = strawberry.field(default="USD", description="ISO 4217.")
    order_id: str | None = strawberry.field(default=None, description="Groups the purchases of one order.")
    rating: float | None = strawberry.field(default=None, description="0 to 5, for a RATING.")
    recommendation_id: strawberry.ID | None = strawberry.field(
        default=None, description="The `id` of the list that showed the product, so that it is credited."
    )

    def to_entity(self, actor: Actor) -> entities.Interaction:
        return entities.Interaction(
            key=self.key if self.key is not None else uuid.uuid4().hex,
            actor=actor,
            product_id=decode_id("Product", self.product_id, "productId"),
            type=self.type,
            at=in_utc(self.at, "at") if self.at else datetime.now(UTC),
            quantity=self.quantity,
            price=Money(self.price, self.currency_code) if self.price is not None else None,
            order_id=self.order_id,
            recommendation_id=self.recommendation_id,
            rating=self.rating,
        )


@strawberry.input(description="One thing the shopper did.")
class TrackInteractionInput:
    interaction: InteractionInput = strawberry.field(description="What happened.")
    session_id: str | None = strawberry.field(default=None, description=FOR_VISITORS)


@strawberry.input(description="Several things the shopper did.")
class TrackInteractionsInput:
    interactions: list[InteractionInput] = strawberry.field(description=f"At most {MAX_BATCH}.")
    session_id: str | None = strawberry.field(default=None, description=FOR_VISITORS)


@strawberry.type(description="What became of it.")
class TrackInteractionPayload:
    interaction: Interaction | None = strawberry.field(description="What was stored, null if it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")


@strawberry.type(description="What became of them.")
class TrackInteractionsPayload:
    interactions: list[Interaction] = strawberry.field(description="What was stored.")
    user_errors: list[UserError] = strawberry.field(description="What was refused, and why.")


@strawberry.type
class InteractionMutation:
    @strawberry.mutation(description="Records one thing the shopper did; the next list knows it.")
    async def track_interaction(
        self, info: Info, input: Annotated[TrackInteractionInput, INPUT]
    ) -> TrackInteractionPayload:
        actor = viewer_or_session(info, input.session_id)
        recorded = await info.context.resources.interactions.record([input.interaction.to_entity(actor)])
        stored = [Interaction.of(interaction) for interaction in recorded.accepted]
        errors = [_user_error(refusal, "interaction.") for refusal in recorded.refused]
        return TrackInteractionPayload(interaction=stored[0] if stored else None, user_errors=errors)

    @strawberry.mutation(description="Records several things at once, say what was done while offline.")
    async def track_interactions(
        self, info: Info, input: Annotated[TrackInteractionsInput, INPUT]
    ) -> TrackInteractionsPayload:
        actor = viewer_or_session(info, input.session_id)
        batch = [interaction.to_entity(actor) for interaction in input.interactions]
        recorded = await info.context.resources.interactions.record(batch)
        return TrackInteractionsPayload(
            interactions=[Interaction.of(interaction) for interaction in recorded.accepted],
            user_errors=[_user_error(refusal, f"interactions.{refusal.index}.") for refusal in recorded.refused],
        )


def _user_error(refusal: Refusal, prefix: str) -> UserError:
    return UserError(field=prefix + refusal.field, code=refusal.code, message=refusal.message)
