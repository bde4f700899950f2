"""A reason that speaks of buyers or sales is given only where there are some."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scoring.learning.training import train
from scoring.ranking.evidence import in_demand, popular, trending
from scoring.ranking.model import RankingModel
from scoring.ranking.query import Query
from scoring.ranking.recommender import Recommender
from scoring.types import Caps, Component, ItemFilter, ReasonKind, Scenario
from shop.services.history import with_behavior
from tests.scoring.ranking.test_recommender import BUY, NOBODY, NOW, VIEW, made
from tests.scoring.synthetic import DAY, START

if TYPE_CHECKING:
    from scoring.data.dataset import Dataset
    from scoring.data.state import ModelState
    from scoring.ranking.model import SnapshotFacts
    from scoring.types import RankedItem, Reason

ITEM = 3


@pytest.fixture(scope="module")
def facts(state: ModelState) -> SnapshotFacts:
    return RankingModel.from_state(state).facts


def rising(facts: SnapshotFacts, buyers: int) -> SnapshotFacts:
    """Where six shoppers have met the product lately, three times as many as usual."""
    changed = {"buyers": buyers, "growth": 3.0, "surprise": 3.5, "recent": 6}
    columns = {name: getattr(facts.demand, name).copy() for name in changed}
    for name, column in columns.items():
        column[ITEM] = changed[name]
    return replace(facts, demand=replace(facts.demand, **columns))


@pytest.mark.parametrize("buyers", [0, 1])
def test_what_many_look_at_and_nobody_buys_does_not_sell(facts: SnapshotFacts, buyers: int) -> None:
    shown = rising(facts, buyers)

    for reason in (trending(shown, ITEM), in_demand(shown, ITEM), popular(shown, ITEM)):
        assert reason.kind is ReasonKind.CATALOGUE
        assert reason.count is None


def test_what_sells_better_than_usual_says_so(facts: SnapshotFacts) -> None:
    shown = rising(facts, facts.fewest_shoppers)

    assert trending(shown, ITEM).kind is in_demand(shown, ITEM).kind is ReasonKind.TRENDING
    assert popular(shown, ITEM).count == facts.fewest_shoppers


def test_every_fallback_of_every_product_counts_its_buyers(facts: SnapshotFacts) -> None:
    for item in range(len(facts.index)):
        reason = in_demand(facts, item)
        claims = reason.kind in {ReasonKind.POPULAR, ReasonKind.TRENDING}
        assert claims == bool(facts.demand.buyers[item] >= facts.fewest_shoppers)
        assert reason.count in {None, int(facts.demand.buyers[item])}
    assert np.any(facts.demand.buyers < facts.fewest_shoppers), "some products test the fallback"


def reason(ranked: list[RankedItem], item: int, kind: ReasonKind) -> Reason:
    (found,) = [one for own in ranked if own.item == item for one in own.reasons if one.kind is kind]
    return found


def test_what_is_bought_twice_in_a_day_is_bought_once(recommender: Recommender) -> None:
    """Products i and i + 8 share a category."""
    basket = [(item, BUY, NOW - 9 * DAY) for item in (2, 2, 10, 18, 26, 34)]
    history = made(*basket, (2, BUY, NOW - 2 * DAY))

    again = recommender.recommend(Query(Scenario.BUY_AGAIN, history, NOW, 5))
    others = recommender.recommend(Query(Scenario.FOR_YOU, history, NOW, 20))

    assert [reason(again, item, ReasonKind.BUY_AGAIN).count for item in (2, 10)] == [2, 1]
    counts = {one.count for own in others for one in own.reasons if one.kind is ReasonKind.SAME_CATEGORY}
    assert counts == {2}


def test_nobody_knows_when_what_a_page_tells_of_was_bought(recommender: Recommender) -> None:
    names = recommender.catalogue_ids
    known = made((2, BUY, NOW - 9 * DAY), (3, BUY, NOW - 4 * DAY))

    told = with_behavior(known, recommender.index_of, [names[5]], [names[2], names[10], names[10]], NOW)
    again = recommender.recommend(Query(Scenario.BUY_AGAIN, told, NOW, 5))
    viewed = recommender.recommend(Query(Scenario.RECENTLY_VIEWED, told, NOW, 5))
    others = recommender.recommend(Query(Scenario.FOR_YOU, told, NOW, 20))

    old, new = reason(again, 2, ReasonKind.BUY_AGAIN), reason(again, 10, ReasonKind.BUY_AGAIN)
    assert (old.count, new.count, new.value) == (1, 1, None)
    assert old.value == pytest.approx(9)
    assert reason(viewed, 5, ReasonKind.RECENTLY_VIEWED).value is None
    # It may have been the same basket.
    counts = {one.count for own in others for one in own.reasons if one.kind is ReasonKind.SAME_CATEGORY}
    assert counts == {1}


def test_nobody_is_like_a_shopper_who_looked_at_two_products(recommender: Recommender) -> None:
    def kinds(*looked_at: int) -> set[ReasonKind]:
        history = made(*[(item, VIEW, NOW - 60) for item in looked_at])
        ranked = recommender.recommend(Query(Scenario.FOR_YOU, history, NOW, 60, weights={Component.NEURAL: 1.0}))
        return {one.kind for own in ranked for one in own.reasons}

    assert ReasonKind.SHOPPERS_LIKE_YOU not in kinds(2, 11)
    assert ReasonKind.SHOPPERS_LIKE_YOU in kinds(2, 11, 20)


def test_what_fills_up_a_short_taste_has_no_probability_of_its_own(recommender: Recommender) -> None:
    """The chances that are known are those of this shopper's list; what anybody may be shown is another one."""
    query = Query(Scenario.FOR_YOU, made((17, BUY, NOW - DAY)), NOW, 8, diversity=0.0)
    query = replace(query, filter=ItemFilter(categories=frozenset({"cat-1"})))

    alone = recommender.recommend(query)
    balanced = recommender.recommend(replace(query, caps=Caps(per_seed=4)))

    assert None not in {one.probability for one in alone}
    assert [one.probability for one in balanced] == [one.probability for one in alone[:4]] + [None] * 4


def test_where_every_order_has_one_product_nothing_is_bought_together(dataset: Dataset) -> None:
    columns = dataset.interactions
    orders = np.arange(len(columns.orders))
    alone = replace(columns, times=START + orders % 100 * DAY, orders=orders)  # of a shopper no two are on one day

    finder = Recommender.from_state(train(replace(dataset, interactions=alone), seed=1))
    ranked = finder.recommend(Query(Scenario.BOUGHT_TOGETHER, NOBODY, int(alone.times.max()), 8, seeds=(3,)))

    reasons = [one for own in ranked for one in own.reasons]
    assert ReasonKind.BOUGHT_TOGETHER not in {one.kind for one in reasons}
    also = [one for one in reasons if one.kind is ReasonKind.ALSO_BOUGHT]
    assert also
    assert all(one.item == 3 and (one.count or 0) >= 3 for one in also)
