"""Training: honest about itself, repeatable, and at home in odd shops."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from scoring.data.state import ModelState, digest
from scoring.learning.training import train
from scoring.ranking.query import Query
from scoring.ranking.recommender import Recommender
from scoring.types import HISTORY_SCENARIOS, Component, EventType, Scenario
from tests.scoring.synthetic import (
    DAY,
    START,
    Shape,
    bare,
    history_of,
    shop,
    with_events,
    without_interactions,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.data.dataset import Dataset

SMALL = shop(Shape(users=20, items=40, categories=4, orders_per_user=5))


def test_the_same_data_and_seed_give_the_same_version() -> None:
    assert digest(train(SMALL, seed=1)) == digest(train(SMALL, seed=1))
    assert digest(train(SMALL, seed=1)) != digest(train(SMALL, seed=2))


def test_the_manifest_tells_what_was_trained(state: ModelState, dataset: Dataset) -> None:
    manifest = json.loads(json.dumps(state.manifest))

    assert manifest["users"] == 60
    assert manifest["products"] == 120
    assert manifest["interactions"] == len(dataset.interactions.users)
    assert manifest["weights"] == {"collaborative": 0.35, "content": 0.3, "neural": 0.25, "contextual": 0.1}


def test_tastes_are_learnt(state: ModelState) -> None:
    """In a shop where shoppers have tastes, the hybrid finds the hidden product far more often than popularity."""
    metrics = state.manifest["metrics"]

    assert metrics["ensemble.ndcg@10"] > 2 * metrics["popularity.ndcg@10"]
    for component in (Component.COLLABORATIVE, Component.CONTENT, Component.NEURAL):
        assert metrics[f"{component}.ndcg@10"] > metrics["popularity.ndcg@10"]


def test_progress_is_reported_in_order() -> None:
    reported: list[tuple[str, float]] = []

    train(SMALL, progress=lambda stage, part: reported.append((stage, part)))

    parts = [part for _, part in reported]
    assert parts == sorted(parts)
    assert parts[0] == 0.0
    assert reported[-1] == ("done", 1.0)


def test_own_weights_are_kept() -> None:
    state = train(SMALL, weights={Component.CONTENT: 3.0, Component.NEURAL: 1.0})

    assert state.manifest["weights"] == {"collaborative": 0.0, "content": 0.75, "neural": 0.25, "contextual": 0.0}


def test_an_empty_catalogue_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="import products first"):
        train(shop(Shape(users=0, items=0, categories=1)))


@pytest.mark.parametrize(
    "odd",
    [
        without_interactions(SMALL),
        without_interactions(bare(SMALL)),
        bare(SMALL),
        with_events(SMALL, EventType.VIEW),
        shop(Shape(users=1, items=30)),
        shop(Shape(users=2, items=1, categories=1)),
        shop(Shape(users=5, items=200)),
        shop(Shape(users=120, items=15, categories=3, orders_per_user=3, basket=3)),
    ],
    ids=["no interactions", "nothing at all", "bare", "views", "one user", "one product", "wide", "tall"],
)
def test_every_shop_gets_full_lists_with_reasons(odd: Dataset) -> None:
    recommender = Recommender.from_state(train(odd))
    for scenario in Scenario:
        query = Query(scenario, history_of(odd, 0), START + 200 * DAY, 4, seeds=(0,), include_purchased=True)

        ranked = recommender.recommend(query)

        seeds = scenario in {Scenario.SIMILAR, Scenario.BOUGHT_TOGETHER, Scenario.CART}
        if scenario not in HISTORY_SCENARIOS:
            assert len(ranked) == min(4, len(odd.catalogue) - seeds)
        assert all(1 <= len(one.reasons) <= 3 for one in ranked)


def test_serving_does_not_import_scikit_learn() -> None:
    code = "import sys, scoring.ranking.recommender, scoring.data.state; assert 'sklearn' not in sys.modules"

    subprocess.run([sys.executable, "-c", code], check=True)


class Notebook:
    """A checkpoint in memory."""

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, NDArray[Any]]] = {}
        self.read: list[str] = []

    def get(self, stage: str) -> dict[str, NDArray[Any]] | None:
        if stage in self.stages:
            self.read.append(stage)
        return self.stages.get(stage)

    def put(self, stage: str, arrays: dict[str, NDArray[Any]]) -> None:
        self.stages[stage] = arrays


def test_a_training_that_goes_on_gives_the_same_version() -> None:
    notebook = Notebook()
    first = train(SMALL, seed=1, checkpoint=notebook)
    fresh = not notebook.read

    second = train(SMALL, seed=1, checkpoint=notebook)

    assert fresh
    assert "verdict" in notebook.read
    assert set(notebook.read) <= set(notebook.stages)
    assert digest(first) == digest(second) == digest(train(SMALL, seed=1))
