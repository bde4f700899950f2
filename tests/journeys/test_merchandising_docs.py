"""The example of docs/merchandising.md works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop

PAGE = (Path(__file__).parents[2] / "docs" / "merchandising.md").read_text()
(EXAMPLE,) = re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL)
POPULAR = """
{
  recommendations(input: { scenario: POPULAR, limit: 5 }) {
    items { reasons { kind } product { id category { id } } }
  }
}
"""
DELETE = "mutation ($id: ID!) { deleteMerchandisingRule(input: { id: $id }) { deletedId } }"


async def test_the_example_pins_and_boosts(shop: Shop) -> None:
    before = (await shop.data(POPULAR))["recommendations"]["items"]
    last = await shop.data("{ products(first: 1, sort: NAME_DESC, filter: { inStock: true }) { nodes { id } } }")
    product = last["products"]["nodes"][0]["id"]
    category = next(item["product"]["category"]["id"] for item in before if item["product"]["category"])
    chosen = {"product": product, "category": category}

    saved = await shop.data(EXAMPLE, chosen, "demo-staff")
    after = (await shop.data(POPULAR))["recommendations"]["items"]
    for answer in saved.values():
        assert answer["userErrors"] == []
        assert answer["rule"]["active"]
        await shop.data(DELETE, {"id": answer["rule"]["id"]}, "demo-staff")

    assert after[0]["product"]["id"] == product
    assert after[0]["reasons"] == [{"kind": "PROMOTED"}]
    assert (await shop.data(POPULAR))["recommendations"]["items"] == before
