"""Which recommendation list an event is credited to: the one that it names, if it was shown to whoever acted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shop.entities.users import Actor
from shop.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from shop.entities.interactions import Interaction
    from shop.services.bandit import BanditService
    from shop.services.session_owners import SessionOwnerService
    from shop.store.recommendation_log import RecommendationLog

_UNKNOWN = "No list with this id is known, so none is credited. Pass the `id` of a recommendation list as it came."
_FOREIGN = "This list was shown to somebody else, so it is not credited."


@dataclass(frozen=True, slots=True)
class NamedLists:
    """The lists that events of an actor name: whom each one that is known was shown to, and which are the actor's."""

    shown_to: Mapping[str, str]  # actor keys by list id
    own: frozenset[str]

    def problem(self, interaction: Interaction) -> Problem | None:
        """Why the event is not credited to the list that it names."""
        list_id = interaction.recommendation_id
        if list_id is None or list_id in self.own:
            return None
        code, message = ("FORBIDDEN", _FOREIGN) if list_id in self.shown_to else ("NOT_FOUND", _UNKNOWN)
        return Problem("recommendationId", code, message)


class AttributionService:
    def __init__(self, log: RecommendationLog, owners: SessionOwnerService, bandit: BanditService) -> None:
        self._recommendation_log = log
        self._owners = owners
        self._bandit = bandit

    async def lists(self, actor: Actor, interactions: Iterable[Interaction]) -> NamedLists:
        """Raises UnavailableError."""
        named = {id_ for interaction in interactions if (id_ := interaction.recommendation_id) is not None}
        shown_to = await self._recommendation_log.shown_to(named)
        keys = {actor.key, *await self._of_visits(actor, set(shown_to.values()))}
        return NamedLists(shown_to, frozenset(id_ for id_, key in shown_to.items() if key in keys))

    async def _of_visits(self, actor: Actor, actor_keys: Collection[str]) -> list[str]:
        """Those of the actors that are the shopper before signing in."""
        if actor.user_id is None:
            return []
        sessions = {session: key for key in actor_keys if (session := Actor.from_key(key).session_id) is not None}
        owners = await self._owners.owners_of(sessions)
        return [key for session, key in sessions.items() if owners.get(session) == actor.user_id]

    def credit(self, interactions: Sequence[Interaction], lists: NamedLists) -> None:
        """Never waits. A list that is known is credited as whomever it was shown to."""
        self._bandit.acted(
            [
                replace(interaction, actor=Actor.from_key(lists.shown_to[interaction.recommendation_id]))
                if interaction.recommendation_id in lists.own
                else interaction
                for interaction in interactions
            ]
        )
