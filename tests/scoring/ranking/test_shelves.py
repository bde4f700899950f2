"""What is said of others rests on three of them at least, on every shelf, counted again from the raw events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from devstack.bench.shelves import Events, measured
from scoring.types import ReasonKind, Scenario
from shop.entities.recommendations import Confidence

if TYPE_CHECKING:
    from scoring.data.dataset import Dataset
    from scoring.ranking.recommender import Recommender


def test_no_shelf_and_no_reason_rests_on_fewer_than_three(recommender: Recommender, dataset: Dataset) -> None:
    findings = measured(recommender, dataset, shoppers=60, pairs=60)

    claims = {"sampled pair", *(f"reason {kind}" for kind in (ReasonKind.BOUGHT_TOGETHER, ReasonKind.POPULAR))}
    assert claims <= set(findings.behind)
    assert {claim: min(counts) for claim, counts in findings.behind.items() if min(counts) < 3} == {}
    assert set(findings.labels[Scenario.FOR_YOU]) == set(Confidence)


def test_the_count_would_see_it(recommender: Recommender, dataset: Dataset) -> None:
    """With the events of two shoppers alone, nothing that is claimed has three behind it."""
    columns = dataset.interactions
    kept = columns.users < 2
    few = replace(
        dataset,
        interactions=replace(
            columns,
            **{name: getattr(columns, name)[kept] for name in ("users", "items", "events", "times", "orders")},
            quantities=columns.quantities[kept],
        ),
    )

    findings = measured(recommender, few, shoppers=2, pairs=5)

    assert findings.too_few == sum(len(counts) for counts in findings.behind.values()) > 0
    assert Events(few).together(0, 119) == 0
