"""Refreshes: an old state and fresh data give a whole state again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scoring.data.dataset import Catalogue, Dataset
from scoring.data.state import ModelState, digest
from scoring.evaluation.splitting import select
from scoring.learning.refresh import learned_until, refresh_content, refresh_embeddings
from scoring.learning.training import train
from scoring.ranking.query import Query
from scoring.ranking.recommender import Recommender
from scoring.types import HISTORY_SCENARIOS, History, Scenario
from tests.scoring.synthetic import DAY, START, Shape, history_of, shop

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHOLE = shop(Shape(users=240, items=120))
CUT = START + 90 * DAY
NOW = START + 200 * DAY


def part(catalogue: Catalogue, items: NDArray[np.int64]) -> Catalogue:
    texts = ("ids", "names", "descriptions", "categories", "brands", "tags")
    columns: dict[str, Any] = {name: [getattr(catalogue, name)[item] for item in items.tolist()] for name in texts}
    return Catalogue(**columns, prices=catalogue.prices[items])


def onto(dataset: Dataset, items: NDArray[np.int64]) -> Dataset:
    """The dataset of a shop that sells only some of the products, in another order."""
    index = np.full(len(dataset.catalogue), -1, dtype=np.int32)
    index[items] = np.arange(len(items))
    columns = replace(dataset.interactions, items=index[dataset.interactions.items])
    return Dataset(select(columns, columns.items >= 0), part(dataset.catalogue, items))


EARLY = Dataset(select(WHOLE.interactions, WHOLE.interactions.times < CUT), WHOLE.catalogue)
OLD_ITEMS = np.arange(100)
# Twenty new ones, five gone, in another order.
NEW_ITEMS = np.random.default_rng(2).permutation(np.arange(5, 120))


@pytest.fixture(scope="module")
def state() -> ModelState:
    return train(onto(EARLY, OLD_ITEMS), seed=2, now=CUT)


@pytest.fixture(scope="module")
def extended(state: ModelState) -> ModelState:
    return refresh_content(state, onto(WHOLE, NEW_ITEMS), seed=2, now=NOW)


def test_embeddings_move_and_all_else_stays(state: ModelState) -> None:
    refreshed = refresh_embeddings(state, WHOLE, seed=2, now=NOW)

    moved = {name for name, array in refreshed.arrays.items() if not np.array_equal(array, state.arrays[name])}
    assert moved <= {"neural.embeddings", "items.prices"}, "a missing price, NaN, equals nothing"
    assert "neural.embeddings" in moved
    assert refreshed.manifest["parent"] == digest(state)[:16]
    assert (learned_until(state.manifest), learned_until(refreshed.manifest)) == (CUT, NOW)
    ranked = Recommender.from_state(refreshed).recommend(
        Query(Scenario.FOR_YOU, history_of(onto(WHOLE, OLD_ITEMS), 3), NOW, 10)
    )
    assert len(ranked) == 10


def test_the_same_refresh_gives_the_same_version(state: ModelState) -> None:
    assert digest(refresh_embeddings(state, WHOLE, seed=2, now=NOW)) == digest(
        refresh_embeddings(state, WHOLE, seed=2, now=NOW)
    )


def test_without_news_embeddings_stay(state: ModelState) -> None:
    nothing = replace(WHOLE, interactions=select(WHOLE.interactions, WHOLE.interactions.times < START))

    refreshed = refresh_embeddings(state, nothing, seed=2, now=NOW)

    np.testing.assert_array_equal(refreshed.arrays["neural.embeddings"], state.arrays["neural.embeddings"])


def test_a_content_refresh_lists_new_products_and_drops_those_that_are_gone(extended: ModelState) -> None:
    recommender = Recommender.from_state(extended)

    assert recommender.catalogue_ids == [WHOLE.catalogue.ids[item] for item in NEW_ITEMS]
    assert extended.manifest["products"] == len(NEW_ITEMS)
    for scenario in Scenario:
        query = Query(scenario, history_of(onto(WHOLE, NEW_ITEMS), 3), NOW, 5, seeds=(0,), include_purchased=True)
        listed = {one.item for one in recommender.recommend(query)}
        assert len(listed) == (0 if scenario is Scenario.RECENTLY_VIEWED else 5), "all that happened are purchases"
        assert scenario not in HISTORY_SCENARIOS or listed <= set(query.history.items.tolist())


def test_known_products_keep_what_the_net_learned(state: ModelState, extended: ModelState) -> None:
    before, after = state.arrays["neural.embeddings"], extended.arrays["neural.embeddings"]

    for index, item in enumerate(NEW_ITEMS.tolist()):
        if item < len(OLD_ITEMS):
            np.testing.assert_array_equal(after[index], before[item])


def test_a_new_product_is_near_its_category(extended: ModelState) -> None:
    """Product i is in category i % 8; a new one resembles its own category more than the others."""
    vectors = extended.arrays["neural.embeddings"]
    leaf = NEW_ITEMS % 8
    old = np.isin(NEW_ITEMS, OLD_ITEMS)
    for index in np.flatnonzero(~old).tolist():
        own = vectors[old & (leaf == leaf[index])].mean(axis=0) @ vectors[index]
        others = vectors[old & (leaf != leaf[index])].mean(axis=0) @ vectors[index]
        assert own > others


def test_a_newcomer_can_be_recommended(extended: ModelState) -> None:
    """Products that nobody bought yet are listed as similar to those of their category."""
    newcomer = int(np.flatnonzero(NEW_ITEMS == 112)[0])
    alike = int(np.flatnonzero(NEW_ITEMS == 8)[0])
    history = History(np.zeros(0, np.int32), np.zeros(0, np.int8), np.zeros(0, np.int64))
    query = Query(Scenario.SIMILAR, history, NOW, 20, seeds=(alike,))

    assert newcomer in [one.item for one in Recommender.from_state(extended).recommend(query)]


def test_what_cannot_be_carried_over_is_refused(state: ModelState) -> None:
    odd = ModelState(state.arrays | {"other.values": np.zeros(len(OLD_ITEMS))}, state.manifest)

    with pytest.raises(ValueError, match=r"other\.values has an entry per product"):
        refresh_content(odd, onto(WHOLE, NEW_ITEMS))
    with pytest.raises(ValueError, match="import products first"):
        refresh_content(state, onto(WHOLE, NEW_ITEMS[:0]))
