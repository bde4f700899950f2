"""The README's queries work as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.fixtures.shop import Shop

README = (Path(__file__).parents[2] / "README.md").read_text()
QUERIES = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("query", [query for query in QUERIES if not query.startswith("subscription")])
async def test_a_query_answers_with_something(shop: Shop, query: str) -> None:
    data = await shop.data(query, user="household-250")

    (answer,) = data.values()
    assert answer
    assert not answer.get("userErrors")
    assert answer.get("items", answer.get("nodes", True)), "the README promises rows"


async def test_the_subscription_is_answered(shop: Shop) -> None:
    (live,) = [query for query in QUERIES if query.startswith("subscription")]
    async with shop.subscribe(live, user="household-391", listening=True) as explanations:
        await shop.data("{ recommendations(input: { limit: 3, scenario: TRENDING }) { id } }", user="household-391")

        event = (await explanations.next())["explanationReady"]

    assert event["explanation"]["status"] == "READY"
    assert event["explanation"]["text"]


def test_there_are_five() -> None:
    assert len(QUERIES) == 5
