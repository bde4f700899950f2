"""A reason that speaks of buyers or sales is given only where there are some."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scoring.ranking.evidence import in_demand, popular, trending
from scoring.ranking.model import RankingModel
from scoring.types import ReasonKind

if TYPE_CHECKING:
    from scoring.data.state import ModelState
    from scoring.ranking.model import SnapshotFacts

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
