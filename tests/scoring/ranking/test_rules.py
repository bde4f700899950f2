"""Rules, pins, caps and availability hold in a list, whatever else is asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring.learning.training import train
from scoring.ranking.compiled_rules import CompiledRules
from scoring.ranking.pins import place_pins
from scoring.ranking.query import Query
from scoring.ranking.recommender import Recommender
from scoring.ranking.rules import (
    Rule,
    RuleAction,
    RuleContext,
    RuleSchedule,
    Scope,
    Segment,
    Target,
)
from scoring.ranking.scales import ScoreScales
from scoring.types import (
    HISTORY_SCENARIOS,
    Caps,
    Component,
    ItemFilter,
    RankedItem,
    Reason,
    ReasonKind,
    Ruling,
    Scenario,
)
from tests.scoring.ranking.test_recommender import BUY, NOBODY, NOW, SEEDED, admitted, items_of, met, queries
from tests.scoring.synthetic import Shape, history_of, permuted, shop

N_ITEMS = 120
SHOP = shop()
ORDER = np.random.default_rng(3).permutation(N_ITEMS)  # of the same shop's catalogue, shuffled
WITHOUT_NEURAL = {Component.COLLABORATIVE: 0.5, Component.CONTENT: 0.3, Component.CONTEXTUAL: 0.2}
CONTEXT = RuleContext(Scenario.FOR_YOU)

product_ids = st.integers(0, N_ITEMS + 3).map(lambda item: f"sku-{item:04d}")  # some are unknown
targets = st.builds(
    Target,
    products=st.lists(product_ids, max_size=4, unique=True).map(tuple),
    categories=st.sampled_from([(), ("cat-2",), ("DEP-1",), ("nowhere",)]),
    brands=st.sampled_from([(), ("brand b",)]),
    tags=st.sampled_from([(), ("vegan",)]),
)
pins = st.builds(
    Rule,
    id=st.text("abc", min_size=1, max_size=3),
    action=st.just(RuleAction.PIN),
    target=st.builds(Target, products=st.lists(product_ids, min_size=1, max_size=3, unique=True).map(tuple)),
    position=st.integers(1, 30),
    priority=st.integers(-1, 1),
)
others = st.one_of(
    st.builds(Rule, st.text("xy", min_size=1, max_size=3), st.just(RuleAction.EXCLUDE), targets),
    st.builds(
        Rule,
        st.text("xy", min_size=1, max_size=3),
        st.sampled_from([RuleAction.BOOST, RuleAction.BURY]),
        targets,
        factor=st.sampled_from([0.1, 0.5, 1.5, 20.0]),
        priority=st.integers(-1, 1),
    ),
)
rule_sets = st.lists(pins | others, max_size=5)
caps = st.builds(Caps, st.integers(0, 3), st.integers(0, 4))
masks = st.none() | st.frozensets(st.integers(0, N_ITEMS - 1), max_size=60)


def compiled(recommender: Recommender, *rules: Rule) -> CompiledRules:
    return CompiledRules(rules, recommender.index, recommender.index_of)


def ruling_of(recommender: Recommender, *rules: Rule) -> Ruling | None:
    found = compiled(recommender, *rules)
    return found.ruling(found.applicable(NOW, CONTEXT))


def ruled(recommender: Recommender, *rules: Rule) -> Ruling:
    ruling = ruling_of(recommender, *rules)
    assert ruling is not None
    return ruling


def codes_of(recommender: Recommender, items: list[int], cap: str) -> Counter[int]:
    codes = recommender.index.leaf if cap == "category" else recommender.index.brand
    return Counter(code for code in codes[items].tolist() if code >= 0)


def could_join(recommender: Recommender, already_listed: list[int], item: int, wanted: Caps) -> bool:
    for cap, most in (("category", wanted.per_category), ("brand", wanted.per_brand)):
        counts = codes_of(recommender, [*already_listed, item], cap)
        if most and any(counts[code] > most for code in codes_of(recommender, [item], cap)):
            return False
    return True


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=queries, rules=rule_sets, wanted=caps, sold_out=masks)
def test_whatever_is_asked_rules_caps_and_stock_hold(
    recommender: Recommender, query: Query, rules: list[Rule], wanted: Caps, sold_out: frozenset[int] | None
) -> None:
    ruling = ruling_of(recommender, *rules)
    available = None
    if sold_out is not None:
        available = np.ones(N_ITEMS, dtype=bool)
        available[list(sold_out)] = False
    query = replace(query, rules=ruling, caps=wanted, available=available)

    ranked = recommender.recommend(query)
    chosen = items_of(ranked)
    open_items = [item for item in range(N_ITEMS) if is_open(query, item)]

    # filters, exclusions and stock are kept, and the list is as long as they let it be
    assert set(chosen) <= set(open_items)
    assert len(set(chosen)) == len(chosen) == min(query.limit, len(open_items))
    assert ranked == recommender.recommend(query)
    # pins are at their positions, with certainty and the reason PROMOTED
    expected = expected_pins(query, open_items)
    for position, item in expected.items():
        pin = ranked[min(position, len(ranked) - sum(later > position for later in expected)) - 1]
        assert pin.item == item
        assert pin.reasons == (Reason(ReasonKind.PROMOTED),)
        assert (pin.exploration, pin.propensity) == (False, 1.0)
    promoted = {one.item for one in ranked if one.reasons[0].kind is ReasonKind.PROMOTED}
    assert promoted == set(expected.values())
    # caps hold around them, or nothing was left that keeps them
    pinned = [item for item in chosen if item in promoted]
    kept = list(pinned)
    for item in (item for item in chosen if item not in promoted):
        if could_join(recommender, kept, item, wanted):
            kept.append(item)
    if len(kept) < len(chosen):
        outside = set(open_items) - set(chosen)
        assert not any(could_join(recommender, kept, item, wanted) for item in outside)
    assert all(0.0 <= one.score <= 1.0 and 0.0 < one.propensity <= 1.0 and one.reasons for one in ranked)


def is_open(query: Query, item: int) -> bool:
    barred = {*query.exclude, *(query.seeds if query.scenario in SEEDED else ())}
    if query.scenario in {Scenario.FOR_YOU, Scenario.NEXT_IN_SESSION} and not query.include_purchased:
        barred |= bought(query)
    return (
        item not in barred
        and admitted(SHOP, query.filter, item)
        and (query.scenario not in HISTORY_SCENARIOS or item in met(query))
        and not (query.rules is not None and query.rules.excluded[item])
        and not (query.available is not None and not query.available[item])
    )


def bought(query: Query) -> set[int]:
    return set(query.history.items[query.history.events == BUY].tolist())


def expected_pins(query: Query, open_items: list[int]) -> dict[int, int]:
    """The meaning of pins, written the slow way."""
    placed: dict[int, int] = {}
    known = set() if query.include_purchased or query.scenario is Scenario.BUY_AGAIN else bought(query)
    for item, wished in query.rules.pins if query.rules else ():
        if item in open_items and item not in known and item not in placed.values():
            free = [position for position in range(wished, query.limit + 1) if position not in placed]
            if free:
                placed[free[0]] = item
    return placed


@pytest.fixture(scope="module")
def moved() -> Recommender:
    return Recommender.from_state(train(permuted(SHOP, ORDER), seed=5))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rules=rule_sets,
    wanted=caps,
    scenario=st.sampled_from([one for one in Scenario if one is not Scenario.SIMILAR]),
    user=st.integers(0, 59),
)
def test_the_order_of_the_catalogue_does_not_matter(
    recommender: Recommender,
    moved: Recommender,
    rules: list[Rule],
    wanted: Caps,
    scenario: Scenario,
    user: int,
) -> None:
    """The same shop with its products in other rows gives the same list of product ids. (Embeddings start from random
    numbers by row; what they decide, and so the neighbours of SIMILAR, is left out.)"""
    row_of = np.argsort(ORDER).astype(np.int32)
    history = history_of(SHOP, user)
    query = Query(scenario, history, NOW, 12, seeds=(3, 44), caps=wanted, diversity=0.0, weights=WITHOUT_NEURAL)
    there = replace(query, history=replace(history, items=row_of[history.items]), seeds=tuple(row_of[[3, 44]].tolist()))

    here = recommender.recommend(replace(query, rules=ruling_of(recommender, *rules)))
    elsewhere = moved.recommend(replace(there, rules=ruling_of(moved, *rules)))

    assert [recommender.catalogue_ids[one.item] for one in here] == [moved.catalogue_ids[one.item] for one in elsewhere]


def test_a_boost_brings_in_what_the_shortlist_lacks_and_burying_sinks() -> None:
    """In a shop whose shortlist is a fraction of the catalogue."""
    large = Recommender.from_state(train(shop(Shape(users=40, items=600)), seed=5))
    query = Query(Scenario.FOR_YOU, NOBODY, NOW, 10, diversity=0.0)
    usual = large.recommend(query)
    whole = large.recommend(replace(query, limit=600))
    last, first = whole[400].item, usual[0].item
    lift = Rule("a", RuleAction.BOOST, Target(products=(f"sku-{last:04d}",)), factor=100.0)
    sink = Rule("b", RuleAction.BURY, Target(products=(f"sku-{first:04d}",)), factor=0.001)

    after = large.recommend(replace(query, rules=ruled(large, lift, sink)))

    assert items_of(after)[0] == last
    assert first not in items_of(after)
    assert items_of(after)[1:] == items_of(whole)[1:10]
    assert after[1].score == usual[1].score


def test_boosts_multiply_what_the_shelf_ranks_by(recommender: Recommender) -> None:
    """Seen without the scale that shelves share."""
    recommender = Recommender(replace(recommender.model, scales=ScoreScales({})))
    query = Query(Scenario.POPULAR, NOBODY, NOW, N_ITEMS)
    before = {one.item: one.score for one in recommender.recommend(query)}
    rule = Rule("a", RuleAction.BURY, Target(categories=("cat-1",)), factor=0.5)

    after = recommender.recommend(replace(query, rules=ruled(recommender, rule)))

    for one in after:
        factor = 0.5 if one.item % 8 == 1 else 1.0
        assert one.score == pytest.approx(before[one.item] * factor)
    assert [one.score for one in after] == sorted((one.score for one in after), reverse=True)


def test_of_two_rules_on_one_product_the_higher_priority_decides_then_the_lower_id(recommender: Recommender) -> None:
    one = Target(products=("sku-0001",))
    up, down = Rule("b", RuleAction.BOOST, one, factor=3.0), Rule("a", RuleAction.BURY, one, factor=0.5)

    assert ruled(recommender, up, down).factors[1] == 0.5
    assert ruled(recommender, replace(up, priority=1), down).factors[1] == 3.0
    first, second = (
        Rule(id_, RuleAction.PIN, Target(products=(f"sku-000{id_}",)), position=2, priority=int(id_ == "9"))
        for id_ in "89"
    )
    assert ruled(recommender, first, second).pins == ((9, 2), (8, 2))
    assert place_pins(ruled(recommender, first, second), 5, np.ones(N_ITEMS, dtype=bool)) == {2: 9, 3: 8}


def test_pinned_products_stand_in_the_order_of_the_rule(recommender: Recommender) -> None:
    group = Rule("a", RuleAction.PIN, Target(products=("sku-0100", "sku-0007", "sku-0050")), position=3)

    ranked = recommender.recommend(Query(Scenario.POPULAR, NOBODY, NOW, 8, rules=ruled(recommender, group)))

    assert items_of(ranked)[2:5] == [100, 7, 50]


def test_a_purchase_ends_a_pin_unless_it_is_asked_for(recommender: Recommender) -> None:
    history = history_of(SHOP, 3)
    known = int(history.items[0])
    pin = Rule("a", RuleAction.PIN, Target(products=(f"sku-{known:04d}",)), position=1)
    query = Query(Scenario.FOR_YOU, history, NOW, 5, rules=ruled(recommender, pin))

    def first(query: Query) -> RankedItem:
        return recommender.recommend(query)[0]

    assert first(query).item != known
    assert first(replace(query, include_purchased=True)).item == known
    assert first(replace(query, scenario=Scenario.BUY_AGAIN)).reasons == (Reason(ReasonKind.PROMOTED),)


def test_exploration_keeps_off_pinned_positions(recommender: Recommender) -> None:
    pin = Rule("a", RuleAction.PIN, Target(products=("sku-0110",)), position=5)
    query = Query(Scenario.FOR_YOU, NOBODY, NOW, 5, exploration_share=1.0, rules=ruled(recommender, pin))

    ranked = recommender.recommend(query)

    assert [one.exploration for one in ranked] == [True, True, True, True, False]
    assert ranked[4].item == 110


def test_caps_are_kept_beyond_the_shortlist(recommender: Recommender) -> None:
    """Eight categories: a cap of one leaves eight products that keep it, the rest fill up."""
    query = Query(Scenario.FOR_YOU, history_of(SHOP, 1), NOW, 12, caps=Caps(per_category=1))

    kinds = [item % 8 for item in items_of(recommender.recommend(query))]

    assert sorted(kinds[:8]) == list(range(8))
    assert len(kinds) == 12


def test_brands_give_way_before_categories(recommender: Recommender) -> None:
    query = Query(Scenario.POPULAR, NOBODY, NOW, 8, caps=Caps(per_category=1, per_brand=1))

    chosen = items_of(recommender.recommend(query))

    assert max(codes_of(recommender, chosen[:6], "brand").values()) == 1
    assert max(codes_of(recommender, chosen, "category").values()) == 1
    assert max(codes_of(recommender, chosen, "brand").values()) > 1


@pytest.mark.parametrize(
    ("moment", "schedule", "holds"),
    [
        ("2026-05-04T09:59:59", RuleSchedule(hours=frozenset({10})), False),
        ("2026-05-04T10:00:00", RuleSchedule(hours=frozenset({10})), True),
        ("2026-05-04T10:59:59", RuleSchedule(hours=frozenset({10}), weekdays=frozenset({1})), True),
        ("2026-05-05T10:30:00", RuleSchedule(hours=frozenset({10}), weekdays=frozenset({1})), False),
        ("2026-05-10T23:59:59", RuleSchedule(weekdays=frozenset({7})), True),
        ("2026-05-11T00:00:00", RuleSchedule(weekdays=frozenset({7})), False),
        ("2026-05-11T00:00:00", RuleSchedule(), True),
    ],
)
def test_days_and_hours_are_in_utc(moment: str, schedule: RuleSchedule, holds: bool) -> None:
    at = int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())

    assert schedule.holds(at) is holds


def test_a_rule_begins_at_its_start_and_is_over_at_its_end() -> None:
    schedule = RuleSchedule(starts_at=100, ends_at=200)

    assert [schedule.holds(now) for now in (99, 100, 199, 200)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("scope", "holds"),
    [
        (Scope(), True),
        (Scope(scenarios=frozenset({Scenario.CART})), True),
        (Scope(scenarios=frozenset({Scenario.FOR_YOU})), False),
        (Scope(categories=frozenset({"dairy", "toys"})), True),
        (Scope(categories=frozenset({"toys"})), False),
        (Scope(segments=frozenset({Segment.HEAVY})), True),
        (Scope(segments=frozenset({Segment.COLD, Segment.LIGHT})), False),
        (Scope(languages=frozenset({"DE"})), True),
        (Scope(languages=frozenset({"de-AT"})), True),
        (Scope(languages=frozenset({"de-CH", "d"})), False),
        (Scope(devices=frozenset({"Mobile"})), True),
        (Scope(devices=frozenset({"desktop"})), False),
        (Scope(scenarios=frozenset({Scenario.CART}), devices=frozenset({"desktop"})), False),
    ],
)
def test_a_scope_asks_for_all_of_its_conditions(recommender: Recommender, scope: Scope, holds: bool) -> None:
    rules = compiled(recommender, Rule("a", RuleAction.EXCLUDE, Target(tags=("vegan",)), scope=scope))
    context = RuleContext(Scenario.CART, frozenset({"food", "dairy"}), Segment.of(50), "de_AT", "mobile")

    assert bool(rules.applicable(NOW, context)) is holds


def test_a_target_is_any_of_its_conditions_and_a_disabled_rule_is_none(recommender: Recommender) -> None:
    rule = Rule("a", RuleAction.EXCLUDE, Target(products=("sku-0001", "gone"), categories=("Cat-2",), tags=("BIO",)))

    excluded = ruled(recommender, rule).excluded

    expected = [n for n in range(N_ITEMS) if n == 1 or n % 8 == 2 or (n % 11 == 0 and n % 7 != 0)]
    assert np.flatnonzero(excluded).tolist() == expected
    assert ruling_of(recommender, replace(rule, enabled=False)) is None
    assert admitted(SHOP, ItemFilter(), 1)


def test_segments_are_by_history() -> None:
    assert [Segment.of(events) for events in (0, 4, 5, 49, 50)] == [
        Segment.COLD, Segment.COLD, Segment.LIGHT, Segment.LIGHT, Segment.HEAVY,
    ]  # fmt: skip
