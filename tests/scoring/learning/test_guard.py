"""The guard: it hides the same shoppers' products at every training, and tells a worse model from a lucky one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scoring.data.dataset import Dataset
from scoring.data.state import ModelState
from scoring.data.ties import tie_hashes
from scoring.evaluation.splitting import select
from scoring.learning.guard import MIN_CASES, GuardCases, hide_cases, judge, marked
from scoring.learning.training import train
from scoring.types import Component
from tests.scoring.synthetic import DAY, START, Shape, shop

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHOP = shop(Shape(users=320, items=120))
KEYS = np.sort(np.random.default_rng(4).integers(0, 2**64, 320, dtype=np.uint64))
NOW = START + 200 * DAY


def hidden(dataset: Dataset, keys: NDArray[np.uint64] = KEYS) -> GuardCases:
    return hide_cases(dataset, keys, tie_hashes(dataset.catalogue.ids))


@pytest.fixture(scope="module")
def good() -> ModelState:
    return marked(train(hidden(SHOP).dataset, seed=1), hidden(SHOP))


@pytest.fixture(scope="module")
def blind() -> ModelState:
    """Knows what sells, and nobody's taste."""
    return marked(train(hidden(SHOP).dataset, weights={Component.CONTEXTUAL: 1.0}, seed=1), hidden(SHOP))


def test_what_is_hidden_is_hidden() -> None:
    cases = hidden(SHOP)

    columns = cases.dataset.interactions
    seen = set(zip(columns.users.tolist(), columns.items.tolist(), strict=True))
    assert len(cases) >= MIN_CASES
    assert seen.isdisjoint(zip(cases.users.tolist(), cases.items.tolist(), strict=True))
    assert columns.n_users == SHOP.interactions.n_users


def test_what_a_later_training_hides_an_earlier_one_has_not_seen() -> None:
    """The data grow by a month and by new shoppers, who get their numbers among the old ones."""
    columns = SHOP.interactions
    early = select(columns, columns.times < START + 90 * DAY)
    before = hidden(Dataset(early, SHOP.catalogue))
    newcomers = np.random.default_rng(5).integers(0, 2**64, 50, dtype=np.uint64)
    keys = np.sort(np.concatenate([KEYS, newcomers]))
    index = np.searchsorted(keys, KEYS).astype(np.int32)
    grown = replace(columns, users=index[columns.users], n_users=len(keys))
    after = hidden(Dataset(grown, SHOP.catalogue), keys)

    known = before.dataset.interactions
    seen = {(int(index[user]), item) for user, item in zip(known.users.tolist(), known.items.tolist(), strict=True)}

    assert seen.isdisjoint(zip(after.users.tolist(), after.items.tolist(), strict=True))


def test_a_small_shop_loses_nothing_to_the_guard() -> None:
    small = shop(Shape(users=40))

    cases = hidden(small, KEYS[::8])

    assert len(cases) == 0
    assert cases.dataset is small


def test_a_worse_model_is_refused_with_its_numbers(good: ModelState, blind: ModelState) -> None:
    decision = judge(blind, good, hidden(SHOP), NOW, 0.05)

    assert not decision.accepted
    assert "worse by more than the margin of 5%" in decision.reason
    assert decision.metrics["guard.ndcg@10"] < 0.95 * decision.metrics["guard.current.ndcg@10"]


def test_a_wide_margin_lets_it_pass(good: ModelState, blind: ModelState) -> None:
    assert judge(blind, good, hidden(SHOP), NOW, 1.0).accepted


def test_a_better_model_and_an_equal_one_are_accepted(good: ModelState, blind: ModelState) -> None:
    assert judge(good, blind, hidden(SHOP), NOW, 0.0).accepted
    assert judge(good, good, hidden(SHOP), NOW, 0.0).accepted


def test_a_model_that_saw_everything_is_no_measure(good: ModelState, blind: ModelState) -> None:
    """Such as one of a shop that was too small for the guard until now."""
    knowing = ModelState(good.arrays, {**good.manifest, "hidden_cases": 0})

    decision = judge(blind, knowing, hidden(SHOP), NOW, 0.0)

    assert decision.accepted
    assert "has seen" in decision.reason


def test_the_first_model_has_only_to_work(good: ModelState) -> None:
    assert judge(good, None, hidden(SHOP), NOW, 0.05).accepted
    broken = {name: np.full_like(array, np.nan) for name, array in good.arrays.items() if name == "neural.embeddings"}

    decision = judge(ModelState(good.arrays | broken, good.manifest), None, hidden(SHOP), NOW, 0.05)

    assert not decision.accepted
    assert "finite" in decision.reason
