"""`python -m devstack.bench.shelves`: what the shelves of the demo year rest on, counted again from the raw events.

Trains once, asks for the lists of sampled shoppers and seed products, and prints of every kind of reason on how many
shoppers it rests, and how the confidence labels spread. The status is 1 where something rests on fewer than three.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click
import numpy as np

from scoring.data.interactions import DAY, FEWEST_SHOPPERS, PURCHASE
from scoring.types import Caps, History, ReasonKind, Scenario
from shop.entities.recommendations import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from scoring.data.dataset import Dataset
    from scoring.ranking.query import Query
    from scoring.ranking.recommender import Recommender
    from scoring.types import RankedItem, Reason

_LIMIT, _PER_SEED = 8, 4
_WINDOW = 28 * DAY
_CROWD = (
    ReasonKind.BOUGHT_TOGETHER,
    ReasonKind.ALSO_BOUGHT,
    ReasonKind.SHOPPERS_LIKE_YOU,
    ReasonKind.POPULAR,
    ReasonKind.TRENDING,
)
_OF_SHOPPERS = (
    Scenario.FOR_YOU,
    Scenario.NEXT_IN_SESSION,
    Scenario.CART,
    Scenario.BUY_AGAIN,
    Scenario.POPULAR,
    Scenario.TRENDING,
)
_OF_SEEDS = (Scenario.SIMILAR, Scenario.BOUGHT_TOGETHER)


class Events:
    """The raw events, asked how many shoppers stand behind a claim."""

    def __init__(self, dataset: Dataset) -> None:
        self._columns = dataset.interactions
        order = np.argsort(self._columns.items, kind="stable")
        self._rows = np.split(order, np.searchsorted(self._columns.items[order], np.arange(1, len(dataset.catalogue))))
        self._newest = int(self._columns.times.max())

    def behind(self, reason: Reason, item: int) -> int:
        """Distinct shoppers that a reason for a product rests on."""
        if reason.kind is ReasonKind.BOUGHT_TOGETHER and reason.item is not None:
            return self.together(item, reason.item)
        if reason.kind is ReasonKind.ALSO_BOUGHT and reason.item is not None:
            return len(self._buyers(item) & self._buyers(reason.item))
        rows = self._sales(item)
        if reason.kind is ReasonKind.TRENDING:
            rows = rows[self._columns.times[rows] > self._newest - _WINDOW]
        return len(np.unique(self._columns.users[rows]))

    def together(self, one: int, other: int) -> int:
        """Distinct buyers of both products in one order, or on one day where orders are not known."""
        baskets = [self._baskets(self._sales(item)) for item in (one, other)]
        return len({user for user, _ in baskets[0] & baskets[1]})

    def _buyers(self, item: int) -> set[int]:
        return set(self._columns.users[self._sales(item)].tolist())

    def _sales(self, item: int) -> NDArray[np.int64]:
        rows = self._rows[item]
        sales: NDArray[np.int64] = rows[self._columns.events[rows] == PURCHASE]
        return sales

    def _baskets(self, rows: NDArray[np.int64]) -> set[tuple[int, int]]:
        columns = self._columns
        orders, days = columns.orders[rows], columns.times[rows] // DAY
        baskets = np.where(orders >= 0, orders, -1 - days)
        return set(zip(columns.users[rows].tolist(), baskets.tolist(), strict=True))


@dataclass(slots=True)
class Findings:
    """What was shown."""

    behind: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # shoppers, by claim
    labels: defaultdict[str, Counter[Confidence]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, shelf: str, ranked: list[RankedItem], events: Events) -> None:
        for one in ranked:
            self.labels[shelf][Confidence.of(one.score)] += 1
            for reason in one.reasons:
                if reason.kind in _CROWD:
                    self.behind[f"reason {reason.kind}"].append(events.behind(reason, one.item))

    @property
    def too_few(self) -> int:
        return sum(count < FEWEST_SHOPPERS for counts in self.behind.values() for count in counts)


@click.command()
@click.option("--shoppers", type=click.IntRange(min=1), default=200, show_default=True, help="Sampled evenly.")
@click.option("--pairs", type=click.IntRange(min=1), default=113, show_default=True, help="Seed products, by events.")
def main(shoppers: int, pairs: int) -> None:
    """Train on the demo year, and count what its shelves rest on."""
    from mongo_seed.files.dataset import read_demo
    from scoring.learning.training import train
    from scoring.ranking.recommender import Recommender

    dataset = read_demo().dataset
    state = train(dataset, seed=1, progress=lambda stage, done: click.echo(f"{done:4.0%} {stage}", err=True))
    findings = measured(Recommender.from_state(state), dataset, shoppers, pairs)
    show(findings)
    sys.exit(1 if findings.too_few else 0)


def measured(recommender: Recommender, dataset: Dataset, shoppers: int, pairs: int) -> Findings:
    """The lists of these many shoppers and seed products, counted."""
    events, findings = Events(dataset), Findings()
    for query in _queries(dataset, shoppers, pairs):
        ranked = recommender.recommend(query)
        findings.add(query.scenario, ranked, events)
        if query.scenario is Scenario.BOUGHT_TOGETHER and ranked:
            best = ranked[0]
            if any(reason.kind is ReasonKind.BOUGHT_TOGETHER for reason in best.reasons):
                findings.behind["sampled pair"].append(events.together(best.item, query.seeds[0]))
    return findings


def _queries(dataset: Dataset, shoppers: int, pairs: int) -> Iterator[Query]:
    from scoring.evaluation.splitting import Histories
    from scoring.ranking.query import Query

    columns, rng = dataset.interactions, np.random.default_rng(7)
    histories, now = Histories(columns), int(columns.times.max()) + DAY
    known = np.unique(columns.users)
    for user in rng.choice(known, min(shoppers, len(known)), replace=False).tolist():
        history = histories.of(user)
        cart = tuple(dict.fromkeys(history.items[::-1].tolist()))[:3]
        for scenario in _OF_SHOPPERS:
            yield Query(scenario, history, now, _LIMIT, seeds=cart, caps=Caps(per_seed=_PER_SEED))
    nobody = History(np.zeros(0, np.int32), np.zeros(0, np.int8), np.zeros(0, np.int64))
    for seed in columns.items[rng.integers(0, len(columns.items), pairs)].tolist():
        for scenario in _OF_SEEDS:
            yield Query(scenario, nobody, now, _LIMIT, seeds=(seed,))


def show(findings: Findings) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, width=120)
    table = Table("what is shown", "times", "fewest shoppers", f"on fewer than {FEWEST_SHOPPERS}")
    for claim, counts in sorted(findings.behind.items()):
        few = sum(count < FEWEST_SHOPPERS for count in counts)
        table.add_row(claim, f"{len(counts):,}", str(min(counts)), str(few))
    console.print(table)
    table = Table(f"labels, lists of {_LIMIT}", *(label.value for label in Confidence))
    for shelf, labels in findings.labels.items():
        table.add_row(shelf, *(f"{labels[label] / labels.total():.0%}" for label in Confidence))
    console.print(table)


if __name__ == "__main__":
    main()
