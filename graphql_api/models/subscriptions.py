"""Models as they come into use."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from graphql_api.arguments import EVENT_ID, AfterEvent
from graphql_api.context import Info
from graphql_api.event_streams import subscription
from graphql_api.models.types import Model
from shop.entities.events import Topic


@strawberry.type(description="Another model makes the lists from now on.")
class ModelActivated:
    event_id: str = strawberry.field(description=EVENT_ID)
    version: str = strawberry.field(description="Which one.")
    model: Model | None = strawberry.field(description="The model, null if it was deleted since.")


@strawberry.type
class ModelSubscription:
    @subscription(description="Models as they are activated; `after` catches up first.")
    async def model_activated(self, info: Info, after: AfterEvent = None) -> AsyncGenerator[ModelActivated, None]:
        resources = info.context.resources
        async with aclosing(resources.hub.subscribe([(Topic.MODEL_ACTIVATED, None)], after)) as events:
            async for event in events:
                snapshot = await resources.models.get(event.subject)
                yield ModelActivated(
                    event_id=event.id, version=event.subject, model=Model.of(snapshot) if snapshot else None
                )
