"""`make bench-scoring`: what a training costs, and how long one list takes, on the demo year or a made-up catalogue.

A list is a FOR_YOU of ten for a shopper whose history is not cached; loading a snapshot and the first list are not
counted.
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

if TYPE_CHECKING:
    from scoring.data.dataset import Dataset
    from scoring.ranking.recommender import Recommender

_LISTS = 200
_MADE_UP = {68_000: (5_000, 1_500_000), 1_000_000: (50_000, 3_000_000)}  # products: users, interactions


@click.command()
@click.option("--products", type=int, help="Size of a made-up catalogue, instead of the demo year.")
@click.option("--users", type=int, help="Made-up users (default: fits the catalogue).")
@click.option("--interactions", type=int, help="Made-up interactions (default: fits the catalogue).")
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True, help="Threads of the training.")
def main(products: int | None, users: int | None, interactions: int | None, threads: int) -> None:
    """Train once and rank FOR_YOU for 200 shoppers, one after the other on one core."""
    import scipy.linalg  # noqa: F401 (loaded before its threads are limited)
    from threadpoolctl import threadpool_limits

    from devstack.evaluation.phases import phase
    from scoring.learning.training import train
    from scoring.ranking.recommender import Recommender

    with phase() as reading:
        dataset = _dataset(products, users, interactions)
    with threadpool_limits(limits=threads), phase() as fitting:
        state = train(dataset, seed=1, progress=lambda stage, done: click.echo(f"\r{done:4.0%} {stage:30}", nl=False))
    with threadpool_limits(limits=1):
        whole, scoring = _milliseconds(Recommender.from_state(state), dataset)
    events = len(dataset.interactions.users)
    click.echo(
        f"\r{datetime.now(UTC).date()}; {len(dataset.catalogue):,} products, {dataset.interactions.n_users:,} users, "
        f"{events:,} interactions\n"
        f"reading   {reading.seconds:7.1f} s\n"
        f"training  {fitting.seconds:7.1f} s on {threads} threads, peak of the process {fitting.peak_mib:,.0f} MiB\n"
        f"FOR_YOU   {np.median(scoring):7.2f} ms to score (median), {np.quantile(scoring, 0.95):.2f} ms p95\n"
        f"          {np.median(whole):7.2f} ms with rules, diversity and reasons (median), "
        f"{np.quantile(whole, 0.95):.2f} ms p95, one core"
    )


def _dataset(products: int | None, users: int | None, interactions: int | None) -> Dataset:
    from devstack.evaluation.synthetic import Shape, write
    from mongo_seed.files.dataset import read_demo, read_files

    if products is None:
        return read_demo().dataset
    size = min(_MADE_UP, key=lambda known: abs(known - products))
    with tempfile.TemporaryDirectory(prefix="whybuy-bench-") as folder:
        shape = Shape(products, users or _MADE_UP[size][0], interactions or _MADE_UP[size][1])
        write(shape, 1, Path(folder), lambda *_: None)
        return read_files(Path(folder) / "interactions.csv", Path(folder) / "products.csv").dataset


def _milliseconds(recommender: Recommender, dataset: Dataset) -> tuple[list[float], list[float]]:
    """Of whole lists, and of scoring and finding the best hundred alone."""
    from scoring.evaluation.splitting import Histories
    from scoring.ranking.query import Query
    from scoring.ranking.request import Request
    from scoring.ranking.slate import best_first
    from scoring.types import Caps, Scenario

    histories = Histories(dataset.interactions)
    now = int(dataset.interactions.times.max())
    drawn = np.random.default_rng(1).choice(dataset.interactions.n_users, _LISTS + 1)
    whole, scoring = [], []
    for user in drawn.tolist():
        query = Query(Scenario.FOR_YOU, histories.of(user), now + 86_400, 10, caps=Caps(per_seed=5))
        request = Request.of(query, recommender.index)
        began = time.perf_counter()
        fusion = recommender.personal.fusion(
            request.profile, recommender.personal.plan_of(request.query, request.profile)
        )
        best_first(fusion.fused, recommender.index.ties, 100)
        scored = time.perf_counter()
        recommender.recommend(query)
        scoring.append(1_000 * (scored - began))
        whole.append(1_000 * (time.perf_counter() - scored))
    return whole[1:], scoring[1:]


if __name__ == "__main__":
    main()
