"""What is bought again: learned from when shoppers came back for what."""

from __future__ import annotations

import numpy as np

from scoring.components.repurchase import Repurchase
from scoring.data.dataset import Dataset, Interactions
from scoring.data.interactions import PURCHASE, TrainingSet
from scoring.data.profile import fold_history
from scoring.evaluation.splitting import select
from scoring.types import History
from tests.scoring.synthetic import DAY, START, Shape, catalogue

MILK, LAMP = 0, 1  # milk is bought at every visit, and each of the others once
VISITS, USERS = 8, 120


def weekly_shop() -> Dataset:
    rows = []
    for user in range(USERS):
        for visit in range(VISITS):
            time = START + (7 * visit + user % 7) * DAY
            rows += [(user, MILK, time), (user, 1 + (user + visit) % 19, time)]
    table = np.array(rows)
    columns = Interactions(
        users=table[:, 0].astype(np.int32),
        items=table[:, 1].astype(np.int32),
        events=np.full(len(table), PURCHASE, np.int8),
        times=table[:, 2],
        quantities=np.ones(len(table), np.float32),
        orders=np.full(len(table), -1, np.int64),
        n_users=USERS,
    )
    return Dataset(columns, catalogue(Shape(items=20), np.random.default_rng(0)))


def test_what_everybody_buys_again_is_expected_again() -> None:
    model = Repurchase.fit(TrainingSet(weekly_shop()), np.random.default_rng(0))
    times = np.array([START, START, START + 7 * DAY])
    history = History(np.array([MILK, LAMP, MILK], np.int32), np.full(3, PURCHASE, np.int8), times)

    scores = model.scores(fold_history(history, 20, START + 14 * DAY).habits)

    assert scores[MILK] > 0.9
    assert scores[MILK] > 2 * scores[LAMP] > 0
    assert not scores[2:].any(), "what was never bought is not bought again"


def test_a_shop_where_nobody_comes_back_learns_nothing() -> None:
    dataset = weekly_shop()
    first = dataset.interactions.times < START + 7 * DAY
    columns = dataset.interactions
    once = select(columns, first)

    model = Repurchase.fit(TrainingSet(Dataset(once, dataset.catalogue)), np.random.default_rng(0))

    history = History(np.array([MILK], np.int32), np.full(1, PURCHASE, np.int8), np.array([START]))
    assert not model.scores(fold_history(history, 20, START + DAY).habits).any()
