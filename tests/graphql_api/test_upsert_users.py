"""Shoppers as the shop's own systems send them: created, changed field by field, and never given a role."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from graphql_api.relay import encode_id
from shop.entities.users import Role, User
from tests.fixtures.shop import open_shop, variant
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from shop.settings import Settings
    from tests.fixtures.shop import Shop

USER = "id displayName email locale role preferences { categories brands tags }"
UPSERT = f"""
mutation ($input: UpsertUsersInput!) {{
  upsertUsers(input: $input) {{
    results {{ index status user {{ {USER} }} userErrors {{ field code message }} }}
    userErrors {{ field code }}
  }}
}}
"""
STORED = f"query ($id: ID!) {{ user(id: $id) {{ {USER} }} }}"


async def upsert(shop: Shop, *users: dict[str, Any]) -> dict[str, Any]:
    return dict((await shop.data(UPSERT, {"input": {"users": list(users)}}, "demo-staff"))["upsertUsers"])


async def stored(shop: Shop, id_: str) -> dict[str, Any]:
    return dict((await shop.data(STORED, {"id": encode_id("User", id_)}, "demo-staff"))["user"])


def statuses(answer: dict[str, Any]) -> list[str]:
    return [result["status"] for result in answer["results"]]


def codes(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(error["field"], error["code"]) for error in answer["userErrors"]]


def name() -> str:
    return f"ext-{uuid4().hex[:8]}"


async def test_a_shopper_is_made_and_changed_field_by_field(shop: Shop) -> None:
    id_ = name()
    category = (await shop.data("{ categories { id } }"))["categories"][0]["id"]
    whole = {
        "id": f" {id_}\u00a0",
        "displayName": "Ann <b>Example</b>",
        "email": f" {id_.upper()}@Shop.Example ",
        "locale": "DE_at",
        "preferences": {"categories": [category], "brands": ["House <i>Brand</i>"]},
    }

    made = await upsert(shop, whole)
    again = await upsert(shop, whole)
    renamed = await upsert(shop, {"id": id_, "displayName": "Anna", "locale": None})

    assert (statuses(made), statuses(again), statuses(renamed)) == (["CREATED"], ["UNCHANGED"], ["UPDATED"])
    assert made["results"][0]["user"] == {
        "id": encode_id("User", id_),
        "displayName": "Ann Example",
        "email": f"{id_}@shop.example",
        "locale": "de-AT",
        "role": "SHOPPER",
        "preferences": {"categories": [category], "brands": ["House Brand"], "tags": []},
    }
    assert renamed["results"][0]["user"] == {**made["results"][0]["user"], "displayName": "Anna", "locale": None}
    log = shop.resources.stores.database["audit_log"].find({"subject": id_}).sort("at", 1)
    assert [(entry["action"], entry["actorId"], entry["details"]) for entry in await log.to_list(None)] == [
        ("upsertUsers", "demo-staff", {"status": status}) for status in ("CREATED", "UNCHANGED", "UPDATED")
    ]
    assert await stored(shop, id_) == renamed["results"][0]["user"]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"id": " "}, "id", "REQUIRED"),
        ({"id": "a\nb"}, "id", "INVALID"),
        ({"id": "x" * 201}, "id", "TOO_LONG"),
        ({"id": " key:0123"}, "id", "INVALID"),
        ({"email": "no-address"}, "email", "INVALID"),
        ({"email": ""}, "email", "INVALID"),
        ({"email": "Ann <ann@shop.example>"}, "email", "INVALID"),
        ({"email": f"{'x' * 300}@shop.example"}, "email", "TOO_LONG"),
        ({"locale": "klingon"}, "locale", "INVALID"),
        ({"displayName": "x" * 501}, "displayName", "TOO_LONG"),
        ({"preferences": {"categories": ["no-id"]}}, "preferences.categories", "INVALID"),
        ({"preferences": {"categories": [encode_id("Category", "no-such")]}}, "preferences.categories.0", "NOT_FOUND"),
    ],
)
async def test_one_bad_entry_is_named_and_the_good_one_is_stored(
    shop: Shop, change: dict[str, Any], field: str, code: str
) -> None:
    good = name()

    answer = await upsert(shop, {"id": name(), **change}, {"id": good, "displayName": "Bob"})

    assert statuses(answer) == ["REFUSED", "CREATED"]
    assert codes(answer) == [(f"users.0.{field}", code)]
    assert answer["results"][0]["user"] is None
    assert (await stored(shop, good))["displayName"] == "Bob"


async def test_an_address_belongs_to_one_account(shop: Shop) -> None:
    ann, bob, cat, dan = name(), name(), name(), name()
    await upsert(shop, {"id": ann, "email": f"{ann}@shop.example"})

    answer = await upsert(
        shop,
        {"id": bob, "email": f"{ann.upper()}@SHOP.example"},
        {"id": cat, "email": f"{cat}@shop.example"},
        {"id": dan, "email": f"{cat}@Shop.example"},
        {"id": cat, "displayName": "Cat"},
    )

    assert statuses(answer) == ["REFUSED", "CREATED", "REFUSED", "REFUSED"]
    assert codes(answer) == [("users.0.email", "TAKEN"), ("users.2.email", "TAKEN"), ("users.3.id", "DUPLICATE")]
    assert (await stored(shop, ann))["email"] == f"{ann}@shop.example"


async def test_the_shops_own_people_are_not_changed_and_nobody_becomes_one(shop: Shop) -> None:
    id_ = name()
    await shop.resources.users.create(User(id_, display_name="Staff", role=Role.STAFF))

    answer = await upsert(shop, {"id": id_, "email": f"{id_}@shop.example"})
    with_role = await shop.ask(UPSERT, {"input": {"users": [{"id": name(), "role": "STAFF"}]}}, "demo-staff")

    assert codes(answer) == [("users.0.id", "FORBIDDEN")]
    assert (await stored(shop, id_))["email"] is None
    assert with_role.code == "BAD_USER_INPUT"


async def test_only_staff_may(shop: Shop) -> None:
    id_ = name()
    await upsert(shop, {"id": id_})

    shopper = await shop.ask(UPSERT, {"input": {"users": [{"id": id_, "displayName": "Me"}]}}, id_)
    nobody = await shop.ask(UPSERT, {"input": {"users": [{"id": id_, "displayName": "Me"}]}})

    assert (shopper.code, nobody.code) == ("FORBIDDEN", "UNAUTHENTICATED")


async def test_a_thousand_pass_and_other_processes_know_them_at_once(shop: Shop, stocked: Settings) -> None:
    prefix = name()
    users = [
        {"id": f"{prefix}-{n}", "displayName": f"Shopper {n}", "email": f"{prefix}-{n}@a.example"} for n in range(1000)
    ]
    asked = {"id": encode_id("User", users[0]["id"])}
    async with open_shop(variant(stocked)) as second:
        started = time.perf_counter()
        made = await upsert(shop, *users)
        print(f"1000 users: {time.perf_counter() - started:.2f} s")
        before = (await second.data(STORED, asked, "demo-staff"))["user"]["displayName"]
        changed = await upsert(shop, *({"id": user["id"], "displayName": "Renamed"} for user in users))

        async def is_renamed() -> bool:
            return bool((await second.data(STORED, asked, "demo-staff"))["user"]["displayName"] == "Renamed")

        await until(is_renamed, "the new name in the other process", 10)

    assert statuses(made) == ["CREATED"] * 1000
    assert before == "Shopper 0"
    assert statuses(changed) == ["UPDATED"] * 1000
