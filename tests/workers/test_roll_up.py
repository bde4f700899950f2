"""What was shown, clicked and bought, as the counters say, against a count by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mongo_seed.migrate import migrate
from scoring.types import EventType
from shop.entities.interactions import Interaction
from shop.entities.users import Actor
from shop.jobs import RollUpExperiments
from shop.resources.serving import open_serving
from shop.store.bulk import bulk_insert
from workers.context import WorkerContext
from workers.delivery import run_job
from workers.llm.writer import build_writer
from workers.tasks.roll_up import days_between

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.resources.serving import ServingResources
    from shop.settings import Settings
    from shop.store.database import Database

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
EARLIER = TODAY - timedelta(days=4) + timedelta(hours=10)
ANNA, BEN, GUEST = Actor(user_id="anna"), Actor(user_id="ben"), Actor(session_id="s1")
Counted = tuple[int, int, int, int]


@pytest.fixture
async def resources(settings: Settings, database: Database) -> AsyncIterator[ServingResources]:
    await migrate(database)
    async with open_serving(settings, start=False) as opened:
        yield opened


def shown(id_: str, actor: Actor, at: datetime = EARLIER, variant: Any = None, model: str = "m1") -> dict[str, Any]:
    """A list of three products, as the log has it."""
    items = [
        {"productId": f"p{rank}", "rank": rank, "score": 0.5, "exploration": False, "propensity": 1.0}
        for rank in (1, 2, 3)
    ]
    return {
        "_id": id_, "actorKey": actor.key, "userId": actor.user_id, "sessionId": actor.session_id,
        "scenario": "FOR_YOU", "modelVersion": model, "variant": variant, "at": at, "items": items,
    }  # fmt: skip


def acted(
    list_id: str | None,
    actor: Actor,
    product: str,
    type_: EventType = EventType.CLICK,
    *,
    hours: float = 1,
    key: str = "",
) -> Interaction:
    at = EARLIER + timedelta(hours=hours)
    return Interaction(f"{list_id}-{product}-{type_}-{key}", actor, product, type_, at, recommendation_id=list_id)


async def rolled_up(resources: ServingResources) -> None:
    writer = build_writer(resources.settings.llm)
    await run_job(WorkerContext(resources, writer), RollUpExperiments.name, {})
    await writer.aclose()


async def counters(resources: ServingResources) -> dict[tuple[str, str, str], Counted]:
    """(lists, items, clicks, purchases) by day, variant and model version."""
    return {
        (f"{row['day']:%Y-%m-%d}", str(row["variant"]), row["modelVersion"]): (
            row["lists"], row["items"], row["clicks"], row["purchases"]
        )
        async for row in resources.stores.database["experiment_rollups"].find({})
    }  # fmt: skip


async def log(resources: ServingResources, *lists: dict[str, Any]) -> None:
    await bulk_insert(resources.stores.database, "recommendations_log", lists)


async def test_what_came_of_lists_is_counted_where_it_belongs(resources: ServingResources) -> None:
    await log(
        resources,
        shown("l1", ANNA, variant="a"),
        shown("l2", BEN, variant="a"),
        shown("l3", GUEST, variant="b"),
        shown("l4", ANNA, variant="a", model="m2"),
        shown("l5", ANNA, at=EARLIER + timedelta(days=1), variant="a"),
    )
    await resources.stores.interactions.append(
        [
            acted("l1", ANNA, "p1"),
            acted("l1", ANNA, "p1", key="again"),
            acted("l1", ANNA, "p2", EventType.PURCHASE, hours=20),
            acted("l2", BEN, "p3"),
            acted("l3", GUEST, "p3", EventType.PURCHASE),
            acted("l5", ANNA, "p1", hours=25),
            acted("l1", BEN, "p2"),  # another's list
            acted("l1", ANNA, "p9"),  # was not on it
            acted("l4", ANNA, "p1", hours=25),  # too late to be the list's merit
            acted("l4", ANNA, "p1", EventType.VIEW),
            acted(None, ANNA, "p3"),
            acted("gone", ANNA, "p3"),
        ]
    )

    await rolled_up(resources)

    day, next_day = (f"{EARLIER + timedelta(days=number):%Y-%m-%d}" for number in (0, 1))
    assert await counters(resources) == {
        (day, "a", "m1"): (2, 6, 2, 1),
        (day, "b", "m1"): (1, 3, 0, 1),
        (day, "a", "m2"): (1, 3, 0, 0),
        (next_day, "a", "m1"): (1, 3, 1, 0),
    }


async def test_counting_again_changes_only_what_has_changed(resources: ServingResources) -> None:
    await log(resources, shown("l1", ANNA), shown("l2", BEN, variant={"experiment": "x", "arm": "b"}))
    await rolled_up(resources)
    once = await counters(resources)
    await rolled_up(resources)
    assert await counters(resources) == once
    assert set(once.values()) == {(1, 3, 0, 0)}

    # A shopper is erased, another comes, and what happens today is counted today.
    await resources.stores.database["recommendations_log"].delete_one({"_id": "l2"})
    await log(resources, shown("l3", ANNA, at=datetime.now(UTC)))
    await resources.stores.database["experiment_rollups"].update_many({}, {"$set": {"countedAt": EARLIER}})
    await rolled_up(resources)

    assert sorted((await counters(resources)).values()) == [(1, 3, 0, 0), (1, 3, 0, 0)]
    assert f"{TODAY:%Y-%m-%d}" in {day for day, _, _ in await counters(resources)}


async def test_days_that_cannot_change_are_left_alone(resources: ServingResources) -> None:
    await log(resources, shown("l1", ANNA), shown("l2", ANNA, at=datetime.now(UTC)))
    await rolled_up(resources)
    before = await resources.stores.database["experiment_rollups"].find_one({"day": {"$lt": TODAY}})

    await rolled_up(resources)

    after = await resources.stores.database["experiment_rollups"].find_one({"day": {"$lt": TODAY}})
    assert before
    assert after == before


async def test_an_empty_shop_has_nothing_to_count(resources: ServingResources) -> None:
    await rolled_up(resources)

    assert await counters(resources) == {}


def test_days_are_whole_ones_in_utc() -> None:
    start = datetime.fromisoformat("2026-11-24T01:30:00+02:00")
    end = datetime(2026, 11, 25, 0, 0, tzinfo=UTC)

    assert [f"{day:%d %H}" for day in days_between(start, end)] == ["23 00", "24 00", "25 00"]
    assert days_between(None, end) == []
