"""Lists as a shopper and a shop would judge them."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring.ranking.query import Query
from scoring.types import (
    EVENT_CODES,
    HISTORY_SCENARIOS,
    Component,
    EventType,
    History,
    ItemFilter,
    RankedItem,
    Reason,
    ReasonKind,
    Scenario,
    Tastes,
)
from tests.scoring.synthetic import DAY, START, history_of

if TYPE_CHECKING:
    from scoring.data.dataset import Dataset
    from scoring.ranking.recommender import Recommender

NOW = START + 121 * DAY
BUY, VIEW = EVENT_CODES[EventType.PURCHASE], EVENT_CODES[EventType.VIEW]
SEEDED = {Scenario.SIMILAR, Scenario.BOUGHT_TOGETHER, Scenario.CART}


def made(*events: tuple[int, int, int]) -> History:
    """A history of (item, event, unix seconds)."""
    table = np.array(events, dtype=np.int64).reshape(-1, 3)
    return History(table[:, 0].astype(np.int32), table[:, 1].astype(np.int8), table[:, 2])


NOBODY = made()


def items_of(ranked: list[RankedItem]) -> list[int]:
    return [one.item for one in ranked]


def neighbours(recommender: Recommender, scenario: Scenario, item: int) -> list[RankedItem]:
    return recommender.recommend(Query(scenario, NOBODY, NOW, 5, seeds=(item,)))


def reasons_of(ranked: list[RankedItem], kind: ReasonKind) -> list[Reason]:
    return [reason for one in ranked for reason in one.reasons if reason.kind is kind]


histories = st.lists(
    st.tuples(st.integers(-2, 125), st.integers(0, 4), st.integers(START, NOW + DAY)), max_size=60
).map(lambda events: made(*sorted(events, key=lambda event: event[2])))
filters = st.builds(
    ItemFilter,
    categories=st.frozensets(st.sampled_from(["cat-1", "CAT-2", "dep-0", "nowhere"]), max_size=2),
    brands=st.frozensets(st.sampled_from(["Brand A", "brand b"]), max_size=1),
    tags=st.frozensets(st.sampled_from(["vegan", "BIO"]), max_size=1),
    min_price=st.none() | st.floats(0, 10),
    max_price=st.none() | st.floats(0, 30),
    exclude_categories=st.frozensets(st.sampled_from(["cat-3", "dep-1"]), max_size=1),
)
queries = st.builds(
    Query,
    scenario=st.sampled_from(Scenario),
    history=histories,
    now=st.just(NOW),
    limit=st.integers(0, 130),
    seeds=st.lists(st.integers(-1, 125), max_size=3).map(tuple),
    exclude=st.lists(st.integers(-1, 125), max_size=20).map(tuple),
    include_purchased=st.booleans(),
    diversity=st.floats(0, 1),
    filter=filters | st.just(ItemFilter()),
    tastes=st.builds(Tastes, categories=st.sampled_from([(), ("cat-4",)]), tags=st.sampled_from([(), ("vegan",)])),
    local_hour=st.none() | st.integers(0, 23),
    exploration_share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    seed=st.integers(0, 100),
    weights=st.none() | st.dictionaries(st.sampled_from(Component), st.floats(0, 1)),
)


def met(query: Query) -> set[int]:
    """What a list of the shopper's own history may hold."""
    bought = query.history.events == BUY
    looked = query.history.events < BUY
    return set(query.history.items[bought if query.scenario is Scenario.BUY_AGAIN else looked].tolist())


def admitted(dataset: Dataset, wanted: ItemFilter, item: int) -> bool:
    """The filter's meaning, written the slow way."""
    shop = dataset.catalogue
    path = {one.casefold() for one in shop.categories[item]}
    price = float(shop.prices[item])
    return (
        (not wanted.categories or bool(path & {one.casefold() for one in wanted.categories}))
        and (not wanted.brands or shop.brands[item].casefold() in {one.casefold() for one in wanted.brands})
        and (not wanted.tags or bool({t.casefold() for t in shop.tags[item]} & {t.casefold() for t in wanted.tags}))
        and (wanted.min_price is None or price >= wanted.min_price)
        and (wanted.max_price is None or price <= wanted.max_price)
        and not path & {one.casefold() for one in wanted.exclude_categories}
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=queries)
def test_any_query_gets_an_honest_list(recommender: Recommender, dataset: Dataset, query: Query) -> None:
    ranked = recommender.recommend(query)
    chosen = items_of(ranked)
    barred = {*query.exclude, *(query.seeds if query.scenario in SEEDED else ())}
    if query.scenario in {Scenario.FOR_YOU, Scenario.NEXT_IN_SESSION} and not query.include_purchased:
        barred |= set(query.history.items[query.history.events == BUY].tolist())
    open_items = [item for item in range(120) if item not in barred and admitted(dataset, query.filter, item)]
    if query.scenario in HISTORY_SCENARIOS:
        open_items = [item for item in open_items if item in met(query)]

    assert ranked == recommender.recommend(query)
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(open_items)
    assert len(chosen) == min(query.limit, len(open_items))
    for one in ranked:
        assert 0.0 <= one.score <= 1.0
        assert 0.0 < one.propensity <= 1.0
        assert set(one.breakdown) == set(Component)
        assert sum(part.share for part in one.breakdown.values()) == pytest.approx(1.0, abs=1e-4)
        assert all(np.isfinite([part.value, part.weight, part.share]).all() for part in one.breakdown.values())
        assert 1 <= len(one.reasons) <= 3
        assert any(reason.kind is ReasonKind.EXPLORATION for reason in one.reasons) == one.exploration


@pytest.mark.parametrize("scenario", [Scenario.FOR_YOU, Scenario.NEXT_IN_SESSION])
def test_the_score_follows_the_fused_score(recommender: Recommender, dataset: Dataset, scenario: Scenario) -> None:
    ranked = recommender.recommend(Query(scenario, history_of(dataset, 4), NOW, 50, diversity=0.7))

    fused = [sum(part.value * part.weight for part in one.breakdown.values()) for one in ranked]
    by_fused = [ranked[row].score for row in np.argsort(fused)]
    assert all(low <= high + 1e-5 for low, high in pairwise(by_fused))


def test_shoppers_of_different_taste_get_different_lists(recommender: Recommender) -> None:
    """Products i and i + 8 share a category."""
    one = recommender.recommend(Query(Scenario.FOR_YOU, made(*((i, BUY, NOW - DAY) for i in (1, 9, 17))), NOW, 10))
    two = recommender.recommend(Query(Scenario.FOR_YOU, made(*((i, BUY, NOW - DAY) for i in (2, 10, 18))), NOW, 10))

    assert sum(item % 8 == 1 for item in items_of(one)) >= 5
    assert sum(item % 8 == 2 for item in items_of(two)) >= 5


def test_a_purchase_changes_the_next_list(recommender: Recommender) -> None:
    before = recommender.recommend(Query(Scenario.FOR_YOU, NOBODY, NOW, 10))
    bought = before[0].item

    after = recommender.recommend(Query(Scenario.FOR_YOU, made((bought, BUY, NOW)), NOW, 10))

    assert bought not in items_of(after)
    assert items_of(after) != items_of(before)[1:]
    assert any(reason.item == bought for one in after for reason in one.reasons)


def test_a_stranger_gets_popular_products_and_is_told_so(recommender: Recommender) -> None:
    ranked = recommender.recommend(Query(Scenario.FOR_YOU, NOBODY, NOW, 5, diversity=0.0))

    assert all(one.reasons[0].kind in {ReasonKind.POPULAR, ReasonKind.TRENDING} for one in ranked)
    assert all(one.breakdown[Component.CONTEXTUAL].share == pytest.approx(1.0) for one in ranked)


def test_stated_tastes_lead_the_list(recommender: Recommender, dataset: Dataset) -> None:
    ranked = recommender.recommend(Query(Scenario.FOR_YOU, NOBODY, NOW, 5, tastes=Tastes(categories=("cat-5",))))

    stated = [one for one in ranked if "cat-5" in dataset.catalogue.categories[one.item]]
    assert len(stated) >= 3
    assert all(one.reasons[0] == Reason(ReasonKind.STATED_TASTE, label="cat-5") for one in stated)


def test_a_stated_taste_is_told_as_the_catalogue_spells_it(recommender: Recommender) -> None:
    tastes = Tastes(categories=("CAT-5",), tags=("anything that somebody typed",))

    ranked = recommender.recommend(Query(Scenario.FOR_YOU, NOBODY, NOW, 5, tastes=tastes))

    assert {one.label for one in reasons_of(ranked, ReasonKind.STATED_TASTE)} == {"cat-5"}


def test_numbers_of_reasons_are_true(recommender: Recommender, dataset: Dataset) -> None:
    """Each count is counted again from the raw data."""
    columns, history = dataset.interactions, history_of(dataset, 6)
    ranked = recommender.recommend(Query(Scenario.FOR_YOU, history, NOW, 40, diversity=0.0))
    orders = range(int(columns.orders.max()) + 1)
    baskets = [set(columns.items[columns.orders == order].tolist()) for order in orders]
    owners = [int(columns.users[columns.orders == order][0]) for order in orders]

    def counted(*items: int) -> Counter[int]:
        """Baskets with all of these by shopper, fifty of one at most."""
        found = Counter(owner for owner, basket in zip(owners, baskets, strict=True) if {*items} <= basket)
        return Counter({owner: min(count, 50) for owner, count in found.items()})

    assert reasons_of(ranked, ReasonKind.BOUGHT_TOGETHER)
    assert reasons_of(ranked, ReasonKind.SAME_CATEGORY)
    for one in ranked:
        for reason in one.reasons:
            if reason.kind is ReasonKind.BOUGHT_TOGETHER:
                assert reason.item is not None
                assert reason.item in history.items
                both, first, second = counted(one.item, reason.item), counted(one.item), counted(reason.item)
                assert reason.count == len(both) >= 3
                lift = both.total() * len(baskets) / (first.total() * second.total())
                assert reason.value == pytest.approx(lift, rel=1e-4)
            elif reason.kind is ReasonKind.SAME_CATEGORY:
                leaf = dataset.catalogue.categories[one.item][-1]
                assert reason.label == leaf
                bought = [dataset.catalogue.categories[item][-1] == leaf for item in history.items.tolist()]
                assert reason.count == len(set((history.times[bought] // DAY).tolist()))
            elif reason.kind in {ReasonKind.POPULAR, ReasonKind.SHOPPERS_LIKE_YOU}:
                assert reason.count == len(set(columns.users[columns.items == one.item].tolist()))


def test_bought_together_finds_the_planted_partner(recommender: Recommender) -> None:
    """The made-up shop puts product i + 8 into 70 % of the baskets whose highest product is i."""
    hits = [item + 8 in items_of(neighbours(recommender, Scenario.BOUGHT_TOGETHER, item)) for item in range(40, 80)]

    assert np.mean(hits) > 0.5


def test_bought_together_is_not_just_popular(recommender: Recommender) -> None:
    best_sellers = set(items_of(recommender.recommend(Query(Scenario.POPULAR, NOBODY, NOW, 5))))
    lists = [set(items_of(neighbours(recommender, Scenario.BOUGHT_TOGETHER, item))) for item in range(50, 90)]

    assert np.mean([len(best_sellers & one) for one in lists]) < 2


def test_similar_products_share_the_category(recommender: Recommender) -> None:
    shared = [one.item % 8 == item % 8 for item in range(60) for one in neighbours(recommender, Scenario.SIMILAR, item)]

    assert np.mean(shared) > 0.8


def test_a_product_that_nobody_bought_has_similar_ones(recommender: Recommender) -> None:
    ranked = neighbours(recommender, Scenario.SIMILAR, 115)

    assert [one.item % 8 for one in ranked].count(115 % 8) >= 4
    assert ranked[0].reasons[0].kind is ReasonKind.SIMILAR_TO
    assert ranked[0].reasons[0].item == 115


def test_similar_within_a_filter_still_fills_the_list(recommender: Recommender, dataset: Dataset) -> None:
    wanted = ItemFilter(brands=frozenset({"brand c"}))

    ranked = recommender.recommend(Query(Scenario.SIMILAR, NOBODY, NOW, 10, seeds=(3,), filter=wanted))

    assert {dataset.catalogue.brands[one.item] for one in ranked} == {"Brand C"}
    assert len(ranked) == 10
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)


def test_a_cart_is_completed_by_partners_of_all_that_is_in_it(recommender: Recommender) -> None:
    seeds = (42, 51)
    ranked = recommender.recommend(Query(Scenario.CART, NOBODY, NOW, 8, seeds=seeds))

    partners = {reason.item for reason in reasons_of(ranked, ReasonKind.BOUGHT_TOGETHER)}
    assert partners == set(seeds)
    assert not set(items_of(ranked)) & set(seeds)


def test_buy_again_prefers_the_habit_that_is_due(recommender: Recommender) -> None:
    """Given a weekly habit last met ten days ago, one just bought, and one given up: the due one comes first."""
    weekly = [(7, BUY, NOW - (10 + 7 * week) * DAY) for week in range(8)]
    fresh = [(15, BUY, NOW - 7 * week * DAY) for week in range(8)]
    old = [(23, BUY, NOW - (300 + 7 * week) * DAY) for week in range(8)]
    history = made(*sorted([*weekly, *fresh, *old], key=lambda event: event[2]))

    ranked = recommender.recommend(Query(Scenario.BUY_AGAIN, history, NOW, 3))

    assert items_of(ranked) == [7, 15, 23]
    bought, due = ranked[0].reasons
    assert bought == Reason(ReasonKind.BUY_AGAIN, count=8, value=10.0)
    assert (due.kind, due.count) == (ReasonKind.DUE_AGAIN, 7), "the shopper's own week, not the shop's usual gap"
    assert due.value is not None
    assert -4 <= due.value <= -3, "three days over a week; purchases are told apart by days"
    _, later = ranked[1].reasons
    assert later.value is not None
    assert later.value > 5, "just bought"
    assert [reason.kind for reason in ranked[2].reasons] == [ReasonKind.BUY_AGAIN], "a habit that is over is none"


def test_two_purchases_are_no_rhythm(recommender: Recommender) -> None:
    history = made((7, BUY, NOW - 60 * DAY), (7, BUY, NOW - 60 * DAY), (7, BUY, NOW - 30 * DAY))

    (ranked,) = recommender.recommend(Query(Scenario.BUY_AGAIN, history, NOW, 3))

    assert [reason.kind for reason in ranked.reasons] == [ReasonKind.BUY_AGAIN]


def test_what_a_page_saw_counts_and_was_not_stated(recommender: Recommender) -> None:
    named = recommender.recommend(Query(Scenario.FOR_YOU, NOBODY, NOW, 8, tastes=Tastes(categories=("cat-1",))))
    seen = recommender.recommend(Query(Scenario.FOR_YOU, NOBODY, NOW, 8, tastes=Tastes(looked_at=("cat-1",))))

    assert reasons_of(named, ReasonKind.STATED_TASTE)
    assert not reasons_of(seen, ReasonKind.STATED_TASTE)
    assert items_of(named) == items_of(seen)


def test_recently_viewed_is_newest_first_and_never_filled(recommender: Recommender) -> None:
    history = made((4, VIEW, NOW - 3 * DAY), (5, BUY, NOW - 2 * DAY), (6, VIEW, NOW - DAY), (4, VIEW, NOW))

    ranked = recommender.recommend(Query(Scenario.RECENTLY_VIEWED, history, NOW, 4))

    assert items_of(ranked) == [4, 6]
    assert [one.reasons[0].kind for one in ranked] == [ReasonKind.RECENTLY_VIEWED] * 2
    assert ranked[1].reasons[0].value == pytest.approx(1.0)
    assert not recommender.recommend(Query(Scenario.RECENTLY_VIEWED, NOBODY, NOW, 4))
    assert not recommender.recommend(Query(Scenario.BUY_AGAIN, NOBODY, NOW, 4))


def test_the_session_outweighs_the_past(recommender: Recommender) -> None:
    past = [(item, BUY, NOW - 20 * DAY) for item in (0, 8, 16, 24, 32)]
    session = [(item, VIEW, NOW - 60 + item) for item in (5, 13, 21)]
    query = Query(Scenario.FOR_YOU, made(*past, *session), NOW, 10)

    usual = items_of(recommender.recommend(replace(query, history=made(*past))))
    now = items_of(recommender.recommend(replace(query, scenario=Scenario.NEXT_IN_SESSION)))

    assert sum(item % 8 == 5 for item in now) > sum(item % 8 == 5 for item in usual)


def test_popular_is_by_shoppers(recommender: Recommender, dataset: Dataset) -> None:
    ranked = recommender.recommend(Query(Scenario.POPULAR, NOBODY, NOW, 10))

    columns = dataset.interactions
    shoppers = [len(set(columns.users[columns.items == one.item].tolist())) for one in ranked]
    assert shoppers == sorted(shoppers, reverse=True)
    assert [one.reasons[0].count for one in ranked] == shoppers


@pytest.mark.parametrize(
    "scenario", [one for one in Scenario if one not in {Scenario.FOR_YOU, Scenario.NEXT_IN_SESSION, Scenario.CART}]
)
def test_only_personal_lists_explore(recommender: Recommender, dataset: Dataset, scenario: Scenario) -> None:
    query = Query(scenario, history_of(dataset, 1), NOW, 10, seeds=(3,), exploration_share=1.0)

    assert all(one.propensity == 1.0 and not one.exploration for one in recommender.recommend(query))


def test_exploration_is_marked_and_repeatable(recommender: Recommender, dataset: Dataset) -> None:
    query = Query(Scenario.FOR_YOU, history_of(dataset, 1), NOW, 10, exploration_share=0.3, seed=9)

    ranked = recommender.recommend(query)
    other = recommender.recommend(replace(query, seed=10))

    assert sum(one.exploration for one in ranked) == 3
    assert items_of(ranked)[:7] == items_of(other)[:7]
    assert items_of(ranked)[7:] != items_of(other)[7:]
    for one in ranked[7:]:
        assert one.reasons[0] == Reason(ReasonKind.EXPLORATION, value=one.propensity)


def test_diversity_widens_the_list(recommender: Recommender, dataset: Dataset) -> None:
    def categories(diversity: float) -> float:
        lists = [
            recommender.recommend(Query(Scenario.FOR_YOU, history_of(dataset, user), NOW, 10, diversity=diversity))
            for user in range(20)
        ]
        return float(np.mean([len({one.item % 8 for one in ranked}) for ranked in lists]))

    assert categories(0.8) > categories(0.0)


def test_weights_of_the_query_decide(recommender: Recommender, dataset: Dataset) -> None:
    query = Query(Scenario.FOR_YOU, history_of(dataset, 2), NOW, 10, weights={Component.CONTEXTUAL: 1.0}, diversity=0.0)

    ranked = recommender.recommend(query)

    values = [one.breakdown[Component.CONTEXTUAL].value for one in ranked]
    assert values == sorted(values, reverse=True)
    assert all(one.breakdown[Component.CONTENT].weight == 0.0 for one in ranked)


def test_threads_share_one_recommender(recommender: Recommender, dataset: Dataset) -> None:
    asked = [Query(Scenario.FOR_YOU, history_of(dataset, user), NOW, 10, exploration_share=0.2) for user in range(40)]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(recommender.recommend, asked))

    assert together == [recommender.recommend(query) for query in asked]
