"""Insights as they are written."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from graphql_api.actors import actor_of
from graphql_api.arguments import EVENT_ID, AfterEvent, ShownLocale, UserId
from graphql_api.context import Info
from graphql_api.event_streams import subscription
from graphql_api.insights.types import Insight
from shop.entities.events import Topic
from shop.entities.explanations import TextStatus
from shop.texts.wording import text_language


@strawberry.type(description="A shopper's insight is there.")
class InsightUpdated:
    event_id: str = strawberry.field(description=EVENT_ID)
    insight: Insight = strawberry.field(description="The new one.")


@strawberry.type
class InsightSubscription:
    @subscription(description="The shopper's insight whenever it is written anew; `after` catches up first.")
    async def insight_updated(
        self, info: Info, user_id: UserId = None, locale: ShownLocale = None, after: AfterEvent = None
    ) -> AsyncGenerator[InsightUpdated, None]:
        actor = await actor_of(info, user_id, None)
        info.context.require_viewer()
        resources = info.context.resources
        async with aclosing(resources.hub.subscribe([(Topic.INSIGHT_UPDATED, actor.key)], after)) as events:
            async for event in events:
                language = event.data.get("language", "en")
                if actor.user_id is None or (locale and text_language(locale) != language):
                    continue
                insight = await resources.insights.current(actor.user_id, language)
                if insight is not None and insight.status is not TextStatus.PENDING:
                    yield InsightUpdated(event_id=event.id, insight=Insight.of(insight))
