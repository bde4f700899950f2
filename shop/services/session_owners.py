"""A shopper who signs in and names the session of the visit before goes on with what was done in it.

A session belongs to the first user who names it. Nobody else gets its events by naming it, nor does anybody while it
has events of another signed-in user.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog

from shop.bounded import BoundedDict
from shop.entities.users import Actor
from shop.errors import UnavailableError
from shop.store.database import AWAY_SECONDS
from shop.together import for_each

if TYPE_CHECKING:
    from collections.abc import Collection

    from shop.entities.privacy import Shopper
    from shop.services.freshness import FreshnessService
    from shop.store.session_owners import SessionOwnerStore

_log = structlog.get_logger(__name__)
_CAPACITY = 50_000


class SessionOwnerService:
    """Owners are kept in memory once they are known: they never change."""

    def __init__(self, store: SessionOwnerStore, freshness: FreshnessService) -> None:
        self._store = store
        self._freshness = freshness
        self._known: BoundedDict[str, str] = BoundedDict(_CAPACITY)
        self._away_until = float("-inf")

    async def owner_of(self, session_id: str) -> str | None:
        """The id of the user whom the session belongs to. Raises UnavailableError."""
        return (await self.owners_of([session_id])).get(session_id)

    async def owners_of(self, session_ids: Collection[str]) -> dict[str, str]:
        """The id of the user whom each of the sessions belongs to, of those that are somebody's. Raises
        UnavailableError."""
        owners = {id_: owner for id_ in session_ids if (owner := self._known.get(id_)) is not None}
        if missing := [id_ for id_ in session_ids if id_ not in owners]:
            found = await self._store.owners_of(missing)
            for session_id, owner in found.items():
                self._known.put(session_id, owner)
            owners |= found
        return owners

    async def named(self, actor: Actor) -> None:
        """For every request of a signed-in shopper that names a session: makes it theirs if it is nobody's.

        Raises UnavailableError.
        """
        user_id, session_id = actor.user_id, actor.session_id
        if user_id is None or session_id is None or await self.owner_of(session_id) is not None:
            return
        owner = await self._store.claim(session_id, user_id)
        if owner is None:
            _log.debug("session_not_merged", reason="it has events of another user")
            return
        self._known.put(session_id, owner)
        if owner == user_id:
            await self._freshness.change_past(actor)

    def forget(self, shopper: Shopper) -> None:
        """Drops whose the sessions are of a shopper who is being erased."""
        for session_id in [id_ for id_, owner in self._known.items() if owner == shopper.user_id]:
            self._known.pop(session_id, None)

    async def all_named(self, actors: Collection[Actor]) -> None:
        """The same for several; sessions that have an owner are found by one query. Raises UnavailableError."""
        naming = [actor for actor in actors if actor.user_id is not None and actor.session_id is not None]
        await self.owners_of({actor.session_id for actor in naming if actor.session_id is not None})
        await for_each(self.named, naming)

    async def try_named(self, actor: Actor) -> None:
        """The same for a list, which comes also while MongoDB is away: a later request makes the session theirs."""
        if time.monotonic() >= self._away_until:
            try:
                await self.named(actor)
            except UnavailableError:
                self._away_until = time.monotonic() + AWAY_SECONDS

    async def acted(self, actor: Actor) -> None:
        """For somebody who has acted: what is done in a session without signing in counts for its owner too."""
        if actor.user_id is not None or actor.session_id is None:
            return
        try:
            owner = await self.owner_of(actor.session_id)
        except UnavailableError:
            return  # the owner's past is read anew within minutes all the same
        if owner is not None:
            await self._freshness.change_past(Actor(user_id=owner))
