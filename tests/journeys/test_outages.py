"""A database goes away and comes back: lists keep coming and say what is missing, and nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from devstack.stack.ports import free_port
from graphql_api.app import create_app
from tests.fixtures.cable import Cable, cable
from tests.fixtures.shop import Shop, serving
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shop.settings import Settings

LIST = """
query ($input: RecommendationInput) {
  recommendations(input: $input) { id degraded items { product { id name } explanation { status } } }
}
"""
TRACK = """
mutation ($input: TrackInteractionInput!) { trackInteraction(input: $input) { interaction { id } userErrors { code } } }
"""
USER = "household-391"


@contextlib.asynccontextmanager
async def shop_on_cables(stocked: Settings) -> AsyncIterator[tuple[Shop, Cable, Cable]]:
    mongo_port, redis_port = (urlsplit(uri or "").port or 0 for uri in (stocked.mongo.uri, stocked.redis.url))
    async with cable(mongo_port) as mongo, cable(redis_port) as redis:
        settings = stocked.model_copy(
            update={
                "mongo": stocked.mongo.model_copy(
                    update={"uri": f"mongodb://127.0.0.1:{mongo.port}/?directConnection=true", "timeout_ms": 300}
                ),
                "redis": stocked.redis.model_copy(update={"url": f"redis://127.0.0.1:{redis.port}/0"}),
                "api": stocked.api.model_copy(update={"port": free_port()}),
            }
        )
        app = create_app(settings)
        async with serving(app, settings) as url, aiohttp.ClientSession() as http:
            try:
                yield Shop(url, http, app.state.resources, settings), mongo, redis
            finally:
                mongo.mend()
                redis.mend()


async def shown(shop: Shop, **wanted: Any) -> dict[str, Any]:
    return dict((await shop.data(LIST, {"input": wanted}, USER))["recommendations"])


async def test_without_redis_lists_come_and_events_still_count(stocked: Settings) -> None:
    async with shop_on_cables(stocked) as (shop, _, redis):
        before = await shown(shop, limit=8)
        assert before["degraded"] == []

        redis.cut()
        away = await shown(shop, limit=8)
        bought = away["items"][0]["product"]["id"]
        tracked = await shop.data(TRACK, {"input": {"interaction": {"productId": bought, "type": "PURCHASE"}}}, USER)
        after = await shown(shop, limit=8)

        assert "SESSION" in away["degraded"]
        assert len(away["items"]) == 8
        assert tracked["trackInteraction"]["interaction"] is not None
        assert bought not in [item["product"]["id"] for item in after["items"]], "read from MongoDB instead"

        redis.mend()
        healed = await shown(shop, limit=8)
        assert healed["degraded"] == []
        assert bought not in [item["product"]["id"] for item in healed["items"]]


async def test_without_mongodb_lists_come_from_memory_and_writes_say_so(stocked: Settings) -> None:
    async with shop_on_cables(stocked) as (shop, mongo, _):
        before = await shown(shop, limit=8)
        await shop.resources.stores.recommendation_log.flush()

        mongo.cut()
        away = await shown(shop, limit=8)
        product = away["items"][0]["product"]["id"]
        event = {"interaction": {"productId": product, "type": "VIEW", "key": "while-away"}}
        refused = await shop.ask(TRACK, {"input": event}, USER)

        assert [item["product"] for item in away["items"]] == [item["product"] for item in before["items"]]
        assert refused.code == "UNAVAILABLE"
        assert refused.errors[0]["extensions"]["retryable"] is True
        assert "127.0.0.1" not in str(refused.errors), "no driver text"

        mongo.mend()

        async def accepted() -> bool:
            """What a client does with a retryable error: it sends the same key again."""
            return not (await shop.ask(TRACK, {"input": event}, USER)).errors

        await until(accepted, "the write to be taken", 20)
        async with asyncio.timeout(20):
            await shop.resources.stores.recommendation_log.flush()
        logged = await shop.resources.stores.database["recommendations_log"].find_one({"_id": away["id"]})
        assert logged is not None, "the list that was shown during the outage is logged after it"


async def test_readiness_says_which_part_is_away(stocked: Settings) -> None:
    async with shop_on_cables(stocked) as (shop, _, redis):
        redis.cut()
        async with shop.http.get(f"{shop.url}/health/ready") as response:
            answer = await response.json()

        assert response.status == 503
        assert answer["parts"]["mongodb"] == "ok"
        assert "Redis is not reachable" in answer["parts"]["redis"]


@pytest.mark.parametrize("part", ["mongo", "redis"])
async def test_a_subscription_survives_an_outage(stocked: Settings, part: str) -> None:
    live = "subscription { recommendationsUpdated { list { items { product { id } } } } }"
    async with shop_on_cables(stocked) as (shop, mongo, redis), shop.subscribe(live, user=USER) as updates:
        first = (await updates.next())["recommendationsUpdated"]["list"]
        product = first["items"][0]["product"]["id"]
        line = mongo if part == "mongo" else redis

        line.cut()
        await shown(shop)
        line.mend()
        event = {"interaction": {"productId": product, "type": "PURCHASE"}}
        async with asyncio.timeout(30):
            while (await shop.ask(TRACK, {"input": event}, USER)).errors:
                pass
            while True:
                items = (await updates.next())["recommendationsUpdated"]["list"]["items"]
                if product not in [item["product"]["id"] for item in items]:
                    break
