"""The main story: ask for recommendations, read why, buy, and see the list change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from scoring.types import ReasonKind
from shop.entities.evidence import Evidence
from shop.entities.users import Actor
from shop.settings import LlmSettings
from tests.fixtures.llm_server import llm_server
from tests.fixtures.queries import EXPLANATION_READY, TRACK, product_ids
from tests.fixtures.shop import open_shop, variant

if TYPE_CHECKING:
    from shop.settings import Settings
    from tests.fixtures.shop import Shop

LIST = """
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
"""


async def test_five_explained_recommendations(shop: Shop) -> None:
    shown = await shop.listed(LIST, "household-391")

    assert [item["rank"] for item in shown["items"]] == [1, 2, 3, 4, 5]
    assert len(set(product_ids(shown["items"]))) == 5
    assert shown["degraded"] == []
    for item in shown["items"]:
        assert 0 <= item["score"] <= 1
        assert item["reasons"]
        assert sum(part["share"] for part in item["breakdown"].values()) == pytest.approx(1)
        assert (item["explanation"]["status"], item["explanation"]["source"]) == ("READY", "TEMPLATE")
        assert item["explanation"]["text"].endswith(".")

    again = await shop.listed(LIST, "household-391")
    assert product_ids(again["items"]) == product_ids(shown["items"])
    texts, same = ([item["explanation"]["text"] for item in one["items"]] for one in (shown, again))
    assert texts == same, "what the worker stored is what was shown at once"


async def test_with_a_model_the_texts_follow(stocked: Settings) -> None:
    async with llm_server() as model:
        llm = LlmSettings(provider="local", local_model="smol", local_base_url=f"{model.url}/v1")
        settings = variant(stocked, own_keys=f"llm_{uuid4().hex[:8]}", llm=llm)
        session = uuid4().hex
        async with (
            open_shop(settings, with_worker=True) as shop,
            shop.subscribe(EXPLANATION_READY, {"session": session}, listening=True) as ready,
        ):
            shown = (await shop.listed(LIST, sessionId=session, limit=5))["items"]
            told: dict[str, dict[str, Any]] = {}
            while len(told) < len(shown):
                event = (await ready.next())["explanationReady"]
                told[event["productId"]] = event["explanation"]

    assert {item["explanation"]["status"] for item in shown} == {"PENDING"}
    assert told.keys() == set(product_ids(shown))
    assert {(text["status"], text["source"]) for text in told.values()} == {("READY", "LOCAL")}
    assert len(model.received) == 1, "one call for the list"


async def test_a_purchase_changes_the_next_list_without_training(shop: Shop) -> None:
    user = "household-82"
    before = await shop.listed(LIST, user, limit=10)
    bought = product_ids(before["items"])[0]

    tracked = await shop.data(TRACK, {"input": {"interaction": {"productId": bought, "type": "PURCHASE"}}}, user)
    after = await shop.listed(LIST, user, limit=10)

    assert tracked["trackInteraction"]["userErrors"] == []
    assert bought not in product_ids(after["items"])
    assert set(product_ids(after["items"])) - set(product_ids(before["items"])), "others come in its place"
    assert after["modelVersion"] == before["modelVersion"]


async def test_what_goes_with_a_purchase_comes_up(shop: Shop) -> None:
    session = uuid4().hex
    popular = await shop.listed(LIST, sessionId=session, limit=1, scenario="POPULAR")
    (bought,) = product_ids(popular["items"])

    event = {"sessionId": session, "interaction": {"productId": bought, "type": "PURCHASE"}}
    await shop.data(TRACK, {"input": event})
    after = await shop.listed(LIST, sessionId=session, limit=10)

    subjects = [reason["product"]["id"] for item in after["items"] for reason in item["reasons"] if reason["product"]]
    assert subjects.count(bought) >= 5, "most of the list is there because of the purchase"


async def test_an_open_page_is_told_the_new_list(shop: Shop) -> None:
    user = "household-250"
    live = "subscription { recommendationsUpdated { eventId list { items { product { id } } } } }"
    async with shop.subscribe(live, user=user) as updates:
        first = (await updates.next())["recommendationsUpdated"]
        bought = first["list"]["items"][0]["product"]["id"]

        await shop.data(TRACK, {"input": {"interaction": {"productId": bought, "type": "PURCHASE"}}}, user)

        second = (await updates.next())["recommendationsUpdated"]
        assert bought not in product_ids(second["list"]["items"])
        assert second["eventId"] != first["eventId"]


async def test_an_anonymous_session_is_learned_from(shop: Shop) -> None:
    session = uuid4().hex
    cold = product_ids((await shop.listed(LIST, sessionId=session, limit=10))["items"])
    seen = cold[3]

    event = {"sessionId": session, "interaction": {"productId": seen, "type": "VIEW"}}
    await shop.data(TRACK, {"input": event})
    warm = product_ids((await shop.listed(LIST, sessionId=session, limit=10))["items"])

    assert warm != cold
    viewed = await shop.listed(LIST, sessionId=session, scenario="RECENTLY_VIEWED", limit=1)
    assert product_ids(viewed["items"]) == [seen]


async def test_two_shoppers_never_share_an_explanation(shop: Shop) -> None:
    """Personal texts are cached under what they depend on; with the same evidence, the owner must still tell."""
    evidence = (Evidence(ReasonKind.POPULAR, count=12),)
    explanations = shop.resources.explanations
    owners = [Actor(user_id="a"), Actor(user_id="b"), Actor(session_id="a"), Actor(session_id="b")]

    keys = {explanations.identify(owner, "1082185", evidence, "en").key for owner in owners}
    assert len(keys) == len(owners)

    for session in (uuid4().hex, uuid4().hex):
        async with shop.subscribe(EXPLANATION_READY, {"session": session}, listening=True) as ready:
            shown = await shop.listed(LIST, sessionId=session, scenario="POPULAR", limit=1)
            (item,) = shown["items"]
            event = (await ready.next())["explanationReady"]
            assert event["productId"] == item["product"]["id"], (
                "it was written for this visitor, nobody else's is taken"
            )
    nobody = await shop.ask('{ explanation(productId: "UHJvZHVjdDoxMDgyMTg1") { text } }')
    assert nobody.code == "UNAUTHENTICATED"


async def test_the_list_is_logged_with_scores_and_propensities(shop: Shop) -> None:
    shown = await shop.listed(LIST, "household-250", limit=7)

    await shop.resources.stores.recommendation_log.flush()

    logged = await shop.resources.stores.database["recommendations_log"].find_one({"_id": shown["id"]})
    assert logged is not None
    assert logged["modelVersion"] == shown["modelVersion"]
    assert [item["propensity"] for item in logged["items"]] == [item["propensity"] for item in shown["items"]]
    assert sum(logged["weights"].values()) == pytest.approx(1)


async def test_the_same_key_twice_counts_once(shop: Shop) -> None:
    user = "demo-newcomer"
    product = product_ids((await shop.listed(LIST, user))["items"])[0]
    event = {"interaction": {"productId": product, "type": "LIKE", "key": "tap-1"}}

    await asyncio.gather(*(shop.data(TRACK, {"input": event}, user) for _ in range(5)))

    count = "query { viewer { interactions { totalCount nodes { type product { id } } } } }"
    interactions = (await shop.data(count, user=user))["viewer"]["interactions"]
    assert interactions["totalCount"] == 1
    assert interactions["nodes"] == [{"type": "LIKE", "product": {"id": product}}]


async def test_an_insight_is_written_and_pushed(shop: Shop) -> None:
    user = "household-391"
    live = "subscription { insightUpdated { insight { status text source } } }"
    async with shop.subscribe(live, user=user, listening=True) as updates:
        answer = await shop.data("{ recommendations { insight { status text } } }", user=user)
        insight = answer["recommendations"]["insight"]
        if insight["status"] == "PENDING":
            insight = (await updates.next())["insightUpdated"]["insight"]

    assert insight["status"] == "READY"
    assert insight["text"].endswith(".")
    assert "Ben" not in insight["text"]
