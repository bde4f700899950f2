"""Recording what shoppers do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import strawberry

from graphql_api.arguments import OF_THE_VISIT
from graphql_api.context import Info
from graphql_api.interactions.shoppers import ShopperFields, shoppers_of
from graphql_api.interactions.types import Interaction
from graphql_api.limits.prices import costs
from graphql_api.limits.sizes import LONGEST_SESSION, sizes
from graphql_api.payloads import INPUT, WARNINGS, InputWarning, UserError, malformed
from graphql_api.relay import decode_id
from scoring.types import EventType
from shop.entities.catalog import ChangeStatus
from shop.entities.interactions import InteractionDraft
from shop.entities.users import Actor
from shop.errors import BadInputError, Problem
from shop.services.interaction_drafts import LONGEST_KEY, LONGEST_LIST_ID
from shop.services.interactions import MAX_BATCH, EventResult, Recorded
from shop.values import LONGEST_ID


@strawberry.input(description="Something the shopper just did.")
class InteractionInput(ShopperFields):
    product_id: strawberry.ID | None = strawberry.field(
        default=None, description="With which product; or name it by `productSku`."
    )
    product_sku: str | None = strawberry.field(
        default=None,
        description="The same by the shop's own article number, a variant's too, so that a page needs no look-up.",
        metadata=sizes(length=LONGEST_ID, told=True),
    )
    type: EventType = strawberry.field(description="What it was.")
    key: str | None = strawberry.field(
        default=None,
        description="Idempotency key: sending the same again changes nothing and gives what is stored, sending "
        "something else under it is refused (CONFLICT). Made up if left out.",
        metadata=sizes(length=LONGEST_KEY, told=True),
    )
    at: datetime | None = strawberry.field(
        default=None, description="When, with the zone: `2026-03-01T12:00:00Z`; now if left out."
    )
    quantity: float = strawberry.field(default=1, description="How many.")
    price: Decimal | None = strawberry.field(
        default=None, description="Of one unit, with no more digits than the currency has."
    )
    currency_code: str = strawberry.field(default="USD", description="ISO 4217.", metadata=sizes(length=3, told=True))
    order_id: str | None = strawberry.field(
        default=None, description="Groups the purchases of one order.", metadata=sizes(length=LONGEST_ID, told=True)
    )
    rating: float | None = strawberry.field(default=None, description="0 to 5; a RATING needs one.")
    recommendation_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="The `id` of the list that showed the product, so that it is credited.",
        metadata=sizes(length=LONGEST_LIST_ID, told=True),
    )

    def to_draft(self) -> InteractionDraft | Problem:
        try:
            product_id = decode_id("Product", self.product_id, "productId") if self.product_id is not None else None
        except BadInputError as error:
            return malformed(error)
        return InteractionDraft(
            type=self.type,
            product_id=product_id,
            sku=self.product_sku,
            key=self.key,
            at=self.at,
            quantity=self.quantity,
            price=self.price,
            currency=self.currency_code,
            order_id=self.order_id,
            recommendation_id=self.recommendation_id,
            rating=self.rating,
        )


@strawberry.input(description="One thing the shopper did.")
class TrackInteractionInput:
    interaction: InteractionInput = strawberry.field(description="What happened.")
    session_id: str | None = strawberry.field(
        default=None, description=OF_THE_VISIT, metadata=sizes(length=LONGEST_SESSION)
    )


@strawberry.input(description="Several things the shopper did.")
class TrackInteractionsInput:
    interactions: list[InteractionInput] = strawberry.field(
        description="What happened.", metadata=sizes(entries=MAX_BATCH)
    )
    session_id: str | None = strawberry.field(
        default=None, description=OF_THE_VISIT, metadata=sizes(length=LONGEST_SESSION)
    )


@strawberry.type(description="What became of one event of a batch.")
class TrackInteractionResult:
    index: int = strawberry.field(description="Its place in the input, from 0.")
    status: ChangeStatus = strawberry.field(
        description="CREATED when it is recorded, UNCHANGED when it was sent before, else REFUSED."
    )
    interaction: Interaction | None = strawberry.field(description="As it is stored, null if it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.", directives=costs(size=1))
    warnings: list[InputWarning] = strawberry.field(description=WARNINGS, directives=costs(size=1))

    @classmethod
    def of(cls, index: int, result: EventResult) -> TrackInteractionResult:
        prefix = f"interactions.{index}."
        return cls(
            index=index,
            status=result.status,
            interaction=Interaction.of(result.interaction) if result.interaction else None,
            user_errors=[UserError.of(problem, prefix) for problem in result.problems],
            warnings=[InputWarning.of(problem, prefix) for problem in result.warnings],
        )


@strawberry.type(description="What became of it.")
class TrackInteractionPayload:
    interaction: Interaction | None = strawberry.field(description="As it is stored, null if it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")
    warnings: list[InputWarning] = strawberry.field(description=WARNINGS)


@strawberry.type(description="What became of them: the good ones are stored, whatever is wrong with the others.")
class TrackInteractionsPayload:
    interactions: list[Interaction] = strawberry.field(description="What is stored, in the order of the input.")
    results: list[TrackInteractionResult] = strawberry.field(
        description="What became of each, in the order of the input."
    )
    user_errors: list[UserError] = strawberry.field(description="What was refused, and why.")
    warnings: list[InputWarning] = strawberry.field(description=WARNINGS)


@strawberry.type
class InteractionMutation:
    @strawberry.mutation(description="Records one thing the shopper did; the next list knows it.", directives=costs(10))
    async def track_interaction(
        self, info: Info, input: Annotated[TrackInteractionInput, INPUT]
    ) -> TrackInteractionPayload:
        recorded = await _recorded(info, [input.interaction], input.session_id)
        stored = [Interaction.of(interaction) for interaction in recorded.accepted]
        return TrackInteractionPayload(
            interaction=stored[0] if stored else None,
            user_errors=[UserError.of(problem, "interaction.") for _, problem in recorded.refused],
            warnings=[InputWarning.of(problem, "interaction.") for _, problem in recorded.warnings],
        )

    @strawberry.mutation(
        description="Records several things at once, say what was done while offline. The good ones are stored beside "
        "bad ones. A shop's own server may send those of many shoppers.",
        directives=costs(
            10,
            size=1,
            sized_by=("input.interactions",),
            in_fields=("interactions", "results", "userErrors", "warnings"),
        ),
    )
    async def track_interactions(
        self, info: Info, input: Annotated[TrackInteractionsInput, INPUT]
    ) -> TrackInteractionsPayload:
        recorded = await _recorded(info, input.interactions, input.session_id)
        results = [TrackInteractionResult.of(index, result) for index, result in enumerate(recorded.results)]
        return TrackInteractionsPayload(
            interactions=[result.interaction for result in results if result.interaction],
            results=results,
            user_errors=[error for result in results for error in result.user_errors],
            warnings=[warning for result in results for warning in result.warnings],
        )


async def _recorded(info: Info, inputs: Sequence[InteractionInput], session_id: str | None) -> Recorded:
    actors = await shoppers_of(info, inputs, session_id)
    entries = [
        (Actor(), actor) if isinstance(actor, Problem) else (actor, event.to_draft())
        for event, actor in zip(inputs, actors, strict=True)
    ]
    return await info.context.resources.interactions.record_all(entries)
