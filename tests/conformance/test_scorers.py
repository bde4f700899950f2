"""What every component of the hybrid promises, whichever way it computes its scores."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.components.collaborative import Collaborative, CollaborativeConfig
from scoring.components.component import Scorer
from scoring.components.content import Content, ContentConfig
from scoring.components.contextual import Contextual, ContextualConfig
from scoring.components.neural import Neural, NeuralConfig
from scoring.data.interactions import TrainingSet
from scoring.data.profile import fold_history, seeds_profile
from scoring.types import Component, EventType
from tests.scoring.synthetic import (
    DAY,
    START,
    Shape,
    bare,
    history_of,
    permuted,
    shop,
    with_events,
    without_interactions,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scoring.data.profile import Profile

KINDS: dict[Component, tuple[type[Any], Any]] = {
    Component.COLLABORATIVE: (Collaborative, CollaborativeConfig()),
    Component.CONTENT: (Content, ContentConfig()),
    Component.NEURAL: (Neural, NeuralConfig(max_epochs=1.0, batch=32)),
    Component.CONTEXTUAL: (Contextual, ContextualConfig()),
}
SHOP = shop(Shape(users=30, items=60, categories=6, orders_per_user=6))
SHOPS = {
    "usual": SHOP,
    "no interactions": without_interactions(SHOP),
    "views only": with_events(SHOP, EventType.VIEW),
    "ratings": with_events(SHOP, EventType.RATING),
    "no text, no prices, no orders": bare(SHOP),
    "one user": shop(Shape(users=1, items=40)),
    "more items than users": shop(Shape(users=4, items=150)),
    "more users than items": shop(Shape(users=80, items=12, categories=3, orders_per_user=4, basket=3)),
    "one product": shop(Shape(users=2, items=1, categories=1)),
}
NOW = START + 200 * DAY
EVERY = pytest.mark.parametrize("component", list(Component))


@cache
def fitted(component: Component, name: str = "usual") -> Scorer:
    kind, config = KINDS[component]
    scorer = kind.fit(TrainingSet(SHOPS[name]), config, np.random.default_rng(3))
    assert isinstance(scorer, Scorer)
    return scorer


def own_scores(scorer: Scorer, profile: Profile) -> NDArray[np.float32]:
    """The scores of a component alone, with the default weights of its signals."""
    return scorer.blend(profile, scorer.DEFAULTS)


@EVERY
@pytest.mark.parametrize("name", list(SHOPS))
def test_scores_are_finite_for_every_kind_of_shop(component: Component, name: str) -> None:
    dataset = SHOPS[name]
    scorer = fitted(component, name)
    profiles = [seeds_profile((), NOW), seeds_profile((0,), NOW), fold_history(history_of(dataset, 0), 10_000, NOW)]

    for profile in profiles:
        scores = own_scores(scorer, replace(profile, local_hour=18))

        assert scores.shape == (len(dataset.catalogue),)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()


@EVERY
def test_a_restored_scorer_gives_the_same_scores(component: Component) -> None:
    scorer = fitted(component)
    profile = fold_history(history_of(SHOP, 5), 60, NOW)
    config = type(scorer.config)(**json.loads(json.dumps(asdict(scorer.config))))

    restored = type(scorer).from_arrays(scorer.to_arrays(), config)

    np.testing.assert_array_equal(own_scores(restored, profile), own_scores(scorer, profile))


@EVERY
def test_a_blend_is_the_weighted_sum_of_standardised_signals(component: Component) -> None:
    scorer = fitted(component)
    profile = fold_history(history_of(SHOP, 7), 60, NOW)
    weights = dict(zip(scorer.SIGNALS, (0.3, 0.2, 0.15, 0.1, 0.05) * 4, strict=False))

    blend = scorer.blend(profile, weights)

    signals = scorer.signals(profile, weights)
    assert signals.keys() == weights.keys()
    standard = {name: (row - row.mean()) / (row.std() or 1) for name, row in signals.items()}
    expected = sum(weights[name] * np.copysign(np.sqrt(np.abs(row)), row) for name, row in standard.items())
    np.testing.assert_allclose(blend, expected, atol=1e-3)


@EVERY
def test_the_same_seed_fits_the_same_scorer(component: Component) -> None:
    kind, config = KINDS[component]
    again = kind.fit(TrainingSet(SHOP), config, np.random.default_rng(3))

    for name, array in fitted(component).to_arrays().items():
        np.testing.assert_array_equal(again.to_arrays()[name], array, err_msg=name)


@EVERY
def test_scoring_changes_neither_the_scorer_nor_the_profile(component: Component) -> None:
    scorer = fitted(component)
    profile = fold_history(history_of(SHOP, 2), 60, NOW)
    before = {name: array.copy() for name, array in scorer.to_arrays().items()}
    kept = profile.strengths.copy()

    first = own_scores(scorer, profile).copy()
    second = own_scores(scorer, profile)

    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(profile.strengths, kept)
    for name, array in scorer.to_arrays().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)


@pytest.mark.parametrize("component", [Component.COLLABORATIVE, Component.NEURAL])
def test_someone_without_history_is_nothing_to_a_personal_component(component: Component) -> None:
    scores = own_scores(fitted(component), seeds_profile((), NOW))

    assert np.ptp(scores) == 0.0


@pytest.mark.parametrize("component", [Component.COLLABORATIVE, Component.CONTENT, Component.NEURAL])
def test_a_taste_for_one_category_lifts_that_category(component: Component) -> None:
    """Products i and i + 6 share a category, and shoppers who love a category buy mostly from it."""
    scores = own_scores(fitted(component), seeds_profile((0, 6, 12, 18), NOW))

    in_category = np.arange(60) % 6 == 0
    unseen = np.arange(60) > 18
    assert scores[in_category & unseen].mean() > scores[~in_category & unseen].mean()


def test_content_knows_a_product_that_nobody_bought() -> None:
    newcomer, stranger = 54, 55  # sold by nobody; 54 shares the category of the seeds

    scores = own_scores(fitted(Component.CONTENT), seeds_profile((0, 6), NOW))

    assert scores[newcomer] > scores[stranger]


@EVERY
@given(seed=st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_the_order_of_the_catalogue_does_not_matter(component: Component, seed: int) -> None:
    """The same products in another order get the same scores, in that order."""
    order = np.random.default_rng(seed).permutation(60)
    turned = permuted(SHOP, order)
    kind, config = KINDS[component]

    scorer = kind.fit(TrainingSet(turned), config, np.random.default_rng(3))
    scores = own_scores(scorer, fold_history(history_of(turned, 4), 60, NOW))

    expected = own_scores(fitted(component), fold_history(history_of(SHOP, 4), 60, NOW))
    np.testing.assert_allclose(scores, expected[order], rtol=1e-3, atol=1e-4)
