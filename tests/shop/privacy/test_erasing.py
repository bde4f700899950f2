"""Erasing in the small: no namesake is touched, marks refuse what is old, Redis may go away and come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from devstack.stack.binaries import find_valkey
from devstack.stack.ports import free_port
from devstack.stack.process import running
from devstack.stack.servers import valkey_server
from mongo_seed.migrate import migrate
from scoring.types import EventType
from shop.entities.events import Event, Topic
from shop.entities.interactions import Interaction
from shop.entities.privacy import Shopper
from shop.entities.users import Actor, User
from shop.errors import UnavailableError
from shop.jobs import RollUpSession
from shop.resources.texts import open_texts
from shop.settings import PrivacySettings, RetentionSettings
from tests.fixtures.redis import redis_settings
from tests.fixtures.worker import run_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from shop.resources.texts import TextResources
    from shop.settings import Settings
    from shop.store.database import Database

NAMESAKES = ("ann", "ann2", "u:ann", "an", "ann:1", "ann*")


async def nothing(_stage: str, _share: float) -> None:
    """Nobody looks at the progress."""


@pytest.fixture
async def resources(settings: Settings, database: Database) -> AsyncIterator[TextResources]:
    await migrate(database)
    privacy = PrivacySettings(settle_seconds=0)
    retention = RetentionSettings(list_log_days=10, explanation_days=0, audit_log_days=10)
    settings = settings.model_copy(update={"privacy": privacy, "retention": retention})
    async with open_texts(settings) as opened:
        yield opened


async def busy(resources: TextResources, user_id: str) -> None:
    """Has a user do something that every store keeps."""
    stores, actor = resources.stores, Actor(user_id)
    await stores.users.create(User(user_id))
    event = Interaction("k", actor, "tea", EventType.VIEW, datetime.now(UTC))
    await stores.interactions.append([event])
    await stores.sessions.push([event])
    await stores.rates.count_events(actor.key, {1: 1, 28_000_000: 2})
    await stores.rates.take_for_program(actor.key)
    await stores.queue.enqueue(RollUpSession(user_id), job_id=f"job-of-{user_id}", delay_seconds=60)
    await stores.event_log.publish([Event(Topic.INTERACTION, actor.key), Event(Topic.USER_UPDATED, user_id)])


async def left(resources: TextResources, user_id: str) -> int:
    """How many keys, events and documents there are of somebody."""
    stores, key = resources.stores, Actor(user_id).key
    names = [
        stores.keys.session(key),
        stores.keys.automated(key),
        *(stores.keys.pace(key, one) for one in (1, 28_000_000)),
    ]
    keys = await stores.redis.exists(*names)
    jobs = await stores.redis.exists(f"arq:job:{stores.keys.job(f'job-of-{user_id}')}")
    logged = [(event.topic, event.subject) for event in await stores.event_log.between("0-0", "+")]
    events = [one for one in logged if one in {(Topic.INTERACTION, key), (Topic.USER_UPDATED, user_id)}]
    documents = await stores.interactions.count(Actor(user_id)) + bool(await stores.users.get(user_id))
    return int(keys) + int(jobs) + len(events) + documents


async def erase(resources: TextResources, user_id: str) -> None:
    ordered = await resources.erasures.note(user_id)
    receipt = await resources.erasures.run(ordered.id, nothing)
    assert receipt.finished_at
    assert receipt.subject is None


async def test_nobody_is_erased_for_a_similar_name(resources: TextResources) -> None:
    for name in NAMESAKES:
        await busy(resources, name)
    before = {name: await left(resources, name) for name in NAMESAKES}
    assert set(before.values()) == {9}

    await erase(resources, "ann")

    after = {name: await left(resources, name) for name in NAMESAKES}
    assert after == before | {"ann": 0}
    assert await resources.stores.queue.forget(lambda message: message["user_id"] == "ann2") == 1


async def test_entries_about_a_shopper_lose_the_name_and_those_about_a_product_of_the_same_id_stay(
    resources: TextResources,
) -> None:
    await busy(resources, "12")
    audit_log = resources.stores.database["audit_log"]
    about = {"cancelOrder": "u:12", "updateUser": "12", "deleteProducts": "12", "upsertProducts": "12"}
    for action, subject in about.items():
        entry = {"at": datetime.now(UTC), "action": action, "actorId": "boss", "subject": subject}
        await audit_log.insert_one({"_id": action, **entry, "details": {"excluded": ["u:12:order:1"]}})

    await erase(resources, "12")

    entries = {each["_id"]: each async for each in audit_log.find({"_id": {"$in": [*about]}})}
    for action in ("cancelOrder", "updateUser"):
        assert entries[action]["subject"].startswith("erased:")
        assert entries[action]["details"] == {}
    assert {entries[action]["subject"] for action in ("deleteProducts", "upsertProducts")} == {"12"}


async def test_what_is_older_than_the_erasure_is_refused(resources: TextResources) -> None:
    await busy(resources, "ann")
    issued = datetime.now(UTC)
    assert not await resources.erasures.was_erased_since("ann", issued - timedelta(days=1))

    await erase(resources, "ann")

    later = datetime.now(UTC) + timedelta(seconds=1)
    assert await resources.erasures.was_erased_since("ann", issued)
    assert not await resources.erasures.was_erased_since("ann", later)
    assert not await resources.erasures.was_erased_since("ann2", issued)
    # a job of before that a queue brings after all does nothing
    assert await resources.erasures.voids({"user_id": "ann"}, issued)
    assert await resources.erasures.voids({"actor_key": "u:ann"}, issued)
    assert not await resources.erasures.voids({"user_id": "ann"}, later)
    assert not await resources.erasures.voids({"kind": "FULL"}, issued)
    marks = await resources.stores.database["erasure_marks"].find({"expiresAt": {"$exists": True}}).to_list(None)
    assert all("ann" not in str(mark) for mark in marks)


async def test_an_order_without_a_job_and_one_that_failed_are_taken_up_by_the_sweep(resources: TextResources) -> None:
    await busy(resources, "ann")
    ordered = await resources.erasures.note("ann")
    assert (await resources.erasures.note("ann")).id == ordered.id

    assert await resources.erasures.resume() == 1
    assert await resources.erasures.resume() == 0
    await resources.jobs.get(ordered.id)
    await resources.stores.jobs.fail(ordered.id, "UNAVAILABLE", "away")
    assert await resources.erasures.resume() == 1
    await run_all(resources)

    receipt = await resources.erasures.get(ordered.id)
    assert receipt is not None
    assert receipt.finished_at
    assert await left(resources, "ann") == 0
    assert await resources.erasures.resume() == 0


async def test_an_erasure_goes_on_when_redis_is_back(settings: Settings, database: Database, tmp_path: Path) -> None:
    await migrate(database)
    valkey = valkey_server(find_valkey(), tmp_path / "valkey", free_port())
    redis = redis_settings(valkey.url, settings.redis.prefix).model_copy(update={"timeout_seconds": 0.5})
    own = settings.model_copy(update={"redis": redis, "privacy": PrivacySettings(settle_seconds=0)})
    async with open_texts(own) as resources:
        async with running(valkey, tmp_path / "valkey.log"):
            await busy(resources, "ann")
            ordered, job = await resources.erasures.order("ann", "boss")
            assert job.message == {"version": 1, "erasure_id": ordered.id}
        with pytest.raises(UnavailableError):
            await resources.erasures.run(ordered.id, nothing)
        async with running(valkey, tmp_path / "valkey.log"):
            await resources.erasures.run(ordered.id, nothing)
            assert await left(resources, "ann") == 0


async def test_a_training_leaves_out_who_is_being_erased(resources: TextResources) -> None:
    stores = resources.stores
    for name in ("ann", "ben"):
        await busy(resources, name)
    visit = Interaction("v", Actor(None, "visit"), "tea", EventType.VIEW, datetime.now(UTC))
    await stores.interactions.append([visit])
    await stores.session_owners.claim("visit", "ann")
    assert {row[1] async for row in stores.interactions.export()} == {"u:ann", "u:ben"}

    await resources.erasures.note("ann")

    assert {row[1] async for row in stores.interactions.export()} == {"u:ben"}


async def test_what_is_old_is_deleted_in_the_background(resources: TextResources) -> None:
    database, now = resources.stores.database, datetime.now(UTC)
    for number, days in enumerate((1, 9, 11, 400)):
        at = now - timedelta(days=days)
        entry = {"_id": str(number), "at": at, "action": "a", "actorId": None, "subject": "s", "details": {}}
        await database["audit_log"].insert_one(entry)
        shown = {
            "_id": str(number),
            "actorKey": "u:a",
            "scenario": "FOR_YOU",
            "modelVersion": "m",
            "at": at,
            "items": [],
        }
        await database["recommendations_log"].insert_one(shown)

    assert await resources.retention.apply() == {"recommendations_log": 2, "audit_log": 2}

    assert await resources.retention.apply() == {}
    assert await database["audit_log"].count_documents({}) == 2


def test_a_shopper_is_all_of_the_sessions_too() -> None:
    assert Shopper("ann", frozenset({"1"})).actor_keys == {"u:ann", "s:1"}
