"""A FOR_YOU list balances what one purchase suggests with the rest of a shopper's taste, and with everybody's."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from scoring.ranking.query import Query
from scoring.types import Caps, ReasonKind, Scenario, Tastes
from tests.scoring.ranking.test_recommender import BUY, NOBODY, NOW, made
from tests.scoring.synthetic import DAY, history_of

if TYPE_CHECKING:
    from scoring.data.dataset import Dataset
    from scoring.ranking.recommender import Recommender
    from scoring.types import History, RankedItem

LIMIT, MOST = 8, 4
CROWD = {ReasonKind.POPULAR, ReasonKind.TRENDING}
LABELLED = {ReasonKind.SAME_CATEGORY, ReasonKind.SAME_BRAND, ReasonKind.STATED_TASTE}
BUNS = 17  # of cat-1


def balanced(recommender: Recommender, history: History, **asked: object) -> list[RankedItem]:
    query = Query(Scenario.FOR_YOU, history, NOW, LIMIT, caps=Caps(per_seed=MOST), **asked)  # type: ignore[arg-type]
    return recommender.recommend(query)


def first_reasons(ranked: list[RankedItem]) -> Counter[object]:
    """How many products have a first reason about the same product, category, brand or taste."""
    first = [one.reasons[0] for one in ranked]
    named = [reason.label for reason in first if reason.kind in LABELLED]
    return Counter([*(reason.item for reason in first if reason.item is not None), *named])


def test_after_one_purchase_the_other_places_are_everybodys(recommender: Recommender) -> None:
    history = made((BUNS, BUY, NOW - DAY))
    unlimited = recommender.recommend(Query(Scenario.FOR_YOU, history, NOW, LIMIT))

    ranked = balanced(recommender, history)

    assert sum(one.reasons[0].kind not in CROWD for one in unlimited) > MOST, "or there is nothing to balance"
    assert len(ranked) == LIMIT
    assert sum(one.reasons[0].kind not in CROWD for one in ranked) == MOST
    assert sum(reason.item == BUNS for one in ranked for reason in one.reasons[:1]) <= MOST


def test_one_purchase_leaves_room_for_the_older_taste(recommender: Recommender) -> None:
    """Products i and i + 8 share a category: the older taste is cat-2, the new purchase is of cat-1. The visit is about
    the new one first; a day later both count."""
    old = [(item, BUY, NOW - (60 + item) * DAY) for item in (2, 10, 18, 26)]

    def after(seconds: int) -> list[RankedItem]:
        return balanced(recommender, made(*sorted([*old, (BUNS, BUY, NOW - seconds)], key=lambda event: event[2])))

    assert max(first_reasons(after(60)).values()) <= MOST
    for ranked, least in ((after(60), 1), (after(DAY), 2)):
        assert sum(one.item % 8 == 2 for one in ranked) >= least
        assert any(one.item % 8 == 1 for one in ranked)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_no_list_crowds_on_one_thing(recommender: Recommender, dataset: Dataset, share: float) -> None:
    for user in range(60):
        ranked = balanced(recommender, history_of(dataset, user), exploration_share=share, diversity=0.3, seed=user)
        listed = [one for one in ranked if not one.exploration]

        assert len(ranked) == LIMIT
        assert max(first_reasons(listed).values(), default=0) <= MOST


def test_a_stated_taste_leads_but_does_not_fill_the_list(recommender: Recommender) -> None:
    ranked = balanced(recommender, NOBODY, tastes=Tastes(categories=("cat-5",)))

    assert sum(one.reasons[0].kind is ReasonKind.STATED_TASTE for one in ranked) == MOST
    assert ranked[0].reasons[0].kind is ReasonKind.STATED_TASTE


def test_a_visit_keeps_to_what_it_is_about(recommender: Recommender) -> None:
    """NEXT_IN_SESSION is for the visit: nothing limits it there."""
    query = Query(Scenario.NEXT_IN_SESSION, made((BUNS, BUY, NOW - 60)), NOW, LIMIT)
    limited = Query(Scenario.NEXT_IN_SESSION, query.history, NOW, LIMIT, caps=Caps(per_seed=1))

    assert recommender.recommend(limited) == recommender.recommend(query)
