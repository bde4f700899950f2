"""The life of an insight in a worker: when it is written, when it is not, and what overtakes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mongo_seed.migrate import migrate
from scoring.types import EventType
from shop.entities.catalog import Category, Product
from shop.entities.corrections import Correction
from shop.entities.events import Topic
from shop.entities.explanations import TextStatus
from shop.entities.interactions import Interaction
from shop.entities.users import Actor, Preferences, User
from shop.jobs import RollUpSession, WriteInsight
from shop.resources.serving import open_serving
from shop.services import insights as insight_service
from shop.store.bulk import bulk_insert
from shop.store.database import put_document
from shop.store.documents import category_to_document, user_to_document
from workers.context import WorkerContext
from workers.llm.writer import Writer
from workers.tasks.insights import roll_up_session, write_insight

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from shop.entities.explanations import Insight
    from shop.resources.serving import ServingResources
    from shop.settings import Settings
    from shop.store.database import Database
    from workers.llm.protocol import InsightTask, WrittenText

ANNA = User("anna")
ACTOR = Actor(user_id="anna")
WRITE, ROLL_UP = WriteInsight("anna"), RollUpSession("anna")


class ObservedWriter(Writer):
    """The template; counts its texts, and lets something happen before each."""

    def __init__(self, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__([])
        self.texts = 0
        self._meanwhile = meanwhile

    async def insight(self, task: InsightTask) -> WrittenText:
        if self._meanwhile is not None:
            await self._meanwhile()
        self.texts += 1
        return await super().insight(task)


@pytest.fixture
async def resources(settings: Settings, database: Database) -> AsyncIterator[ServingResources]:
    await migrate(database)
    drinks, cups = Category("drinks", "Drinks", None, ("drinks",)), Category("cups", "Cups", None, ("cups",))
    await bulk_insert(database, "categories", [category_to_document(drinks), category_to_document(cups)])
    await put_document(database, "users", user_to_document(ANNA))
    async with open_serving(settings, start=False) as opened:
        await opened.stores.catalog.upsert([Product("tea", "tea", "Tea", category_path=("drinks",))])
        await opened.stores.catalog.upsert([Product("cup", "cup", "Cup", category_path=("cups",))])
        yield opened


async def did(resources: ServingResources, product: str, *keys: str, kind: EventType = EventType.PURCHASE) -> None:
    now = datetime.now(UTC)
    await resources.stores.interactions.append(
        [Interaction(key, ACTOR, product, kind, now, order_id=key) for key in keys]
    )


async def current(resources: ServingResources) -> Insight:
    found = await resources.insights.current("anna", "en")
    assert found
    return found


async def test_it_is_pending_then_ready_and_costs_no_text_while_nothing_is_new(resources: ServingResources) -> None:
    writer = ObservedWriter()
    context = WorkerContext(resources, writer)
    await did(resources, "tea", "1", "2")

    ordered = await resources.insights.get(ANNA, "en")
    assert (ordered.status, ordered.text) == (TextStatus.PENDING, None)
    assert await write_insight(context, WRITE)
    written = await resources.insights.get(ANNA, "en")
    assert not await write_insight(context, WRITE)

    assert written.status is TextStatus.READY
    assert written.text
    assert "Drinks" in written.text.text
    assert await resources.insights.get(ANNA, "en") == written
    assert writer.texts == 1


async def test_an_order_of_many_lines_is_one_purchase_of_their_category(resources: ServingResources) -> None:
    now = datetime.now(UTC)
    lines = [Interaction(key, ACTOR, "tea", EventType.PURCHASE, now, order_id="a") for key in "123"]
    await resources.stores.interactions.append(lines)
    await did(resources, "cup", "b", "c")

    await roll_up_session(WorkerContext(resources, ObservedWriter()), ROLL_UP)
    profile = await resources.stores.users.profile("anna")

    assert profile is not None
    assert (profile.categories, profile.order_count, profile.purchase_count) == ((("cups", 2), ("drinks", 1)), 3, 5)


async def test_it_is_ordered_after_enough_events_or_a_material_change(resources: ServingResources) -> None:
    context = WorkerContext(resources, ObservedWriter())
    await did(resources, "tea", "1")
    assert not await roll_up_session(context, ROLL_UP), "too little for a first one"
    await resources.insights.get(ANNA, "en")
    await write_insight(context, WRITE)

    await did(resources, "tea", "2", "3", "4", "5", kind=EventType.VIEW)
    assert not await roll_up_session(context, ROLL_UP), "4 events are not enough"
    await did(resources, "tea", "6", kind=EventType.VIEW)
    assert await roll_up_session(context, ROLL_UP)
    assert (await current(resources)).status is TextStatus.READY, "the last one is shown until the new one is there"
    await write_insight(context, WRITE)
    assert not await roll_up_session(context, ROLL_UP)

    await resources.stores.users.set_preferences("anna", Preferences(categories=("cups",)))
    assert await roll_up_session(context, ROLL_UP), "another stated taste is a material change"
    await write_insight(context, WRITE)
    await did(resources, "cup", "7")
    assert await roll_up_session(context, ROLL_UP), "so is another favourite category"


async def test_a_stated_taste_counts_once_the_shop_has_it(resources: ServingResources) -> None:
    context = WorkerContext(resources, ObservedWriter())
    await did(resources, "tea", "1", "2")
    await resources.insights.get(ANNA, "en")
    await write_insight(context, WRITE)

    await resources.stores.users.set_preferences("anna", Preferences(tags=("my password is hunter2", "smoky")))
    assert not await roll_up_session(context, ROLL_UP)
    await resources.stores.catalog.upsert([Product("lapsang", "lapsang", "Lapsang", tags=("smoky",))])
    assert await roll_up_session(context, ROLL_UP)

    due = await resources.insights.due("anna", "en")
    assert due
    assert (await resources.insights.task(due)).tastes == ("smoky",)


async def test_a_correction_while_it_is_written_voids_the_text(resources: ServingResources) -> None:
    async def correct() -> None:
        await resources.corrections.edit(ANNA, Correction(exclude_products=("cup",)), "en")

    await did(resources, "tea", "1", "4")
    await did(resources, "cup", "2", "3")
    await resources.insights.get(ANNA, "en")

    assert not await write_insight(WorkerContext(resources, ObservedWriter(correct)), WRITE)
    voided = await current(resources)
    assert await write_insight(WorkerContext(resources, ObservedWriter()), WRITE)
    written = await current(resources)

    assert (voided.status, voided.text) == (TextStatus.PENDING, None)
    assert written.text
    assert "Drinks" in written.text.text
    assert "Cups" not in written.text.text


async def test_what_cannot_be_written_has_failed_and_is_tried_again_later(
    resources: ServingResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise RuntimeError("a bug")

    await did(resources, "tea", "1")
    await resources.insights.get(ANNA, "en")
    broken = WorkerContext(resources, ObservedWriter(fail))
    with pytest.raises(RuntimeError):
        await write_insight(broken, WRITE)

    failed = await resources.insights.get(ANNA, "en")
    assert (failed.status, failed.text) == (TextStatus.FAILED, None)
    assert failed.error
    assert "bug" not in failed.error
    monkeypatch.setattr(insight_service, "_PATIENCE", timedelta(0))
    assert (await resources.insights.get(ANNA, "en")).status is TextStatus.PENDING
    await write_insight(WorkerContext(resources, ObservedWriter()), WRITE)
    assert (await current(resources)).status is TextStatus.READY

    # a failure later on leaves the text that is there
    await did(resources, "tea", "2", "3")
    with pytest.raises(RuntimeError):
        await write_insight(broken, WRITE)
    assert (await current(resources)).status is TextStatus.READY


async def test_nothing_is_written_for_an_account_that_is_gone(resources: ServingResources, database: Database) -> None:
    await resources.insights.get(ANNA, "en")
    await database["users"].delete_one({"_id": "anna"})

    assert not await write_insight(WorkerContext(resources, ObservedWriter()), WRITE)
    assert not await roll_up_session(WorkerContext(resources, ObservedWriter()), ROLL_UP)


async def test_everyone_who_waits_is_told(resources: ServingResources) -> None:
    await did(resources, "tea", "1")
    await resources.insights.get(ANNA, "en")
    await resources.hub.start()
    try:
        events = resources.hub.subscribe([(Topic.INSIGHT_UPDATED, ACTOR.key)], "0-1")
        await write_insight(WorkerContext(resources, ObservedWriter()), WRITE)
        assert (await anext(events)).subject == "u:anna"
        await events.aclose()
    finally:
        await resources.hub.stop()
