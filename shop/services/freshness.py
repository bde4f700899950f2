"""What was stored of a shopper reaches the next list, open pages and the profile. A failure here only delays that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shop.entities.events import Event, Topic
from shop.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.entities.interactions import Interaction
    from shop.entities.users import Actor
    from shop.services.events import EventHub
    from shop.services.history import HistoryService
    from shop.services.insights import InsightService
    from shop.store.sessions import SessionStore

_log = structlog.get_logger(__name__)


class FreshnessService:
    def __init__(
        self, sessions: SessionStore, history: HistoryService, insights: InsightService, hub: EventHub
    ) -> None:
        self._sessions = sessions
        self._history = history
        self._insights = insights
        self._hub = hub

    async def add(self, actor: Actor, events: Sequence[Interaction]) -> None:
        """For events that are new, all of one actor."""
        try:
            await self._sessions.push(events)
            await self._hub.publish(
                [
                    Event(Topic.INTERACTION, actor.key, {"product_id": event.product_id, "type": event.type.value})
                    for event in events
                ]
            )
        except UnavailableError as error:
            self._history.forget(actor.key)
            _log.warning("session_not_updated", reason=str(error))
            return
        await self._roll_up(actor)

    def read_again(self, actor: Actor) -> None:
        """For events that were there: whoever stored them may have ended before the session had them."""
        self._history.forget(actor.key)

    async def change_past(self, actor: Actor) -> None:
        """For what counts as the actor's past from now on: every process reads it anew for the next list."""
        self._history.forget(actor.key)
        try:
            await self._sessions.mark(actor.key)
        except UnavailableError as error:
            _log.warning("session_not_updated", reason=str(error))
            return
        await self._roll_up(actor)

    async def _roll_up(self, actor: Actor) -> None:
        if actor.user_id is not None:
            await self._insights.after_events(actor.user_id)
