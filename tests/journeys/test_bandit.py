"""Shoppers of one context click one kind of product, and others like them get to see more of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import numpy as np
import pytest

from devstack.stack.ports import free_port
from graphql_api.app import create_app
from mongo_seed.migrate import migrate
from scoring.exploration.layout import LAYOUT
from shop.store.database import connect
from tests.fixtures.forgetting import forget_all
from tests.fixtures.shop import Shop, serving
from tests.fixtures.waiting import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scoring.exploration.bandit import BanditState
    from shop.settings import Settings

LIST = """
query ($input: RecommendationInput) {
  recommendations(input: $input) { id degraded items { propensity exploration product { id category { id } } } }
}
"""
TRACK = """
mutation ($input: TrackInteractionInput!) { trackInteraction(input: $input) { interaction { id } userErrors { code } } }
"""
MORNING = {"device": "mobile", "localHour": 8}
LIMIT = 10
# With fewer drawn places the others could hold a whole category, of which nothing would then be drawn.
EXPLORED = 0.8
VISITORS, WAVES = 10, 6


@dataclass
class Seen:
    """What lists of many new visitors hold, by category."""

    shown: Counter[str] = field(default_factory=Counter)
    explored: Counter[str] = field(default_factory=Counter)
    propensities: dict[str, list[float]] = field(default_factory=dict)

    def add(self, item: dict[str, Any]) -> None:
        category = category_of(item)
        self.shown[category] += 1
        if item["exploration"]:
            self.explored[category] += 1
            self.propensities.setdefault(category, []).append(item["propensity"])

    def part(self, category: str) -> float:
        return self.shown[category] / self.shown.total()

    def chance(self, category: str) -> float:
        """Mean propensity of the category's products where they were drawn."""
        drawn = self.propensities[category]
        return sum(drawn) / len(drawn)


@contextlib.asynccontextmanager
async def exploring(stocked: Settings) -> AsyncIterator[Shop]:
    """An API process that gives most of each list to exploration."""
    client, database = connect(stocked.mongo)
    await migrate(database)
    client.close()
    settings = stocked.model_copy(
        update={
            "model": stocked.model.model_copy(update={"exploration_share": EXPLORED}),
            "api": stocked.api.model_copy(update={"port": free_port()}),
        }
    )
    app = create_app(settings)
    async with serving(app, settings) as url, aiohttp.ClientSession(json_serialize=json.dumps) as http:
        yield Shop(url, http, app.state.resources, settings)


async def visit(shop: Shop, context: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A new visitor's list."""
    session = uuid4().hex
    wanted = {"sessionId": session, "limit": LIMIT, "context": context}
    return session, (await shop.data(LIST, {"input": wanted}))["recommendations"]


def category_of(item: dict[str, Any]) -> str:
    category = item["product"]["category"]
    return str(category["id"]) if category else "none"


async def look(shop: Shop, context: dict[str, Any], visitors: int = 30) -> Seen:
    """What visitors see who leave the state as it is: a list without a click is evidence against what it shows."""
    seen = Seen()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop.resources.bandit, "shown", lambda _: None)
        for _ in range(visitors):
            for item in (await visit(shop, context))[1]["items"]:
                seen.add(item)
    return seen


async def click(shop: Shop, session: str, shown: dict[str, Any], product: str, key: str) -> None:
    event = {"productId": product, "type": "CLICK", "key": key, "recommendationId": shown["id"]}
    tracked = await shop.data(TRACK, {"input": {"sessionId": session, "interaction": event}})
    assert tracked["trackInteraction"]["userErrors"] == []


async def click_all(shop: Shop, category: str, context: dict[str, Any], visitors: int) -> int:
    """Every visitor clicks, twice with the same key, all that the list has of a category; how many products it was."""
    clicks = 0
    for _ in range(visitors):
        session, shown = await visit(shop, context)
        for item in shown["items"]:
            if category_of(item) == category:
                for _ in range(2):
                    await click(shop, session, shown, item["product"]["id"], item["product"]["id"])
                clicks += 1
    return clicks


async def learnt(shop: Shop) -> BanditState:
    """The state once all that happened has been counted."""
    await shop.resources.stores.recommendation_log.flush()
    await shop.resources.bandit.flush()
    assert shop.resources.bandit.state is not None
    return shop.resources.bandit.state


def assert_kept(state: BanditState | None, taught: BanditState) -> None:
    """All sums are there; they fade by less than a thousandth while a test runs."""
    assert state is not None
    for name, sums in taught.to_arrays().items():
        np.testing.assert_allclose(state.to_arrays()[name], sums, rtol=1e-3, atol=1e-6, err_msg=name)


async def test_what_is_clicked_in_a_context_comes_up_there_and_is_remembered(stocked: Settings) -> None:
    async with exploring(stocked) as shop:
        before = await look(shop, MORNING)
        category = before.explored.most_common(1)[0][0]

        # when morning visitors on phones click nothing but this category
        first = taught = await learnt(shop)
        clicks = 0
        for _ in range(WAVES):
            clicks += await click_all(shop, category, MORNING, VISITORS)
            taught = await learnt(shop)

        # then each place shown and each product clicked counted once, and the next visitors see more of it
        assert taught.weight == pytest.approx(first.weight + WAVES * VISITORS * LIMIT, rel=1e-3)
        assert taught.squares == pytest.approx(first.squares + clicks, rel=1e-3)
        after = await look(shop, MORNING)
        assert after.part(category) > 1.5 * before.part(category)
        assert after.chance(category) > 1.5 * before.chance(category)

        # and it survives that Redis forgets everything
        await forget_all(shop.resources.stores)

        async def restored() -> bool:
            return bool(await shop.resources.stores.redis.exists(shop.resources.stores.keys.bandit(LAYOUT)))

        await until(restored, "the state to come back", 20)

    async with exploring(stocked) as shop:
        assert_kept(shop.resources.bandit.state, taught)
        again = await look(shop, MORNING)
        assert again.part(category) == pytest.approx(after.part(category), rel=0.3)

        # and the log says what that was worth
        report = json.loads(await whybuy(shop.settings, "replay", "--json", "--days", "1"))
        (for_you,) = (one for one in report["scenarios"] if one["scenario"] == "FOR_YOU")
        assert for_you["clicks"] >= clicks
        assert for_you["contested"] > 0
        values = for_you["values"]
        assert values["bandit"]["snips"]["value"] > values["logged"]["snips"]["value"]
        table = await whybuy(shop.settings, "replay")
        assert "FOR_YOU" in table
        assert "bandit, held out" in table


async def test_replay_of_an_empty_log_says_what_is_needed(settings: Settings) -> None:
    told = await whybuy(settings, "replay")
    report = await whybuy(settings, "replay", "--json")

    assert "recommendationId" in told
    assert json.loads(report) == {"days": 30, "scenarios": []}


async def whybuy(settings: Settings, *arguments: str) -> str:
    """What the command prints, as a process of its own."""
    environment = os.environ | {
        "MONGODB_URI": settings.mongo.uri or "",
        "MONGODB_DATABASE": settings.mongo.database,
        "REDIS_URL": settings.redis.url or "",
        "REDIS_PREFIX": settings.redis.prefix,
        "COLUMNS": "200",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "devstack", *arguments, env=environment, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()
