"""Live lists."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from graphql_api.arguments import EVENT_ID, AfterEvent
from graphql_api.context import Info
from graphql_api.event_streams import subscription
from graphql_api.recommendations.lists import recommend, shopper_of
from graphql_api.recommendations.types import ListInput, RecommendationInput, RecommendationList
from shop.entities.events import Topic
from shop.entities.users import Actor


@strawberry.type(description="A list, as it is now.")
class RecommendationsUpdated:
    event_id: str = strawberry.field(description=EVENT_ID)
    list: RecommendationList = strawberry.field(description="The whole new list.")


@strawberry.type
class RecommendationSubscription:
    @subscription(
        description="The list now (unless `after` is given), and again whenever the shopper does or corrects "
        "something or a new model arrives."
    )
    async def recommendations_updated(
        self, info: Info, input: ListInput = None, after: AfterEvent = None
    ) -> AsyncGenerator[RecommendationsUpdated, None]:
        wanted = input or RecommendationInput()
        actor = await shopper_of(info, wanted)
        hub = info.context.resources.hub
        start = after or hub.newest_id
        if after is None:
            yield RecommendationsUpdated(event_id=start, list=await recommend(info, wanted, actor))
        async with aclosing(hub.subscribe(_what_changes_lists_of(actor), start, newest_only=True)) as events:
            async for event in events:
                yield RecommendationsUpdated(event_id=event.id, list=await recommend(info, wanted, actor))


def _what_changes_lists_of(actor: Actor) -> list[tuple[Topic, str | None]]:
    return [(Topic.INTERACTION, actor.key), (Topic.HISTORY_CORRECTED, actor.key), (Topic.MODEL_ACTIVATED, None)]
