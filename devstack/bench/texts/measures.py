"""The three measurements. Each prints its machine and its numbers; ClickException says what is not as it must be."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import random
import time
import urllib.request
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import numpy as np

from devstack.bench.texts.checker import Checker
from devstack.bench.texts.provider import FakeProvider, Fault
from devstack.bench.texts.shop import Ask, bench_shop
from devstack.progress import progress
from devstack.stack.local_llm import local_llm_environment, local_llm_program
from devstack.stack.ports import HOST, free_port
from devstack.stack.process import running
from shop.entities.explanations import TextSource, TextStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devstack.bench.texts.checker import Strays
    from devstack.bench.texts.shop import BenchShop, Front
    from devstack.stack.local_llm import LocalModel
    from shop.entities.explanations import Explanation

_SEEDED = ("SIMILAR", "BOUGHT_TOGETHER", "CART")
_SCENARIOS = ("FOR_YOU", *_SEEDED, "TRENDING", "BUY_AGAIN", "NEXT_IN_SESSION", "POPULAR")
_STATES = ("healthy", "down", "slow", "nonsense")
_SAMPLES = 10
_QUIET_SECONDS = 240.0  # no text for so long: what is missing is lost


async def faults(explanations: int, share: float, seed: int, patience: float, households: int) -> None:
    """All texts of many lists, with a provider that fails now and then."""
    items = 10
    async with bench_shop(households) as shop, FakeProvider(tuple(Fault), share, seed).serving() as provider:
        users = await shop.shoppers(-(-explanations // items))
        # An answer has room for one text: as many calls as texts.
        writer = _told(provider.url, "fake", patience) | {"LLM_MAX_OUTPUT_TOKENS": "120"}
        async with shop.serving("faults", writer) as front:
            began = time.monotonic()
            ordered = [pair for user in users for pair in (await front.ask(Ask(user, "FOR_YOU", items)))[0]]
            announced = await _written(front, len(ordered))
            seconds = time.monotonic() - began
            texts = await front.texts(announced)
            said = front.said()
    _machine()
    failed = Counter({fault: count for fault, count in provider.calls.items() if fault})
    click.echo(
        f"{len(ordered)} texts of {len(users)} lists; {provider.calls.total()} calls of the provider, "
        f"{failed.total()} of them failed on purpose ({_counts(failed)}); {share:.0%}, seed {seed}, "
        f"LLM_TIMEOUT_SECONDS={patience:g}; {seconds:.0f} s"
    )
    click.echo(f"the worker's log: {_counts(said)}")
    ready = [text for text in texts.values() if text.status is TextStatus.READY]
    written = Counter((text.actor_key.removeprefix("u:"), text.product_id) for text in ready)
    click.echo(f"READY: {len(ready)} ({_counts(_sources(ready))})")
    wrong = {
        "lost": len(set(ordered) - written.keys()),
        "not ordered": len(written.keys() - set(ordered)),
        "not READY": len(texts) - len(ready),
        "stored twice": written.total() - len(written),
        "announced twice": announced.total() - len(announced),
    }
    click.echo(", ".join(f"{name}: {count}" for name, count in wrong.items()))
    if any(wrong.values()):
        raise click.ClickException("Some texts are not as they must be.")


async def latency(lists: int, seed: int, patience: float, households: int) -> None:
    """The same first asks to four shops that run side by side, whose providers are healthy, down, slow and mad."""
    async with bench_shop(households) as shop, contextlib.AsyncExitStack() as stack:
        users = await shop.shoppers(lists + 1)
        fronts = {state: await _front(stack, shop, state, patience) for state in _STATES}
        seconds: dict[str, list[float]] = defaultdict(list)
        ordered: Counter[str] = Counter()
        order = random.Random(seed)  # noqa: S311  to be repeatable, not secret
        with progress(err=True) as tell:
            # The first ask of a process loads what it needs, and is not measured.
            for number, user in enumerate([users[-1], *users[:-1]]):
                # In a drawn order: what the worker of the state before does takes part of the machine.
                for state in order.sample(_STATES, len(_STATES)):
                    pairs, took = await fronts[state].ask(Ask(user, "FOR_YOU", 5))
                    ordered[state] += len(pairs)
                    seconds[state] += [took] if number else []
                tell("asking", number, lists)
        texts = {}
        for state, front in fronts.items():
            announced = await _written(front, ordered[state])
            texts[state] = list((await front.texts(announced)).values())
    _machine()
    click.echo(
        f"first asks of {lists} lists of 5 in each state, in drawn order, seed {seed}; "
        f"LLM_TIMEOUT_SECONDS={patience:g}; ratios to healthy with 95 % of a paired bootstrap\n"
        f"{'provider':<10}{'p50 ms':>8}{'p95 ms':>8}{'p50 ratio':>19}{'p95 ratio':>19}{'ordered':>9}{'READY':>7}  by"
    )
    for state in _STATES:
        ready = [text for text in texts[state] if text.status is TextStatus.READY]
        p50, p95 = (1000 * np.percentile(seconds[state], share) for share in (50, 95))
        ratios = [_ratio(seconds[state], seconds["healthy"], share, seed) for share in (50, 95)]
        click.echo(
            f"{state:<10}{p50:>8.1f}{p95:>8.1f}{ratios[0]:>19}{ratios[1]:>19}"
            f"{ordered[state]:>9}{len(ready):>7}  {_counts(_sources(ready))}"
        )
    if any(len(texts[state]) != ordered[state] for state in _STATES):
        raise click.ClickException("Some texts have not come.")


async def grounding(lists: int, model: LocalModel, households: int) -> None:
    """Texts of real lists by the real local model, and what a checker of its own finds in those that are shown."""
    server = local_llm_program(model, free_port())
    async with bench_shop(households) as shop:
        asks = await _mixed(shop, lists)
        async with running(server, shop.data.logs / "llm.log"):
            began = time.monotonic()
            # A list at a time: what waits for others in the model's queue says nothing of the model.
            writer = local_llm_environment(shop.settings, model, server.url) | {"WORKER_CONCURRENCY": "1"}
            async with shop.serving("local", writer) as front:
                ordered = 0
                for ask in asks:
                    ordered += len((await front.ask(ask))[0])
                announced = await _written(front, ordered)
                texts = [t for t in (await front.texts(announced)).values() if t.status is TextStatus.READY]
                said = front.said()
                strays = await _strays(front, texts, texts)
                # Whether the checker would see it: the texts again, beside what is known of the item after the next.
                control = await _strays(front, texts, [*texts[2:], *texts[:2]])
            seconds = time.monotonic() - began
            spent = await asyncio.to_thread(_spent, server.url)
    _machine()
    scenarios = _counts(Counter(ask.scenario for ask in asks))
    click.echo(f"{len(asks)} lists ({scenarios}) of {len({ask.user for ask in asks})} shoppers")
    click.echo(
        f"{model.name}, {model.threads} thread(s), {model.parallel} answers at once: {len(texts)} texts of {ordered} "
        f"in {seconds:.0f} s; {spent}"
    )
    click.echo(f"the worker's log: {_counts(said)}")
    _show_strays(texts, strays)
    caught = sum(map(bool, control)) / max(1, len(control))
    click.echo(f"control: beside the evidence of other items, the checker objects to {caught:.0%} of the same texts")
    _show_samples(texts, strays)


def _show_strays(texts: list[Explanation], strays: list[Strays]) -> None:
    click.echo(f"{'shown by':<10}{'texts':>7}{'product':>9}{'brand':>7}{'number':>8}{'any':>5}{'share':>8}")
    for source in TextSource:
        found = [one for text, one in zip(texts, strays, strict=True) if text.text and text.text.source is source]
        if found:
            columns = zip(*((one.products, one.brands, one.numbers) for one in found), strict=True)
            products, brands, numbers = (sum(map(bool, column)) for column in columns)
            wrong = sum(map(bool, found))
            click.echo(
                f"{source.value:<10}{len(found):>7}{products:>9}{brands:>7}{numbers:>8}{wrong:>5}"
                f"{wrong / len(found):>8.1%}"
            )
    for text, one in zip(texts, strays, strict=True):
        if one and text.text:
            click.echo(f"  stray {(*one.products, *one.brands, *one.numbers)} in ({text.text.source}) {text.text.text}")


def _show_samples(texts: list[Explanation], strays: list[Strays]) -> None:
    """Some texts by the model, at even distances; the template's where there are too few."""
    order = sorted(range(len(texts)), key=lambda at: (_source(texts[at]) != "LOCAL", texts[at].key))
    local = [at for at in order if _source(texts[at]) == "LOCAL"]
    for at in (local or order)[:: max(1, len(local or order) // _SAMPLES)][:_SAMPLES]:
        if (text := texts[at].text) is not None:
            kinds = ", ".join(fact.kind.value for fact in texts[at].evidence)
            click.echo(f"- {text.source}{' STRAY' if strays[at] else ''} [{kinds}] {text.text}")


async def _strays(front: Front, texts: list[Explanation], known: list[Explanation]) -> list[Strays]:
    """What each text mentions beyond the evidence of the one at its place in `known`."""
    resources = front.resources
    products = {product.id: product async for product in resources.stores.catalog.all()}
    labels = {id_: category.name for id_, category in (await resources.catalog.categories()).items()}
    checker = Checker(products, labels)
    found = []
    for text, facts in zip(texts, known, strict=True):
        profile = await resources.stores.users.profile(facts.actor_key.removeprefix("u:"))
        shopper = [labels.get(id_, id_) for id_, _ in profile.categories] if profile else []
        found.append(checker.strays(text.text.text if text.text else "", facts.product_id, facts.evidence, shopper))
    return found


async def _mixed(shop: BenchShop, lists: int) -> list[Ask]:
    """Lists of five for many shoppers and scenarios; the pages that need a product are about the shop's favourites."""
    users = await shop.shoppers(min(lists, 100))
    favourites = await shop.favourites(25)
    return [
        Ask(
            users[number % len(users)],
            scenario := _SCENARIOS[(number + number // len(users)) % len(_SCENARIOS)],
            5,
            (favourites[number % len(favourites)],) if scenario in _SEEDED else (),
        )
        for number in range(lists)
    ]


async def _front(stack: contextlib.AsyncExitStack, shop: BenchShop, state: str, patience: float) -> Front:
    faulty = {"slow": Fault.SLOW, "nonsense": Fault.NONSENSE}.get(state)
    url = f"http://{HOST}:{free_port()}/v1"  # where nobody listens
    if state != "down":
        provider = FakeProvider() if faulty is None else FakeProvider((faulty,), 1.0)
        url = (await stack.enter_async_context(provider.serving())).url
    return await stack.enter_async_context(shop.serving(state, _told(url, state, patience)))


def _told(url: str, model: str, patience: float) -> dict[str, str]:
    """The environment of a shop whose texts are written by the server at this address."""
    return {
        "LLM_PROVIDER": "local",
        "LLM_LOCAL_BASE_URL": url,
        "LLM_LOCAL_MODEL": model,
        "LLM_TIMEOUT_SECONDS": str(patience),
    }


async def _written(front: Front, count: int) -> Counter[str]:
    """How often each text was announced, once so many were, or none comes any more."""
    announced: Counter[str] = Counter()
    quiet_since = time.monotonic()
    with progress(err=True) as tell:
        while len(announced) < count and time.monotonic() - quiet_since < _QUIET_SECONDS:
            await asyncio.sleep(0.5)
            before, announced = len(announced), await front.announced()
            if len(announced) > before:
                quiet_since = time.monotonic()
            tell("texts", len(announced), count)
    await asyncio.sleep(1)  # for what may come twice
    return await front.announced()


def _spent(url: str) -> str:
    """What the model's server says that it has read and written."""
    with urllib.request.urlopen(f"{url.removesuffix('/v1')}/metrics", timeout=5) as response:  # noqa: S310  our own server
        lines = [line.split() for line in response.read().decode().splitlines() if line.startswith("llamacpp:")]
    values = {name.removeprefix("llamacpp:"): float(value) for name, value in lines}
    read, wrote = values["prompt_tokens_total"], values["tokens_predicted_total"]
    return (
        f"{read:.0f} tokens read ({read / max(values['prompt_seconds_total'], 1e-9):.0f}/s), "
        f"{wrote:.0f} written ({wrote / max(values['tokens_predicted_seconds_total'], 1e-9):.0f}/s for each answer)"
    )


def _machine() -> None:
    click.echo(
        f"\n{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), "
        f"Python {platform.python_version()}, everything on the same machine"
    )


def _ratio(ours: list[float], base: list[float], share: float, seed: int) -> str:
    """The ratio of two percentiles over the same shoppers, and between what it lies when those are drawn again."""
    pairs = np.array([ours, base])
    draws = np.random.default_rng(seed).integers(pairs.shape[1], size=(2000, pairs.shape[1]))
    mine, theirs = np.percentile(pairs[:, draws], share, axis=2)
    low, high = np.percentile(mine / theirs, (2.5, 97.5))
    whole = np.percentile(ours, share) / np.percentile(base, share)
    return f"{whole:.2f} ({low:.2f}–{high:.2f})"


def _sources(texts: Iterable[Explanation]) -> Counter[str]:
    return Counter(map(_source, texts))


def _source(text: Explanation) -> str:
    return text.text.source.value if text.text else ""


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items())) or "nothing"
