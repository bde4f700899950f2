"""What a protocol hides stays hidden, whatever the data looks like."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.data.dataset import Dataset, Interactions
from scoring.data.interactions import DAY
from scoring.evaluation.protocol import EvaluationProtocol
from scoring.evaluation.splitting import VALIDATION_SHARE, Split, split
from tests.scoring.synthetic import Shape, catalogue, shop

ITEMS = 30
CATALOGUE = catalogue(Shape(items=ITEMS), np.random.default_rng(0))
TIES = np.array([zlib.crc32(id_.encode()) for id_ in CATALOGUE.ids], dtype=np.uint32)


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    """Any events of a few users; many share a time."""
    users = draw(st.integers(1, 12))
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, users - 1), st.integers(0, ITEMS - 1), st.integers(0, 4), st.integers(0, 12)),
            min_size=1,
            max_size=150,
        )
    )
    table = np.array(rows)
    return Dataset(
        Interactions(
            users=table[:, 0].astype(np.int32),
            items=table[:, 1].astype(np.int32),
            events=table[:, 2].astype(np.int8),
            times=(table[:, 3] * DAY // 2).astype(np.int64),
            quantities=np.ones(len(table), dtype=np.float32),
            orders=np.full(len(table), -1, dtype=np.int64),
            n_users=users,
        ),
        CATALOGUE,
    )


def keys(columns: Interactions) -> set[tuple[int, int]]:
    return set(zip(columns.users.tolist(), columns.items.tolist(), strict=True))


def rows(columns: Interactions) -> list[tuple[int, ...]]:
    return sorted(zip(columns.users.tolist(), columns.items.tolist(), columns.times.tolist(), strict=True))


def summary(one: Split) -> list[tuple[int, list[int], list[int]]]:
    return [(case.user, sorted(case.held_out.tolist()), sorted(case.history.items.tolist())) for case in one.cases]


@pytest.mark.parametrize("protocol", list(EvaluationProtocol))
@given(dataset=datasets(), seed=st.integers(0, 3))
def test_nothing_hidden_is_in_what_is_known(protocol: EvaluationProtocol, dataset: Dataset, seed: int) -> None:
    whole = split(dataset, protocol, TIES, seed)
    everything = keys(dataset.interactions)
    for case in whole.cases:
        held_out = {(case.user, item) for item in case.held_out.tolist()}
        assert held_out
        assert held_out <= everything
        assert len(held_out) == len(case.held_out)
        if not protocol.repeats:
            assert not held_out & keys(whole.train.interactions)
            assert not {*case.held_out.tolist()} & {*case.history.items.tolist()}
        assert (np.diff(case.history.times) >= 0).all()
        assert (case.history.times <= case.now).all()
        if whole.cases.candidates is not None:
            assert whole.cases.candidates[case.held_out].all()


@pytest.mark.parametrize("protocol", list(EvaluationProtocol))
@given(dataset=datasets(), shuffle=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(protocol: EvaluationProtocol, dataset: Dataset, shuffle: object) -> None:
    columns = dataset.interactions
    order = list(range(len(columns.users)))
    shuffle.shuffle(order)  # type: ignore[attr-defined]
    names = ("users", "items", "events", "times", "quantities", "orders")
    moved = replace(columns, **{name: getattr(columns, name)[order] for name in names})
    first, second = split(dataset, protocol, TIES, 1), split(replace(dataset, interactions=moved), protocol, TIES, 1)
    assert rows(first.train.interactions) == rows(second.train.interactions)
    assert summary(first) == summary(second)


@pytest.mark.parametrize("protocol", list(EvaluationProtocol))
def test_validation_hides_from_what_the_test_left(protocol: EvaluationProtocol) -> None:
    dataset = shop()
    ties = np.arange(len(dataset.catalogue), dtype=np.uint32)
    test = split(dataset, protocol, ties)
    validation = split(test.train, protocol, ties, 0, VALIDATION_SHARE)
    assert len(test.cases) or protocol is EvaluationProtocol.NEW_ITEMS
    assert set(rows(validation.train.interactions)) < set(rows(test.train.interactions))
    if protocol in (EvaluationProtocol.TEMPORAL, EvaluationProtocol.NEW_ITEMS):
        times = dataset.interactions.times
        span = times.max() - times.min()
        assert validation.train.interactions.times.max() <= times.min() + 0.7 * span + 1
        assert test.train.interactions.times.max() <= times.min() + 0.8 * span


def test_which_product_of_a_basket_is_hidden_is_a_matter_of_chance() -> None:
    """Six products at one time: over many users, each is hidden about equally often."""
    users, items = (part.ravel() for part in np.meshgrid(np.arange(600), np.arange(6), indexing="ij"))
    columns = Interactions(
        users=users.astype(np.int32),
        items=items.astype(np.int32),
        events=np.full(3600, 3, dtype=np.int8),
        times=np.full(3600, 1_700_000_000, dtype=np.int64),
        quantities=np.ones(3600, dtype=np.float32),
        orders=users.astype(np.int64),
        n_users=600,
    )
    hidden = split(Dataset(columns, CATALOGUE), EvaluationProtocol.LEAVE_LAST_OUT, TIES).cases.held_out
    assert np.bincount(hidden, minlength=6)[:6].min() > 65


def test_cold_users_are_known_by_three_products_alone() -> None:
    dataset = shop()
    ties = np.arange(len(dataset.catalogue), dtype=np.uint32)
    whole = split(dataset, EvaluationProtocol.COLD_USERS, ties)
    known = set(whole.train.interactions.users.tolist())
    for case in whole.cases:
        assert case.user not in known
        assert len(set(case.history.items.tolist())) == 3
        assert len(case.held_out) <= 5
