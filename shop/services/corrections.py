"""Shoppers correct their own history, on which lists and insights rest: "that was a gift"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from shop.entities.events import Event, Topic
from shop.entities.users import Actor
from shop.errors import Problem, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shop.entities.corrections import Correction
    from shop.entities.explanations import Insight
    from shop.entities.users import User
    from shop.services.events import EventHub
    from shop.services.explanations import ExplanationService
    from shop.services.history import HistoryService
    from shop.services.insights import InsightService
    from shop.store.corrections import CorrectionStore
    from shop.store.interactions import InteractionStore
    from shop.store.sessions import SessionStore

_log = structlog.get_logger(__name__)
MAX_EVENTS = 5_000
MAX_NOTE = 500


@dataclass(frozen=True, slots=True)
class Corrected:
    """`excluded_count` is how many of the shopper's events do not count now, in all."""

    insight: Insight
    excluded_count: int


class CorrectionService:
    def __init__(
        self,
        store: CorrectionStore,
        interactions: InteractionStore,
        sessions: SessionStore,
        history: HistoryService,
        explanations: ExplanationService,
        insights: InsightService,
        hub: EventHub,
    ) -> None:
        self._store = store
        self._interactions = interactions
        self._sessions = sessions
        self._history = history
        self._explanations = explanations
        self._insights = insights
        self._hub = hub

    async def edit(self, user: User, correction: Correction, locale: str) -> Corrected | list[Problem]:
        """Leaves the user's own events out, or lets them count again: all of the correction, or with a problem nothing.

        `locale` is the language of the insight that comes back. A correction that was made before changes nothing.
        Raises UnavailableError, retryable, when MongoDB is away.
        """
        actor = Actor(user_id=user.id)
        named = (*correction.exclude_interactions, *correction.include_interactions)
        own = await self._interactions.products_of(actor, named)
        of_products = await self._interactions.with_products(actor, correction.exclude_products)
        excluded = of_products | {id_: own[id_] for id_ in correction.exclude_interactions if id_ in own}
        if problems := _problems(correction, own, of_products, excluded):
            return problems
        if await self._store.apply(actor, user, excluded, correction.include_interactions, correction):
            await self._freshen(actor)
            insight = await self._insights.rewrite(user, locale)
        else:
            insight = await self._insights.get(user, locale)
        return Corrected(insight, len(await self._store.excluded_of(actor)))

    async def take_back(self, actor: Actor, events: Mapping[str, str], *, counts: bool) -> None:
        """Events (id to product id) of an order that was cancelled, or counts again. Raises UnavailableError."""
        if events and await self._store.take_back(actor, events, counts=counts):
            await self._freshen(actor)

    async def excluded(self, interaction_ids: Sequence[str]) -> set[str]:
        """Those of these events that do not count."""
        return await self._store.excluded_among(interaction_ids)

    async def _freshen(self, actor: Actor) -> None:
        """Informs every process and open page. The correction is stored: a failure here only delays its effect."""
        self._history.forget(actor.key)
        try:
            await self._sessions.mark(actor.key)
            await self._explanations.forget_evidence(actor)
            await self._hub.publish([Event(Topic.HISTORY_CORRECTED, actor.key)])
        except UnavailableError as error:
            _log.warning("correction_not_published", reason=str(error))


def _problems(
    correction: Correction, own: dict[str, str], of_products: dict[str, str], excluded: dict[str, str]
) -> list[Problem]:
    if not (correction.exclude_interactions or correction.exclude_products or correction.include_interactions):
        return [Problem("excludeInteractionIds", "REQUIRED", "Name at least one event or product.")]
    known = set(of_products.values())
    events = {
        "excludeInteractionIds": correction.exclude_interactions,
        "includeInteractionIds": correction.include_interactions,
    }
    found = [
        Problem(f"{field}.{index}", "NOT_FOUND", "You have no such event.")
        for field, ids in events.items()
        for index, id_ in enumerate(ids)
        if id_ not in own
    ]
    found += [
        Problem(f"excludeProductIds.{index}", "NOT_FOUND", f"You did nothing with the product {id_!r}.")
        for index, id_ in enumerate(correction.exclude_products)
        if id_ not in known
    ]
    found += [
        Problem(f"includeInteractionIds.{index}", "INVALID", "The same event cannot be left out and count again.")
        for index, id_ in enumerate(correction.include_interactions)
        if id_ in excluded
    ]
    if len(excluded) > MAX_EVENTS:
        found.append(Problem("excludeProductIds", "LIMIT", f"At most {MAX_EVENTS:,} events at once; name fewer."))
    if len(correction.note or "") > MAX_NOTE:
        found.append(Problem("note", "TOO_LONG", f"A note has {MAX_NOTE} characters at most."))
    return found
