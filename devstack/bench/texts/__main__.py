"""`python -m devstack.bench.texts`, or `make bench-texts ARGS=…`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import click

from devstack.bench import texts as bench_texts
from devstack.errors import StackError
from devstack.stack.local_llm import LocalModel, find_model

_households = click.option("--households", default=120, show_default=True, help="Size of the shop: demo households.")
_seed = click.option("--seed", default=1, show_default=True, help="Seed of what is drawn.")
_timeout = click.option("--timeout", default=5.0, show_default=True, help="LLM_TIMEOUT_SECONDS of the worker.")


@click.group(help=bench_texts.__doc__, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Each command starts a shop of its own, on real MongoDB and Valkey, and deletes it again."""


@main.command()
@click.option("--explanations", default=1000, show_default=True, help="How many to order, in lists of ten.")
@click.option("--share", default=0.05, show_default=True, help="Part of the provider's calls that fail.")
@_seed
@_timeout
@_households
def faults(explanations: int, share: float, seed: int, timeout: float, households: int) -> None:
    """Order many texts from a provider that sometimes fails: 429, 500, 529, cut, slow (30 s), nonsense.

    Exits with 1 unless each is READY, stored once and announced once.
    """
    from devstack.bench.texts import measures

    asyncio.run(measures.faults(explanations, share, seed, timeout, households))


@main.command()
@click.option("--lists", default=200, show_default=True, help="Lists of five, over scenarios and shoppers.")
@click.option("--model", type=click.Path(exists=True, path_type=Path), help="Another model, in GGUF format.")
@click.option("--threads", default=LocalModel.threads, show_default=True, help="Threads of the model.")
@click.option("--parallel", default=LocalModel.parallel, show_default=True, help="Answers at once.")
@_households
def grounding(lists: int, model: Path | None, threads: int, parallel: int, households: int) -> None:
    """Have a real local model explain real lists, and look for what is not in the evidence."""
    from devstack.bench.texts import measures

    try:
        found = LocalModel(find_model()) if model is None else LocalModel(model, model.stem)
    except StackError as error:
        raise click.ClickException(str(error)) from error
    asyncio.run(measures.grounding(lists, replace(found, threads=threads, parallel=parallel), households))


@main.command()
@click.option("--lists", default=100, show_default=True, help="Lists of five to ask for in each state.")
@_seed
@_timeout
@_households
def latency(lists: int, seed: int, timeout: float, households: int) -> None:
    """Measure queries while the provider is healthy, down, slow (30 s) and talks nonsense."""
    from devstack.bench.texts import measures

    asyncio.run(measures.latency(lists, seed, timeout, households))


@main.command()
@click.option("--texts", default=6, show_default=True, help="How many in each language.")
@_seed
@_households
def samples(texts: int, seed: int, households: int) -> None:
    """Print what the template says of real evidence, in each language, as docs/explanations.md shows it."""
    from devstack.bench.texts.samples import show

    asyncio.run(show(texts, seed, households))


if __name__ == "__main__":
    main()
