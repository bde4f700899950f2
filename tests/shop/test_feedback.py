"""The report's arithmetic: intervals, and which clicks count for which list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mongo_seed.migrate import migrate
from scoring.types import EventType
from shop.entities.explanations import TextSource
from shop.entities.feedback import Proportion, ReportGroup
from shop.entities.interactions import Interaction
from shop.entities.users import Actor
from shop.store.bulk import bulk_insert
from shop.store.feedback import FeedbackStore
from shop.store.interactions import InteractionStore

if TYPE_CHECKING:
    from shop.store.database import Database

NOON = datetime(2026, 5, 14, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANNA, VISITOR = Actor(user_id="anna"), Actor(session_id="s-1")


# Newcombe (1998), table I, method 3, doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E
@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_of_the_literature(successes: int, trials: int, low: float, high: float) -> None:
    found = Proportion.of(successes, trials)
    assert found
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


@given(st.integers(1, 10**9), st.data())
def test_an_interval_holds_its_share_and_stays_within_bounds(trials: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    found = Proportion.of(successes, trials)
    assert found
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1


def test_nothing_tried_says_nothing() -> None:
    assert Proportion.of(0, 0) is None


def shown(list_id: str, actor: Actor, at: datetime, *products: str, source: str | None = None) -> dict[str, Any]:
    text = {"explanation": {"source": source, "model": None, "promptVersion": "p1"}} if source else {}
    return {
        "_id": list_id,
        "actorKey": actor.key,
        "scenario": "FOR_YOU",
        "modelVersion": "m",
        "at": at,
        "items": [
            {"productId": id_, "rank": rank, "score": 0.5, "exploration": False, "propensity": 1.0, **text}
            for rank, id_ in enumerate(products, start=1)
        ],
    }


def acted(key: str, actor: Actor, list_id: str, product: str, at: datetime, kind: EventType) -> Interaction:
    return Interaction(key, actor, product, kind, at, recommendation_id=list_id)


async def test_a_click_counts_once_for_the_list_that_its_shopper_was_shown(database: Database) -> None:
    await migrate(database)
    lists = [
        shown("with", ANNA, NOON, "tea", "cup", source="TEMPLATE"),
        shown("without", ANNA, NOON, "tea", "pot"),
        shown("visitor", VISITOR, NOON, "tea", source="OPENAI"),
        shown("earlier", ANNA, NOON - DAY, "tea"),
    ]
    await bulk_insert(database, "recommendations_log", lists)
    events = [
        acted("1", ANNA, "with", "tea", NOON + HOUR, EventType.CLICK),
        acted("2", ANNA, "with", "tea", NOON + 2 * HOUR, EventType.PURCHASE),  # the same place again
        acted("3", ANNA, "with", "pot", NOON + HOUR, EventType.CLICK),  # not in that list
        acted("4", ANNA, "with", "cup", NOON + HOUR, EventType.VIEW),  # no click
        acted("5", ANNA, "without", "tea", NOON + DAY + HOUR / 2, EventType.CLICK),  # too late
        acted("6", ANNA, "without", "pot", NOON + DAY - HOUR, EventType.LIKE),
        acted("7", VISITOR, "visitor", "tea", NOON + HOUR, EventType.CLICK),
        acted("8", VISITOR, "with", "cup", NOON + HOUR, EventType.CLICK),  # another's list
        acted("9", ANNA, "earlier", "tea", NOON + HOUR - HOUR, EventType.CLICK),  # of a list before the report's time
        acted("10", ANNA, "nowhere", "tea", NOON + HOUR, EventType.CLICK),
    ]
    await InteractionStore(database).append(events)
    store, hour = FeedbackStore(database), (NOON, NOON + HOUR)

    template, openai = (TextSource.TEMPLATE, "p1"), (TextSource.OPENAI, "p1")
    none = (None, None)
    assert await store.impressions(*hour, ReportGroup.PROMPT_VERSION) == {template: 2, openai: 1, none: 2}
    assert await store.clicks(*hour, ReportGroup.PROMPT_VERSION) == {template: 1, openai: 1, none: 1}
    assert await store.clicks(NOON - 2 * DAY, NOON, ReportGroup.SOURCE) == {none: 1}
    assert (TextSource.TEMPLATE, "TEMPLATE") in await store.impressions(*hour, ReportGroup.SOURCE)
