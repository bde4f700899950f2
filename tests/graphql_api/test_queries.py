"""What a query costs the database: indexes for all of them, and a number of them that does not grow with the page."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from bson.codec_options import CodecOptions, DatetimeConversion

from shop.settings import MongoSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fixtures.shop import Shop

INDEXED = {"IXSCAN", "IDHACK", "EXPRESS_IXSCAN", "TEXT_MATCH", "COUNT_SCAN", "DISTINCT_SCAN", "RECORD_STORE_FAST_COUNT"}


@contextlib.asynccontextmanager
async def profiled(shop: Shop) -> AsyncIterator[list[dict[str, Any]]]:
    """Commands that reach the database within the block, filled in at its end."""
    database = shop.resources.stores.database
    await database.command("profile", 0)
    await database["system.profile"].drop()
    await database.command("profile", 2)
    seen: list[dict[str, Any]] = []
    try:
        yield seen
    finally:
        await database.command("profile", 0)
        # The server's own, such as what deletes expired documents, have no name, and times that no datetime holds.
        named = {"ns": {"$not": {"$regex": r"system\."}}, "appName": {"$exists": True}}
        seen.extend(await database["system.profile"].find(named).to_list(None))


def reads(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Only what the shop's queries read: not what the worker does, the log, or what the bandit looks up by itself."""
    return [
        entry
        for entry in entries
        if entry["op"] in {"query", "command"}
        and {"find", "aggregate", "count"} & entry["command"].keys()
        and entry.get("appName") == MongoSettings().app_name
        and not entry["ns"].endswith(".bandit_states")
    ]


def stages(plan: Any) -> set[str]:
    if isinstance(plan, dict):
        own = {plan["stage"]} if isinstance(plan.get("stage"), str) else set()
        return own.union(*(stages(value) for value in plan.values()))
    return set().union(*(stages(value) for value in plan)) if isinstance(plan, list) else set()


async def explain(shop: Shop, command: dict[str, Any]) -> set[str]:
    dropped = {"lsid", "$clusterTime", "$db", "$readPreference", "txnNumber", "cursor", "apiVersion"}
    plain = {name: value for name, value in command.items() if name not in dropped}
    if "aggregate" in plain:
        plain["cursor"] = {}
    # A plan may name the last moment of all, which no datetime holds.
    times = CodecOptions[dict[str, Any]](datetime_conversion=DatetimeConversion.DATETIME_AUTO)
    asked = {"explain": plain, "verbosity": "queryPlanner"}
    plan: dict[str, Any] = await shop.resources.stores.database.command(asked, codec_options=times)
    winning = plan.get("queryPlanner", plan)
    return stages(winning.get("winningPlan", winning) if isinstance(winning, dict) else winning)


EVERYTHING = [
    "{ products(first: 5) { totalCount nodes { id } pageInfo { endCursor } } }",
    "{ products(sort: PRICE_ASC, first: 5) { nodes { id } } }",
    "{ products(sort: PRICE_DESC, first: 5) { nodes { id } } }",
    "{ products(sort: NAME_ASC, first: 5) { nodes { id } } }",
    "{ products(sort: NAME_DESC, last: 5) { nodes { id } } }",
    "{ products(sort: NEWEST, first: 5) { nodes { id } } }",
    '{ products(search: "cheese", first: 5) { totalCount nodes { id } } }',
    '{ products(search: "cheese", sort: NAME_ASC, first: 5) { nodes { id } } }',
    '{ products(filter: { tags: ["frozen"] }, first: 5) { totalCount nodes { id } } }',
    '{ products(filter: { brands: ["House Brand"], minPrice: "1" }, sort: PRICE_ASC) { totalCount nodes { id } } }',
    "{ products(filter: { inStock: false }) { totalCount nodes { id } } }",
    '{ products(filter: { maxPrice: "2" }) { totalCount nodes { id } } }',
    '{ product(sku: "1") { id } }',
    "{ viewer { id interactions(first: 3) { totalCount nodes { id } } insight { status } } }",
    "{ users(first: 3) { totalCount nodes { id } } }",
    "{ merchandisingRules(first: 3) { totalCount nodes { id } } }",
    "{ recommendations(input: { limit: 20, includePurchased: true }) { items { rank } insight { status } } }",
]


async def test_every_query_is_covered_by_an_index(shop: Shop) -> None:
    category = (await shop.data("{ categories { id } }"))["categories"][0]["id"]
    product = (await shop.data("{ products(first: 1) { nodes { id } } }"))["products"]["nodes"][0]["id"]
    cursor = (await shop.data("{ products(first: 3) { pageInfo { endCursor } } }"))["products"]["pageInfo"]["endCursor"]
    queries = [
        *EVERYTHING,
        f'{{ products(filter: {{ categories: ["{category}"] }}, first: 5) {{ totalCount nodes {{ id }} }} }}',
        f'{{ products(after: "{cursor}", first: 5) {{ nodes {{ id }} }} }}',
        f'{{ explanation(productId: "{product}") {{ status }} }}',
        f'{{ product(id: "{product}") {{ similar {{ id }} boughtTogether {{ id }} }} }}',
    ]
    async with profiled(shop) as entries:
        for query in queries:
            await shop.data(query, user="demo-staff")
        session = await shop.ask('{ recommendations(input: { sessionId: "indexed" }) { items { rank } } }')
        assert not session.errors

    commands = reads(entries)
    assert len(commands) > 20
    for entry in commands:
        if entry["command"].get("find") == "categories" or (
            "count" in entry["command"] and not entry["command"].get("query")
        ):
            continue  # the whole tree is wanted, and an estimate reads a counter
        plan = await explain(shop, entry["command"])
        assert plan & INDEXED, (entry["command"], plan)
        assert "COLLSCAN" not in plan, entry["command"]


@pytest.mark.parametrize("size", [5, 20])
async def test_a_page_costs_the_same_whatever_its_size(shop: Shop, size: int) -> None:
    query = (
        "query ($first: Int!) { products(first: $first, sort: NEWEST) { nodes { name category { name } "
        "similar(first: 3) { name category { name } } boughtTogether(first: 3) { name } } } }"
    )
    await shop.data(query, {"first": 1})
    shop.resources.catalog.forget_all()

    async with profiled(shop) as entries:
        answer = await shop.data(query, {"first": size})

    assert len(answer["products"]["nodes"]) == size
    found = Counter(entry["command"].get("find") for entry in reads(entries))
    for polled in ("model_snapshots", "merchandising_rules"):
        del found[polled]  # may fall into the moment
    assert found["products"] <= 3, "the page itself, and at most one for each kind of neighbour"
    assert found["categories"] <= 1
    assert found.total() == found["products"] + found["categories"]
