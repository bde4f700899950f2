"""A shelf holds what its name promises, and nothing to make it longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fixtures.queries import TRACK_SEVERAL, product_ids, products_in_stock

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop

SHELF = """
query ($scenario: Scenario!, $session: String!) {
  recommendations(input: { scenario: $scenario, sessionId: $session, limit: 8 }) {
    items { product { id } reasons { kind count } }
  }
}
"""


@pytest.mark.parametrize("scenario", ["RECENTLY_VIEWED", "BUY_AGAIN"])
async def test_a_shelf_of_history_is_empty_for_who_has_none(shop: Shop, scenario: str) -> None:
    shelf = await shop.data(SHELF, {"scenario": scenario, "session": "never-here-before"})

    assert shelf["recommendations"]["items"] == []


@pytest.mark.parametrize(("scenario", "event"), [("RECENTLY_VIEWED", "VIEW"), ("BUY_AGAIN", "PURCHASE")])
async def test_a_shelf_of_history_is_short_for_who_has_little(shop: Shop, scenario: str, event: str) -> None:
    session = f"little-{event.lower()}"
    products = await products_in_stock(shop, 2)
    events = [{"productId": product, "type": event} for product in products]
    await shop.data(TRACK_SEVERAL, {"input": {"sessionId": session, "interactions": events}})

    shelf = await shop.data(SHELF, {"scenario": scenario, "session": session})

    items = shelf["recommendations"]["items"]
    assert set(product_ids(items)) == set(products)
    assert {item["reasons"][0]["kind"] for item in items} == {scenario}


@pytest.mark.parametrize("scenario", ["FOR_YOU", "POPULAR"])
async def test_what_is_said_of_others_rests_on_three_of_them_at_least(shop: Shop, scenario: str) -> None:
    shelf = await shop.data(SHELF, {"scenario": scenario, "session": "who-else"})

    reasons = [reason for item in shelf["recommendations"]["items"] for reason in item["reasons"]]
    counts = [one["count"] for one in reasons if one["kind"] in {"POPULAR", "SHOPPERS_LIKE_YOU", "BOUGHT_TOGETHER"}]
    assert counts
    assert all(count >= 3 for count in counts)
