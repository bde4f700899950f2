"""A snapshot that was written before names in the code changed: it stays readable and gives the same lists.

`snapshot-format-2.zip` is a small trained model. Its plans for the next visit and for the visit that goes on weigh
every signal alike, so that the lists depend on each stored name. `snapshot-format-2.json` holds what it recommended
when it was written.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.data.interactions import DAY, PURCHASE
from scoring.data.state import load, unpack
from scoring.ranking.query import Query
from scoring.ranking.recommender import Recommender
from scoring.types import History, ReasonKind, Scenario

FIXTURES = Path(__file__).parents[2] / "fixtures"
ASKED: list[dict[str, Any]] = json.loads((FIXTURES / "snapshot-format-2.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Recommender:
    folder = tmp_path_factory.mktemp("old") / "model"
    unpack(FIXTURES / "snapshot-format-2.zip", folder)
    return Recommender.from_state(load(folder))


def days_with_a_purchase(history: dict[str, Any]) -> dict[str, set[int]]:
    days: dict[str, set[int]] = defaultdict(set)
    for product, event, time in zip(history["products"], history["events"], history["times"], strict=True):
        if event == PURCHASE:
            days[product].add(time // DAY)
    return days


def query_of(asked: dict[str, Any], recommender: Recommender) -> Query:
    index_of, history = recommender.index_of, asked["history"]
    events = History(
        np.array([index_of[one] for one in history["products"]], dtype=np.int32),
        np.array(history["events"], dtype=np.int8),
        np.array(history["times"], dtype=np.int64),
    )
    return Query(
        Scenario(asked["scenario"]),
        events,
        asked["now"],
        len(asked["recommended"]),
        seeds=tuple(index_of[one] for one in asked["seeds"]),
        include_purchased=asked["include_purchased"],
    )


@pytest.mark.parametrize(
    "asked", ASKED, ids=[f"{one['scenario']}-{len(one['history']['products'])}-events" for one in ASKED]
)
def test_it_recommends_what_it_did_when_it_was_written(old: Recommender, asked: dict[str, Any]) -> None:
    ranked = old.recommend(query_of(asked, old))

    products = [old.catalogue_ids[one.item] for one in ranked]
    if asked["scenario"] == Scenario.BUY_AGAIN:  # since then by how due a product is
        bought = days_with_a_purchase(asked["history"])
        assert len(set(products)) == len(asked["recommended"])
        assert [(one.reasons[0].kind, one.reasons[0].count) for one in ranked] == [
            (ReasonKind.BUY_AGAIN, len(bought[product])) for product in products
        ]
        return
    assert products == asked["recommended"]
    # It has no scale that shelves share: scores are the strengths that it ranks by.
    assert [one.score for one in ranked] == pytest.approx(asked["scores"], abs=1e-4)
    for one, said in zip(ranked, asked["reasons"], strict=True):
        # It does not hold how many shoppers a pair of products rests on, so no pair is claimed any more; what is less
        # similar is not claimed to be; and purchases of a category are counted by day.
        kept = [
            reason
            for reason in said
            if reason[0] != ReasonKind.BOUGHT_TOGETHER and not (reason[0] == ReasonKind.SIMILAR_TO and reason[4] < 0.4)
        ]
        assert ReasonKind.BOUGHT_TOGETHER not in {reason.kind for reason in one.reasons}
        own = one.reasons[: len(kept)]
        assert [
            [reason.kind, None if reason.item is None else old.catalogue_ids[reason.item], reason.label]
            for reason in own
        ] == [reason[:3] for reason in kept]
        assert all((reason.count or 0) <= (before[3] or 0) for reason, before in zip(own, kept, strict=True))
        assert [reason.value or 0.0 for reason in own] == pytest.approx([one[4] or 0.0 for one in kept], rel=1e-3)


def test_its_plans_name_every_signal(old: Recommender) -> None:
    named = {name for plans in old.model.plans.chosen.values() for plan in plans.values() for name in plan.weights}

    assert named == {name for scorer in old.model.scorers.by_component().values() for name in scorer.SIGNALS}
