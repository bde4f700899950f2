"""The measurements of texts can be trusted: the checker finds what it should, the provider fails as it is told."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import aiohttp
import pytest

from devstack.bench.texts.checker import Checker
from devstack.bench.texts.provider import FakeProvider, Fault
from scoring.types import ReasonKind
from shop.entities.catalog import Money, Product
from shop.entities.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

PRICE = Money(Decimal("3.49"))
TEA = Product("1", "T1", "Green Tea, 20 bags (Leaf & Co)", "", ("d", "tea"), "Leaf & Co", (), price=PRICE)
OAT = Product("2", "T2", "Oat Milk, 1 L (Oatery)", "", ("d", "milk"), "Oatery")
RYE = Product("3", "T3", "Rye Bread (Crust)", "", ("d", "bread"), "Crust")
EVIDENCE = (
    Evidence(ReasonKind.BOUGHT_TOGETHER, "2", None, 14, 2.345),
    Evidence(ReasonKind.SAME_CATEGORY, None, "tea", 1234, None),
    Evidence(ReasonKind.SIMILAR_TO, "2", None, None, 0.957),
)
CHECKER = Checker({product.id: product for product in (TEA, OAT, RYE)}, {"d": "Pantry", "tea": "Fine Teas"})


@pytest.mark.parametrize(
    "text",
    [
        "Green Tea, 20 bags (Leaf & Co) goes with Oat Milk, 1 L (Oatery): 14 times, 2.3 times as often as by chance.",
        "You bought from Fine Teas 1,234 times; it matches oat milk at 96% and costs $3.49.",
        "You like bread. One or two cups of tea are a pleasure.",
    ],
)
def test_what_is_in_the_evidence_is_grounded(text: str) -> None:
    assert not CHECKER.ungrounded(text, "1", EVIDENCE, ["Bread"])


@pytest.mark.parametrize(
    ("text", "products", "brands", "numbers"),
    [
        ("It goes with Rye Bread (Crust).", ("rye bread crust",), ("crust",), ()),
        ("RYE BREAD goes with it.", ("rye bread",), (), ()),
        ("A tea like those of Crust.", (), ("crust",), ()),
        ("Bought 15 times, 2,3 times by chance.", (), (), ("15",)),
        ("A dozen shoppers gave it 4.5 of five stars.", (), (), ("dozen", "4.5", "five")),
        ("Only 12,345 are left.", (), (), ("12,345",)),
    ],
)
def test_what_is_not_in_the_evidence_is_found(
    text: str, products: tuple[str, ...], brands: tuple[str, ...], numbers: tuple[str, ...]
) -> None:
    ungrounded = CHECKER.ungrounded(text, "1", EVIDENCE, ())

    assert (ungrounded.products, ungrounded.brands, ungrounded.numbers) == (products, brands, numbers)


def question(*names: str) -> dict[str, object]:
    items = [{"index": index, "product": {"name": name}} for index, name in enumerate(names)]
    user = f"<data>\n{json.dumps({'items': items})}\n</data>"
    return {"model": "m", "messages": [{"role": "system", "content": "Be true."}, {"role": "user", "content": user}]}


async def post(provider: FakeProvider, body: dict[str, object]) -> tuple[int, Mapping[str, str], str]:
    """Status, headers and body of an answer."""
    async with aiohttp.ClientSession() as http, http.post(f"{provider.url}/chat/completions", json=body) as response:
        return response.status, response.headers, await response.text()


def content(body: str) -> str:
    return str(json.loads(body)["choices"][0]["message"]["content"])


async def test_a_healthy_provider_names_what_it_was_asked_about_also_as_a_stream() -> None:
    async with FakeProvider().serving() as provider:
        _, _, whole = await post(provider, question("Tea", "Milk"))
        _, _, stream = await post(provider, question("Tea") | {"stream": True})

    texts = json.loads(content(whole))["explanations"]
    assert [text["index"] for text in texts] == [0, 1]
    assert [text["text"].split()[0] for text in texts] == ["Tea", "Milk"]
    lines = stream.split("\n\n")
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]
    assert "Tea" in "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
    assert "data: [DONE]" in lines
    assert provider.calls == {"": 2}


@pytest.mark.parametrize(("fault", "status"), [(Fault.RATE_LIMITED, 429), (Fault.FAILED, 500), (Fault.OVERLOADED, 529)])
async def test_a_provider_that_fails_says_so(fault: Fault, status: int) -> None:
    async with FakeProvider((fault,), 1.0).serving() as provider:
        answered, headers, _ = await post(provider, question("Tea"))

    assert answered == status
    assert ("retry-after" in headers) == (fault is Fault.RATE_LIMITED)


async def test_a_cut_answer_has_no_end_and_nonsense_is_not_json() -> None:
    async with FakeProvider((Fault.CUT,), 1.0).serving() as provider:
        with pytest.raises(aiohttp.ClientError):
            await post(provider, question("Tea"))
    async with FakeProvider((Fault.NONSENSE,), 1.0).serving() as provider:
        _, _, body = await post(provider, question("Tea"))

    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(content(body))


async def test_the_same_seed_draws_the_same_faults() -> None:
    drawn = []
    for seed in (1, 1, 2):
        async with FakeProvider((Fault.FAILED, Fault.OVERLOADED), 0.5, seed).serving() as provider:
            drawn.append([(await post(provider, question("Tea")))[0] for _ in range(12)])

    assert drawn[0] == drawn[1] != drawn[2]
    assert set(drawn[0]) == {200, 500, 529}
