"""The example of docs/merchandising.md works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fixtures.queries import DELETE_RULE

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop

PAGE = (Path(__file__).parents[2] / "docs" / "merchandising.md").read_text()
(EXAMPLE,) = re.findall(r"```graphql\n(.*?)```", PAGE, re.DOTALL)


async def popular(shop: Shop) -> list[dict[str, Any]]:
    fields = "items { reasons { kind } product { id category { id } } }"
    return list((await shop.listed(fields, scenario="POPULAR", limit=5))["items"])


async def test_the_example_pins_and_boosts(shop: Shop) -> None:
    before = await popular(shop)
    sold = await shop.listed("items { product { id } }", scenario="POPULAR", limit=100)
    product = sold["items"][-1]["product"]["id"]
    category = next(item["product"]["category"]["id"] for item in before if item["product"]["category"])
    chosen = {"product": product, "category": category}

    saved = await shop.data(EXAMPLE, chosen, "demo-staff")
    after = await popular(shop)
    for answer in saved.values():
        assert answer["userErrors"] == []
        assert answer["rule"]["active"]
        await shop.data(DELETE_RULE, {"id": answer["rule"]["id"]}, "demo-staff")

    assert after[0]["product"]["id"] == product
    assert after[0]["reasons"] == [{"kind": "PROMOTED"}]
    assert await popular(shop) == before
