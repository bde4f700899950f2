"""A job fails for good: staff see it and why, mend the cause, have it tried again, and watch it succeed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from graphql_api.relay import encode_id
from mongo_seed.complete_journey import demo
from mongo_seed.migrate import migrate
from shop.entities.users import User
from shop.errors import BadInputError
from shop.jobs import RollUpSession, Sweep
from shop.store.bulk import bulk_insert
from shop.store.documents import user_to_document
from tests.fixtures.shop import open_shop, variant
from tests.fixtures.waiting import until
from workers.registry import JOBS, JobSpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.settings import Settings
    from shop.store.database import Database
    from tests.fixtures.shop import Shop
    from workers.context import WorkerContext

FAILED = """
query ($filter: JobFilter) {
  jobs(filter: $filter) {
    totalCount
    nodes {
      id name message state attempt maxAttempts progress errorCode errorMessage
      createdAt startedAt finishedAt durationMs
    }
  }
}
"""
RETRY = """
mutation ($id: ID!) {
  retryJob(input: { id: $id }) { job { id state attempt } userErrors { field code message } }
}
"""
FOLLOW = "subscription ($id: ID!) { jobProgress(id: $id) { job { state attempt errorCode durationMs } } }"
SHOPPER = "anna"


@pytest.fixture
async def shop(settings: Settings, database: Database) -> AsyncIterator[Shop]:
    """A shop without products: jobs need none."""
    await migrate(database)
    now = datetime.now(UTC)
    accounts = [User(SHOPPER, "anna@shop.example", "Anna Shopper", created_at=now), *demo.special_accounts(now)]
    await bulk_insert(database, "users", [user_to_document(user) for user in accounts])
    async with open_shop(variant(settings), with_worker=True) as served:
        yield served


@dataclass
class Flaky:
    """The body of RollUpSession: refuses until it is mended, and then waits to be let through.

    Workers of other shops in this process run it too; their jobs do not count.
    """

    mended: bool
    release: asyncio.Event
    runs: int = 0

    async def body(self, _context: WorkerContext, job: RollUpSession) -> None:
        if job.user_id != SHOPPER:
            return
        self.runs += 1
        if not self.mended:
            raise BadInputError("The profile has no categories.")
        await self.release.wait()


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> Flaky:
    written = Flaky(mended=False, release=asyncio.Event())
    spec = JobSpec(RollUpSession, lambda: written.body, timeout_seconds=60, tries=4)
    monkeypatch.setitem(JOBS, RollUpSession.name, spec)
    return written


async def failed_job(shop: Shop) -> dict[str, Any]:
    """Has a job fail, and returns what staff see of it."""
    await shop.resources.stores.queue.enqueue(RollUpSession(SHOPPER), job_id=f"rollup:{SHOPPER}")
    wanted = {"filter": {"state": "FAILED", "name": "roll_up_session"}}
    found: list[dict[str, Any]] = []

    async def seen() -> bool:
        found[:] = (await shop.data(FAILED, wanted, demo.STAFF))["jobs"]["nodes"]
        return bool(found)

    await until(seen, "the failed job")
    return found[0]


async def test_a_failed_job_is_seen_and_tried_again(shop: Shop, flaky: Flaky) -> None:
    job = await failed_job(shop)

    assert (job["name"], job["state"]) == ("roll_up_session", "FAILED")
    assert job["message"] == {"version": 1, "user_id": SHOPPER}
    assert (job["attempt"], job["maxAttempts"], job["errorCode"]) == (1, 4, "BAD_USER_INPUT")
    assert job["errorMessage"] == "The profile has no categories."
    assert job["createdAt"] <= job["startedAt"] <= job["finishedAt"]
    assert job["durationMs"] >= 0
    assert "shop.example" not in str(job)
    assert "Anna Shopper" not in str(job)

    flaky.mended = True
    answers = await asyncio.gather(*(shop.data(RETRY, {"id": job["id"]}, demo.STAFF) for _ in range(5)))
    payloads = [answer["retryJob"] for answer in answers]
    (accepted,) = (payload["job"] for payload in payloads if payload["job"])
    refusals = [error for payload in payloads for error in payload["userErrors"]]

    assert (accepted["id"], accepted["state"]) == (job["id"], "QUEUED")
    assert [(error["field"], error["code"]) for error in refusals] == [("id", "BAD_USER_INPUT")] * 4
    async with shop.subscribe(FOLLOW, {"id": job["id"]}, demo.STAFF) as following:
        flaky.release.set()
        told = await following.next()
        while told["jobProgress"]["job"]["state"] != "SUCCEEDED":
            told = await following.next()
    assert told["jobProgress"]["job"]["errorCode"] is None
    assert told["jobProgress"]["job"]["durationMs"] >= 0
    assert flaky.runs == 2, "once before, and once again"
    assert (await shop.data(FAILED, {"filter": {"state": "FAILED"}}, demo.STAFF))["jobs"]["totalCount"] == 0


async def test_jobs_are_listed_by_name_and_state(shop: Shop, flaky: Flaky) -> None:
    assert not flaky.mended
    await failed_job(shop)
    sweep = await shop.resources.jobs.start(Sweep())

    async def names(wanted: dict[str, Any] | None) -> list[str]:
        listed = (await shop.data(FAILED, {"filter": wanted}, demo.STAFF))["jobs"]
        assert listed["totalCount"] == len(listed["nodes"])
        return sorted(node["name"] for node in listed["nodes"])

    async def swept() -> bool:
        done = (await shop.data(FAILED, {"filter": {"state": "SUCCEEDED"}}, demo.STAFF))["jobs"]
        return [node["name"] for node in done["nodes"]] == ["sweep"]

    await until(swept, "the sweep")
    assert await names(None) == ["roll_up_session", "sweep"]
    assert await names({"name": "sweep"}) == ["sweep"]
    assert await names({"name": "sweep", "state": "FAILED"}) == []
    done = await shop.data("query ($id: ID!) { job(id: $id) { progress stage } }", {"id": encode_id("Job", sweep.id)},
                           demo.STAFF)  # fmt: skip
    assert done["job"] == {"progress": 1.0, "stage": "0 lost jobs put again, 0 old records forgotten"}
    refused = await shop.data(RETRY, {"id": encode_id("Job", sweep.id)}, demo.STAFF)
    assert refused["retryJob"]["job"] is None
    assert "SUCCEEDED" in refused["retryJob"]["userErrors"][0]["message"]


async def test_only_staff_see_jobs_and_try_them_again(shop: Shop) -> None:
    unknown = encode_id("Job", "nonsense")

    answers = [await shop.ask(FAILED, user=SHOPPER), await shop.ask(RETRY, {"id": unknown}, SHOPPER)]
    missing = await shop.data(RETRY, {"id": unknown}, demo.STAFF)

    assert [answer.code for answer in answers] == ["FORBIDDEN"] * 2
    assert missing["retryJob"]["job"] is None
    assert [error["code"] for error in missing["retryJob"]["userErrors"]] == ["NOT_FOUND"]
