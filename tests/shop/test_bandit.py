"""What shoppers click becomes the shared state of the bandit: each click once, none lost, whatever goes away."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import numpy as np
import pytest

from mongo_seed.migrate import migrate
from scoring.exploration.bandit import DIMENSION, BanditState, update
from scoring.exploration.features import impression
from scoring.exploration.layout import LAYOUT
from scoring.types import EventType, Scenario
from shop.entities.catalog import Money, Product
from shop.entities.explanations import Explanation, TextStatus
from shop.entities.interactions import Interaction
from shop.entities.recommendations import Freshness, Recommendation, RecommendationList
from shop.entities.users import Actor
from shop.errors import UnavailableError
from shop.resources.serving import open_serving
from shop.services import bandit
from shop.store.bandit import BanditStore, StoredBandit
from shop.store.recommendation_log import RecommendationLog
from tests.fixtures.cable import cable
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from numpy.typing import NDArray

    from shop.resources.serving import ServingResources
    from shop.settings import Settings
    from shop.store.database import Database

ANNA = Actor("anna")
DAY = 86_400.0
LONG = 1e12  # a half-life in which nothing fades: sums can be compared exactly


def rows(count: int, seed: int = 0) -> NDArray[np.float64]:
    drawn = np.random.default_rng(seed).uniform(-1, 1, (count, DIMENSION))
    return drawn.astype("<f2").astype(np.float64)


def a_list(actor: Actor = ANNA, count: int = 3, seed: int = 0) -> RecommendationList:
    features, now = rows(count, seed), datetime.now(UTC)
    items = tuple(
        Recommendation(
            product=Product(f"p{place}", f"p{place}", "Tea", price=Money(Decimal(3), "EUR")),
            rank=place + 1,
            score=0.5,
            breakdown={},
            reasons=(),
            explanation=Explanation("k", actor.key, f"p{place}", TextStatus.PENDING, ()),
            exploration=False,
            propensity=1.0,
            impression=impression(features, place, ()),
        )
        for place in range(count)
    )
    return RecommendationList(uuid4().hex, actor, Scenario.FOR_YOU, items, None, "m", now, Freshness(None, None))


def click(shown: RecommendationList, place: int = 0, key: str | None = None, **changed: object) -> Interaction:
    event = {
        "key": key or uuid4().hex,
        "actor": shown.actor,
        "product_id": f"p{place}",
        "type": EventType.CLICK,
        "at": datetime.now(UTC),
        "recommendation_id": shown.id,
    }
    return Interaction(**{**event, **changed})  # type: ignore[arg-type]


def show(resources: ServingResources, shown: RecommendationList) -> None:
    """What the recommendation service does with every list."""
    resources.bandit.shown(shown)
    resources.stores.recommendation_log.append(shown, {}, 1.0)


@contextlib.asynccontextmanager
async def process(settings: Settings, database: Database) -> AsyncIterator[ServingResources]:
    """Stores and services as in an API process."""
    await migrate(database)
    forgetful = settings.model_copy(update={"model": settings.model.model_copy(update={"bandit_half_life_days": LONG})})
    async with open_serving(forgetful) as resources:
        yield resources


async def settled(resources: ServingResources) -> BanditState:
    await resources.stores.recommendation_log.flush()
    await resources.bandit.flush()
    assert resources.bandit.state is not None
    return resources.bandit.state


def assert_same(state: BanditState, expected: BanditState) -> None:
    for name, array in expected.to_arrays().items():
        np.testing.assert_allclose(state.to_arrays()[name], array, atol=1e-6, err_msg=name)


async def test_impressions_and_clicks_become_a_regression(settings: Settings, database: Database) -> None:
    async with process(settings, database) as resources:
        shown = a_list()
        show(resources, shown)
        resources.bandit.acted([click(shown, 1)])

        assert_same(await settled(resources), update(BanditState.empty(), rows(3), np.array([0.0, 1.0, 0.0])))


async def test_only_the_first_click_by_the_one_who_saw_it_counts(settings: Settings, database: Database) -> None:
    async with process(settings, database) as resources:
        shown = a_list()
        show(resources, shown)
        resources.bandit.acted(
            [
                click(shown, 1, "same"),
                click(shown, 1, "same"),
                click(shown, 1, type=EventType.PURCHASE),
                click(shown, 2, type=EventType.VIEW),
                click(shown, 2, actor=Actor("ben")),
                click(shown, 7),
                click(shown, 0, recommendation_id=None),
            ]
        )
        state = await settled(resources)

        # when another process hears of the click again
        async with open_serving(settings) as other:
            other.bandit.acted([click(shown, 1, "same")])
            again = await settled(other)

    assert state.squares == pytest.approx(1.0)
    assert again.squares == pytest.approx(1.0)


async def test_a_click_that_is_faster_than_the_log_waits_for_it(settings: Settings, database: Database) -> None:
    async with process(settings, database) as resources:
        shown = a_list()
        resources.bandit.acted([click(shown)])
        await resources.bandit.flush()
        assert resources.bandit.state is not None
        assert resources.bandit.state.squares == 0

        show(resources, shown)

        assert (await settled(resources)).squares == pytest.approx(1.0)


async def test_a_list_that_is_written_between_two_looks_is_credited(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with process(settings, database) as resources:
        shown, log = a_list(), resources.stores.recommendation_log
        collection = type(database["recommendations_log"])
        find_one = collection.find_one

        async def once_written(self: Any, *query: Any) -> Any:
            log.append(shown, {}, 1.0)
            await log.flush()
            return await find_one(self, *query)

        with monkeypatch.context() as patch:
            patch.setattr(collection, "find_one", once_written)
            assert await log.mark_rewarded(shown.id, shown.actor.key, "p0")

        assert await log.mark_rewarded(shown.id, shown.actor.key, "p0") == b"", "once"


async def test_a_click_on_a_list_that_nobody_knows_costs_a_few_lookups(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookups: list[float] = []
    looked_up = RecommendationLog.mark_rewarded

    async def noted(self: RecommendationLog, *named: str) -> bytes | None:
        lookups.append(time.monotonic())
        return await looked_up(self, *named)

    monkeypatch.setattr(RecommendationLog, "mark_rewarded", noted)
    monkeypatch.setattr(bandit, "_TURN_SECONDS", 0.01)

    async def some() -> bool:
        return len(lookups) >= 5

    async with process(settings, database) as resources:
        resources.bandit.acted([click(a_list())])
        clicked = time.monotonic()
        await until(some, "look-ups")

    waited = np.array(lookups[:4]) - clicked
    assert (np.diff(lookups)[:4] >= waited).all(), "it waits each time as long as it has waited"


async def test_processes_add_at_the_same_time_and_nothing_is_lost(settings: Settings, database: Database) -> None:
    increments = [update(BanditState.empty(), rows(2, seed), np.ones(2)) for seed in range(60)]
    async with contextlib.AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(open_serving(settings, start=False)) for _ in range(3)]
        stores = [BanditStore(database, one.stores.redis, one.stores.keys) for one in opened]
        await stores[0].restore(StoredBandit(BanditState.empty()))

        async def add(number: int) -> None:
            """Every batch is sent twice, as if its first acknowledgement had been lost."""
            for _ in range(2):
                assert await stores[number % 3].add(f"batch-{number}", increments[number], LONG)

        await asyncio.gather(*(add(number) for number in range(60)))
        stored = await stores[1].read()

    assert stored is not None
    assert stored.batches == 60
    whole = np.concatenate([rows(2, seed) for seed in range(60)])
    assert_same(stored.state, update(BanditState.empty(), whole, np.ones(120)))


async def test_what_is_old_weighs_less(settings: Settings, database: Database) -> None:
    """A state that was last changed ten half-lives ago is nearly gone when something is added."""
    async with open_serving(settings, start=False) as resources:
        store = BanditStore(database, resources.stores.redis, resources.stores.keys)
        old = update(BanditState.empty(), rows(100), np.ones(100))
        await store.restore(StoredBandit(old, 5, datetime.now(UTC).timestamp() - 10 * DAY))

        await store.add("new", update(BanditState.empty(), rows(1), np.zeros(1)), DAY)
        stored = await store.read()

    assert stored is not None
    assert stored.state.weight == pytest.approx(1 + 100 / 1024, rel=0.01)


async def test_the_durable_copy_comes_back_when_redis_has_lost_it(settings: Settings, database: Database) -> None:
    async with process(settings, database) as resources:
        shown = a_list()
        show(resources, shown)
        resources.bandit.acted([click(shown)])
        learnt = await settled(resources)

    async with open_serving(settings, start=False) as idle:
        await idle.stores.redis.delete(idle.stores.keys.bandit(LAYOUT))
    async with process(settings, database) as resources:
        assert_same(await settled(resources), learnt)

        # and more is learnt on top of it
        show(resources, a_list(seed=1))
        assert (await settled(resources)).weight == pytest.approx(learnt.weight + 3)


async def test_what_redis_has_acknowledged_survives_that_it_forgets(settings: Settings, database: Database) -> None:
    async with process(settings, database) as resources:
        store, key = (
            BanditStore(database, resources.stores.redis, resources.stores.keys),
            resources.stores.keys.bandit(LAYOUT),
        )
        show(resources, a_list())
        await settled(resources)

        # when Redis loses a list before this process reads the state again
        show(resources, a_list(seed=1))

        async def acknowledged() -> bool:
            stored = await store.read()
            return stored is not None and stored.batches == 2

        await until(acknowledged, "the list to be sent")
        await resources.stores.redis.delete(key)

        assert (await settled(resources)).weight == pytest.approx(6)


async def test_once_started_it_knows_what_was_learnt_before(settings: Settings, database: Database) -> None:
    async with process(settings, database) as resources:
        shown = a_list()
        show(resources, shown)
        resources.bandit.acted([click(shown)])
        await settled(resources)

    async with open_serving(settings, start=False) as resources:
        await resources.stores.redis.delete(resources.stores.keys.bandit(LAYOUT))
        await resources.bandit.start()
        state = resources.bandit.state
        await resources.bandit.stop()

    assert state is not None
    assert state.weight == pytest.approx(3, rel=1e-3)
    assert state.squares == pytest.approx(1, rel=1e-3)


async def test_an_older_copy_never_replaces_a_newer_one(settings: Settings, database: Database) -> None:
    await migrate(database)
    async with open_serving(settings, start=False) as resources:
        store = BanditStore(database, resources.stores.redis, resources.stores.keys)
        newer = StoredBandit(update(BanditState.empty(), rows(5), np.ones(5)), 9)
        await store.save(newer)
        await store.save(StoredBandit(BanditState.empty(), 8))

        found = await store.load()

    assert found is not None
    assert found.batches == 9
    assert_same(found.state, newer.state)


async def test_without_redis_learning_waits_and_survives_a_stop(settings: Settings, database: Database) -> None:
    redis_port = urlsplit(settings.redis.url or "").port or 0
    async with cable(redis_port) as line:
        cut_off = settings.model_copy(
            update={"redis": settings.redis.model_copy(update={"url": f"redis://127.0.0.1:{line.port}/0"})}
        )
        async with process(cut_off, database) as resources:
            before = a_list()
            show(resources, before)
            known = await settled(resources)

            line.cut()
            for seed in range(1, 6):
                shown = a_list(seed=seed)
                show(resources, shown)
                resources.bandit.acted([click(shown)])
            assert_same(resources.bandit.state or BanditState.empty(), known)
            await resources.stores.recommendation_log.flush()
        line.mend()

    # then the next process finds it all
    async with process(settings, database) as resources:
        state = await settled(resources)
        state = await settled(resources)

    assert state.weight == pytest.approx(18)
    assert state.squares == pytest.approx(5)
    assert await database["bandit_states"].count_documents({"_id": {"$regex": "^increment"}}) == 0


async def test_a_stop_settles_every_click(settings: Settings, database: Database) -> None:
    """More than one turn would take."""
    async with process(settings, database) as resources:
        shown = [a_list(seed=seed) for seed in range(210)]
        for one in shown:
            show(resources, one)
        resources.bandit.acted([click(one, place) for one in shown for place in range(3)])

    async with process(settings, database) as resources:
        state = await settled(resources)
        assert state.weight == pytest.approx(630)
        assert state.squares == pytest.approx(630)


@pytest.mark.slow
async def test_without_mongodb_clicks_wait(settings: Settings, database: Database) -> None:
    mongo_port = urlsplit(settings.mongo.uri or "").port or 0
    async with cable(mongo_port) as line:
        uri = f"mongodb://127.0.0.1:{line.port}/?directConnection=true"
        cut_off = settings.model_copy(
            update={"mongo": settings.mongo.model_copy(update={"uri": uri, "timeout_ms": 300})}
        )
        async with process(cut_off, database) as resources:
            shown = a_list()
            show(resources, shown)
            await settled(resources)

            line.cut()
            resources.bandit.acted([click(shown, 2)])
            with pytest.raises(UnavailableError):
                await resources.bandit.flush()
            line.mend()

            async def credited() -> bool:
                with contextlib.suppress(UnavailableError):
                    return (await settled(resources)).squares == pytest.approx(1.0)
                return False

            await until(credited, "the click to count", 20)


async def test_the_log_holds_the_propensities_that_were_shown(settings: Settings, database: Database) -> None:
    async with process(settings, database) as resources:
        shown = a_list()
        show(resources, shown)
        await settled(resources)
        found = await database["recommendations_log"].find_one({"_id": shown.id})

    assert found is not None
    assert [item["propensity"] for item in found["items"]] == [item.propensity for item in shown.items]
    assert [bytes(item["impression"]["features"]) for item in found["items"]] == [
        item.impression.features for item in shown.items if item.impression
    ]
