"""A process that serves forgets a shopper who is being erased, as soon as the event log tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shop.bounded import BoundedDict
from shop.entities.events import Topic
from shop.entities.privacy import Shopper
from shop.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.entities.events import Event
    from shop.services.events import EventHub
    from shop.services.history import HistoryService
    from shop.services.ranking import Ranker

_KEPT = 20_000


class Forgetful(Protocol):
    """Whatever has something of shoppers in memory."""

    def forget(self, shopper: Shopper) -> None: ...


class ForgettingService:
    def __init__(self, hub: EventHub, history: HistoryService, ranker: Ranker, others: Sequence[Forgetful]) -> None:
        hub.listen(Topic.USER_ERASED, self._on_erased)
        self._history = history
        self._ranker = ranker
        self._others = others
        self._sessions: BoundedDict[str, None] = BoundedDict(_KEPT)

    def require_known(self, session_id: str | None) -> None:
        """Raises BadInputError for an anonymous session whose owner was erased: it would go on with what is gone."""
        if session_id in self._sessions:
            message = "This session was erased with the account that it belonged to. Make up a new sessionId."
            raise BadInputError(message, field="sessionId")

    async def _on_erased(self, event: Event) -> None:
        shopper = Shopper(event.subject, frozenset(event.data["sessions"]))
        for session_id in shopper.sessions:
            self._sessions.put(session_id, None)
        for actor_key in shopper.actor_keys:
            self._history.forget(actor_key)
        self._ranker.forget_lists()
        for other in self._others:
            other.forget(shopper)
