"""The main story: ask for recommendations, read why, buy, and see the list change."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp
import pytest

from devstack.stack.ports import free_port
from graphql_api.app import create_app
from scoring.types import ReasonKind
from shop.entities.recommendations import Evidence
from shop.entities.users import Actor
from shop.settings import LlmSettings
from tests.fixtures.llm_server import llm_server
from tests.fixtures.shop import Shop, serving, working

if TYPE_CHECKING:
    from shop.settings import Settings

LIST = """
query ($input: RecommendationInput) {
  recommendations(input: $input) {
    id modelVersion generatedAt degraded freshness { lastEventAt modelTrainedAt }
    items {
      rank score confidence exploration propensity
      product { id name price { amount currencyCode } category { name } }
      breakdown {
        collaborative { value weight share } contentBased { value weight share }
        neural { value weight share } contextual { value weight share }
      }
      reasons { kind label count value product { id name } }
      explanation { status text source evidence { kind } model promptVersion generatedAt }
    }
  }
}
"""
READY = """
subscription ($session: String) {
  explanationReady(sessionId: $session) { productId explanation { status text source } }
}
"""
TRACK = """
mutation ($input: TrackInteractionInput!) {
  trackInteraction(input: $input) { interaction { id type product { id } } userErrors { field code message } }
}
"""


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["product"]["id"] for item in answer["recommendations"]["items"]]


async def test_five_explained_recommendations(shop: Shop) -> None:
    answer = await shop.data(LIST, user="household-391")

    shown = answer["recommendations"]
    assert [item["rank"] for item in shown["items"]] == [1, 2, 3, 4, 5]
    assert len(set(ids(answer))) == 5
    assert shown["degraded"] == []
    for item in shown["items"]:
        assert 0 <= item["score"] <= 1
        assert item["reasons"]
        assert sum(part["share"] for part in item["breakdown"].values()) == pytest.approx(1)
        assert (item["explanation"]["status"], item["explanation"]["source"]) == ("READY", "TEMPLATE")
        assert item["explanation"]["text"].endswith(".")

    again = await shop.data(LIST, user="household-391")
    assert ids(again) == ids(answer)
    texts, same = ([item["explanation"]["text"] for item in one["recommendations"]["items"]] for one in (answer, again))
    assert texts == same, "what the worker stored is what was shown at once"


async def test_with_a_model_the_texts_follow(stocked: Settings) -> None:
    async with llm_server() as model, contextlib.AsyncExitStack() as stack:
        settings = stocked.model_copy(
            update={
                "llm": LlmSettings(provider="local", local_model="smol", local_base_url=f"{model.url}/v1"),
                "redis": stocked.redis.model_copy(update={"prefix": f"llm_{uuid4().hex[:8]}"}),
                "api": stocked.api.model_copy(update={"port": free_port()}),
            }
        )
        app = create_app(settings)
        await stack.enter_async_context(working(settings))
        url = await stack.enter_async_context(serving(app, settings))
        shop = Shop(url, await stack.enter_async_context(aiohttp.ClientSession()), app.state.resources, settings)
        session = uuid4().hex
        async with shop.subscribe(READY, {"session": session}, heard=True) as ready:
            wanted = {"sessionId": session, "limit": 5}
            shown = (await shop.data(LIST, {"input": wanted}))["recommendations"]["items"]
            told: dict[str, dict[str, Any]] = {}
            while len(told) < len(shown):
                event = (await ready.next())["explanationReady"]
                told[event["productId"]] = event["explanation"]

    assert {item["explanation"]["status"] for item in shown} == {"PENDING"}
    assert told.keys() == {item["product"]["id"] for item in shown}
    assert {(text["status"], text["source"]) for text in told.values()} == {("READY", "LOCAL")}
    assert len(model.received) == 1, "one call for the list"


async def test_a_purchase_changes_the_next_list_without_training(shop: Shop) -> None:
    user = "household-82"
    before = await shop.data(LIST, {"input": {"limit": 10}}, user)
    bought = ids(before)[0]

    tracked = await shop.data(TRACK, {"input": {"interaction": {"productId": bought, "type": "PURCHASE"}}}, user)
    after = await shop.data(LIST, {"input": {"limit": 10}}, user)

    assert tracked["trackInteraction"]["userErrors"] == []
    assert bought not in ids(after)
    assert set(ids(after)) - set(ids(before)), "others come in its place"
    assert after["recommendations"]["modelVersion"] == before["recommendations"]["modelVersion"]


async def test_what_goes_with_a_purchase_comes_up(shop: Shop) -> None:
    session = uuid4().hex
    (bought,) = ids(await shop.data(LIST, {"input": {"sessionId": session, "limit": 1, "scenario": "POPULAR"}}))

    event = {"sessionId": session, "interaction": {"productId": bought, "type": "PURCHASE"}}
    await shop.data(TRACK, {"input": event})
    after = await shop.data(LIST, {"input": {"sessionId": session, "limit": 10}})

    subjects = [
        reason["product"]["id"]
        for item in after["recommendations"]["items"]
        for reason in item["reasons"]
        if reason["product"]
    ]
    assert subjects.count(bought) >= 5, "most of the list is there because of the purchase"


async def test_an_open_page_is_told_the_new_list(shop: Shop) -> None:
    user = "household-250"
    live = "subscription { recommendationsUpdated { eventId list { items { product { id } } } } }"
    async with shop.subscribe(live, user=user) as updates:
        first = (await updates.next())["recommendationsUpdated"]
        bought = first["list"]["items"][0]["product"]["id"]

        await shop.data(TRACK, {"input": {"interaction": {"productId": bought, "type": "PURCHASE"}}}, user)

        second = (await updates.next())["recommendationsUpdated"]
        assert bought not in [item["product"]["id"] for item in second["list"]["items"]]
        assert second["eventId"] != first["eventId"]


async def test_an_anonymous_session_is_learned_from(shop: Shop) -> None:
    session = uuid4().hex
    cold = await shop.data(LIST, {"input": {"sessionId": session, "limit": 10}})
    seen = ids(cold)[3]

    event = {"sessionId": session, "interaction": {"productId": seen, "type": "VIEW"}}
    await shop.data(TRACK, {"input": event})
    warm = await shop.data(LIST, {"input": {"sessionId": session, "limit": 10}})

    assert ids(warm) != ids(cold)
    viewed = await shop.data(LIST, {"input": {"sessionId": session, "scenario": "RECENTLY_VIEWED", "limit": 1}})
    assert ids(viewed) == [seen]


async def test_two_shoppers_never_share_an_explanation(shop: Shop) -> None:
    """Personal texts are cached under what they depend on; with the same evidence, the owner must still tell."""
    evidence = (Evidence(ReasonKind.POPULAR, count=12),)
    explanations = shop.resources.explanations
    owners = [Actor(user_id="a"), Actor(user_id="b"), Actor(session_id="a"), Actor(session_id="b")]

    keys = {explanations.claim(owner, "1082185", evidence, "en").key for owner in owners}
    assert len(keys) == len(owners)

    for session in (uuid4().hex, uuid4().hex):
        async with shop.subscribe(READY, {"session": session}, heard=True) as ready:
            wanted = {"limit": 1, "scenario": "POPULAR", "sessionId": session}
            answer = await shop.data(LIST, {"input": wanted})
            (item,) = answer["recommendations"]["items"]
            event = (await ready.next())["explanationReady"]
            assert event["productId"] == item["product"]["id"], (
                "it was written for this visitor, nobody else's is taken"
            )
    nobody = await shop.ask('{ explanation(productId: "UHJvZHVjdDoxMDgyMTg1") { text } }')
    assert nobody.code == "BAD_USER_INPUT"


async def test_the_list_is_logged_with_scores_and_propensities(shop: Shop) -> None:
    answer = await shop.data(LIST, {"input": {"limit": 7}}, "household-250")
    shown = answer["recommendations"]

    await shop.resources.stores.recommendation_log.flush()

    logged = await shop.resources.stores.database["recommendations_log"].find_one({"_id": shown["id"]})
    assert logged is not None
    assert logged["modelVersion"] == shown["modelVersion"]
    assert [item["propensity"] for item in logged["items"]] == [item["propensity"] for item in shown["items"]]
    assert sum(logged["weights"].values()) == pytest.approx(1)


async def test_the_same_key_twice_counts_once(shop: Shop) -> None:
    user = "demo-newcomer"
    answer = await shop.data(LIST, user=user)
    event = {"interaction": {"productId": ids(answer)[0], "type": "LIKE", "key": "tap-1"}}

    await asyncio.gather(*(shop.data(TRACK, {"input": event}, user) for _ in range(5)))

    count = "query { viewer { interactions { totalCount nodes { type product { id } } } } }"
    interactions = (await shop.data(count, user=user))["viewer"]["interactions"]
    assert interactions["totalCount"] == 1
    assert interactions["nodes"] == [{"type": "LIKE", "product": {"id": ids(answer)[0]}}]


async def test_an_insight_is_written_and_pushed(shop: Shop) -> None:
    user = "household-391"
    live = "subscription { insightUpdated { insight { status text source } } }"
    async with shop.subscribe(live, user=user, heard=True) as updates:
        answer = await shop.data("{ recommendations { insight { status text } } }", user=user)
        insight = answer["recommendations"]["insight"]
        if insight["status"] == "PENDING":
            insight = (await updates.next())["insightUpdated"]["insight"]

    assert insight["status"] == "READY"
    assert insight["text"].endswith(".")
    assert "Ben" not in insight["text"]
