"""A local server gets the number of texts in the schema; the other providers' APIs would refuse it."""

from __future__ import annotations

from typing import Any

import pytest

from shop.entities.explanations import TextSource
from tests.fixtures import llm_server
from tests.workers.llm.samples import INSIGHT, TASK
from workers.llm.chat import Limits
from workers.llm.openai_provider import OpenAiProvider


async def schemas(source: TextSource) -> list[dict[str, Any]]:
    """What the server is sent for two items and for an insight."""
    async with llm_server.llm_server() as server:
        provider = OpenAiProvider(source, "smol", "none", Limits(5, 0, 500), base_url=f"{server.url}/v1")
        await provider.explain(TASK)
        await provider.insight(INSIGHT)
        await provider.aclose()
        return [received.body["response_format"]["json_schema"]["schema"] for received in server.received]


@pytest.mark.parametrize(
    ("source", "bounds"), [(TextSource.LOCAL, {"minItems": 2, "maxItems": 2}), (TextSource.OPENAI, {})]
)
async def test_the_length_of_the_list_is_in_the_schema(source: TextSource, bounds: dict[str, int]) -> None:
    texts, insight = await schemas(source)

    listed = texts["properties"]["explanations"]
    assert {name: listed[name] for name in ("minItems", "maxItems") if name in listed} == bounds
    assert insight["properties"].keys() == {"text"}
