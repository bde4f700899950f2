"""A real small model on this machine writes the texts, as `whybuy up --llm local` has it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from devstack.bench.texts.checker import Checker
from devstack.errors import StackError
from devstack.stack.local_llm import LocalModel, find_model, local_llm_program
from devstack.stack.ports import free_port
from devstack.stack.process import running
from graphql_api.relay import decode_id
from shop.settings import LlmSettings
from tests.fixtures.queries import EXPLANATION_READY, product_ids
from tests.fixtures.shop import open_shop, variant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from devstack.stack.process import Program
    from shop.settings import Settings
    from tests.fixtures.shop import Shop, Subscription

pytestmark = pytest.mark.slow

USER = "household-391"
LIST = "items { product { id } }"
# A busy machine may need a minute for what takes two seconds on an idle one; the template writes in the end.
PATIENCE_SECONDS = 150
SCHEMA = {
    "type": "object",
    "properties": {
        "products": {"type": "array", "items": {"enum": ["milk", "bread", "tea"]}, "minItems": 3, "maxItems": 3},
        "count": {"type": "integer"},
    },
    "required": ["products", "count"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def model() -> LocalModel:
    try:
        return LocalModel(find_model(), context=2048)
    except StackError as error:
        pytest.skip(str(error).splitlines()[0])


@pytest.fixture
async def server(model: LocalModel, tmp_path: Path) -> AsyncIterator[tuple[Program, asyncio.subprocess.Process]]:
    program = local_llm_program(model, free_port())
    async with running(program, tmp_path / "llm.log") as process:
        yield program, process


async def tokens(http: aiohttp.ClientSession, url: str) -> int:
    """How many tokens the model has written so far."""
    async with http.get(f"{url.removesuffix('/v1')}/metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("llamacpp:tokens_predicted_total"))


async def explained(ready: Subscription, products: set[str]) -> dict[str, dict[str, Any]]:
    """The texts of these products, as the subscription brings them."""
    told: dict[str, dict[str, Any]] = {}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not products <= told.keys():
            message = await ready.socket.receive_json()
            event = message["payload"]["data"]["explanationReady"]
            told[event["productId"]] = event["explanation"]
    return told


async def test_an_answer_keeps_to_the_json_schema(server: tuple[Program, asyncio.subprocess.Process]) -> None:
    request = {
        "model": "any",
        "messages": [{"role": "user", "content": "Which products are in my basket?"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "basket", "schema": SCHEMA, "strict": True}},
        "max_tokens": 100,
        "temperature": 0,
    }

    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{server[0].url}/chat/completions", json=request) as response,
    ):
        answer = await response.json()

    basket = json.loads(answer["choices"][0]["message"]["content"])
    assert basket.keys() == {"products", "count"}
    assert len(basket["products"]) == 3
    assert set(basket["products"]) <= {"milk", "bread", "tea"}
    assert answer["usage"]["completion_tokens"] > 5


async def test_what_the_model_writes_is_true_or_the_template_writes_also_when_the_server_dies(
    stocked: Settings, server: tuple[Program, asyncio.subprocess.Process]
) -> None:
    program, process = server
    llm = LlmSettings(
        provider="local",
        local_base_url=program.url,
        local_model="SmolLM2",
        timeout_seconds=50,
        max_retries=0,
        max_output_tokens=160,
    )
    settings = variant(stocked, own_keys=f"{stocked.redis.prefix}-local", llm=llm)
    async with (
        open_shop(settings, with_worker=True) as shop,
        shop.subscribe(EXPLANATION_READY, user=USER, listening=True) as ready,
    ):
        products = set(product_ids((await shop.listed(LIST, USER, limit=3))["items"]))
        told = await explained(ready, products)

        assert await tokens(shop.http, program.url) > 0, "the model was not asked"
        assert {text["status"] for text in told.values()} == {"READY"}
        assert {(text["source"], text["model"]) for text in told.values()} <= {
            ("LOCAL", "SmolLM2"),
            ("TEMPLATE", None),
        }
        await assert_grounded(shop, told)

        process.kill()
        await process.wait()
        others = set(product_ids((await shop.listed(LIST, USER, scenario="POPULAR", limit=20))["items"])) - products
        told = await explained(ready, others)
        assert others
        assert {told[id_]["source"] for id_ in others} == {"TEMPLATE"}


async def assert_grounded(shop: Shop, told: dict[str, dict[str, Any]]) -> None:
    """No number in a text that is not in its evidence, by a checker that the writer does not know."""
    resources = shop.resources
    labels = {id_: category.name for id_, category in (await resources.catalog.categories()).items()}
    checker = Checker({product.id: product async for product in resources.stores.catalog.all()}, labels)
    for id_, text in told.items():
        product_id = decode_id("Product", id_)
        stored = await resources.stores.explanations.latest(f"u:{USER}", product_id)
        assert stored is not None
        assert not checker.ungrounded(text["text"], product_id, stored.evidence, ()).numbers, text
