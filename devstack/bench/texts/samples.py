"""Real texts to read: what the template says of real evidence, with as many kinds of reasons as there are."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import click

from devstack.bench.machine import machine
from devstack.bench.texts.shop import ListRequest, bench_shop
from shop.texts.wording import WORDINGS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devstack.bench.texts.shop import Told

_SCENARIOS = ("FOR_YOU", "SIMILAR", "BOUGHT_TOGETHER", "CART", "TRENDING", "BUY_AGAIN", "NEXT_IN_SESSION", "POPULAR")
_SEEDED = frozenset({"SIMILAR", "BOUGHT_TOGETHER", "CART"})
_ITEMS = 8


async def show(texts: int, seed: int, households: int) -> None:
    """Lists of every scenario for drawn shoppers, other ones in each language; of their texts the most varied."""
    draw = random.Random(seed)  # noqa: S311  to be repeatable, not secret
    async with bench_shop(households) as shop:
        users = draw.sample(await shop.shoppers(households), len(WORDINGS))
        seeds = draw.sample(await shop.best_sellers(100), len(WORDINGS))
        async with shop.serving("samples", {"LLM_PROVIDER": "template"}) as served:
            told = {
                language: [
                    (scenario, item)
                    for scenario in _SCENARIOS
                    for item in await served.told(
                        ListRequest(user, scenario, _ITEMS, (product,) if scenario in _SEEDED else (), language)
                    )
                ]
                for language, user, product in zip(WORDINGS, users, seeds, strict=True)
            }
    click.echo(f"{machine()}; {households} households, seed {seed}")
    products: set[str] = set()
    for language, items in told.items():
        click.echo(f"\n**{language}**\n")
        for scenario, item in _varied(items, texts, products):
            click.echo(f"- *{item.product}* ({scenario}; {', '.join(item.kinds)}): {item.text}")


def _varied(told: Iterable[tuple[str, Told]], count: int, products: set[str]) -> list[tuple[str, Told]]:
    """One after the other, each of another product, with the scenario and the reasons that were shown least so far."""
    left = list(told)
    chosen: list[tuple[str, Told]] = []
    shown: Counter[str] = Counter()
    while left and len(chosen) < count:
        best = min(left, key=lambda pair: (pair[1].product in products, _familiarity(pair, shown)))
        left.remove(best)
        products.add(best[1].product)
        chosen.append(best)
        shown.update({best[0], *best[1].kinds})
    return chosen


def _familiarity(told: tuple[str, Told], shown: Counter[str]) -> float:
    scenario, item = told
    return shown[scenario] + sum(shown[kind] for kind in item.kinds) / len(item.kinds)
