"""What was stored of a shopper reaches the next list, open pages and the profile. A failure here only delays that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shop.entities.events import Event, Topic
from shop.errors import UnavailableError
from shop.together import for_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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

    async def add(self, batches: Sequence[Sequence[Interaction]]) -> None:
        """For events that are new; each batch has those of one actor, and there is at least one."""
        try:
            await self._sessions.push_all(batches)
            await self._hub.publish([_told(event) for batch in batches for event in batch])
        except UnavailableError as error:
            self._history.forget(*(batch[0].actor.key for batch in batches))
            _log.warning("session_not_updated", reason=str(error))
            return
        await for_each(self._roll_up, [batch[0].actor for batch in batches])

    def read_again(self, actors: Iterable[Actor]) -> None:
        """For those of events that were there: whoever stored them may have ended before the session had them."""
        self._history.forget(*(actor.key for actor in actors))

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


def _told(event: Interaction) -> Event:
    facts = {"product_id": event.product_id, "type": event.type.value}
    return Event(Topic.INTERACTION, event.actor.key, facts)
