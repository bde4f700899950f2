"""Scores mean the same on every shelf, and their labels tell products of good lists apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.ranking.query import Query
from scoring.ranking.recommender import Recommender
from scoring.ranking.scales import FEWEST, PLAIN, ScoreScale, ScoreScales, quantiles_of
from scoring.ranking.slate import FILLED
from scoring.types import ItemFilter, ReasonKind, Scenario
from shop.entities.recommendations import Confidence
from tests.scoring.ranking.test_recommender import NOBODY, NOW
from tests.scoring.synthetic import history_of

if TYPE_CHECKING:
    from scoring.data.dataset import Dataset
    from scoring.data.state import ModelState
    from scoring.types import RankedItem

SHOPPERS = range(60)


def lists(recommender: Recommender, dataset: Dataset, scenario: Scenario) -> list[list[RankedItem]]:
    """A list of eight for every shopper of the shop, each with a seed product of their own."""
    return [
        recommender.recommend(Query(scenario, history_of(dataset, user), NOW, 8, seeds=(2 * user,)))
        for user in SHOPPERS
    ]


@pytest.mark.parametrize(
    "scenario", [Scenario.FOR_YOU, Scenario.NEXT_IN_SESSION, Scenario.SIMILAR, Scenario.BOUGHT_TOGETHER]
)
def test_labels_of_good_lists_spread(recommender: Recommender, dataset: Dataset, scenario: Scenario) -> None:
    listed = lists(recommender, dataset, scenario)
    labels = Counter(Confidence.of(one.score) for ranked in listed for one in ranked)

    assert set(labels) == set(Confidence)
    assert max(labels.values()) < 0.75 * labels.total()


def test_shelves_are_comparable(recommender: Recommender, dataset: Dataset) -> None:
    """No shelf is called exploratory, and none certain, for the kind of number that it ranks by."""
    for scenario in (Scenario.FOR_YOU, Scenario.NEXT_IN_SESSION, Scenario.SIMILAR, Scenario.TRENDING, Scenario.POPULAR):
        scores = [one.score for ranked in lists(recommender, dataset, scenario) for one in ranked]
        assert 0.35 < np.median(scores) < 0.9, scenario


def test_a_score_is_the_share_of_reference_lists_that_is_weaker() -> None:
    strengths = np.random.default_rng(0).beta(1, 40, 4_000).astype(np.float32)
    scale = ScoreScale.of(quantiles_of(strengths))

    scores = scale(strengths)

    weaker = np.searchsorted(np.sort(strengths), strengths) / len(strengths)
    np.testing.assert_allclose(scores, weaker, atol=0.03)


@given(
    st.lists(st.floats(0, 1, width=32), min_size=FEWEST, max_size=80),
    st.lists(st.floats(0, 1, width=32), min_size=2, max_size=30),
)
def test_a_scale_turns_no_order_round(reference: list[float], asked: list[float]) -> None:
    scores = ScoreScale.of(quantiles_of(np.array(reference)))(np.sort(np.array(asked, np.float32)))

    assert (np.diff(scores) >= 0).all()
    assert ((scores >= 0) & (scores <= 1)).all()


def test_too_few_reference_strengths_give_no_scale() -> None:
    assert quantiles_of(np.ones(FEWEST - 1)) == []
    assert ScoreScales.from_json({"SIMILAR": []}).of("SIMILAR") is PLAIN


def test_the_probability_is_a_field_of_its_own(recommender: Recommender, dataset: Dataset) -> None:
    plain = Recommender(replace(recommender.model, scales=ScoreScales({})))
    query = Query(Scenario.FOR_YOU, history_of(dataset, 3), NOW, 8)

    ranked, strengths = recommender.recommend(query), plain.recommend(query)

    assert [one.probability for one in ranked] == pytest.approx([one.score for one in strengths])
    assert all(one.probability is None for one in recommender.recommend(replace(query, scenario=Scenario.POPULAR)))


def test_a_snapshot_of_earlier_versions_shows_strengths_as_they_are(state: ModelState, dataset: Dataset) -> None:
    manifest = {name: value for name, value in state.manifest.items() if name != "score_scales"}
    old = Recommender.from_state(replace(state, manifest=manifest))

    ranked = old.recommend(Query(Scenario.FOR_YOU, history_of(dataset, 3), NOW, 8))

    assert [one.score for one in ranked] == pytest.approx([one.probability for one in ranked])


def test_what_only_fills_a_list_is_never_claimed_with_confidence(recommender: Recommender) -> None:
    bought_by_few = ItemFilter(categories=frozenset({"cat-3"}))
    query = Query(Scenario.BOUGHT_TOGETHER, NOBODY, NOW, 12, seeds=(44,), filter=bought_by_few)

    ranked = recommender.recommend(query)

    filled = [one for one in ranked if ReasonKind.BOUGHT_TOGETHER not in {reason.kind for reason in one.reasons}]
    assert filled
    assert all(one.score <= FILLED for one in filled)
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
