"""The demo shop loads, goes on after a kill, and is what the data set says."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mongo_seed.complete_journey import demo
from mongo_seed.complete_journey.reader import interaction_batches, select
from mongo_seed.migrate import migrate
from mongo_seed.popularity import recompute_popularity
from mongo_seed.seed import is_seeded, seed
from scoring.types import EventType
from shop.entities.catalog import Product
from shop.entities.interactions import Interaction
from shop.entities.users import Actor
from shop.errors import BadInputError
from shop.store.documents import (
    interaction_from_document,
    product_from_document,
    product_to_document,
    user_from_document,
)
from shop.store.interactions import InteractionStore
from shop.store.session_owners import SessionOwnerStore

if TYPE_CHECKING:
    from mongo_seed.complete_journey.reader import Journey
    from shop.settings import Settings
    from shop.store.database import Database

SAMPLE = 4
pytestmark = pytest.mark.usefixtures("read_once")


class KilledError(Exception):
    """Stands for whatever ends a run."""


async def counts(database: Database) -> dict[str, int]:
    names = ("products", "categories", "users", "interactions")
    return {name: await database[name].count_documents({}) for name in names}


async def test_a_sample_is_loaded_once(database: Database) -> None:
    # when it is seeded twice
    first = await seed(database, sample=SAMPLE)
    after_first = await counts(database)
    second = await seed(database, sample=SAMPLE)

    # then the second run adds nothing and says so
    assert after_first == await counts(database)
    assert first.inserted == sum(after_first.values())
    assert second.already_complete
    assert second.inserted == 0
    assert (first.products, first.users, first.interactions) == (
        after_first["products"],
        SAMPLE + 3,
        after_first["interactions"],
    )
    assert await is_seeded(database)


async def test_a_shop_of_its_own_is_left_alone(database: Database) -> None:
    await migrate(database)
    mug = product_to_document(Product("mug", sku="MUG", name="Mug"))
    await database["products"].insert_one(mug | {"updatedAt": datetime.now(UTC)})

    with pytest.raises(BadInputError, match=r"shop of its own \(1 products\)(?s:.)*whybuy reset(?s:.)*--mix"):
        await seed(database, sample=1)
    assert (await counts(database))["products"] == 1

    await seed(database, sample=1, mix=True)
    assert (await counts(database))["products"] > 1000


@pytest.mark.parametrize("stage", ["products", "interactions"])
async def test_a_run_that_was_killed_half_way_is_completed(database: Database, stage: str, journey: Journey) -> None:
    # given a run that dies during one of its stages
    def die(at: str, _done: int, _total: int) -> None:
        if at == stage:
            raise KilledError

    with pytest.raises(KilledError):
        await seed(database, sample=SAMPLE, progress=die)
    assert not await is_seeded(database)

    # when it runs again
    report = await seed(database, sample=SAMPLE)

    # then everything is there, and nothing twice
    expected = select(journey, SAMPLE)
    assert (await counts(database))["interactions"] == len(expected.lines) == report.interactions
    assert (await counts(database))["products"] == len(expected.products)
    assert await is_seeded(database)


@pytest.mark.slow
async def test_kill_minus_nine(database: Database, settings: Settings, journey: Journey) -> None:
    # given a process that is killed while it loads purchases
    assert settings.mongo.uri is not None
    environment = {**os.environ, "MONGODB_URI": settings.mongo.uri, "MONGODB_DATABASE": settings.mongo.database}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mongo_seed", "seed", "--sample", "60"), env=environment, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    while not (await process.stderr.readline()).startswith(b"interactions: "):
        pass
    process.kill()
    await process.wait()
    assert not await is_seeded(database)

    report = await seed(database, sample=60)

    assert 0 < report.inserted < report.interactions
    assert await database["interactions"].count_documents({}) == len(select(journey, 60).lines)


async def test_households_that_are_whole_are_not_loaded_again(database: Database) -> None:
    # given all but one household, after a kill
    await seed(database, sample=SAMPLE)
    await database["schema_migrations"].update_one({"_id": "seed-complete-journey"}, {"$set": {"completedAt": None}})
    gone = demo.household_id(next(iter(demo.HOUSEHOLDS)))
    lost = (await database["interactions"].delete_many({"userId": gone})).deleted_count

    report = await seed(database, sample=SAMPLE)

    assert report.inserted == lost > 0


async def test_a_larger_sample_adds_to_a_smaller_one(database: Database, journey: Journey) -> None:
    await seed(database, sample=2)
    before = await database["interactions"].distinct("userId")

    await seed(database, sample=SAMPLE)

    # the first households stay, and popularity counts all of them
    assert set(before) < set(await database["interactions"].distinct("userId"))
    best = await database["products"].find_one(sort=[("popularity", -1)])
    assert best is not None
    assert best["popularity"] == 1.0
    assert best["buyerCount"] == select(journey, SAMPLE).buyers.max()
    # and asking for less again takes nothing away
    assert (await seed(database, sample=1)).already_complete


async def test_what_is_stored_is_what_the_shop_reads(database: Database) -> None:
    await seed(database, sample=SAMPLE)

    # every document is an entity again, with times that know their zone
    users = {document["_id"]: user_from_document(document) async for document in database["users"].find()}
    products = {document["_id"]: product_from_document(document) async for document in database["products"].find()}
    events = [interaction_from_document(document) async for document in database["interactions"].find()]
    categories = {document["_id"]: document async for document in database["categories"].find()}
    assert {event.actor.user_id for event in events} < users.keys()
    assert {event.product_id for event in events} < products.keys()
    assert all(event.at.tzinfo is not None for event in events)
    for product in products.values():
        assert set(product.category_path) <= categories.keys()
    roots = [category for category in categories.values() if category["parentId"] is None]
    assert sum(category["productCount"] for category in roots) == len(products)


async def test_the_newest_purchase_is_of_this_week(database: Database, journey: Journey) -> None:
    before = datetime.now(UTC)
    await seed(database, sample=SAMPLE)

    weeks = journey.weeks_until(before)
    newest = datetime.fromtimestamp(int(journey.lines.at.max()) / 1000, UTC) + timedelta(weeks=weeks)
    assert before - timedelta(days=7) < newest <= before
    # weekday and hour are those of the original
    line = select(journey, SAMPLE).lines.at.max()
    stored = await database["interactions"].find_one(sort=[("at", -1)])
    assert stored is not None
    original = datetime.fromtimestamp(int(line) / 1000, UTC)
    assert (stored["at"].weekday(), stored["at"].time()) == (original.weekday(), original.time())


async def test_dates_can_stay_but_not_be_mixed(database: Database) -> None:
    await seed(database, sample=1, keep_dates=True)

    newest = await database["interactions"].find_one(sort=[("at", -1)])
    assert newest is not None
    assert newest["at"].year in {2017, 2018}
    with pytest.raises(BadInputError, match="original dates"):
        await seed(database, sample=1)


async def test_demo_accounts(database: Database) -> None:
    await seed(database, sample=len(demo.HOUSEHOLDS))

    emails = {user["email"]: user["_id"] async for user in database["users"].find({"email": {"$ne": None}})}
    assert emails["anna@demo.whybuy.example"] in {demo.household_id(number) for number in demo.HOUSEHOLDS}
    assert emails["newcomer@demo.whybuy.example"] == demo.NEWCOMER
    assert await database["interactions"].count_documents({"userId": demo.NEWCOMER}) == 0
    # their histories are of clearly different length
    lengths = [
        await database["interactions"].count_documents({"userId": demo.household_id(number)})
        for number in demo.HOUSEHOLDS
    ]
    assert lengths[0] > 1000 > lengths[1] > 200 > lengths[2] > 20


async def test_popularity_from_the_database_is_that_of_the_data_set(database: Database) -> None:
    await seed(database, sample=SAMPLE)

    assert await recompute_popularity(database) == 0

    # when a product gains a buyer and loses its old numbers
    product = await database["products"].find_one({"buyerCount": 1})
    assert product is not None
    await database["products"].update_one({"_id": product["_id"]}, {"$set": {"buyerCount": 0, "popularity": 0.0}})
    assert await recompute_popularity(database) == 1
    assert await database["products"].find_one({"_id": product["_id"]}) == product


async def test_a_visitor_who_signed_in_is_one_buyer(database: Database) -> None:
    await migrate(database)
    await database["products"].insert_one(product_to_document(Product("tea", sku="tea", name="Tea")))
    actors = [Actor("anna"), Actor(session_id="visit-1"), Actor(session_id="visit-2"), Actor(session_id="visit-2")]
    at = datetime(2026, 1, 1, tzinfo=UTC)
    bought = [Interaction(str(n), actor, "tea", EventType.PURCHASE, at) for n, actor in enumerate(actors)]
    await InteractionStore(database).append(bought)

    # when one of the two visits turns out to be Anna's
    await recompute_popularity(database)
    before = await database["products"].find_one({"_id": "tea"})
    await SessionOwnerStore(database).claim("visit-1", "anna")
    await recompute_popularity(database)
    after = await database["products"].find_one({"_id": "tea"})

    assert before is not None
    assert after is not None
    assert (before["buyerCount"], after["buyerCount"]) == (3, 2)


async def test_a_sample_of_nobody_is_refused(database: Database) -> None:
    with pytest.raises(BadInputError, match="at least 1"):
        await seed(database, sample=0)


def test_the_whole_data_set(journey: Journey) -> None:
    assert len(journey.lines) + journey.skipped == 1_460_438
    assert len(journey.product_ids) == 92_331
    assert len(journey.households()) == 2_469
    names = journey.names
    assert len(set(names)) == len(names) == len(journey.product_ids)
    assert not [name for name in names if not name.strip() or name.isupper()]


def test_prices_are_sane(journey: Journey) -> None:
    priced = journey.shelf_minor[journey.shelf_minor >= 0]
    assert 200 < np.median(priced) < 500
    assert priced.max() < 60_000
    # fuel is sold by the gallon, not by its thousandth
    fuel = [row for row, kind in enumerate(journey.types) if kind == "GASOLINE-REG UNLEADED"]
    best = max(fuel, key=lambda row: int((journey.lines.product == row).sum()))
    assert 200 < journey.shelf_minor[best] < 300
    assert journey.lines.quantity.max() <= 100


def test_two_lines_of_one_basket_and_product_are_both_kept(journey: Journey) -> None:
    # given a basket that has the same product three times
    lines = journey.lines.take(np.array([0, 0, 0]))
    lines.repeat[:] = [0, 1, 2]

    (batch,) = interaction_batches(journey, lines, 0, 10)

    assert max(Counter(document["_id"] for document in batch).values()) == 1


def test_reading_needs_no_pandas() -> None:
    code = (
        "import sys; from mongo_seed.complete_journey.reader import read_journey; read_journey();"
        " print('pandas' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
