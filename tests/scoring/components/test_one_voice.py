"""One shopper is one voice: what one of them repeats changes nothing that others are shown."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from scoring.components.collaborative import Collaborative, CollaborativeConfig
from scoring.components.contextual import Contextual, ContextualConfig
from scoring.components.demand import measure_demand
from scoring.components.neural import Neural, NeuralConfig
from scoring.data.dataset import Dataset, Interactions
from scoring.data.interactions import TrainingSet, fewest_shoppers
from scoring.data.profile import fold_history
from scoring.types import EVENT_CODES, EventType
from tests.scoring.ranking.test_recommender import BUY, NOW, made
from tests.scoring.synthetic import DAY, START, shop

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHOP = shop()
CLICK = EVENT_CODES[EventType.CLICK]
NEVER_SOLD, ODD, ODDER = 115, 116, 117


def with_rows(dataset: Dataset, rows: list[tuple[int, int, int, int, int]]) -> Dataset:
    """With these events as well: user, item, event, unix seconds, order."""
    columns, table = dataset.interactions, np.array(rows, dtype=np.int64)
    return replace(
        dataset,
        interactions=Interactions(
            users=np.r_[columns.users, table[:, 0]].astype(np.int32),
            items=np.r_[columns.items, table[:, 1]].astype(np.int32),
            events=np.r_[columns.events, table[:, 2]].astype(np.int8),
            times=np.r_[columns.times, table[:, 3]],
            quantities=np.r_[columns.quantities, np.ones(len(table))].astype(np.float32),
            orders=np.r_[columns.orders, table[:, 4]],
            n_users=max(columns.n_users, int(table[:, 0].max()) + 1),
        ),
    )


def of_one_event(dataset: Dataset, event: int) -> Dataset:
    columns = dataset.interactions
    return replace(dataset, interactions=replace(columns, events=np.full_like(columns.events, event)))


@pytest.fixture(scope="module")
def clicked() -> Dataset:
    """A program that clicks one product 23,500 times in the last days, from nine to five."""
    opens = START + 114 * DAY - START % DAY + 9 * 3_600
    clicks = [(60, NEVER_SOLD, CLICK, opens + number % 5 * DAY + 6 * (number // 5), -1) for number in range(23_500)]
    return with_rows(SHOP, clicks)


def test_a_program_that_clicks_makes_no_demand(clicked: Dataset) -> None:
    data = TrainingSet(clicked)
    contextual = Contextual.fit(data, ContextualConfig(), np.random.default_rng(0))

    for row in contextual.demands[:3]:
        assert row[NEVER_SOLD] < np.sort(row)[-20]
    usual = Contextual.fit(TrainingSet(SHOP), ContextualConfig(), np.random.default_rng(0))
    np.testing.assert_allclose(contextual.rhythm, usual.rhythm, atol=0.1, err_msg="nor does it set the shop's hours")


def test_clicks_make_no_trend_of_sales(clicked: Dataset) -> None:
    demand = measure_demand(TrainingSet(clicked))

    assert demand.recent[NEVER_SOLD] == 0
    assert demand.growth[NEVER_SOLD] <= 1
    one = measure_demand(TrainingSet(of_one_event(clicked, CLICK)))
    assert one.recent[NEVER_SOLD] == 1, "where nothing is sold a program that clicks is one shopper"
    assert one.growth[NEVER_SOLD] < 1.5


def test_what_sells_as_before_in_a_shop_that_shrinks_is_no_trend() -> None:
    days = [(user, 0, BUY, START + day * DAY, -1) for day in range(0, 120, 10) for user in range(10)]
    others = [
        (user, item, BUY, START + day * DAY, -1)
        for day in range(0, 100, 10)
        for user in range(10, 40)
        for item in (1, 2)
    ]

    columns = {field.name: getattr(SHOP.interactions, field.name) for field in fields(SHOP.interactions)}
    no_events: dict[str, Any] = {name: 0 if name == "n_users" else column[:0] for name, column in columns.items()}
    quiet = replace(SHOP, interactions=Interactions(**no_events))
    demand = measure_demand(TrainingSet(with_rows(quiet, [*days, *others])))

    assert demand.recent[0] == 10
    assert demand.growth[0] <= 1


def households(count: int) -> Dataset:
    """So many shoppers put two odd products into each of ten baskets, beside product 5."""
    rows = [
        (60 + user, item, BUY, START + day * DAY, 10_000 + 100 * user + day)
        for user in range(count)
        for day in range(10)
        for item in (5, ODD, ODDER)
    ]
    return with_rows(SHOP, rows)


@pytest.mark.parametrize(("count", "known"), [(2, False), (3, True)])
def test_nobody_is_recommended_what_one_household_buys(count: int, known: bool) -> None:
    """Of somebody who took one odd product, behaviour suggests the other only where enough shoppers took it."""
    data = TrainingSet(households(count))
    collaborative = Collaborative.fit(data, CollaborativeConfig(), np.random.default_rng(0))
    profile = fold_history(made((ODD, BUY, NOW - DAY), (5, BUY, NOW - DAY)), data.n_items, NOW)

    for name, values in collaborative.signals(profile, Collaborative.SIGNALS).items():
        if name.startswith(("ease", "together", "follow", "kin")):
            assert (rank_of(ODDER, values) < 10) == known, name


def test_the_net_keeps_no_vector_of_what_hardly_anybody_met() -> None:
    data = TrainingSet(households(2))

    neural = Neural.fit(data, NeuralConfig(max_steps=5), np.random.default_rng(0))

    labels = np.array([(path[-1], brand) for path, brand in zip(*labels_of(data), strict=True)])
    alike = np.flatnonzero((labels == labels[ODD]).all(axis=1) & ~data.shared)
    np.testing.assert_array_equal(neural.embeddings[alike], np.repeat(neural.embeddings[[ODD]], len(alike), axis=0))


def labels_of(data: TrainingSet) -> tuple[list[tuple[str, ...]], list[str]]:
    return data.dataset.catalogue.categories, data.dataset.catalogue.brands


def rank_of(item: int, values: NDArray[np.float32]) -> int:
    return int((values >= values[item]).sum()) - 1


def test_a_small_shop_has_a_lower_minimum() -> None:
    assert (fewest_shoppers(3, 49), fewest_shoppers(3, 50)) == (2, 3)
    assert (fewest_shoppers(5, 20), fewest_shoppers(1, 20)) == (2, 1)
