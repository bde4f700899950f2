"""Programs that pose as shoppers: what they do is stored, and nothing is learned from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from mongo_seed.migrate import migrate
from mongo_seed.popularity import recompute_popularity
from scoring.types import EventType
from shop.entities.catalog import Product
from shop.entities.interactions import InteractionDraft
from shop.entities.users import Actor
from shop.resources.serving import ServingResources, open_serving
from shop.settings import RateSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.settings import Settings
    from shop.store.database import Database

MOST = 10


@pytest.fixture
async def resources(settings: Settings, database: Database) -> AsyncIterator[ServingResources]:
    await migrate(database)
    strict = settings.model_copy(update={"rate": RateSettings(events_per_minute=MOST)})
    async with open_serving(strict, start=False) as opened:
        await opened.stores.catalog.upsert([Product("tea", "tea", "Tea"), Product("oat", "oat", "Oat")])
        yield opened


async def record(resources: ServingResources, actor: Actor, number: int, at: datetime | None = None) -> list[bool]:
    """Whether each of so many events is taken for a program's."""
    drafts = [InteractionDraft(EventType.PURCHASE, "tea", at=at) for _ in range(number)]
    recorded = await resources.interactions.record(actor, drafts)
    assert not recorded.refused
    return [one.automated for one in recorded.accepted]


async def learned(resources: ServingResources) -> set[str]:
    return {row[1] async for row in resources.stores.interactions.export()}


async def test_what_is_too_fast_is_stored_and_not_learned_from(resources: ServingResources, database: Database) -> None:
    person, program = Actor(session_id=uuid4().hex), Actor(session_id=uuid4().hex)

    assert await record(resources, person, MOST) == [False] * MOST
    assert await record(resources, program, MOST + 1) == [True] * (MOST + 1)

    assert await resources.interactions.count(program) == MOST + 1
    assert await learned(resources) == {person.key}
    await recompute_popularity(database)
    (tea,) = await database["products"].find({"_id": "tea"}).to_list(None)
    assert tea["buyerCount"] == 1


async def test_a_program_stays_one_when_it_slows_down_and_elsewhere_nobody_is(resources: ServingResources) -> None:
    program, other = Actor(session_id=uuid4().hex), Actor(session_id=uuid4().hex)
    for _ in range(3):
        await record(resources, program, 4)

    assert await record(resources, program, 1) == [True]
    assert await record(resources, other, 1) == [False]


async def test_a_day_without_a_network_is_no_haste(resources: ServingResources) -> None:
    actor, now = Actor(session_id=uuid4().hex), datetime.now(UTC)
    drafts = [InteractionDraft(EventType.VIEW, "oat", at=now - timedelta(minutes=minute)) for minute in range(5 * MOST)]

    recorded = await resources.interactions.record(actor, drafts)

    assert not any(one.automated for one in recorded.accepted)


async def test_sending_again_what_a_program_sent_changes_nothing(resources: ServingResources) -> None:
    actor = Actor(session_id=uuid4().hex)
    drafts = [InteractionDraft(EventType.VIEW, "tea", key=f"k{number}") for number in range(MOST + 1)]
    await resources.interactions.record(actor, drafts)

    again = await resources.interactions.record(actor, drafts[:1])

    assert not again.refused
    assert again.accepted[0].automated
    assert await resources.interactions.count(actor) == MOST + 1
