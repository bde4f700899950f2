"""The three measurements. Each prints its machine and its numbers, and raises ClickException when texts are wrong."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import urllib.request
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import click
import numpy as np

from devstack.bench.machine import machine
from devstack.bench.texts.checker import Checker
from devstack.bench.texts.provider import FakeProvider, Fault
from devstack.bench.texts.shop import ListRequest, bench_shop
from devstack.progress import progress
from devstack.stack.local_llm import local_llm_environment, local_llm_program
from devstack.stack.ports import HOST, free_port
from devstack.stack.process import running
from shop.entities.explanations import TextSource, TextStatus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from devstack.bench.texts.checker import Ungrounded
    from devstack.bench.texts.shop import BenchShop, ServedShop
    from devstack.stack.local_llm import LocalModel
    from shop.entities.explanations import Explanation

_SEEDED = ("SIMILAR", "BOUGHT_TOGETHER", "CART")
_SCENARIOS = ("FOR_YOU", *_SEEDED, "TRENDING", "BUY_AGAIN", "NEXT_IN_SESSION", "POPULAR")
_STATES = ("healthy", "down", "slow", "nonsense")
_SAMPLES = 10
_QUIET_SECONDS = 240.0  # without a text for so long, the missing ones count as lost


async def faults(explanations: int, share: float, seed: int, timeout_seconds: float, households: int) -> None:
    """All texts of many lists, with a provider that fails now and then."""
    items = 10
    async with bench_shop(households) as shop, FakeProvider(tuple(Fault), share, seed).serving() as provider:
        users = await shop.shoppers(-(-explanations // items))
        # An answer has room for one text: as many calls as texts.
        writer = _writer_environment(provider.url, "fake", timeout_seconds) | {"LLM_MAX_OUTPUT_TOKENS": "120"}
        async with shop.serving("faults", writer) as served:
            began = time.monotonic()
            ordered = [pair for user in users for pair in (await served.ask(ListRequest(user, "FOR_YOU", items)))[0]]
            announced = await _wait_for_texts(served, len(ordered))
            seconds = time.monotonic() - began
            texts = await served.texts(announced)
            events = served.provider_events()
    _show_machine()
    failed = Counter({fault: count for fault, count in provider.calls.items() if fault})
    click.echo(
        f"{len(ordered)} texts of {len(users)} lists; {provider.calls.total()} calls of the provider, "
        f"{failed.total()} of them failed on purpose ({_counts(failed)}); {share:.0%}, seed {seed}, "
        f"LLM_TIMEOUT_SECONDS={timeout_seconds:g}; {seconds:.0f} s"
    )
    click.echo(f"the worker's log: {_counts(events)}")
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


async def latency(lists: int, seed: int, timeout_seconds: float, households: int) -> None:
    """The same first asks to four shops that run side by side, whose providers are in different states."""
    async with bench_shop(households) as shop, contextlib.AsyncExitStack() as stack:
        users = await shop.shoppers(lists + 1)
        shops = {state: await _serve(stack, shop, state, timeout_seconds) for state in _STATES}
        seconds: dict[str, list[float]] = defaultdict(list)
        ordered: Counter[str] = Counter()
        order = random.Random(seed)  # noqa: S311  to be repeatable, not secret
        with progress(err=True) as show:
            # The first ask of a process loads what it needs, and is not measured.
            for number, user in enumerate([users[-1], *users[:-1]]):
                # In a drawn order: what the worker of the state before does takes part of the machine.
                for state in order.sample(_STATES, len(_STATES)):
                    pairs, took = await shops[state].ask(ListRequest(user, "FOR_YOU", 5))
                    ordered[state] += len(pairs)
                    seconds[state] += [took] if number else []
                show("asking", number, lists)
        texts = {}
        for state, served in shops.items():
            announced = await _wait_for_texts(served, ordered[state])
            texts[state] = list((await served.texts(announced)).values())
    _show_machine()
    click.echo(
        f"first asks of {lists} lists of 5 in each state, in drawn order, seed {seed}; "
        f"LLM_TIMEOUT_SECONDS={timeout_seconds:g}; ratios to healthy with 95 % of a paired bootstrap\n"
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
        requests = await _mixed(shop, lists)
        async with running(server, shop.data.logs / "llm.log"):
            began = time.monotonic()
            # A list at a time: waiting in the model's queue would be measured, not the model.
            writer = local_llm_environment(shop.settings, model, server.url) | {"WORKER_CONCURRENCY": "1"}
            async with shop.serving("local", writer) as served:
                ordered = 0
                for request in requests:
                    ordered += len((await served.ask(request))[0])
                announced = await _wait_for_texts(served, ordered)
                texts = [t for t in (await served.texts(announced)).values() if t.status is TextStatus.READY]
                events = served.provider_events()
                ungrounded = await _ungrounded(served, texts, texts)
                # Whether the checker finds anything at all: the same texts beside the evidence of other items.
                control = await _ungrounded(served, texts, [*texts[2:], *texts[:2]])
            seconds = time.monotonic() - began
            spent = await asyncio.to_thread(_spent, server.url)
    _show_machine()
    scenarios = _counts(Counter(request.scenario for request in requests))
    click.echo(f"{len(requests)} lists ({scenarios}) of {len({request.user for request in requests})} shoppers")
    click.echo(
        f"{model.name}, {model.threads} thread(s), {model.parallel} answers at once: {len(texts)} texts of {ordered} "
        f"in {seconds:.0f} s; {spent}"
    )
    click.echo(f"the worker's log: {_counts(events)}")
    _show_ungrounded(texts, ungrounded)
    caught = sum(map(bool, control)) / max(1, len(control))
    click.echo(f"control: beside the evidence of other items, the checker objects to {caught:.0%} of the same texts")
    _show_samples(texts, ungrounded)


def _show_ungrounded(texts: list[Explanation], ungrounded: list[Ungrounded]) -> None:
    click.echo(f"{'shown by':<10}{'texts':>7}{'product':>9}{'brand':>7}{'number':>8}{'any':>5}{'share':>8}")
    for source in TextSource:
        found = [one for text, one in zip(texts, ungrounded, strict=True) if text.text and text.text.source is source]
        if found:
            columns = zip(*((one.products, one.brands, one.numbers) for one in found), strict=True)
            products, brands, numbers = (sum(map(bool, column)) for column in columns)
            wrong = sum(map(bool, found))
            click.echo(
                f"{source.value:<10}{len(found):>7}{products:>9}{brands:>7}{numbers:>8}{wrong:>5}"
                f"{wrong / len(found):>8.1%}"
            )
    for text, one in zip(texts, ungrounded, strict=True):
        if one and text.text:
            click.echo(
                f"  ungrounded {(*one.products, *one.brands, *one.numbers)} in ({text.text.source}) {text.text.text}"
            )


def _show_samples(texts: list[Explanation], ungrounded: list[Ungrounded]) -> None:
    """Some texts by the model, at even distances; the template's where there are too few."""
    order = sorted(range(len(texts)), key=lambda at: (_source(texts[at]) != "LOCAL", texts[at].key))
    local = [at for at in order if _source(texts[at]) == "LOCAL"]
    for at in (local or order)[:: max(1, len(local or order) // _SAMPLES)][:_SAMPLES]:
        if (text := texts[at].text) is not None:
            kinds = ", ".join(fact.kind.value for fact in texts[at].evidence)
            click.echo(f"- {text.source}{' UNGROUNDED' if ungrounded[at] else ''} [{kinds}] {text.text}")


async def _ungrounded(served: ServedShop, texts: list[Explanation], known: list[Explanation]) -> list[Ungrounded]:
    """What each text mentions beyond the evidence of the one at the same position in `known`."""
    stores = served.stores
    products = {product.id: product async for product in stores.catalog.all()}
    labels = {category.id: category.name for category in await stores.catalog.categories()}
    checker = Checker(products, labels)
    found = []
    for text, facts in zip(texts, known, strict=True):
        profile = await stores.users.profile(facts.actor_key.removeprefix("u:"))
        shopper = [labels.get(id_, id_) for id_, _ in profile.categories] if profile else []
        found.append(checker.ungrounded(text.text.text if text.text else "", facts.product_id, facts.evidence, shopper))
    return found


async def _mixed(shop: BenchShop, lists: int) -> list[ListRequest]:
    """Lists of five for many shoppers and scenarios; the pages that need a product are about best sellers."""
    users = await shop.shoppers(min(lists, 100))
    best_sellers = await shop.best_sellers(25)
    return [
        ListRequest(
            users[number % len(users)],
            scenario := _SCENARIOS[(number + number // len(users)) % len(_SCENARIOS)],
            5,
            (best_sellers[number % len(best_sellers)],) if scenario in _SEEDED else (),
        )
        for number in range(lists)
    ]


async def _serve(stack: contextlib.AsyncExitStack, shop: BenchShop, state: str, timeout_seconds: float) -> ServedShop:
    faulty = {"slow": Fault.SLOW, "nonsense": Fault.NONSENSE}.get(state)
    url = f"http://{HOST}:{free_port()}/v1"  # where nobody listens
    if state != "down":
        provider = FakeProvider() if faulty is None else FakeProvider((faulty,), 1.0)
        url = (await stack.enter_async_context(provider.serving())).url
    return await stack.enter_async_context(shop.serving(state, _writer_environment(url, state, timeout_seconds)))


def _writer_environment(url: str, model: str, timeout_seconds: float) -> dict[str, str]:
    """The environment of a shop whose texts are written by the server at this address."""
    return {
        "LLM_PROVIDER": "local",
        "LLM_LOCAL_BASE_URL": url,
        "LLM_LOCAL_MODEL": model,
        "LLM_TIMEOUT_SECONDS": str(timeout_seconds),
    }


async def _wait_for_texts(served: ServedShop, count: int) -> Counter[str]:
    """How often each text was announced, once so many were, or none comes any more."""
    announced: Counter[str] = Counter()
    quiet_since = time.monotonic()
    with progress(err=True) as show:
        while len(announced) < count and time.monotonic() - quiet_since < _QUIET_SECONDS:
            await asyncio.sleep(0.5)
            before, announced = len(announced), await served.announced()
            if len(announced) > before:
                quiet_since = time.monotonic()
            show("texts", len(announced), count)
    await asyncio.sleep(1)  # for what may come twice
    return await served.announced()


def _spent(url: str) -> str:
    """The tokens that the model's server has read and written, by its own count."""
    with urllib.request.urlopen(f"{url.removesuffix('/v1')}/metrics", timeout=5) as response:  # noqa: S310  our own server
        lines = [line.split() for line in response.read().decode().splitlines() if line.startswith("llamacpp:")]
    values = {name.removeprefix("llamacpp:"): float(value) for name, value in lines}
    read, wrote = values["prompt_tokens_total"], values["tokens_predicted_total"]
    return (
        f"{read:.0f} tokens read ({read / max(values['prompt_seconds_total'], 1e-9):.0f}/s), "
        f"{wrote:.0f} written ({wrote / max(values['tokens_predicted_seconds_total'], 1e-9):.0f}/s for each answer)"
    )


def _show_machine() -> None:
    click.echo(f"\n{machine()}, everything on the same machine")


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
