"""What staff read of shoppers, and what they change, is on record before the answer goes out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from graphql_api.relay import decode_id, encode_id
from mongo_seed.complete_journey import demo
from shop.entities.users import Role
from shop.errors import UnavailableError
from shop.store.documents import user_to_document
from tests.fixtures.queries import UPSERT, new_user, products_in_stock
from tests.fixtures.shop import NOBODY_WAITS, open_shop, variant

if TYPE_CHECKING:
    from shop.settings import Settings
    from shop.store.database import Database
    from tests.fixtures.shop import Shop

LIST = "query ($u: ID!) { recommendations(input: { userId: $u, limit: 2 }) { items { product { id } } } }"
# Each reads something of a shopper.
READS = {
    "user": "query ($u: ID!) { user(id: $u) { email insight { text } interactions { nodes { id } } } }",
    "node": "query ($u: ID!) { node(id: $u) { id } }",
    "nodes": "query ($u: ID!) { nodes(ids: [$u, $u]) { id } }",
    "users": "{ users(first: 5) { nodes { email } } }",
    "insight": "query ($u: ID!) { insight(userId: $u) { text } }",
    "explanation": 'query ($u: ID!) { explanation(userId: $u, productId: "PRODUCT") { text } }',
    "recommendations": LIST,
    "exportUserData": "mutation ($u: ID!) { exportUserData(input: { userId: $u }) { userErrors { code } } }",
}


async def entries(shop: Shop, **query: Any) -> list[dict[str, Any]]:
    found = await shop.resources.stores.database["audit_log"].find(query).sort("at", 1).to_list(None)
    return list(found)


@pytest.mark.parametrize("field", READS)
async def test_each_way_of_reading_is_recorded_once_for_a_request(shop: Shop, field: str) -> None:
    user = await new_user(shop)
    await shop.resources.stores.database["users"].update_one({"_id": user}, {"$currentDate": {"createdAt": True}})
    (product,) = await products_in_stock(shop, 1)
    query, wanted = READS[field].replace("PRODUCT", product), {"u": encode_id("User", user)}
    variables = wanted if "$u" in query else {}

    await shop.data(query, variables, demo.STAFF)

    (entry,) = await entries(shop, subject=user, action="read")
    assert (entry["actorId"], entry["details"]) == (demo.STAFF, {"what": field})
    # those who read what is their own, and the shop's own servers, are not
    if field != "users":
        await shop.data(query, variables, user)
    await shop.data(query, variables, demo.SERVICE)
    assert await entries(shop, subject=user, action="read") == [entry]


async def test_the_log_itself_names_whoever_acted_and_that_is_a_read_too(shop: Shop) -> None:
    user = await new_user(shop)
    await shop.data(READS["exportUserData"], {"u": encode_id("User", user)}, user)
    log = "query ($s: String) { auditLog(subject: $s, first: 1) { nodes { actor { email } } } }"

    await shop.data(log, {"s": user}, demo.STAFF)

    assert [one["details"] for one in await entries(shop, subject=user, action="read")] == [{"what": "auditLog"}]


async def test_nothing_goes_out_that_cannot_be_recorded(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    user = await new_user(shop)

    async def away(*_arguments: Any) -> None:
        raise UnavailableError("MongoDB")

    monkeypatch.setattr(shop.resources.stores.audit, "add_all", away)

    answer = await shop.ask(READS["user"], {"u": encode_id("User", user)}, demo.STAFF)

    assert (answer.code, answer.data) == ("UNAVAILABLE", {"user": None})


async def test_a_subscription_is_recorded_when_it_begins(shop: Shop) -> None:
    user = await new_user(shop)
    live = "subscription ($u: ID!) { recommendationsUpdated(input: { userId: $u }) { list { id } } }"

    async with shop.subscribe(live, {"u": encode_id("User", user)}, demo.STAFF) as subscribed:
        await subscribed.next()

    (entry,) = await entries(shop, subject=user, action="read")
    assert entry["details"] == {"what": "recommendationsUpdated"}


async def test_changes_by_staff_are_recorded(shop: Shop) -> None:
    sku = f"sku-{uuid4().hex[:8]}"
    product = {"sku": sku, "name": "Tea"}
    saved = await shop.data(UPSERT, {"input": {"products": [product]}}, demo.STAFF)
    product_id = decode_id("Product", saved["upsertProducts"]["products"][0]["id"])
    (entry,) = await entries(shop, action="upsertProducts", subject=product_id)
    assert (entry["actorId"], entry["details"]) == (demo.STAFF, {"sku": sku})

    user = await new_user(shop)
    await shop.resources.users.set_role(user, Role.STAFF, demo.STAFF)
    (entry,) = await entries(shop, action="setUserRole", subject=user)
    assert (entry["actorId"], entry["details"]) == (demo.STAFF, {"from": "shopper", "to": "staff"})


async def test_who_ordered_a_training_is_recorded(settings: Settings, database: Database) -> None:
    """In a shop where nothing works it off: one in the shared shop would change its model while other tests ask it."""
    (staff,) = (user for user in demo.special_accounts(datetime.now(UTC)) if user.id == demo.STAFF)
    await database["users"].insert_one(user_to_document(staff))
    async with open_shop(variant(settings, rate=NOBODY_WAITS)) as shop:
        start = "mutation { startTraining(input: { kind: EMBEDDINGS }) { job { id } } }"
        job = (await shop.data(start, None, demo.STAFF))["startTraining"]["job"]["id"]
        (entry,) = await entries(shop, action="startTraining", subject=decode_id("Job", job))

    assert (entry["actorId"], entry["details"]) == (demo.STAFF, {"kind": "EMBEDDINGS", "seed": None})
