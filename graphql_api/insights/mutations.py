"""Asking for an insight anew, and correcting what it rests on."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_api import enums  # noqa: F401 (registers them)
from graphql_api.actors import actor_of
from graphql_api.arguments import LOCALE, WHOSE
from graphql_api.context import Info
from graphql_api.insights.types import Insight
from graphql_api.limits.prices import costs
from graphql_api.limits.sizes import LONGEST_SHORT, MOST_ENTRIES, sizes
from graphql_api.payloads import INPUT, UserError
from graphql_api.relay import decode_ids
from shop.entities.corrections import Correction, ExclusionReason
from shop.entities.users import User
from shop.errors import BadInputError
from shop.services.corrections import MAX_NOTE


@strawberry.input(description="Whose insight to write anew.")
class RefreshInsightInput:
    user_id: strawberry.ID | None = strawberry.field(default=None, description=WHOSE)
    locale: str | None = strawberry.field(default=None, description=LOCALE, metadata=sizes(length=LONGEST_SHORT))


@strawberry.type(description="What became of it.")
class RefreshInsightPayload:
    insight: Insight | None = strawberry.field(
        description="PENDING; its `text` is the last one until `insightUpdated` brings the new one."
    )
    user_errors: list[UserError] = strawberry.field(description="Why it was refused.")


@strawberry.input(description="Which of the viewer's own events count for lists and insight, and which do not.")
class EditInsightInput:
    exclude_interaction_ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="`Interaction.id` of events that shall not count.",
        metadata=sizes(entries=MOST_ENTRIES),
    )
    exclude_product_ids: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description="None of the events so far with these products shall count; later ones do.",
        metadata=sizes(entries=MOST_ENTRIES),
    )
    include_interaction_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Events that shall count again: the way back.", metadata=sizes(entries=MOST_ENTRIES)
    )
    reason: ExclusionReason = strawberry.field(default=ExclusionReason.OTHER, description="Why they do not count.")
    note: str | None = strawberry.field(
        default=None, description="In the shopper's own words.", metadata=sizes(length=MAX_NOTE, told=True)
    )

    def to_entity(self) -> Correction:
        """Raises BadInputError for ids that are none."""
        return Correction(
            exclude_interactions=decode_ids("Interaction", self.exclude_interaction_ids, "excludeInteractionIds"),
            exclude_products=decode_ids("Product", self.exclude_product_ids, "excludeProductIds"),
            include_interactions=decode_ids("Interaction", self.include_interaction_ids, "includeInteractionIds"),
            reason=self.reason,
            note=(self.note or "").strip() or None,
        )


@strawberry.type(description="What became of it.")
class EditInsightPayload:
    insight: Insight | None = strawberry.field(
        description="PENDING and without text until it is written anew (`insightUpdated`); null if it was refused."
    )
    excluded_count: int | None = strawberry.field(
        description="How many of the viewer's events do not count now, in all; null if it was refused."
    )
    user_errors: list[UserError] = strawberry.field(description="Why it was refused; then nothing was changed.")


@strawberry.type
class InsightMutation:
    @strawberry.mutation(
        description="Has the insight written anew. Asking again within a minute changes nothing, nor does "
        "asking when the shopper has done nothing since.",
        directives=costs(50),
    )
    async def refresh_insight(self, info: Info, input: Annotated[RefreshInsightInput, INPUT]) -> RefreshInsightPayload:
        viewer = info.context.require_viewer()
        actor = await actor_of(info, input.user_id, None)
        user = await _user(info, actor.user_id or viewer.user_id)
        insight = await info.context.resources.insights.refresh(user, info.context.locale(input.locale, user))
        return RefreshInsightPayload(insight=Insight.of(insight), user_errors=[])

    @strawberry.mutation(
        description="Corrects what lists and insight rest on, such as a gift: events left out count no longer, "
        "in the next list and in the next training. All of it is done or nothing; doing it twice changes nothing.",
        directives=costs(50),
    )
    async def edit_insight(self, info: Info, input: Annotated[EditInsightInput, INPUT]) -> EditInsightPayload:
        user = await _user(info, info.context.require_viewer().user_id)
        corrected = await info.context.resources.corrections.edit(
            user, input.to_entity(), info.context.locale(None, user)
        )
        if isinstance(corrected, list):
            errors = [UserError.of(problem) for problem in corrected]
            return EditInsightPayload(insight=None, excluded_count=None, user_errors=errors)
        return EditInsightPayload(
            insight=Insight.of(corrected.insight), excluded_count=corrected.excluded_count, user_errors=[]
        )


async def _user(info: Info, user_id: str) -> User:
    user = await info.context.user(user_id)
    if user is None:
        raise BadInputError("There is no such account any more; sign in again.", field="userId")
    return user
