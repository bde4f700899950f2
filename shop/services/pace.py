"""Programs that pose as shoppers: more events in a minute than a person makes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import structlog

from shop.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from shop.entities.users import Actor
    from shop.store.rates import RateStore

_log = structlog.get_logger(__name__)


class PaceService:
    """Counts events by the minute in which they are said to have happened, so that a batch of an offline hour is no
    haste."""

    def __init__(self, store: RateStore, events_per_minute: int) -> None:
        self._store = store
        self._most = events_per_minute

    async def is_automated(self, actor: Actor, moments: Sequence[datetime]) -> bool:
        """Whether nothing is to be learned from these events. Nobody is taken for a program while Redis is away."""
        minutes = Counter(int(moment.timestamp()) // 60 for moment in moments)
        if not minutes:
            return False
        try:
            most, known = await self._store.count_events(actor.key, minutes)
            if most > self._most:
                if not known:
                    _log.warning("actor_automated", events=most)
                await self._store.take_for_program(actor.key)
        except UnavailableError:
            return False
        return known or most > self._most
