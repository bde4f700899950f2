"""Recording what shoppers do: stored first, then made available to the next list."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shop.entities.catalog import ChangeStatus
from shop.entities.users import Actor
from shop.errors import BadInputError, Problem
from shop.services.interaction_drafts import is_resend, read_draft, sku_of
from shop.together import for_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from shop.entities.interactions import Interaction, InteractionDraft
    from shop.entities.paging import Page, PageRequest
    from shop.services.attribution import AttributionService, NamedLists
    from shop.services.catalog import CatalogService
    from shop.services.freshness import FreshnessService
    from shop.services.pace import PaceService
    from shop.services.session_owners import SessionOwnerService
    from shop.store.interactions import InteractionStore

MAX_BATCH = 1_000

Placed = tuple[int, Problem]  # and the place in the batch of the event that it is about
Entry = tuple[Actor, "InteractionDraft | Problem"]


@dataclass(frozen=True, slots=True)
class EventResult:
    """What became of one event: CREATED, UNCHANGED if it was sent before, or REFUSED. `interaction` is it as it is
    stored, None if it was refused."""

    status: ChangeStatus
    interaction: Interaction | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of each event of a batch, in its order."""

    results: list[EventResult]

    @property
    def accepted(self) -> list[Interaction]:
        """Events as they are stored."""
        return [result.interaction for result in self.results if result.interaction is not None]

    @property
    def refused(self) -> list[Placed]:
        """What was not stored."""
        return [(index, problem) for index, result in enumerate(self.results) for problem in result.problems]

    @property
    def warnings(self) -> list[Placed]:
        """What was stored and may not be meant so."""
        return [(index, problem) for index, result in enumerate(self.results) for problem in result.warnings]


@dataclass(frozen=True, slots=True)
class _Read:
    """A valid event of a batch; one that was there before is `interaction` as it is stored."""

    index: int
    actor: Actor
    draft: InteractionDraft
    interaction: Interaction
    is_new: bool = True


_Results = dict[int, EventResult]
_Named = dict[Actor, "NamedLists"]


class InteractionService:
    def __init__(
        self,
        interactions: InteractionStore,
        owners: SessionOwnerService,
        catalog: CatalogService,
        attribution: AttributionService,
        freshness: FreshnessService,
        pace: PaceService,
    ) -> None:
        self._interactions = interactions
        self._owners = owners
        self._catalog = catalog
        self._attribution = attribution
        self._freshness = freshness
        self._pace = pace

    async def record(self, actor: Actor, drafts: Sequence[InteractionDraft | Problem]) -> Recorded:
        """As `record_all`, for events of one actor."""
        return await self.record_all([(actor, draft) for draft in drafts])

    async def record_all(self, entries: Sequence[Entry]) -> Recorded:
        """Stores what is valid, and only that; what is acknowledged here survives any crash. A problem stands for what
        could not be read as an event. Each event is its own actor's, as if each had sent theirs apart.

        Sending an event again under its key changes nothing, sending another one under it is refused. Raises
        UnavailableError, retryable, when MongoDB is away.
        """
        if len(entries) > MAX_BATCH:
            raise BadInputError(f"At most {MAX_BATCH:,} interactions at once; split the batch.", field="interactions")
        await self._owners.all_named({actor for actor, draft in entries if not isinstance(draft, Problem)})
        results: _Results = {}
        read = await self._marked(await self._read(entries, results))
        lists = dict(await for_each(self._lists, _by_actor(read).items()))
        known = await self._interactions.append([one.interaction for one in read])
        accepted = _compare(read, known, lists, results)
        await self._spread(accepted, lists)
        return Recorded([results[index] for index in range(len(entries))])

    async def _marked(self, read: Sequence[_Read]) -> list[_Read]:
        """Events of programs are marked as such."""

        async def is_automated(batch: tuple[str, list[_Read]]) -> tuple[str, bool]:
            key, events = batch
            moments = [one.interaction.at for one in events]
            return key, await self._pace.is_automated(events[0].actor, moments)

        automated = dict(await for_each(is_automated, _by_key(read).items()))
        return [
            replace(one, interaction=replace(one.interaction, automated=True)) if automated[one.actor.key] else one
            for one in read
        ]

    async def _lists(self, batch: tuple[Actor, list[_Read]]) -> tuple[Actor, NamedLists]:
        actor, read = batch
        return actor, await self._attribution.lists(actor, [one.interaction for one in read])

    async def _spread(self, accepted: Sequence[_Read], lists: _Named) -> None:
        """What was stored reaches the next lists, open pages and whatever learns."""
        fresh = [one for one in accepted if one.is_new]
        for actor, events in _by_actor(fresh).items():
            self._attribution.credit([one.interaction for one in events if not one.interaction.automated], lists[actor])
        if fresh:
            batches = _by_key(fresh).values()
            await self._freshness.add([[one.interaction for one in batch] for batch in batches])
            await for_each(self._owners.acted, [batch[0].actor for batch in batches])
        if len(fresh) < len(accepted):  # whoever stored the others may have died before it told of them
            self._freshness.read_again(one.actor for one in accepted if not one.is_new)

    async def shopper_of(self, actor: Actor) -> Actor:
        """The user whose an anonymous visit is; the actor as it is if there is none. Raises UnavailableError."""
        if actor.user_id is not None or actor.session_id is None:
            return actor
        owner = await self._owners.owner_of(actor.session_id)
        return Actor(user_id=owner) if owner is not None else actor

    async def page(self, actor: Actor, request: PageRequest) -> Page[Interaction]:
        """What an actor did, newest first."""
        return await self._interactions.page(actor, request)

    async def count(self, actor: Actor) -> int:
        return await self._interactions.count(actor)

    async def _read(self, entries: Sequence[Entry], results: _Results) -> list[_Read]:
        """The valid ones; what is wrong with the others goes into `results`."""
        sent = [draft for _, draft in entries if not isinstance(draft, Problem)]
        products, by_sku = await asyncio.gather(
            # Also with products that are withdrawn: an order may arrive late, and a page may still be open.
            self._catalog.get_many(
                {draft.product_id for draft in sent if draft.product_id is not None}, also_withdrawn=True
            ),
            self._catalog.by_skus({sku for draft in sent if (sku := sku_of(draft)) is not None}),
        )
        valid: list[_Read] = []
        ids: set[str] = set()
        for index, (actor, draft) in enumerate(entries):
            read = [draft] if isinstance(draft, Problem) else read_draft(draft, actor, products, by_sku)
            if isinstance(read, list):
                results[index] = _refused(*read)
            elif read.id in ids:
                results[index] = _refused(Problem("key", "DUPLICATE", "Each event of a batch needs a key of its own."))
            elif not isinstance(draft, Problem):
                valid.append(_Read(index, actor, draft, read))
                ids.add(read.id)
        return valid


def _refused(*problems: Problem) -> EventResult:
    return EventResult(ChangeStatus.REFUSED, problems=problems)


def _by_key(read: Iterable[_Read]) -> dict[str, list[_Read]]:
    """The events of each shopper, in whichever session."""
    groups: defaultdict[str, list[_Read]] = defaultdict(list)
    for one in read:
        groups[one.actor.key].append(one)
    return groups


def _by_actor(read: Iterable[_Read]) -> dict[Actor, list[_Read]]:
    groups: defaultdict[Actor, list[_Read]] = defaultdict(list)
    for one in read:
        groups[one.actor].append(one)
    return groups


def _compare(read: Sequence[_Read], known: Mapping[str, Interaction], lists: _Named, results: _Results) -> list[_Read]:
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
            results[one.index] = _refused(Problem("key", "CONFLICT", message))
    for one in accepted:
        problem = lists[one.actor].problem(one.interaction)
        status = ChangeStatus.CREATED if one.is_new else ChangeStatus.UNCHANGED
        results[one.index] = EventResult(status, one.interaction, warnings=(problem,) if problem else ())
    return accepted
