"""Recording what shoppers do: stored first, then made available to the next list."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import structlog

from shop.entities.events import Event, Topic
from shop.entities.users import Actor
from shop.errors import BadInputError, Problem, UnavailableError
from shop.services.interaction_drafts import is_resend, read_draft, sku_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shop.entities.interactions import Interaction, InteractionDraft
    from shop.entities.paging import Page, PageRequest
    from shop.services.bandit import BanditService
    from shop.services.catalog import CatalogService
    from shop.services.events import EventHub
    from shop.services.history import HistoryService
    from shop.services.insights import InsightService
    from shop.services.session_owners import SessionOwnerService
    from shop.store.interactions import InteractionStore
    from shop.store.recommendation_log import RecommendationLog
    from shop.store.sessions import SessionStore

_log = structlog.get_logger(__name__)
MAX_BATCH = 500

Placed = tuple[int, Problem]  # and the place in the batch of the event that it is about


@dataclass(frozen=True, slots=True)
class Recorded:
    """Events as they are stored, what was not stored, and what was stored but may not be meant so."""

    accepted: list[Interaction] = field(default_factory=list)
    refused: list[Placed] = field(default_factory=list)
    warnings: list[Placed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Read:
    """A valid event of a batch; one that was there before is `interaction` as it is stored."""

    index: int
    draft: InteractionDraft
    interaction: Interaction
    is_new: bool = True


class InteractionService:
    def __init__(
        self,
        interactions: InteractionStore,
        sessions: SessionStore,
        log: RecommendationLog,
        history: HistoryService,
        owners: SessionOwnerService,
        catalog: CatalogService,
        insights: InsightService,
        bandit: BanditService,
        hub: EventHub,
    ) -> None:
        self._interactions = interactions
        self._sessions = sessions
        self._recommendation_log = log
        self._history = history
        self._owners = owners
        self._catalog = catalog
        self._insights = insights
        self._bandit = bandit
        self._hub = hub

    async def record(self, actor: Actor, drafts: Sequence[InteractionDraft | Problem]) -> Recorded:
        """Stores what is valid, and only that; what is acknowledged here survives any crash. A problem stands for what
        could not be read as an event.

        Sending an event again under its key changes nothing, sending another one under it is refused. Raises
        UnavailableError, retryable, when MongoDB is away.
        """
        if len(drafts) > MAX_BATCH:
            raise BadInputError(f"At most {MAX_BATCH} interactions at once; split the batch.", field="interactions")
        await self._owners.named(actor)
        recorded = Recorded()
        read = await self._read(actor, drafts, recorded)
        lists = await self._lists(read)
        own = await self._own_lists(actor, lists)
        known = await self._interactions.append([one.interaction for one in read])
        accepted = _compare(read, known, recorded)
        recorded.refused.sort(key=lambda placed: placed[0])
        recorded.accepted.extend(one.interaction for one in accepted)
        recorded.warnings.extend(_warnings(accepted, lists, own))
        if fresh := [one.interaction for one in accepted if one.is_new]:
            self._bandit.acted([_credited(interaction, lists, own) for interaction in fresh])
            await self._freshen(actor, fresh)
        elif known:
            self._history.forget(actor.key)  # whoever stored them may have ended before the session knew
        return recorded

    async def page(self, actor: Actor, request: PageRequest) -> Page[Interaction]:
        """What an actor did, newest first."""
        return await self._interactions.page(actor, request)

    async def count(self, actor: Actor) -> int:
        return await self._interactions.count(actor)

    async def _read(
        self, actor: Actor, drafts: Sequence[InteractionDraft | Problem], recorded: Recorded
    ) -> list[_Read]:
        """The valid ones; what is wrong with the others goes into `refused`."""
        sent = [draft for draft in drafts if not isinstance(draft, Problem)]
        products, by_sku = await asyncio.gather(
            self._catalog.get_many({draft.product_id for draft in sent if draft.product_id is not None}),
            self._catalog.by_skus({sku for draft in sent if (sku := sku_of(draft)) is not None}),
        )
        valid: list[_Read] = []
        keys: set[str] = set()
        for index, draft in enumerate(drafts):
            if isinstance(draft, Problem):
                recorded.refused.append((index, draft))
                continue
            read = read_draft(draft, actor, products, by_sku)
            if isinstance(read, list):
                recorded.refused.extend((index, problem) for problem in read)
            elif read.key in keys:
                message = "Each event of a batch needs a key of its own."
                recorded.refused.append((index, Problem("key", "DUPLICATE", message)))
            else:
                valid.append(_Read(index, draft, read))
                keys.add(read.key)
        return valid

    async def _lists(self, read: Sequence[_Read]) -> dict[str, str]:
        """Whom the lists that the events name were shown to, by the ids of those that are known."""
        return await self._recommendation_log.shown_to(
            {id_ for one in read if (id_ := one.interaction.recommendation_id) is not None}
        )

    async def _own_lists(self, actor: Actor, lists: Mapping[str, str]) -> set[str]:
        """Those of the lists that were shown to the actor, also before signing in."""
        own = set()
        for id_, actor_key in lists.items():
            session_id = Actor.from_key(actor_key).session_id
            if actor_key == actor.key or (
                actor.user_id is not None
                and session_id is not None
                and await self._owners.owner_of(session_id) == actor.user_id
            ):
                own.add(id_)
        return own

    async def _freshen(self, actor: Actor, fresh: Sequence[Interaction]) -> None:
        """Updates session state, subscribers and roll-up. The events are stored: a failure here only delays."""
        try:
            await self._sessions.push(fresh)
            await self._hub.publish(
                [
                    Event(Topic.INTERACTION, actor.key, {"product_id": item.product_id, "type": item.type.value})
                    for item in fresh
                ]
            )
            owner = await self._owners.owner_of(actor.session_id) if actor.user_id is None and actor.session_id else None
        except UnavailableError as error:
            self._history.forget(actor.key)
            _log.warning("session_not_updated", reason=str(error))
            return
        if actor.user_id is not None:
            await self._insights.after_events(actor.user_id)
        elif owner is not None:
            await self._owners.freshen(owner)


def _compare(read: Sequence[_Read], known: Mapping[str, Interaction], recorded: Recorded) -> list[_Read]:
    """What is new or was sent again; another event under a key that was there is refused."""
    accepted: list[_Read] = []
    for one in read:
        stored = known.get(one.interaction.id)
        if stored is None:
            accepted.append(one)
        elif is_resend(one.interaction, one.draft, stored):
            accepted.append(replace(one, interaction=stored, is_new=False))
        else:
            message = "Another event was sent with this key before: that one stays. Make up a key for each event."
            recorded.refused.append((one.index, Problem("key", "CONFLICT", message)))
    return accepted


def _warnings(accepted: Sequence[_Read], lists: Mapping[str, str], own: set[str]) -> list[Placed]:
    """On events that name a list which they cannot be credited to."""
    unknown = "No list with this id is known, so none is credited. Pass the `id` of a recommendation list as it came."
    foreign = "This list was shown to somebody else, so it is not credited."
    found: list[Placed] = []
    for one in accepted:
        list_id = one.interaction.recommendation_id
        if list_id is not None and list_id not in own:
            code, message = ("FORBIDDEN", foreign) if list_id in lists else ("NOT_FOUND", unknown)
            found.append((one.index, Problem("recommendationId", code, message)))
    return found


def _credited(interaction: Interaction, lists: Mapping[str, str], own: set[str]) -> Interaction:
    """A list that was shown before signing in is credited as the session's."""
    list_id = interaction.recommendation_id
    return replace(interaction, actor=Actor.from_key(lists[list_id])) if list_id in own and list_id else interaction
