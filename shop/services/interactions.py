"""Recording what shoppers do: stored first, then made available to the next list."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shop.errors import BadInputError, Problem
from shop.services.interaction_drafts import is_resend, read_draft, sku_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shop.entities.interactions import Interaction, InteractionDraft
    from shop.entities.paging import Page, PageRequest
    from shop.entities.users import Actor
    from shop.services.attribution import AttributionService
    from shop.services.catalog import CatalogService
    from shop.services.freshness import FreshnessService
    from shop.services.pace import PaceService
    from shop.services.session_owners import SessionOwnerService
    from shop.store.interactions import InteractionStore

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
        if await self._pace.is_automated(actor, [one.interaction.at for one in read]):
            read = [replace(one, interaction=replace(one.interaction, automated=True)) for one in read]
        lists = await self._attribution.lists(actor, [one.interaction for one in read])
        known = await self._interactions.append([one.interaction for one in read])
        accepted = _compare(read, known, recorded)
        recorded.refused.sort(key=lambda placed: placed[0])
        recorded.accepted.extend(one.interaction for one in accepted)
        recorded.warnings.extend((one.index, found) for one in accepted if (found := lists.problem(one.interaction)))
        if fresh := [one.interaction for one in accepted if one.is_new]:
            self._attribution.credit([one for one in fresh if not one.automated], lists)
            await self._freshness.add(actor, fresh)
            await self._owners.acted(actor)
        if len(fresh) < len(accepted):  # whoever stored the others may have died before it told of them
            self._freshness.read_again(actor)
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
            # Also with products that are withdrawn: an order may arrive late, and a page may still be open.
            self._catalog.get_many(
                {draft.product_id for draft in sent if draft.product_id is not None}, also_withdrawn=True
            ),
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
