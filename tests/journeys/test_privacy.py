"""A shopper takes all data along, has them erased by workers that are killed in the middle, and nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from graphql_api.relay import encode_id
from mongo_seed.complete_journey import demo
from shop.entities.events import Event, Topic
from shop.entities.users import Actor, Role, User
from shop.jobs import RollUpSession, WriteInsight
from shop.services.export import key_of
from shop.settings import PrivacySettings
from shop.store.documents import user_to_document
from tests.fixtures.accounts import bearer
from tests.fixtures.models import model_of_same_data
from tests.fixtures.queries import TRACK_SEVERAL, products_in_stock
from tests.fixtures.shop import NOBODY_WAITS, of_the_run, open_shop, variant, working
from tests.fixtures.small_shop import stock
from tests.fixtures.traces import traces
from tests.fixtures.waiting import until
from workers.training.pipeline import train_and_activate

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from shop.settings import Settings
    from shop.store.database import Database
    from tests.fixtures.shop import Shop

pytestmark = pytest.mark.slow

EXPORT = """
mutation ($id: ID!) {
  exportUserData(input: { userId: $id }) { job { id name state } downloadUrl expiresAt userErrors { field code } }
}
"""
ERASE = """
mutation ($id: ID!, $again: ID!) {
  eraseUserData(input: { userId: $id, confirmUserId: $again }) {
    job { id name state } receiptId userErrors { field code }
  }
}
"""
RECEIPT = "query ($id: ID!) { erasure(id: $id) { finishedAt passes total counts { place count } } }"
FOLLOW = "subscription ($id: ID!) { jobProgress(id: $id) { job { state progress result errorMessage } } }"
RATE = "mutation ($input: RateExplanationInput!) { rateExplanation(input: $input) { userErrors { code } } }"
EDIT = "mutation ($input: EditInsightInput!) { editInsight(input: $input) { excludedCount userErrors { code } } }"
LIST = "id items { product { id } explanation { id status } }"
AUDIT = """
query ($subject: String, $action: String) {
  auditLog(subject: $subject, action: $action, first: 100) { nodes { action actorId subject details } }
}
"""
POINTS = ("before:users", "after:interactions", "after:session_owners", "before:redis", "before:finish")

SIGN_UP_AND_IN = """
mutation ($up: SignUpInput!, $in: SignInInput!) {
  signUp(input: $up) { accepted }
  signIn(input: $in) { user { preferences { brands } interactions { totalCount } } }
}
"""


@dataclass
class Somebody:
    """A shopper of whom every part of the shop has something, under words that nobody else has."""

    id: str
    session: str
    email: str
    name: str
    words: tuple[str, ...]

    @property
    def global_id(self) -> str:
        return str(encode_id("User", self.id))

    @property
    def needles(self) -> list[str | bytes]:
        hashed = [key_of(key).to_bytes(8, "little") for key in (f"u:{self.id}", f"s:{self.session}")]
        return [self.id, self.session, self.email, self.name, *self.words, *hashed]


@pytest.fixture
async def own(settings: Settings, database: Database) -> Settings:
    """A shop with a model, in which nobody works yet."""
    await stock(database)
    accounts = [user_to_document(user) for user in demo.special_accounts(datetime.now(UTC))]
    await database["users"].insert_many(accounts)
    privacy = PrivacySettings(settle_seconds=2)
    return variant(settings, rate=NOBODY_WAITS, privacy=privacy)


@pytest.fixture
async def shop(own: Settings, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with open_shop(own) as served:
        await model_of_same_data(served.resources.training, of_the_run(tmp_path_factory))

        async def has_model() -> bool:
            return served.resources.models.active is not None

        await until(has_model, "the model")
        yield served


@contextlib.asynccontextmanager
async def halting_worker(settings: Settings, *point: str) -> AsyncIterator[Process]:
    """A worker process; killed at the end."""
    environment = os.environ | {
        "MONGODB_URI": settings.mongo.uri or "",
        "MONGODB_DATABASE": settings.mongo.database,
        "REDIS_URL": settings.redis.url or "",
        "REDIS_PREFIX": settings.redis.prefix,
        "PRIVACY_SETTLE_SECONDS": str(settings.privacy.settle_seconds),
    }
    command = (sys.executable, "-m", "tests.fixtures.halting_worker", *point)
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def halted(process: Process) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while (line := await process.stdout.readline()) != b"halted\n":
            assert line, "the worker has ended"


async def somebody(shop: Shop) -> Somebody:
    """Somebody who has done everything that can be done."""
    mark = uuid4().hex[:10]
    words = (f"comment-{mark}", f"note-{mark}", f"brand-{mark}", f"order-{mark}", f"key-{mark}")
    person = Somebody(f"person-{mark}", f"visit-{mark}", f"{mark}@person.example", f"Name {mark}", words)
    _, _, brand, order, key = words
    database = shop.resources.stores.database
    await database["users"].insert_one(user_to_document(User(person.id, person.email, person.name)))
    products = await products_in_stock(shop, 8)

    # first as a visitor, and then signed in
    events = [{"productId": product, "type": "VIEW"} for product in products[:3]]
    visit = {"interactions": events, "sessionId": person.session}
    await shop.data(TRACK_SEVERAL, {"input": visit})
    await shop.listed(LIST, None, sessionId=person.session, limit=3)
    bought = [{"productId": product, "type": "PURCHASE", "orderId": order, "key": f"{key}-{n}"}
              for n, product in enumerate(products)]  # fmt: skip
    signed_in = {"interactions": bought, "sessionId": person.session}
    tracked = (await shop.data(TRACK_SEVERAL, {"input": signed_in}, person.id))["trackInteractions"]
    assert not tracked["userErrors"]
    tastes = "mutation ($b: [String!]!) { updatePreferences(input: { brands: $b }) { userErrors { code } } }"
    await shop.data(tastes, {"b": [brand]}, person.id)
    shown = await shop.listed(LIST, person.id, limit=4)
    clicked = {"productId": shown["items"][0]["product"]["id"], "type": "CLICK", "recommendationId": shown["id"]}
    await shop.data(TRACK_SEVERAL, {"input": {"interactions": [clicked]}}, person.id)
    await say_things(shop, person, shown["items"][0], tracked["interactions"][0]["id"])
    await shop.listed(LIST, person.id, limit=4)
    # staff look at it
    looked = "query ($id: ID!) { user(id: $id) { email interactions { nodes { id } } insight { text } } }"
    await shop.data(looked, {"id": person.global_id}, demo.STAFF)
    await shop.listed(LIST, demo.STAFF, userId=person.global_id, limit=2)
    # and something waits in the queue
    queue = shop.resources.stores.queue
    await queue.enqueue(RollUpSession(person.id), job_id=f"later-{mark}", delay_seconds=3_600)
    await shop.resources.stores.recommendation_log.flush()
    lists = shop.resources.stores.database["recommendations_log"]

    async def is_rewarded() -> bool:
        found = await lists.find_one({"_id": shown["id"]})
        return found is not None and any("rewardedAt" in item for item in found["items"])

    await until(is_rewarded, "the click that is credited behind the request")
    return person


async def say_things(shop: Shop, person: Somebody, item: dict[str, Any], event: str) -> None:
    """Rates a text, corrects the insight, and waits for both."""
    database = shop.resources.stores.database
    comment, note = person.words[:2]
    explanation = item["explanation"]["id"]
    rated = {"explanationId": explanation, "productId": item["product"]["id"], "helpful": False, "reason": "WRONG"}
    rated["comment"] = comment

    async def is_written() -> bool:
        return await database["explanations"].count_documents({"actorKey": f"u:{person.id}"}) > 0

    await until(is_written, "the texts")
    assert (await shop.data(RATE, {"input": rated}, person.id))["rateExplanation"] == {"userErrors": []}
    await shop.data("{ insight { status text } }", None, person.id)
    excluded = {"excludeInteractionIds": [event], "reason": "GIFT", "note": note}
    assert (await shop.data(EDIT, {"input": excluded}, person.id))["editInsight"]["excludedCount"] == 1

    async def has_insight() -> bool:
        return bool((await shop.data("{ insight { status } }", None, person.id))["insight"]["status"] == "READY")

    await until(has_insight, "the insight")


async def downloaded(shop: Shop, url: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    async with shop.http.get(url) as response:
        return response.status, dict(response.headers), json.loads(await response.read())


async def all_of(database: Database, person: Somebody) -> dict[str, list[dict[str, Any]]]:
    """What the collections hold of somebody, but for what changes behind the requests."""
    actor = {"actorKey": {"$in": [f"u:{person.id}", f"s:{person.session}"]}}
    user = {"userId": person.id}
    visit = {"$or": [user, {"sessionId": person.session, "userId": None}]}
    queries: dict[str, dict[str, Any]] = {
        "user": {"_id": person.id}, "profile": {"_id": person.id}, "interactions": visit, "insights": user,
        "explanations": actor, "explanationRatings": actor, "exclusions": actor, "anonymousSessions": user,
        "recommendationLists": actor,
        "auditEntries": {"$or": [{"subject": person.id}, {"actorId": person.id}]},
    }  # fmt: skip
    names = {"user": "users", "profile": "user_profiles", "anonymousSessions": "session_owners",
             "recommendationLists": "recommendations_log", "explanationRatings": "explanation_ratings",
             "auditEntries": "audit_log"}  # fmt: skip
    moving = {"updatedAt": 0, "eventCount": 0, "lastEventAt": 0}  # of a profile that is folded behind
    return {
        name: await database[names.get(name, name)].find(query, moving).sort("_id", 1).to_list(None)
        for name, query in queries.items()
    }


def values_of(value: Any) -> list[str]:
    """All values deep inside, as text."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in values_of(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in values_of(inner)]
    if isinstance(value, datetime):
        return [value.isoformat(timespec="seconds")[:19]]
    return [value.hex() if isinstance(value, bytes) else str(value)]


async def test_everything_is_exported_to_be_downloaded_once(own: Settings, shop: Shop) -> None:
    database = shop.resources.stores.database
    async with working(own):
        person = await somebody(shop)
    ordered = (await shop.data(EXPORT, {"id": person.global_id}, person.id))["exportUserData"]
    assert ordered["userErrors"] == []
    assert timedelta(hours=23) < datetime.fromisoformat(ordered["expiresAt"]) - datetime.now(UTC) < timedelta(hours=25)

    status, headers, early = await downloaded(shop, ordered["downloadUrl"])
    assert (status, headers["Cache-Control"]) == (425, "no-store")
    assert "not ready yet" in early["errors"][0]["message"]
    stored = await all_of(database, person)
    async with working(own), shop.subscribe(FOLLOW, {"id": ordered["job"]["id"]}, person.id) as following:
        while (told := await following.next())["jobProgress"]["job"]["state"] != "SUCCEEDED":
            pass
    assert "bytes" in told["jobProgress"]["job"]["result"]
    async with shop.http.head(ordered["downloadUrl"]) as response:
        assert response.status == 405, "a look at the headers uses up nothing"
    status, headers, document = await downloaded(shop, ordered["downloadUrl"])

    assert (status, headers["Cache-Control"]) == (200, "no-store")
    assert headers["Content-Disposition"].startswith("attachment")
    assert (document["format"], document["version"], document["userId"]) == ("whybuy-user-export", 1, person.id)
    told_values = set(values_of(document)) | {value[:19] for value in values_of(document)}
    for name, documents in stored.items():
        assert documents, name
        for one in documents:
            kept = {field: value for field, value in one.items() if field != "actorId"}
            assert [value for value in values_of(kept) if value not in told_values] == [], name
    assert len(document["interactions"]) == 12
    assert len(document["recommendationLists"]) >= 3
    assert document["recentEvents"]
    assert {"read", "editInsight", "exportUserData"} <= {entry["action"] for entry in document["auditEntries"]}

    # it is gone now
    assert (await downloaded(shop, ordered["downloadUrl"]))[0] == 410
    assert (await downloaded(shop, ordered["downloadUrl"][:-1] + "_"))[0] == 404
    assert await database["export_chunks"].count_documents({}) == 0
    await an_export_expires(own, shop, person)
    await others_are_refused(shop, person, ordered["job"]["id"])


async def an_export_expires(own: Settings, shop: Shop, person: Somebody) -> None:
    """One that nobody wants is deleted."""
    database = shop.resources.stores.database
    async with working(own):
        second = (await shop.data(EXPORT, {"id": person.global_id}, demo.STAFF))["exportUserData"]

        async def is_ready() -> bool:
            return await database["exports"].count_documents({"state": "READY"}) == 1

        await until(is_ready, "the second one")
    past = datetime.now(UTC) - timedelta(seconds=1)
    await database["exports"].update_one({"state": "READY"}, {"$set": {"expiresAt": past}})
    assert (await downloaded(shop, second["downloadUrl"]))[0] == 410
    assert (await shop.resources.retention.apply())["expired exports"] == 1
    assert await database["export_chunks"].count_documents({}) == 0


async def others_are_refused(shop: Shop, person: Somebody, job_id: str) -> None:
    """Nobody has it but the shopper and staff, and nobody orders without end."""
    other = await somebody_else(shop)
    assert (await shop.ask(EXPORT, {"id": person.global_id}, other)).code == "FORBIDDEN"
    assert (await shop.ask(EXPORT, {"id": person.global_id})).code == "UNAUTHENTICATED"
    job = {"id": job_id}
    answers = [await shop.ask("query ($id: ID!) { job(id: $id) { name } }", job, user) for user in (other, person.id)]
    assert [answer.code if answer.errors else "" for answer in answers] == ["FORBIDDEN", ""]
    for _ in range(3):
        await shop.data(EXPORT, {"id": person.global_id}, person.id)
    refused = (await shop.data(EXPORT, {"id": person.global_id}, person.id))["exportUserData"]
    assert refused["userErrors"] == [{"field": "userId", "code": "LIMIT"}]


async def somebody_else(shop: Shop) -> str:
    user = User(f"else-{uuid4().hex[:8]}")
    await shop.resources.stores.database["users"].insert_one(user_to_document(user))
    return user.id


async def test_everything_is_erased_by_workers_that_are_killed(own: Settings, shop: Shop) -> None:
    stores = shop.resources.stores
    async with working(own):
        person, other = await somebody(shop), await somebody(shop)
        exported = (await shop.data(EXPORT, {"id": person.global_id}, person.id))["exportUserData"]

        async def is_ready() -> bool:
            return await stores.database["exports"].count_documents({"state": "READY"}) == 1

        await until(is_ready, "an export that is left alone")
    old = await bearer(shop, person.id)
    before = await all_of(stores.database, other)
    assert len(await traces(stores.database, stores.redis, person.needles)) > 20
    await stores.jobs.dead_letter(failed_job(person.id))
    await stores.event_log.publish([Event(Topic.EXPLANATION_CHUNK, "k", {"text": "t", "actor": f"u:{person.id}"})])

    # ordered by the shopper, who goes on shopping
    wrong = await shop.data(ERASE, {"id": person.global_id, "again": other.global_id}, person.id)
    assert wrong["eraseUserData"]["userErrors"] == [{"field": "confirmUserId", "code": "INVALID"}]
    ids = {"id": person.global_id, "again": person.global_id}
    assert (await shop.ask(ERASE, ids, other.id)).code == "FORBIDDEN"
    ordered, twice = [(await shop.data(ERASE, ids, person.id))["eraseUserData"] for _ in range(2)]
    assert ordered["job"]["id"] == twice["job"]["id"], "one at a time"
    going_on = asyncio.create_task(active(shop, person, old))
    follow = {"id": ordered["job"]["id"]}
    async with (
        shop.subscribe(FOLLOW, follow, demo.STAFF) as following,
        shop.subscribe(FOLLOW, follow, person.id) as own_,
    ):
        assert (await own_.next())["jobProgress"]["job"]["state"] == "QUEUED"
        for point in POINTS:
            async with halting_worker(own, point) as worker:
                await halted(worker)
        async with halting_worker(own):
            while (told := await following.next())["jobProgress"]["job"]["state"] != "SUCCEEDED":
                assert told["jobProgress"]["job"]["state"] != "FAILED", told
        assert await is_closed(own_.socket), "the account is gone"
    going_on.cancel()
    refusals = await asyncio.gather(going_on, return_exceptions=True)
    assert isinstance(refusals[0], asyncio.CancelledError), refusals

    await nothing_is_left(shop, person, ordered["receiptId"])
    assert await all_of(stores.database, other) == before
    assert (await downloaded(shop, exported["downloadUrl"]))[0] == 404
    await nothing_comes_back(shop, person, old)


async def nothing_is_left(shop: Shop, person: Somebody, receipt_id: str) -> None:
    """But a receipt, and entries that name nobody."""
    stores = shop.resources.stores
    await stores.recommendation_log.flush()
    await shop.resources.bandit.flush()
    assert await traces(stores.database, stores.redis, person.needles) == []
    receipt = (await shop.data(RECEIPT, {"id": receipt_id}))["erasure"]
    counts = {one["place"]: one["count"] for one in receipt["counts"]}
    assert receipt["finishedAt"]
    assert counts["users"] == counts["user_profiles"] == 1
    assert counts["interactions"] >= 12
    assert {"explanations", "insights", "explanation_ratings", "exclusions", "audit_log", "exports", "jobs",
            "recommendations_log", "session_owners", "redis"} <= counts.keys()  # fmt: skip
    renamed = f"erased:{await only_erasure(stores.database)}"
    entries = (await shop.data(AUDIT, {"subject": renamed}, demo.STAFF))["auditLog"]["nodes"]
    assert {"read", "editInsight", "exportUserData", "eraseUserData"} <= {entry["action"] for entry in entries}
    assert {entry["actorId"] for entry in entries if entry["action"] == "read"} == {encode_id("User", demo.STAFF)}


async def nothing_comes_back(shop: Shop, person: Somebody, old: dict[str, str]) -> None:
    """By a training, or by an old token; a new one begins from nothing."""
    stores = shop.resources.stores
    snapshot = await train_and_activate(shop.resources.training)
    assert snapshot.current
    assert await traces(stores.database, stores.redis, person.needles) == []
    assert (await shop.ask("{ viewer { id } }", headers=old)).code == "UNAUTHENTICATED"
    assert (await shop.ask("{ viewer { id } }", user=person.id)).code == "UNAUTHENTICATED"
    words = {"email": person.email, "password": "three words in a row"}
    anew = await shop.ask(SIGN_UP_AND_IN, {"up": words, "in": words})
    nothing: dict[str, Any] = {"preferences": {"brands": []}, "interactions": {"totalCount": 0}}
    assert anew.data is not None, anew.errors
    assert anew.data["signIn"]["user"] == nothing


async def is_closed(socket: Any) -> bool:
    """Whether the server closes it, after what is still to be read."""
    async with asyncio.timeout(30):
        while not socket.closed:
            await socket.receive()
    return True


async def active(shop: Shop, person: Somebody, token: dict[str, str]) -> None:
    """Somebody who goes on with open pages: signed in, and as the visitor of before."""
    (product,) = await products_in_stock(shop, 1)
    event = {"interactions": [{"productId": product, "type": "VIEW"}], "sessionId": person.session}
    listed = "{ recommendations { items { rank explanation { text } } } }"
    while True:
        await shop.ask(TRACK_SEVERAL, {"input": event}, headers=token)
        await shop.ask(TRACK_SEVERAL, {"input": event})
        await shop.ask(listed, headers=token)
        await asyncio.sleep(0.05)


def failed_job(user_id: str) -> Any:
    from shop.entities.jobs import JobRecord, JobState

    message = {"version": 1, "user_id": user_id, "language": "en"}
    now = datetime.now(UTC)
    return JobRecord(uuid4().hex, WriteInsight.name, message, now, JobState.FAILED, finished_at=now)


async def only_erasure(database: Database) -> str:
    (erasure,) = await database["erasures"].find().to_list(None)
    return str(erasure["_id"])


async def test_admins_erase_somebody_unknown_and_no_colleague(own: Settings, shop: Shop) -> None:
    unknown = encode_id("User", "shopper-1")  # has bought something, and has no account
    database = shop.resources.stores.database
    await database["users"].insert_one(user_to_document(User("boss", role=Role.ADMIN)))
    bought = await database["interactions"].count_documents({"userId": "shopper-1"})
    namesake = await database["interactions"].count_documents({"userId": "shopper-10"})
    async with working(own):
        for expected in ({"interactions": bought}, {}):
            ordered = (await shop.data(ERASE, {"id": unknown, "again": unknown}, "boss"))["eraseUserData"]
            async with shop.subscribe(FOLLOW, {"id": ordered["job"]["id"]}, "boss") as following:
                while (await following.next())["jobProgress"]["job"]["state"] != "SUCCEEDED":
                    pass
            receipt = (await shop.data(RECEIPT, {"id": ordered["receiptId"]}, demo.STAFF))["erasure"]
            counts = {one["place"]: one["count"] for one in receipt["counts"]}
            assert {place: count for place, count in counts.items() if place == "interactions"} == expected
    assert bought > 0
    assert await database["interactions"].count_documents({"userId": "shopper-1"}) == 0
    assert await database["interactions"].count_documents({"userId": "shopper-10"}) == namesake
    staff = encode_id("User", demo.STAFF)
    other = {"id": encode_id("User", "shopper-2"), "again": encode_id("User", "shopper-2")}
    assert (await shop.ask(ERASE, other, demo.STAFF)).code == "FORBIDDEN"
    refused = (await shop.data(ERASE, {"id": staff, "again": staff}, "boss"))["eraseUserData"]
    assert refused["userErrors"] == [{"field": "userId", "code": "ROLE"}]
    assert Actor(demo.STAFF).key  # the account is still there
    assert (await shop.data("{ viewer { role } }", None, demo.STAFF))["viewer"]["role"] == "STAFF"


async def test_a_training_under_way_begins_anew_without_whoever_is_erased(shop: Shop) -> None:
    resources = shop.resources
    stages: list[str] = []
    orders = iter(("shopper-3", "shopper-4"))

    async def erase_somebody(stage: str, _share: float) -> None:
        stages.append(stage)
        if stage == "storing" and (user_id := next(orders, None)) is not None:
            await resources.erasures.note(user_id)

    first = resources.models.require().snapshot
    trained = await train_and_activate(resources.training, 7, erase_somebody)

    assert stages.count("storing") == 2
    assert trained.users == first.users - 1, "of the second one the data had been read already"
    assert any("A shopper was erased while this was trained" in note for note in trained.notes)
