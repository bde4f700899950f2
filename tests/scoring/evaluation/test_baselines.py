"""Baselines: all keep one contract, and the less common ones give what their papers say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from devstack.evaluation.models import all_baselines
from scoring.data.interactions import DAY, TrainingSet
from scoring.evaluation.baselines import Batch
from scoring.evaluation.baselines.baseline import NothingToLearnError
from scoring.evaluation.baselines.baskets import TifuSetting, personal_frequencies
from scoring.evaluation.baselines.histories import training_rows
from scoring.evaluation.baselines.linear import Ease
from scoring.evaluation.baselines.neighbours import ItemKnn, ItemKnnSetting
from scoring.evaluation.protocol import EvaluationProtocol
from scoring.evaluation.splitting import EvaluationCase, split
from scoring.types import EventType, History
from tests.scoring.synthetic import Shape, bare, ease_scores, fitted_ease, shop, with_events

if TYPE_CHECKING:
    from scoring.data.dataset import Dataset
    from scoring.evaluation.baselines import Baseline

SMALL = Shape(users=40, items=80, orders_per_user=6)


def cases(dataset: Dataset) -> list[EvaluationCase]:
    ties = np.arange(len(dataset.catalogue), dtype=np.uint32)
    return list(split(dataset, EvaluationProtocol.TEMPORAL, ties).cases)


def fitted(kind: type[Baseline], dataset: Dataset, **setting: Any) -> Baseline:
    return kind.fit(TrainingSet(dataset), replace(kind.default(), **setting), np.random.default_rng(1))


@pytest.mark.parametrize("kind", all_baselines(), ids=lambda kind: kind.name)
class TestContract:
    def test_scores_all_items_of_every_case_alike_in_any_batch(self, kind: type[Baseline]) -> None:
        dataset = shop(SMALL)
        model, some = fitted(kind, dataset), cases(dataset)[:7]
        together = model.scores(Batch.of(some, 80))
        alone = np.concatenate([model.scores(Batch.of([case], 80)) for case in some])
        assert together.shape == (7, 80)
        assert np.isfinite(together).all()
        np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-4)

    def test_the_search_begins_at_the_default(self, kind: type[Baseline]) -> None:
        start = {field: tried[0] for field, tried in kind.tried.items()}
        assert replace(kind.default(), **start) == kind.default()

    def test_what_changes_at_request_needs_no_other_fit(self, kind: type[Baseline]) -> None:
        dataset = shop(SMALL)
        batch = Batch.of(cases(dataset)[:5], 80)
        for field in kind.at_request:
            setting = {field: kind.tried[field][-1]}
            model: Any = fitted(kind, dataset)
            changed = replace(model, setting=replace(model.setting, **setting))
            np.testing.assert_allclose(
                changed.scores(batch), fitted(kind, dataset, **setting).scores(batch), rtol=1e-3, atol=1e-5
            )

    @pytest.mark.parametrize("event", [EventType.CLICK, EventType.RATING])
    def test_learns_from_any_event_without_a_word_of_text(self, kind: type[Baseline], event: EventType) -> None:
        dataset = with_events(bare(shop(SMALL)), event)
        if kind.name == "TF-IDF content":
            with pytest.raises(NothingToLearnError, match="no two products share"):
                fitted(kind, dataset)
            return
        scores = fitted(kind, dataset).scores(Batch.of(cases(dataset)[:3], 80))
        assert scores.std(axis=1).min() > 0


def test_batches_of_ease_are_what_it_predicts_one_by_one() -> None:
    dataset = shop(SMALL)
    model, some = fitted(Ease, dataset, half_life=None), cases(dataset)[:5]
    rows = Batch.of(some, 80).weighted(model.setting)
    ease = fitted_ease(training_rows(TrainingSet(dataset)), 200.0)
    scores = model.scores(Batch.of(some, 80))
    for index in range(5):
        own = rows[index]
        np.testing.assert_allclose(scores[index], ease_scores(ease, own.indices, own.data), rtol=1e-3, atol=1e-5)


def test_item_neighbours_are_shrunk_cosines() -> None:
    dataset = shop(SMALL)
    data = TrainingSet(dataset)
    model = ItemKnn.fit(data, ItemKnnSetting(shrinkage=10, neighbours=400, half_life=None), np.random.default_rng(0))
    dense = training_rows(data).toarray()
    norms = np.sqrt((dense**2).sum(axis=0))
    cosines = dense.T @ dense / (np.outer(norms, norms) + 10)
    np.fill_diagonal(cosines, 0)
    some = cases(dataset)[:4]
    expected = Batch.of(some, 80).weighted(model.setting).toarray() @ cosines
    np.testing.assert_allclose(model.scores(Batch.of(some, 80)), expected, rtol=1e-4, atol=1e-5)


def test_tifu_vectors_are_those_of_the_paper() -> None:
    """Three baskets in two groups: the older group has one of them. Within 0.9, between 0.5."""
    items = np.array([0, 1, 1, 2], dtype=np.int32)
    times = np.array([1, 2, 3, 3]) * DAY
    setting = TifuSetting(groups=2, within=0.9, between=0.5)
    vector = personal_frequencies(np.zeros(4, dtype=np.int32), items, times, (1, 3), setting).toarray()[0]
    newer = {1: (0.9 + 1.0) / 2, 2: 1.0 / 2}
    assert vector == pytest.approx([0.5 * 1.0 / 2, newer[1] / 2, newer[2] / 2])


def test_recency_halves_what_is_older() -> None:
    events = np.full(2, 3, dtype=np.int8)
    history = History(np.array([4, 6], dtype=np.int32), events, np.array([0, 10 * DAY]))
    batch = Batch.of([EvaluationCase(0, history, np.zeros(0, np.int32), 0)], 8)
    assert batch.weighted(ItemKnnSetting(half_life=10.0)).toarray()[0, [4, 6]].tolist() == pytest.approx([0.5, 1.0])
    assert batch.weighted(ItemKnnSetting(half_life=10.0, floor=0.2)).toarray()[0, 4] == pytest.approx(0.6)
