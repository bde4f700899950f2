"""The bandit learns what is clicked in a context, draws with exact probabilities, and never breaks on odd numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scoring.data.items import ItemIndex
from scoring.exploration.bandit import (
    DIMENSION,
    BanditState,
    bandit_scores,
    credit,
    draw_probabilities,
    forget,
    update,
)
from scoring.exploration.features import BanditContext, Traits, device_class, encode, unpack_rows
from scoring.ranking.query import Query
from scoring.types import Component, Scenario
from tests.scoring.synthetic import START, history_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.data.dataset import Dataset
    from scoring.ranking.recommender import Recommender

NOW = START + 130 * 86_400
finite = st.floats(allow_nan=False, allow_infinity=False)
matrices = st.integers(0, 12).flatmap(lambda rows: arrays(np.float64, (rows, DIMENSION), elements=finite))


def some_rows(count: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(-1, 1, (count, DIMENSION))


def sums(state: BanditState) -> NDArray[np.float64]:
    return np.concatenate([array.ravel() for array in state.to_arrays().values()])


def added(one: BanditState, other: BanditState) -> BanditState:
    """The sums of both, as the shared store adds them up."""
    arrays = other.to_arrays()
    return BanditState.from_arrays({name: array + arrays[name] for name, array in one.to_arrays().items()})


@settings(max_examples=60)
@given(seen=matrices, asked=matrices, reward=finite, weight=finite, keep=finite)
def test_any_finite_input_gives_finite_numbers(
    seen: NDArray[np.float64], asked: NDArray[np.float64], reward: float, weight: float, keep: float
) -> None:
    count = len(seen)
    state = update(BanditState.empty(), seen, np.full(count, reward), np.full(count, weight))
    state = forget(added(state, credit(state, seen, np.full(count, reward))), keep)

    probabilities, scores = draw_probabilities(state, asked), bandit_scores(state, asked)

    assert np.isfinite(sums(state)).all()
    assert np.isfinite(scores).all()
    assert np.isfinite(probabilities).all()
    assert len(asked) == 0 or probabilities.sum() == pytest.approx(1.0)
    assert (probabilities > 0).all()


def test_order_and_process_of_updates_do_not_matter() -> None:
    """What two processes saw adds up to what one would have seen, and a late click to one that came at once."""
    rows, rewards = some_rows(40), (np.arange(40) % 3 == 0).astype(np.float64)
    whole = update(BanditState.empty(), rows, rewards)

    halves = added(
        update(BanditState.empty(), rows[25:], rewards[25:]), update(BanditState.empty(), rows[:25], rewards[:25])
    )
    late = credit(update(BanditState.empty(), rows, np.zeros(40)), rows[rewards > 0], rewards[rewards > 0])

    np.testing.assert_allclose(sums(halves), sums(whole), atol=1e-9)
    np.testing.assert_allclose(sums(late), sums(whole), atol=1e-9)


def test_the_posterior_is_ridge_regression() -> None:
    rng = np.random.default_rng(3)
    truth, rows = rng.normal(0, 0.3, DIMENSION), some_rows(5_000, 3)
    rewards = np.clip(0.5 + rows @ truth * 0.1 + rng.normal(0, 0.05, 5_000), 0, 1)

    mean, deviation = update(BanditState.empty(), rows, rewards).posterior.predict(rows[:50])

    expected = rows[:50] @ np.linalg.solve(rows.T @ rows + np.eye(DIMENSION), rows.T @ rewards)
    np.testing.assert_allclose(mean, expected, atol=1e-9)
    assert (deviation > 0).all()


def test_more_experience_is_surer_and_forgetting_is_less_sure() -> None:
    rows = some_rows(200)
    few, many = (update(BanditState.empty(), rows[:n], np.zeros(n)) for n in (20, 200))

    spread_few, spread_many, spread_old = (
        state.posterior.predict(rows)[1].mean() for state in (few, many, forget(many, 0.1))
    )

    assert spread_many < spread_few
    assert spread_many < spread_old


def test_it_follows_a_change_after_forgetting() -> None:
    """Given an arm that was good for long and is bad now, a state that forgets turns sooner."""
    good, other = np.eye(DIMENSION)[:1], np.eye(DIMENSION)[1:2]
    stuck = update(BanditState.empty(), np.repeat(good, 2_000, 0), np.ones(2_000))
    stuck = update(stuck, np.repeat(other, 2_000, 0), np.full(2_000, 0.5))

    def later(state: BanditState) -> NDArray[np.float32]:
        state = update(state, np.repeat(good, 300, 0), np.zeros(300))
        return bandit_scores(state, np.concatenate([good, other]))

    assert later(stuck)[0] > later(stuck)[1]
    assert later(forget(stuck, 0.02))[0] < later(forget(stuck, 0.02))[1]


def test_clicks_raise_the_probability_of_what_was_clicked() -> None:
    rows = some_rows(30)
    state, probabilities = BanditState.empty(), []
    for _ in range(6):
        probabilities.append(draw_probabilities(state, rows)[4])
        state = update(state, rows, (np.arange(30) == 4).astype(np.float64))

    assert probabilities == sorted(probabilities)
    assert probabilities[-1] > 3 * probabilities[0]
    assert bandit_scores(state, rows).argmax() == 4


def test_without_experience_draws_are_nearly_even_and_nothing_is_reordered() -> None:
    rows = some_rows(50)

    assert (draw_probabilities(None, rows) == 1 / 50).all()
    probabilities = draw_probabilities(BanditState.empty(), rows)
    assert probabilities.max() < 2.5 * probabilities.min()
    assert (bandit_scores(BanditState.empty(), rows) == 0).all()


def test_arrays_of_another_shape_or_with_nan_are_refused() -> None:
    good = update(BanditState.empty(), some_rows(3), np.ones(3)).to_arrays()
    assert (sums(BanditState.from_arrays(good)) == np.concatenate([a.ravel() for a in good.values()])).all()

    with pytest.raises(ValueError, match="32 features"):
        BanditState.from_arrays({**good, "gram": np.eye(3)})
    with pytest.raises(ValueError, match="not finite"):
        BanditState.from_arrays({**good, "response": np.full(DIMENSION, np.nan)})


def query(dataset: Dataset, **changed: object) -> Query:
    base = Query(Scenario.FOR_YOU, history_of(dataset, 1), NOW, 10, device="mobile", local_hour=8)
    return replace(base, **changed)  # type: ignore[arg-type]


def traits_of(recommender: Recommender) -> Traits:
    return Traits.of(recommender.index, recommender.facts.demand)


def context_of(asked: Query) -> BanditContext:
    return BanditContext(asked.scenario, asked.history, asked.device, asked.local_hour)


def taught(recommender: Recommender, asked: Query, liked: NDArray[np.bool_], rounds: int = 30) -> BanditState:
    """What is learnt when every product is shown in this context and the liked ones are always clicked."""
    items = np.arange(recommender.n_items, dtype=np.int32)
    rows = encode(context_of(asked), traits_of(recommender), items, np.full(len(items), 0.5, np.float32))
    state = BanditState.empty()
    for _ in range(rounds):
        state = update(state, rows, liked.astype(np.float64))
    return state


def test_a_category_that_is_clicked_in_a_context_comes_up_there(recommender: Recommender, dataset: Dataset) -> None:
    """Products i and i + 8 share a category."""
    morning = query(dataset, exploration_share=0.3)
    liked = np.arange(recommender.n_items) % 8 == 5
    bandit = taught(recommender, morning, liked)

    def part(asked: Query) -> float:
        return float(np.mean([
            sum(one.item % 8 == 5 for one in recommender.recommend(replace(asked, seed=seed))) for seed in range(30)
        ]))  # fmt: skip

    assert part(replace(morning, bandit=bandit)) > part(morning) + 1


def test_the_breakdown_holds_what_the_bandit_added(recommender: Recommender, dataset: Dataset) -> None:
    """The contextual component carries it, so scores still follow the weighted sum, and the order follows scores."""
    asked = query(dataset, diversity=0.0)
    liked = np.random.default_rng(1).random(recommender.n_items) < 0.5
    ranked = recommender.recommend(replace(asked, bandit=taught(recommender, asked, liked)))
    before = {one.item: one for one in recommender.recommend(replace(asked, limit=60))}

    scores = [one.score for one in ranked]
    fused = [sum(part.value * part.weight for part in one.breakdown.values()) for one in ranked]
    assert scores == sorted(scores, reverse=True)
    assert fused == sorted(fused, reverse=True)
    moved = [
        one.breakdown[Component.CONTEXTUAL].value - before[one.item].breakdown[Component.CONTEXTUAL].value
        for one in ranked
    ]
    assert max(np.abs(moved)) > 0.5
    assert all(one.propensity == 1.0 and not one.exploration for one in ranked), "share 0 stays deterministic"


def test_an_empty_bandit_changes_no_list(recommender: Recommender, dataset: Dataset) -> None:
    asked = query(dataset)
    empty = replace(asked, bandit=BanditState.empty())

    assert recommender.recommend(empty) == recommender.recommend(asked)


def test_what_was_shown_can_be_read_back(recommender: Recommender, dataset: Dataset) -> None:
    ranked = recommender.recommend(query(dataset, exploration_share=0.25, seed=4))

    for one in ranked:
        assert one.impression is not None
        (shown,) = unpack_rows(one.impression.features)
        assert np.abs(shown).max() <= 1.0
        assert bool(one.impression.rivals) == (one.propensity < 1)
        if one.impression.rivals:
            rivals = unpack_rows(one.impression.rivals, compressed=True)
            np.testing.assert_array_equal(rivals[one.impression.shown], shown)


def test_features_tell_contexts_apart_but_not_snapshots(recommender: Recommender, dataset: Dataset) -> None:
    items, scores = np.arange(20, dtype=np.int32), np.linspace(1, 0, 20, dtype=np.float32)

    def rows(**changed: object) -> NDArray[np.float64]:
        return encode(context_of(query(dataset, **changed)), traits_of(recommender), items, scores)

    base = rows()
    for changed in ({"device": "desktop"}, {"local_hour": 20}, {"local_hour": None}, {"scenario": Scenario.SIMILAR}):
        assert (rows(**changed) != base).any(axis=1).all(), changed
    assert (rows(local_hour=8 + 24) == base).all()
    assert (rows(device="Android phone") == base).all()
    # another catalogue, in which every category has another code
    categories = [*dataset.catalogue.categories[:-1], ("aaa",)]
    other = ItemIndex.of(replace(dataset.catalogue, categories=categories))
    same = items % 8 != 119 % 8  # the price levels of the last product's category change
    again = encode(context_of(query(dataset)), Traits.of(other, recommender.facts.demand), items, scores)
    assert (other.leaf[items] != recommender.index.leaf[items]).all()
    np.testing.assert_array_equal(again[same], base[same])


@pytest.mark.parametrize(
    ("device", "expected"), [(None, 0), ("desktop", 0), ("iPad", 1), ("MOBILE", 2), ("Android tablet", 1)]
)
def test_devices_fall_into_classes(device: str | None, expected: int) -> None:
    assert device_class(device) == expected
