"""Staff train a model while the shop is open, watch it come into use, and go back to the older one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mongo_seed.complete_journey import demo
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop

SHOPPER = "household-82"
START = """
mutation ($input: StartTrainingInput!) {
  startTraining(input: $input) { job { id state progress } userErrors { field code message } }
}
"""
FOLLOW = """
subscription ($id: ID!) {
  jobProgress(id: $id) {
    eventId
    job { state progress stage attempt startedAt finishedAt errorCode errorMessage resultVersion }
  }
}
"""
ACTIVATE = """
mutation ($input: ActivateModelInput!) {
  activateModel(input: $input) { model { version status } userErrors { field code message } }
}
"""
ACTIVATED = "subscription { modelActivated { eventId version model { status kind } } }"
MODELS = "{ models(first: 20) { version status kind parent rejection trainedAt metrics { name value } } }"


async def in_use(shop: Shop) -> str:
    return str((await shop.data("{ model { version } }"))["model"]["version"])


async def listed_by(shop: Shop) -> str:
    return str((await shop.listed("modelVersion", SHOPPER))["modelVersion"])


async def until_in_use(shop: Shop, version: str) -> None:
    async def swapped() -> bool:
        return await in_use(shop) == version

    await until(swapped, f"model {version}")
    assert await listed_by(shop) == version
    assert await shop.resources.stores.database["model_snapshots"].count_documents({"current": True}) == 1


async def followed(shop: Shop, job_id: str) -> list[dict[str, Any]]:
    """What the subscription says until it completes."""
    told: list[dict[str, Any]] = []
    async with shop.subscribe(FOLLOW, {"id": job_id}, demo.STAFF) as progress:
        while True:
            message = await progress.socket.receive_json(timeout=90)
            if message["type"] == "complete":
                return told
            told.append(message["payload"]["data"]["jobProgress"])


@pytest.mark.slow
async def test_a_training_is_followed_and_taken_back(shop: Shop) -> None:
    before = await listed_by(shop)

    async with shop.subscribe(ACTIVATED, listening=True) as activated:
        started = (await shop.data(START, {"input": {"kind": "FULL", "seed": 1234}}, demo.STAFF))["startTraining"]
        again = (await shop.data(START, {"input": {"kind": "CONTENT"}}, demo.STAFF))["startTraining"]
        job_id = started["job"]["id"]
        told = await followed(shop, job_id)
        event = (await activated.next())["modelActivated"]

    assert started["userErrors"] == []
    assert again["job"]["id"] == job_id, "one training at a time"
    progress = [step["job"]["progress"] for step in told]
    assert progress == sorted(progress)
    assert len(set(progress)) > 5
    ended = told[-1]["job"]
    assert (ended["state"], ended["progress"], ended["stage"]) == ("SUCCEEDED", 1.0, "done")
    assert (ended["errorCode"], ended["attempt"]) == (None, 1)
    assert ended["startedAt"] <= ended["finishedAt"]
    version = ended["resultVersion"]
    assert (event["version"], event["model"]) == (version, {"status": "ACTIVE", "kind": "FULL"})
    await until_in_use(shop, version)

    taken_back = (await shop.data(ACTIVATE, {"input": {"version": before}}, demo.STAFF))["activateModel"]
    await until_in_use(shop, before)
    statuses = {one["version"]: one["status"] for one in (await shop.data(MODELS, user=demo.STAFF))["models"]}
    assert taken_back == {"model": {"version": before, "status": "ACTIVE"}, "userErrors": []}
    assert (statuses[before], statuses[version]) == ("ACTIVE", "INACTIVE")
    await shop.resources.stores.snapshots.reject(version, "It is worse.")
    (rejected,) = (one for one in (await shop.data(MODELS, user=demo.STAFF))["models"] if one["version"] == version)
    assert (rejected["status"], rejected["rejection"]) == ("REJECTED", "It is worse.")

    entry = await shop.resources.stores.database["audit_log"].find_one({"action": "activateModel"}, sort=[("at", -1)])
    assert entry
    assert (entry["actorId"], entry["subject"], entry["details"]["previous"]) == (demo.STAFF, before, version)

    found = await shop.data("query ($id: ID!) { job(id: $id) { id state name } }", {"id": job_id}, demo.STAFF)
    assert found["job"] == {"id": job_id, "state": "SUCCEEDED", "name": "train_model"}
    listed = await shop.data("{ jobs(first: 1) { totalCount nodes { id } pageInfo { hasNextPage } } }", user=demo.STAFF)
    assert listed["jobs"]["nodes"] == [{"id": job_id}]
    assert listed["jobs"]["totalCount"] >= 1


async def test_a_model_that_is_not_there_is_the_users_error(shop: Shop) -> None:
    before = await in_use(shop)

    refused = (await shop.data(ACTIVATE, {"input": {"version": "nonsense"}}, demo.STAFF))["activateModel"]
    bad_seed = (await shop.data(START, {"input": {"seed": -1}}, demo.STAFF))["startTraining"]

    assert refused["model"] is None
    assert [(error["field"], error["code"]) for error in refused["userErrors"]] == [("version", "NOT_FOUND")]
    assert [(error["field"], error["code"]) for error in bad_seed["userErrors"]] == [("seed", "OUT_OF_RANGE")]
    assert await in_use(shop) == before


async def test_only_staff_have_a_say_in_models(shop: Shop) -> None:
    answers = [
        await shop.ask(START, {"input": {}}, SHOPPER),
        await shop.ask(ACTIVATE, {"input": {"version": await in_use(shop)}}, SHOPPER),
        await shop.ask(MODELS, user=SHOPPER),
        await shop.ask("{ jobs { nodes { id } } }", user=SHOPPER),
        await shop.ask('{ job(id: "Sm9iOng") { id } }', user=SHOPPER),
    ]

    assert [answer.code for answer in answers] == ["FORBIDDEN"] * 5
    async with shop.subscribe(FOLLOW, {"id": "Sm9iOng"}, SHOPPER) as progress:
        (error,) = await progress.next_errors()
    assert error["extensions"]["code"] == "FORBIDDEN"
    unknown = await shop.data('{ job(id: "Sm9iOng") { id } }', user=demo.STAFF)
    assert unknown["job"] is None
